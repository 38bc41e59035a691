"""Runs operations: document, budget, execution, errors, cost. What HTTP, sockets and event streams have in common."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute, subscribe

from fondaco_api.graphql.budget import Allowance, Budgets, Taken, TooManyStreams
from fondaco_api.graphql.context import Context
from fondaco_api.graphql.documents import Document, Documents, Operation, Persisted, Rejected
from fondaco_api.graphql.errors import ApiError, ErrorCode, format_errors
from fondaco_api.graphql.executor import Executor, is_awaitable
from fondaco_api.graphql.guards import check_cost, objects_in
from fondaco_api.graphql.memory import Kept, Memory
from fondaco_api.http import metrics
from fondaco_core import limits, traces
from fondaco_core.context import ActorKind

PREFIX = "sha256:"
# Who did not make themselves up: what they register is kept for all processes.
KNOWN = frozenset({ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN, ActorKind.API_CLIENT})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks to run, whatever it came through."""

    query: str | None
    document_id: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """The body of an answer, and what the transport needs to know about it."""

    body: dict[str, Any]
    # Whether execution began; if not, the body has no `data`.
    ran: bool
    code: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    operation: str = ""


class WrongMethod(Exception):
    """The operation may not come by this method or transport."""


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core executes it; Strawberry has no other door to it."""
    core: GraphQLSchema = cast("Any", schema)._schema  # noqa: SLF001
    return core


def check_method(operation: Operation, *, queries_only: bool) -> None:
    """Refuses what does not come this way: subscriptions, and, of a GET, everything but queries."""
    if operation.kind is OperationType.SUBSCRIPTION or (queries_only and operation.kind is not OperationType.QUERY):
        raise WrongMethod


class Engine:
    """Everything that runs operations in this process."""

    def __init__(
        self, schema: strawberry.Schema, *, documents: Documents, persisted: Persisted, budgets: Budgets
    ) -> None:
        self.schema = schema
        self.core = core_of(schema)
        self.documents = documents
        self.persisted = persisted
        self.budgets = budgets
        self.memory = Memory()

    async def run(self, asked: Asked, context: Context, *, queries_only: bool = False) -> Answer:
        """Runs a query or a mutation to its end."""
        began = time.perf_counter()
        label, kind = "", "invalid"
        allowance: Allowance | None = None
        try:
            document = await self._document(asked, context)
            operation = document.operation(asked.operation_name)
            label, kind = metrics.operation_label(operation.name), operation.kind.value
            check_method(operation, queries_only=queries_only)
            allowance, points, taken = await self._admit(operation, asked, context)
        except Rejected as rejected:
            answer = _refused(rejected.errors, context)
        else:
            with traces.span(f"graphql {kind} {label}"):
                answer, objects = await self._remembered(document, operation, asked, context)
            # The answer itself is an object, too, and costs nothing.
            actual = max(1, objects - 1 + operation.mutations * limits.MUTATION_COST)
            self.budgets.give_back(allowance, points - actual)
            answer.body.setdefault("extensions", {})["cost"] = _cost(points, actual, taken, allowance)
        answer.operation = label
        metrics.observe_operation(label, kind, answer.code or "OK", time.perf_counter() - began)
        for mutation, code in context.outcomes:
            metrics.count_refusal(mutation, code)
        return answer

    async def stream(self, asked: Asked, context: Context, *, queries_only: bool = False) -> AsyncGenerator[Answer]:
        """Runs any operation as a stream of answers: one for queries and mutations, one for each event of a subscription."""
        try:
            document = await self._document(asked, context)
            operation = document.operation(asked.operation_name)
            if queries_only and operation.kind is OperationType.MUTATION:
                yield _refused([ApiError("Mutations come by POST.")], context)
                return
            if operation.kind is not OperationType.SUBSCRIPTION:
                yield await self.run(asked, context)
                return
            allowance, _, _ = await self._admit(operation, asked, context)
        except Rejected as rejected:
            yield _refused(rejected.errors, context)
            return
        try:
            with self.budgets.stream(allowance, "operation"):
                async with aclosing(self._follow(document, operation, asked, context)) as answers:
                    async for answer in answers:
                        yield answer
        except TooManyStreams:
            told = f"At most {allowance.streams} subscriptions at once."
            yield _refused([ApiError(told, code=ErrorCode.THROTTLED)], context)

    async def _follow(
        self, document: Document, operation: Operation, asked: Asked, context: Context
    ) -> AsyncGenerator[Answer]:
        source: Any = subscribe(
            self.core,
            document.node,
            context_value=context,
            variable_values=asked.variables,
            operation_name=operation.name,
            executor_class=Executor,
            hide_suggestions=_is_stranger(context),
            operation_extensions=asked.extensions,
        )
        if not hasattr(source, "__aiter__") and not isinstance(source, ExecutionResult):
            source = await source
        if isinstance(source, ExecutionResult):
            yield _refused(source.errors or [], context)
            return
        metrics.observe_operation(metrics.operation_label(operation.name), "subscription", "OK", 0.0)
        try:
            async with aclosing(_renewing(source, context)) as results:
                async for result in results:
                    yield self._answer(result, context)
        except Exception as error:  # noqa: BLE001 - an edge: what ends a stream is told, or masked, as an error of a field is
            located = (
                error
                if isinstance(error, GraphQLError)
                else GraphQLError("", path=["subscription"], original_error=error)
            )
            yield _refused([located], context)
        finally:
            await source.aclose()

    async def _document(self, asked: Asked, context: Context) -> Document:
        """The valid document that was asked for, by its text or its hash."""
        digest, registering = _digest_of(asked)
        text = asked.query if asked.document_id is None else None
        if text is None:
            assert digest is not None
            text = await self.persisted.find(digest)
            if text is None:
                raise Rejected([ApiError("PersistedQueryNotFound", persisted="PERSISTED_QUERY_NOT_FOUND")])
        if not self.documents.knows(text):
            # A document that is refused has cost its reading, too.
            await self._take(context, 1 + len(text) // limits.DOCUMENT_CHARS_PER_POINT)
        document = self.documents.get(text, hide_suggestions=_is_stranger(context))
        if registering and digest is not None and asked.query is not None:
            await self.persisted.register(digest, text, shared=context.ctx.actor in KNOWN)
        return document

    async def _admit(self, operation: Operation, asked: Asked, context: Context) -> tuple[Allowance, int, Taken]:
        """Lets an operation in: introspection, its cost, its client's budget."""
        if operation.introspects and _is_stranger(context):
            raise Rejected(
                [
                    ApiError(
                        "The schema is published as schema.graphql; sign in to introspect.", code=ErrorCode.FORBIDDEN
                    )
                ]
            )
        points = operation.plan.cost(asked.variables or {})
        try:
            check_cost(points)
        except ApiError as error:
            raise Rejected([error]) from None
        allowance, taken = await self._take(context, points)
        return allowance, points, taken

    async def _take(self, context: Context, points: int) -> tuple[Allowance, Taken]:
        """Takes points of the asker's budget, or refuses."""
        allowance = self.budgets.allowance(context.ctx)
        taken = await self.budgets.take(allowance, points)
        if not taken.given:
            context.response_headers.append(("retry-after", str(taken.retry_after_s)))
            message = f"Too much at once; ask again in {taken.retry_after_s} seconds."
            raise Rejected([ApiError(message, code=ErrorCode.THROTTLED, retryAfterS=taken.retry_after_s)])
        return allowance, taken

    async def _remembered(
        self, document: Document, operation: Operation, asked: Asked, context: Context
    ) -> tuple[Answer, int]:
        """The answer and how many objects it has: what another visitor was just answered, where it may be."""
        began = time.monotonic()
        key = self.memory.key(operation, asked.variables, context)
        kept = None if key is None else self.memory.find(key)
        if kept is not None:
            return Answer({"data": kept.data}, ran=True), kept.objects
        result = await self._execute(document, operation, asked, context)
        objects = objects_in(result.data)
        if key is not None and result.data and not result.errors and None not in result.data.values():
            # What is not there may come to be there by anybody's write, so that null is never kept.
            self.memory.keep(key, Kept(operation, result.data, began, frozenset(context.visited), objects))
        return self._answer(result, context), objects

    async def _execute(
        self, document: Document, operation: Operation, asked: Asked, context: Context
    ) -> ExecutionResult:
        if operation.mutations != 1:
            context.idempotency_key = None
        result = execute(
            self.core,
            document.node,
            context_value=context,
            variable_values=asked.variables,
            operation_name=operation.name,
            executor_class=Executor,
            is_awaitable=is_awaitable,
            hide_suggestions=_is_stranger(context),
            operation_extensions=asked.extensions,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def _answer(self, result: ExecutionResult, context: Context) -> Answer:
        errors = result.errors
        if not errors:
            return Answer({"data": result.data}, ran=True, headers=context.response_headers)
        shown = format_errors(errors, context)
        code = shown[0]["extensions"]["code"]
        if result.data is None and all(error.path is None for error in errors):
            return Answer({"errors": shown}, ran=False, code=code, headers=context.response_headers)
        return Answer({"data": result.data, "errors": shown}, ran=True, code=code, headers=context.response_headers)


async def _renewing(source: AsyncGenerator[ExecutionResult], context: Context) -> AsyncGenerator[ExecutionResult]:
    """What a subscription yields, by the rights that its asker has by then."""
    upcoming: asyncio.Future[ExecutionResult] | None = None
    asked_at = time.monotonic()
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(anext(source))
            await asyncio.wait({upcoming}, timeout=max(0.0, asked_at + limits.STREAM_ASKER_S - time.monotonic()))
            if time.monotonic() - asked_at >= limits.STREAM_ASKER_S:
                await context.renew()
                asked_at = time.monotonic()
            if upcoming.done():
                try:
                    result = upcoming.result()
                except StopAsyncIteration:
                    return
                upcoming = None
                yield result
    finally:
        if upcoming is not None:
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)


