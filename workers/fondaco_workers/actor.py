"""@actor: a piece of work that a worker does for a fact that happened, or when its time has come.

    @actor(name="codes.import_batch", permissions={"codes.import"}, deadline_s=3_600)
    async def import_batch(ctx: Ctx, *, batch_id: BatchId) -> None:
        \"\"\"Imports what was uploaded.\"\"\"
        async with transaction(ctx) as tx:
            await codes.import_next_chunk(tx, ctx, batch_id=batch_id)

The function gets a Ctx of the system in the tenant of the event, holding exactly the permissions named, and those fields
of the event that it names, as the types it says. It opens its own transactions. It may be run again at any time, even
while a first run that was believed dead goes on, so it must be idempotent: claim, compare, or insert on conflict, in the
transaction of the effect. Whatever it raises has it run again after a while (core.outbox).

An actor that gathers is run once for many events of a kind and a tenant. Each field it names is a tuple then, with one
item for each event: what follows every order or every showing must cost it a row and not a task.
"""

import asyncio
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Generic, ParamSpec
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.ids import TenantId

P = ParamSpec("P")
Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Actor(Generic[P]):
    """A piece of work with a name. Called with a Ctx and the fields it is the function itself, which is for tests."""

    name: str
    work: Callable[P, Awaitable[None]]
    permissions: frozenset[str]
    deadline_s: float
    slow: bool
    gathers: bool
    readers: Mapping[str, Reader]

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Does the work with a Ctx that the caller made."""
        await self.work(*args, **kwargs)

    async def perform(self, tenant_id: UUID | None, payload: Mapping[str, Any]) -> None:
        """Does the work as a worker does: with a Ctx of its own, fields as they travel, and a deadline."""
        tenant = None if tenant_id is None else TenantId(tenant_id)
        ctx = system_ctx(self.name, tenant_id=tenant, permissions=self.permissions)
        if self.gathers:
            facts = facts_of(payload)
            payload = {name: [fact[name] for fact in facts] for name in self.readers}
        fields = {name: read(payload[name]) for name, read in self.readers.items()}
        work: Callable[..., Awaitable[None]] = self.work
        async with asyncio.timeout(self.deadline_s):
            await work(ctx, **fields)


def facts_of(payload: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The events that a task tells of: those that were gathered, or the one that it is of."""
    facts: Sequence[Mapping[str, Any]] = payload.get("facts", [payload])
    return facts


# Every actor of this process by its name; fondaco_workers.actors imports them all.
ACTORS: dict[str, Actor[...]] = {}


def actor(
    *,
    name: str,
    permissions: Iterable[str] = (),
    deadline_s: float = limits.ACTOR_DEADLINE_S,
    slow: bool = False,
    gathers: bool = False,
) -> Callable[[Callable[P, Awaitable[None]]], Actor[P]]:
    """Makes a function an actor; its name is noun.verb, and it may do what the permissions say and nothing else.

    Slow is what may take minutes: at most half of a worker's threads do such work, so that the rest never waits for it.
    """

    def make(work: Callable[P, Awaitable[None]]) -> Actor[P]:
        assert name not in ACTORS, f"there are two actors named {name}"
        made = Actor(name, work, frozenset(permissions), deadline_s, slow, gathers, _readers_of(work))
        ACTORS[name] = made
        return made

    return make


def _readers_of(work: Callable[..., Awaitable[None]]) -> dict[str, Reader]:
    hints = typing.get_type_hints(work)
    first, *fields = inspect.signature(work).parameters.values()
    assert hints[first.name] is Ctx, f"the first thing that {work.__qualname__} takes is a Ctx"
    assert all(field.kind is inspect.Parameter.KEYWORD_ONLY for field in fields), f"{work.__qualname__}: after a *"
    return {field.name: _reader_of(hints[field.name]) for field in fields}


def _reader_of(hint: Any) -> Reader:
    """What turns a value as JSON has it into the type an actor wants."""
    hint = getattr(hint, "__supertype__", hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        (other,) = (argument for argument in arguments if argument is not type(None))
        read_other = _reader_of(other)
        return lambda value: None if value is None else read_other(value)
    if origin in {tuple, list}:
        assert origin is list or arguments[1:] == (...,), hint
        read_item = _reader_of(arguments[0])
        return lambda value: origin(read_item(item) for item in value)
    if hint is datetime:
        return datetime.fromisoformat
    assert hint in {str, int, bool, float, UUID} or issubclass(hint, Enum), f"{hint} does not travel in an event"
    return _same if hint in {str, int, bool, float} else typing.cast("Reader", hint)


def _same(value: Any) -> Any:
    return value
