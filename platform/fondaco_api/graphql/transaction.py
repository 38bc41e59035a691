"""Mutations: one transaction per field, tried again as a whole when two of them crossed, refusals as union members.

    @strawberry.type
    class Mutation:
        @mutation(refusals=[orders.OutOfStock, orders.PriceChanged], opens=trading)
        async def place_order(self, info: Info, tx: Tx, input: PlaceOrderInput) -> PlaceOrderSuccess:
            \"\"\"Places an order. A description for strangers, with units.\"\"\"

The decorator makes `union PlaceOrderResult`, adds `idempotencyKey`, opens the transaction that `tx` asks for, and commits
it before any field of the result is resolved. A resolver without `tx` gets none: it calls errands.

Repeated requests get the first answer: what the resolver returns is kept as ids (replay.py) in the same transaction. A
resolver with a parameter `repeat: Repeat | None` sees to that itself; `replays=False` says that running again is harmless.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, TypeVar, Union, cast, get_type_hints

import asyncpg
import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import COMMON, Failure, camel, declared_failures, failure_type, to_failure
from fondaco_api.graphql.replay import Repeat, fingerprint, keep, recall
from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Overtaken, Tx, transaction
from fondaco_core.db.idempotency import IdempotencyConflict, checked_key, claim, store
from fondaco_core.errors import Bug, Refusal
from fondaco_core.logs import get_logger

log = get_logger(__name__)

Opener = Callable[[Ctx], AbstractAsyncContextManager[Tx]]
T = TypeVar("T")
Resolver = Callable[..., Awaitable[Any]]
# What happens after the commit: gets the info, the result and the arguments, and answers the result to show.
Then = Callable[[Info, Any, dict[str, Any]], Awaitable[Any]]

# Two transactions crossed, and this one was undone: it may pass when it is tried again.
CROSSED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, Overtaken)

# How long a client waits says nothing of what it asks for: a repeated request may wait longer.
_PATIENCE = frozenset({"wait_ms"})

_KEY = inspect.Parameter(
    "idempotency_key",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        strawberry.argument(
            description=f"Makes the request repeatable: the same key with the same input gives the same result, once done. "
            f"1 to {limits.IDEMPOTENCY_KEY_MAX} characters, a random UUID is good. The header Idempotency-Key says the same."
        ),
    ],
)


def mutation(
    *,
    refusals: Sequence[type[Refusal]] = (),
    opens: Opener = transaction,
    replays: bool = True,
    then: Then | None = None,
) -> Callable[[Resolver], Any]:
    """Declares a mutation once: its refusals, its result union, its transaction; the docstring is its description."""

    def declare(resolver: Resolver) -> Any:
        signature = inspect.signature(resolver)
        hints = get_type_hints(resolver, include_extras=True)
        assert resolver.__doc__, f"the mutation {resolver.__name__} says in its docstring what it does"
        declared = {
            refusal: failure_type(refusal) for refusal in dict.fromkeys((*refusals, *COMMON, IdempotencyConflict))
        }
        field = _Field(resolver, signature, declared, opens=opens, replays=replays, then=then)
        union = _result_union(resolver, hints["return"], list(dict.fromkeys(declared.values())))
        return strawberry.mutation(
            resolver=_exposed(field, resolver, signature, union), description=inspect.cleandoc(resolver.__doc__)
        )

    return declare


async def retried(work: Callable[[], Awaitable[T]], info: Info, operation: str) -> T:
    """Does the work, which opens a transaction of its own, again as a whole when it crossed with another one."""
    for attempt in range(1, limits.TRANSACTION_ATTEMPTS_MAX + 1):
        try:
            return await work()
        except CROSSED as error:
            if attempt == limits.TRANSACTION_ATTEMPTS_MAX:
                raise
            log.info("mutation.retried", mutation=operation, attempt=attempt, why=type(error).__name__)
            info.context.loaders.clear()
    raise AssertionError


def refusal_of(refusal: Refusal, context: Context, kinds: Sequence[type[Failure]], otherwise: type[Failure]) -> Failure:
    """One refused item of a batch as one of these types, or as `otherwise` when it has no type of its own among them."""
    declared = {cause: kind for cause, kind in declared_failures().items() if kind in kinds}
    made = to_failure(refusal, {**declared, Refusal: otherwise}, context, prefix=None)
    assert made is not None
    return made


class _Field:
    """One declared mutation as it runs."""

    def __init__(
        self,
        resolver: Resolver,
        signature: inspect.Signature,
        declared: dict[type[Refusal], type[Failure]],
        *,
        opens: Opener,
        replays: bool,
        then: Then | None,
    ) -> None:
        self.resolver = resolver
        self.operation = camel(resolver.__name__)
        self.declared = declared
        self.opens = opens if "tx" in signature.parameters else None
        self.repeats = "repeat" in signature.parameters
        self.keeps = replays and not self.repeats
        self.then = then
        self.prefix = "input" if "input" in signature.parameters else None
        assert self.opens is not None or not self.keeps, (
            f"{self.operation} has no tx: take `repeat`, or say replays=False"
        )

    async def __call__(self, source: Any, info: Info, arguments: dict[str, Any]) -> Any:
        context = info.context
        given = arguments.pop("idempotency_key", None)
        key = context.idempotency_key if given is None else given
        try:
            repeat = (
                None
                if key is None
                else Repeat(checked_key(key), self.operation, fingerprint(self.operation, _asked(arguments)))
            )
            result = await self._run(source, info, arguments, repeat)
            # What was read before the commit is not what is true after it.
            context.loaders.clear()
            return result if self.then is None else await self.then(info, result, arguments)
        except Refusal as refusal:
            answer = to_failure(refusal, self.declared, context, prefix=self.prefix)
            if answer is None:
                msg = f"{self.operation} refused with {type(refusal).__name__}, which it does not declare"
                raise Bug(msg) from refusal
            context.outcomes.append((self.operation, str(answer.code)))
            return answer

    async def _run(self, source: Any, info: Info, arguments: dict[str, Any], repeat: Repeat | None) -> Any:
        given = arguments | ({"repeat": repeat} if self.repeats else {})
        if self.opens is None:
            return await self.resolver(source, info, **given)
        return await retried(
            lambda: self._once(source, info, given, repeat if self.keeps else None), info, self.operation
        )

    async def _once(self, source: Any, info: Info, given: dict[str, Any], repeat: Repeat | None) -> Any:
        assert self.opens is not None
        ctx = info.context.ctx
        async with self.opens(ctx) as tx:
            if repeat is None:
                return await self.resolver(source, info, tx=tx, **given)
            kept = await claim(tx, ctx, key=repeat.key, operation=repeat.operation, input_hash=repeat.input_hash)
            if kept is None:
                result = await self.resolver(source, info, tx=tx, **given)
                await store(tx, ctx, key=repeat.key, answer={"answer": keep(result)})
                return result
        types = {kind.name: kind.origin for kind in _types_of(info)}
        return await recall(kept["answer"], info.context, types)


def _asked(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in _PATIENCE}


def _types_of(info: Info) -> list[Any]:
    converted = cast("Any", info.schema).schema_converter.type_map.values()
    return [each.definition for each in converted if hasattr(each.definition, "origin")]


def _exposed(field: _Field, resolver: Resolver, signature: inspect.Signature, result: Any) -> Resolver:
    """The function that Strawberry sees: without `tx`, with the union as its result."""

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        return await field(self, info, arguments)

    shown = [parameter for parameter in signature.parameters.values() if parameter.name not in {"tx", "repeat"}]
    parameters = [*map(_described, shown), _KEY]
    made = cast("Any", resolve)
    made.__name__ = resolver.__name__
    made.__qualname__ = resolver.__qualname__
    made.__module__ = resolver.__module__
    made.__doc__ = resolver.__doc__
    made.__annotations__ = {p.name: p.annotation for p in parameters if p.annotation is not p.empty} | {
        "return": result
    }
    made.__signature__ = signature.replace(parameters=parameters, return_annotation=result)
    return resolve


def _described(parameter: inspect.Parameter) -> inspect.Parameter:
    """An input without a description of its own has its type's."""
    definition: Any = getattr(parameter.annotation, "__strawberry_definition__", None)
    if definition is None or not definition.is_input:
        return parameter
    described = strawberry.argument(description=definition.description)
    return parameter.replace(annotation=Annotated[parameter.annotation, described])


def _result_union(resolver: Resolver, success: Any, failures: list[type[Failure]]) -> Any:
    name = "".join(part.capitalize() for part in resolver.__name__.split("_")) + "Result"
    members = (success, *failures)
    description = f"What `{camel(resolver.__name__)}` answers: the result, or a named refusal that changed nothing."
    # Null only beside an entry in `errors`: were it never null, one field's error would hide what another one has done.
    union = cast("Any", Annotated[Union[members], strawberry.union(name, description=description)])  # noqa: UP007 - from a list
    return union | None
