"""Bounds on documents: tokens, depth, aliases, directives, fields, introspection; and what an operation will cost.

Everything that does not depend on variables is worked out once for a document and kept with it (documents.py).
A cost is foretold in points: one for each object that an operation may return, ten for each mutation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)

from fondaco_api.graphql.errors import ApiError, ErrorCode
from fondaco_core import limits


@dataclass(frozen=True, slots=True)
class Plan:
    """A cost: so many points, and what depends on variables times what is below it."""

    points: int
    scaled: tuple["Scaled", ...] = ()

    def cost(self, variables: Mapping[str, Any]) -> int:
        """The points with the variables of a request; never less than one."""
        return max(1, self._sum(variables))

    def _sum(self, variables: Mapping[str, Any]) -> int:
        return self.points + sum(part.length(variables) * part.plan._sum(variables) for part in self.scaled)  # noqa: SLF001 - itself


@dataclass(frozen=True, slots=True)
class Scaled:
    """A list whose length is a variable's value, or the number of a variable's elements."""

    variable: str
    default: int
    plan: Plan

    def length(self, variables: Mapping[str, Any]) -> int:
        """How long the list can become."""
        value = variables.get(self.variable, self.default)
        if isinstance(value, list):
            return min(len(value), limits.PAGE_MAX)
        # What is no number is refused with a better word when the variables are read.
        return (
            min(max(value, 0), limits.PAGE_MAX)
            if isinstance(value, int) and not isinstance(value, bool)
            else limits.PAGE_MAX
        )


def check_bounds(document: DocumentNode) -> None:
    """Refuses a document that is deeper, wider or more repetitive than any honest one; before it is validated."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    walk = _Walk(fragments)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            walk.count_directives(definition.directives)
            walk.fields_of(definition.selection_set, 1)
            if walk.roots(definition.selection_set, set()) > limits.ROOT_FIELDS_MAX:
                _refuse(f"An operation asks for at most {limits.ROOT_FIELDS_MAX} fields at its root.")
        elif isinstance(definition, FragmentDefinitionNode):
            walk.count_directives(definition.directives)
            walk.fields_of(definition.selection_set, 1)


def _refuse(message: str) -> None:
    raise ApiError(message)


class _Walk:
    """One pass over a document; fragments are measured once each."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.fragments = fragments
        self.measured: dict[str, tuple[int, int]] = {}
        self.open: set[str] = set()
        self.aliases = 0
        self.directives = 0
        self.spreads = 0
        self.repeats = 0

    def count_directives(self, directives: tuple[DirectiveNode, ...] | None) -> None:
        self.directives += len(directives or ())
        if self.directives > limits.DOCUMENT_DIRECTIVES_MAX:
            _refuse(f"A document has at most {limits.DOCUMENT_DIRECTIVES_MAX} directives.")

    def fields_of(self, selections: SelectionSetNode, level: int, names: set[str] | None = None) -> tuple[int, int]:
        """How many fields a selection has with its fragments spread out, and how many levels; `names` are those it has already."""
        names = set() if names is None else names
        if level > limits.DOCUMENT_DEPTH_MAX:
            _refuse(f"A document is at most {limits.DOCUMENT_DEPTH_MAX} fields deep.")
        count, height = 0, 1
        for node in selections.selections:
            self.count_directives(node.directives)
            below = self._below(node, level, names)
            count += below[0]
            height = max(height, below[1])
        if count > limits.DOCUMENT_FIELDS_MAX:
            _refuse(f"An operation has at most {limits.DOCUMENT_FIELDS_MAX} fields once its fragments are spread out.")
        if level + height - 1 > limits.DOCUMENT_DEPTH_MAX:
            _refuse(f"A document is at most {limits.DOCUMENT_DEPTH_MAX} fields deep.")
        return count, height

    def _below(self, node: object, level: int, names: set[str]) -> tuple[int, int]:
        match node:
            case FieldNode():
                self._name(node.name.value if node.alias is None else node.alias.value, names)
                if node.alias is not None:
                    self.aliases += 1
                    if self.aliases > limits.DOCUMENT_ALIASES_MAX:
                        _refuse(f"A document has at most {limits.DOCUMENT_ALIASES_MAX} aliases.")
                # Introspection is deeper than anything else and bounded by a rule of its own.
                if node.selection_set is None or node.name.value.startswith("__"):
                    return 1, 1
                count, height = self.fields_of(node.selection_set, level + 1)
                return count + 1, height + 1
            case InlineFragmentNode():
                return self.fields_of(node.selection_set, level, names)
            case FragmentSpreadNode():
                self.spreads += 1
                if self.spreads > limits.DOCUMENT_SPREADS_MAX:
                    _refuse(f"A document spreads at most {limits.DOCUMENT_SPREADS_MAX} fragments.")
                return self._spread(node.name.value)
            case _:
                return 0, 0

    def _name(self, name: str, names: set[str]) -> None:
        if name in names:
            self.repeats += 1
            if self.repeats > limits.DOCUMENT_REPEATS_MAX:
                _refuse(f"A document asks for a field again at most {limits.DOCUMENT_REPEATS_MAX} times.")
        names.add(name)

    def _spread(self, name: str) -> tuple[int, int]:
        known = self.measured.get(name)
        fragment = self.fragments.get(name)
        # A cycle or a missing fragment is validation's to report.
        if known is not None or fragment is None or name in self.open:
            return known or (0, 0)
        self.open.add(name)
        self.measured[name] = measured = self.fields_of(fragment.selection_set, 1)
        self.open.discard(name)
        return measured

    def roots(self, selections: SelectionSetNode, seen: set[str]) -> int:
        """How many fields stand at the root."""
        return sum(1 for _ in root_fields(selections, self.fragments, seen))


def root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str] | None = None
) -> Iterator[FieldNode]:
    """The fields at the root of an operation, its fragments spread out."""
    seen = set() if seen is None else seen
    for node in selections.selections:
        match node:
            case FieldNode():
                yield node
            case InlineFragmentNode():
                yield from root_fields(node.selection_set, fragments, seen)
            case FragmentSpreadNode() if node.name.value not in seen and node.name.value in fragments:
                seen.add(node.name.value)
                yield from root_fields(fragments[node.name.value].selection_set, fragments, seen)
            case _:
                pass


def plan_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Plan:
    """What a validated operation costs."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    defaults = {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
    root = schema.get_root_type(operation.operation)
    assert root is not None
    plan = _Planner(schema, fragments, defaults).selection(root, operation.selection_set, None)
    if operation.operation is OperationType.MUTATION:
        mutations = sum(1 for _ in root_fields(operation.selection_set, fragments))
        return Plan(plan.points + mutations * limits.MUTATION_COST, plan.scaled)
    return plan