def _refused(errors: list[GraphQLError], context: Context) -> Answer:
    shown = format_errors(errors, context)
    return Answer({"errors": shown}, ran=False, code=shown[0]["extensions"]["code"], headers=context.response_headers)


def _digest_of(asked: Asked) -> tuple[str | None, bool]:
    """The hash a request names its document by, and whether it asks to register the text under it."""
    if asked.document_id is not None:
        if not asked.document_id.startswith(PREFIX):
            raise Rejected([ApiError(f"A documentId begins with {PREFIX!r}.")])
        return asked.document_id.removeprefix(PREFIX).lower(), False
    persisted = asked.extensions.get("persistedQuery")
    if isinstance(persisted, dict) and persisted.get("version") == 1 and isinstance(persisted.get("sha256Hash"), str):
        return persisted["sha256Hash"].lower(), True
    if asked.query is None:
        raise Rejected([ApiError("The request has no query.")])
    return None, False


def _is_stranger(context: Context) -> bool:
    """Whether the schema is none of the asker's business beyond what is published."""
    return context.settings.profile == "production" and context.ctx.actor is ActorKind.ANONYMOUS


def _cost(requested: int, actual: int, taken: Taken, allowance: Allowance) -> dict[str, int]:
    return {"requested": requested, "actual": actual, "available": taken.available, "restoreRate": allowance.rate}
