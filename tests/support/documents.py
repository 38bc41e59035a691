"""Documents that ask for everything there is, made from the schema itself: a new field is in them by being there."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from tests.support.rows import texts_in

# How many of a list at the root and further down: enough for a world, and no more than one request may cost.
FIRST = 6
FIRST_BELOW = 2
# How many types deep one document looks: nearly everything leads to everything, and every field stands near the top of some document.
DEPTH = 4
AUDIENCES = ("viewer", "merchant", "platform")

UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# What a field is asked with: by its type, its name and its argument; None leaves an optional argument out.
Fill = Callable[[str, str, str, GraphQLArgument], Any]


@dataclass(slots=True)
class Documents:
    """Writes documents over one schema and remembers which fields of which types they ask for."""

    schema: GraphQLSchema
    fill: Fill
    visited: set[tuple[str, str]] = field(default_factory=set)

    def queries(self) -> Iterator[tuple[str, str]]:
        """Every field of every root that is asked, each in a document of its own, by its name."""
        root = self.schema.query_type
        assert root is not None
        for name, definition in root.fields.items():
            if name in {"node", "nodes"}:
                continue
            if name not in AUDIENCES:
                yield f"Query.{name}", f"{{ {self._field(root, name, (), FIRST)} }}"
                continue
            self.visited.add((root.name, name))
            audience = get_named_type(definition.type)
            assert isinstance(audience, GraphQLObjectType)
            for below in audience.fields:
                yield f"{audience.name}.{below}", f"{{ {name} {{ {self._field(audience, below, (), FIRST)} }} }}"

    def node(self, kind: GraphQLObjectType) -> str:
        """A node by its id, with all that it has."""
        self.visited |= {("Query", "node"), ("Query", "nodes"), ("Node", "id")}
        below = self.selection(kind, ())
        return f"query ($id: ID!) {{ node(id: $id) {{ __typename id ... on {kind.name} {{ {below} }} }} }}"

    def nodes(self) -> list[GraphQLObjectType]:
        """Every type of node."""
        interface = self.schema.type_map["Node"]
        assert isinstance(interface, GraphQLInterfaceType)
        return sorted(self.schema.get_possible_types(interface), key=lambda kind: kind.name)

    def mutation(self, name: str) -> str:
        """A mutation with all that its result has, whichever it is."""
        root = self.schema.mutation_type
        assert root is not None
        self.visited.add((root.name, name))
        definition = root.fields[name]
        result = get_named_type(definition.type)
        given = definition.args.get("input")
        variable, argument = (f"($input: {given.type})", "(input: $input)") if given else ("", "")
        return f"mutation {variable} {{ result: {name}{argument} {{ {self.selection(result, ())} }} }}"

    def subscription(self, name: str) -> str:
        """A subscription with all that its events have."""
        root = self.schema.subscription_type
        assert root is not None
        return f"subscription {{ {self._field(root, name, (), FIRST)} }}"

    def selection(self, kind: GraphQLNamedType, path: Sequence[str]) -> str:
        """Everything of a type, and everything of what it leads to, until a type comes again or it is deep down."""
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            return self._members(kind, path)
        assert isinstance(kind, GraphQLObjectType)
        if kind.name in path or len(path) >= DEPTH:
            return _name_of(kind)
        first = FIRST_BELOW if path else FIRST
        return " ".join(("__typename", *(self._field(kind, name, (*path, kind.name), first) for name in kind.fields)))

    def _members(self, kind: GraphQLUnionType | GraphQLInterfaceType, path: Sequence[str]) -> str:
        members = self.schema.get_possible_types(kind)
        # Two members may have one name for two things; those are told apart by an alias.
        fields = sorted((name, str(each.type)) for member in members for name, each in member.fields.items())
        clashing = {
            name for name, same in groupby(fields, key=lambda each: each[0]) if len({found for _, found in same}) > 1
        }
        parts = ["__typename"]
        shared = {interface for member in members for interface in member.interfaces}
        parts += [
            f"... on {interface.name} {{ {' '.join(self._plain(interface, members))} }}"
            for interface in sorted(shared, key=lambda each: each.name)
        ]
        for member in members:
            common = {name for interface in member.interfaces for name in interface.fields}
            below = (*path, member.name)
            first = FIRST_BELOW if path else FIRST
            asked = [
                (f"{name}{member.name}: " if name in clashing else "") + self._field(member, name, below, first)
                for name in member.fields
                if name not in common
            ]
            if asked:
                parts.append(f"... on {member.name} {{ {' '.join(asked)} }}")
        return " ".join(parts)

    def _plain(self, interface: GraphQLInterfaceType, members: Sequence[GraphQLObjectType]) -> list[str]:
        """The values that all members have through an interface, asked for once."""
        found = [member for member in members if interface in member.interfaces]
        for each in (interface, *found):
            self.visited |= {(each.name, name) for name in interface.fields}
        return [name for name, definition in interface.fields.items() if is_leaf_type(get_named_type(definition.type))]

    def _field(self, parent: GraphQLObjectType, name: str, path: Sequence[str], first: int) -> str:
        self.visited.add((parent.name, name))
        definition = parent.fields[name]
        given = {}
        for argument, kind in definition.args.items():
            value = first if argument == "first" else self.fill(parent.name, name, argument, kind)
            assert value is not None or not is_required_argument(kind), f"nothing to ask {parent.name}.{name} with"
            if value is not None:
                given[argument] = _literal(kind, value)
        arguments = f"({', '.join(f'{key}: {value}' for key, value in given.items())})" if given else ""
        kind = get_named_type(definition.type)
        if is_leaf_type(kind):
            return f"{name}{arguments}"
        # A page has its objects twice, as nodes and at its edges: once is enough, and half the document.
        below = _name_of(kind) if parent.name.endswith("Edge") else self.selection(kind, path)
        return f"{name}{arguments} {{ {below} }}"

    def all_fields(self) -> set[tuple[str, str]]:
        """Every field of every object and interface of the schema."""
        return {
            (kind.name, name)
            for kind in self.schema.type_map.values()
            if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__")
            for name in kind.fields
        }


def _name_of(kind: GraphQLNamedType) -> str:
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    return "__typename id" if "id" in kind.fields else "__typename"


def _literal(kind: GraphQLArgument, value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {json.dumps(each)}" for name, each in value.items()) + "}"
    return str(value) if isinstance(get_named_type(kind.type), GraphQLEnumType) else json.dumps(value)


def words_of(schema: GraphQLSchema) -> set[str]:
    """Every name in the schema: what an answer may say about anybody."""
    words: set[str] = set()
    for kind in schema.type_map.values():
        words.add(kind.name)
        if isinstance(kind, GraphQLEnumType):
            words |= set(kind.values)
    return words


def told(answer: object) -> set[str]:
    """Every text of an answer, and the rows that its ids and cursors stand for."""
    texts: set[str] = set()
    for text in texts_in(answer):
        inside = opened(text)
        texts |= set(UUIDS.findall(inside)) if inside else {text}
    return texts


def opened(text: str) -> str:
    """What an id or a cursor stands for; nothing for any other text."""
    try:
        found = base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
    return found if found.isprintable() and (":" in found or found.startswith("[")) else ""


def nodes_in(answer: object) -> Iterator[tuple[str, str]]:
    """The type and id of every node of an answer."""
    if isinstance(answer, dict):
        if isinstance(answer.get("id"), str) and "__typename" in answer:
            yield answer["__typename"], answer["id"]
        for each in answer.values():
            yield from nodes_in(each)
    elif isinstance(answer, list):
        for each in answer:
            yield from nodes_in(each)
