"""The whole front door in this process, on the test's own pools, and a visitor who asks it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx2
from starlette.applications import Starlette

from fondaco_api.app import create_app
from fondaco_api.http.middleware import Authenticator
from fondaco_core import identity
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import transaction
from fondaco_core.identity import SessionKind
from fondaco_core.ids import UserId


@asynccontextmanager
async def open_shop(settings: Settings) -> AsyncGenerator[Starlette]:
    """The real application with the real schema; the database is the one that the test has opened."""
    app = create_app(
        replace(settings, database_url=None),
        authenticate=Authenticator(identity.authenticate_bearer, identity.authenticate_session),
    )
    async with app.router.lifespan_context(app):
        yield app


class Visitor:
    """A program or a browser at an address of its own; it keeps cookies as browsers do."""

    def __init__(self, app: Starlette) -> None:
        address = f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1"
        transport = httpx2.ASGITransport(app=app, client=(address, 4711))
        self.http = httpx2.AsyncClient(transport=transport, base_url="http://shop.example")
        self.token: str | None = None

    async def ask(self, query: str, /, *, key: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer to a document."""
        headers = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["idempotency-key"] = key
        response = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        answer: dict[str, Any] = response.json()
        return answer

    async def data(self, query: str, /, *, key: str | None = None, **variables: Any) -> Any:
        """The data of an answer that has no errors."""
        answer = await self.ask(query, key=key, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def do(self, mutation: str, shown: str, /, *, key: str | None = None, **given: Any) -> dict[str, Any]:
        """What one mutation with one input answers: the fields of `shown`, or those of its refusal."""
        kind = mutation[0].upper() + mutation[1:]
        found = await self.data(
            f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ __typename {shown} "
            "... on Failure { code message path } } }",
            key=key,
            input=given,
        )
        answer: dict[str, Any] = found[mutation]
        return answer


async def sign_in_as(visitor: Visitor, ctx: Ctx) -> Visitor:
    """Gives the visitor a real session of a member or of one of the platform's people, who must exist."""
    assert ctx.actor_id is not None
    user_id = UserId(ctx.actor_id)
    async with transaction(ctx) as tx:
        if ctx.actor is ActorKind.MEMBER:
            member_id = await tx.fetchval(
                "SELECT id FROM member WHERE tenant_id = $1 AND user_id = $2", ctx.tenant, user_id
            )
            started = await identity.start_session(
                tx, ctx, kind=SessionKind.MEMBER, tenant_id=ctx.tenant, user_id=user_id, member_id=member_id
            )
        else:
            started = await identity.start_session(tx, ctx, kind=SessionKind.PLATFORM_ADMIN, user_id=user_id)
    visitor.token = started.token.reveal()
    return visitor