Length = int | tuple[str, int]


class _Planner:
    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], defaults: Mapping[str, int]
    ) -> None:
        self.schema = schema
        self.fragments = fragments
        self.defaults = defaults

    def selection(self, parent: GraphQLNamedType, selections: SelectionSetNode, page: Length | None) -> Plan:
        """The cost of a selection; `page` is the page size given to the connection it belongs to."""
        points, scaled = 0, list[Scaled]()
        for node in selections.selections:
            match node:
                case FieldNode():
                    plan = self.field(parent, node, page)
                case InlineFragmentNode():
                    plan = self.selection(self._narrowed(parent, node), node.selection_set, page)
                case FragmentSpreadNode():
                    fragment = self.fragments[node.name.value]
                    plan = self.selection(self._narrowed(parent, fragment), fragment.selection_set, page)
                case _:
                    continue
            points += plan.points
            scaled += plan.scaled
        return Plan(points, tuple(scaled))

    def _narrowed(
        self, parent: GraphQLNamedType, node: InlineFragmentNode | FragmentDefinitionNode
    ) -> GraphQLNamedType:
        if node.type_condition is None:
            return parent
        return self.schema.type_map[node.type_condition.name.value]

    def field(self, parent: GraphQLNamedType, node: FieldNode, page: Length | None) -> Plan:
        """The cost of a field: nothing for a value, one point for an object, that many for a list."""
        name = node.name.value
        if node.selection_set is None or name.startswith("__"):
            return Plan(0)
        composite: GraphQLCompositeType = parent  # type: ignore[assignment]
        definition = self.schema.get_field(composite, name)
        assert definition is not None
        kind = get_named_type(definition.type)
        assert is_composite_type(kind)
        own = self._length(node, definition.args)
        below = self.selection(kind, node.selection_set, own)
        each = Plan(below.points + 1, below.scaled)
        if not _is_list(definition.type):
            return each
        length = own if own is not None else page if page is not None else limits.LIST_LENGTH_ASSUMED
        if isinstance(length, int):
            if not each.scaled:
                return Plan(each.points * length)
            # No variable has an empty name, so that its default stands.
            return Plan(0, (Scaled("", length, each),))
        return Plan(0, (Scaled(length[0], length[1], each),))

    def _length(self, node: FieldNode, known: Mapping[str, Any]) -> Length | None:
        """The page size that a field's arguments give, None when it has no such arguments."""
        if "first" not in known and "last" not in known and "ids" not in known:
            return None
        for argument in node.arguments or ():
            if argument.name.value not in {"first", "last", "ids"}:
                continue
            match argument.value:
                case IntValueNode():
                    return min(max(int(argument.value.value), 0), limits.PAGE_MAX)
                case ListValueNode():
                    return min(len(argument.value.values), limits.PAGE_MAX)
                case VariableNode():
                    variable = argument.value.name.value
                    return variable, self.defaults.get(variable, limits.PAGE_DEFAULT)
                case _:
                    pass
        return limits.PAGE_DEFAULT


def _is_list(kind: Any) -> bool:
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def check_cost(points: int) -> None:
    """Refuses what would cost more than one request may."""
    if points > limits.QUERY_COST_MAX:
        message = (
            f"This would cost {points} points; one request may cost {limits.QUERY_COST_MAX}. Ask for smaller pages."
        )
        raise ApiError(message, code=ErrorCode.QUERY_TOO_COSTLY, cost=points, maximum=limits.QUERY_COST_MAX)


def objects_in(data: Any) -> int:
    """How many objects an answer has: what the operation cost in the end."""
    if isinstance(data, dict):
        return 1 + sum(objects_in(value) for value in data.values() if isinstance(value, dict | list))
    if isinstance(data, list):
        return sum(objects_in(item) for item in data if isinstance(item, dict | list))
    return 0
