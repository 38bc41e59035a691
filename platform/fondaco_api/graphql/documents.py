"""Documents: parsed, bounded and validated once, then found by their text; persisted ones by their hash."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis.exceptions
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from fondaco_api.graphql.errors import ApiError
from fondaco_api.graphql.guards import Plan, check_bounds, plan_of, root_fields
from fondaco_core import limits
from fondaco_core.logs import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

# Built once. Rule classes made per request would be validated with anew each time.
RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Rejected(Exception):
    """The document cannot run; the errors say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document and everything about it that no variable changes."""

    name: str | None
    kind: OperationType
    mutations: int
    introspects: bool
    # The names of the fields at its root.
    roots: frozenset[str]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document."""

    node: DocumentNode
    operations: dict[str | None, Operation]
    size: int

    def operation(self, name: str | None) -> Operation:
        """The operation of that name, or the only one."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name) if name is not None else None
        if found is None:
            told = (
                f"There is no operation named {name!r} in the document."
                if name is not None
                else "Name the operation to run."
            )
            raise Rejected([ApiError(told)])
        return found


class Documents:
    """The valid documents of this process by their text, the most recently used ones."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._chars = 0

    def knows(self, text: str) -> bool:
        """Whether the document of a text is at hand, so that it costs nothing to get."""
        return text in self._known

    def get(self, text: str, *, hide_suggestions: bool) -> Document:
        """The document of a text; raises Rejected with what is wrong with it."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        made = self._make(text, hide_suggestions=hide_suggestions)
        self._known[text] = made
        self._chars += made.size
        while self._chars > limits.DOCUMENT_CACHE_CHARS and len(self._known) > 1:
            _, old = self._known.popitem(last=False)
            self._chars -= old.size
        return made

    def _make(self, text: str, *, hide_suggestions: bool) -> Document:
        if len(text) > limits.DOCUMENT_CHARS_MAX:
            raise Rejected([ApiError(f"A document has at most {limits.DOCUMENT_CHARS_MAX} characters.")])
        try:
            node = parse(text, max_tokens=limits.DOCUMENT_TOKENS_MAX)
            check_bounds(node)
            errors = validate(
                self._schema, node, RULES, max_errors=limits.DOCUMENT_ERRORS_MAX, hide_suggestions=hide_suggestions
            )
        except RecursionError:
            raise Rejected([ApiError("The document nests too deeply.")]) from None
        except GraphQLError as error:
            raise Rejected([error]) from None
        if errors:
            raise Rejected(errors)
        operations = {made.name: made for made in self._operations(node)}
        if not operations:
            raise Rejected([ApiError("The document has no operation.")])
        return Document(node, operations, len(text))

    def _operations(self, node: DocumentNode) -> list[Operation]:
        fragments = {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)}
        made = list[Operation]()
        for definition in node.definitions:
            if not isinstance(definition, OperationDefinitionNode):
                continue
            if self._schema.get_root_type(definition.operation) is None:
                raise Rejected([ApiError(f"There is no {definition.operation.value} here.")])
            roots = list(root_fields(definition.selection_set, fragments))
            made.append(
                Operation(
                    name=definition.name.value if definition.name else None,
                    kind=definition.operation,
                    mutations=len(roots) if definition.operation is OperationType.MUTATION else 0,
                    introspects=any(field.name.value in {"__schema", "__type"} for field in roots),
                    roots=frozenset(field.name.value for field in roots),
                    plan=plan_of(self._schema, node, definition),
                )
            )
        return made


class Persisted:
    """Documents known by their SHA-256: in this process, and in Valkey for the others and after a restart."""

    def __init__(self, valkey: "Redis | None") -> None:
        self._valkey = valkey
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._chars = 0

    async def find(self, digest: str) -> str | None:
        """The text behind a hash, or None."""
        text = self._texts.get(digest)
        if text is not None:
            self._texts.move_to_end(digest)
            return text
        if self._valkey is None:
            return None
        try:
            found = await self._valkey.getex(_key(digest), ex=limits.DOCUMENT_KEPT_S)
        except (redis.exceptions.RedisError, OSError) as error:
            log.warning("documents.valkey_away", error=type(error).__name__)
            return None
        if found is None:
            return None
        text = found.decode() if isinstance(found, bytes) else str(found)
        self._remember(digest, text)
        return text

    async def register(self, digest: str, text: str, *, shared: bool) -> None:
        """Keeps a valid document under its hash; a stranger's, not `shared`, in this process alone, whose memory is bounded.

        So is one with a text written into it, which may be a code or a password: such belong into variables.
        """
        if digest in self._texts:
            return
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise Rejected([ApiError("The hash is not the document's SHA-256.")])
        self._remember(digest, text)
        if self._valkey is not None and shared and '"' not in text:
            try:
                await self._valkey.set(_key(digest), text, ex=limits.DOCUMENT_KEPT_S)
            except (redis.exceptions.RedisError, OSError) as error:
                log.warning("documents.valkey_away", error=type(error).__name__)

    def _remember(self, digest: str, text: str) -> None:
        self._texts[digest] = text
        self._chars += len(text)
        while self._chars > limits.DOCUMENT_CACHE_CHARS and len(self._texts) > 1:
            _, old = self._texts.popitem(last=False)
            self._chars -= len(old)


def _key(digest: str) -> str:
    return f"fondaco:document:{digest}"
