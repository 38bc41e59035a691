"""What a resolver may use: `info.context`."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from starlette.requests import HTTPConnection

from fondaco_api.graphql.loaders import Loaders
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, Tx, database, reading

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from fondaco_api.graphql.budget import Budgets


@dataclass(slots=True)
class Context:
    """Who asks, and what belongs to this one request."""

    ctx: Ctx
    settings: Settings
    request: HTTPConnection | None = None
    valkey: "Redis | None" = None
    # The header Idempotency-Key, when the document has exactly one mutation field; see transaction.py.
    idempotency_key: str | None = None
    caching: bool = True
    # Finds out again who asks, for what lasts longer than a request.
    asker: Callable[[], Awaitable[Ctx]] | None = None
    # What resolvers and http/sessions.py leave for the transport: headers of the answer, such as Set-Cookie.
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    budgets: "Budgets | None" = None
    # The mutations that refused, with their codes; the transport counts them.
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    # The tenants whose public side the answer shows; see memory.py.
    visited: set[UUID] = field(default_factory=set)
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self, cache=self.caching)

    @property
    def locale(self) -> str:
        """The viewer's language: `zh-CN` or `en`."""
        return self.ctx.locale

    async def renew(self) -> None:
        """Looks again who asks and what they may do by now; raises Unauthenticated when their credentials have ended."""
        if self.asker is not None:
            self.ctx = await self.asker()

    @property
    def db(self) -> Database:
        """This process's database; resolvers read through `reading()`, mutations through their `tx`."""
        return database()

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """A short transaction for reading within the asker's tenant."""
        return reading(self.ctx)


Info = strawberry.Info[Context, Any]
