"""What visitors were answered a moment ago, for the others who ask the same: pages of stores are asked for by thousands.

An answer is kept for half a second, and only until this process commits something that it may depend on: a write of a
tenant whose public side it shows, or one of the platform. What another process wrote shows after half a second at most.
Only anonymous queries whose root fields are in ROOTS are kept; such an answer depends on who asks by the language alone.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from graphql import OperationType

from fondaco_core import limits
from fondaco_core.context import ActorKind
from fondaco_core.db import written_since

if TYPE_CHECKING:
    from fondaco_api.graphql.context import Context
    from fondaco_api.graphql.documents import Operation

# The fields of Query that show a public side, and say in `context.visited` whose.
ROOTS = frozenset({"store", "listing", "entitlements", "__typename"})

Key = tuple[int, str, bytes]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer's data, when it was asked for, what it shows, and how many objects it has."""

    operation: "Operation"
    data: dict[str, Any]
    began: float
    tenants: frozenset[UUID]
    objects: int


class Memory:
    """The answers that one process keeps, the most recently asked ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def key(self, operation: "Operation", variables: dict[str, Any] | None, context: "Context") -> Key | None:
        """What an operation is kept under, or None when it is none to keep."""
        if (
            context.ctx.actor is not ActorKind.ANONYMOUS
            or operation.kind is not OperationType.QUERY
            or not operation.roots <= ROOTS
        ):
            return None
        given = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS) if variables else b""
        return (id(operation), context.locale, given) if len(given) <= limits.MEMORY_KEY_BYTES_MAX else None

    def find(self, key: Key) -> Kept | None:
        """The answer that is kept, if it is still true."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if time.monotonic() - kept.began > limits.MEMORY_S or written_since(kept.began, kept.tenants):
            del self._kept[key]
            return None
        return kept

    def keep(self, key: Key, kept: Kept) -> None:
        """Keeps an answer, and forgets the oldest when there are too many."""
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > limits.MEMORY_ANSWERS_MAX:
            self._kept.popitem(last=False)
