"""The real front door with the real schema, asked in the same event loop as the pools, as whoever a test says."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2

from fondaco_api.app import create_app
from fondaco_api.http.middleware import Authenticator
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.errors import Unauthenticated
from fondaco_core.secret import Secret


class Door:
    """Asks the GraphQL endpoint over HTTP."""

    def __init__(self, client: httpx2.AsyncClient, askers: dict[str, Ctx]) -> None:
        self._client = client
        self._askers = askers

    async def send(
        self,
        path: str,
        *,
        ctx: Ctx | None = None,
        headers: dict[str, str] | None = None,
        method: str = "POST",
        **body: Any,
    ) -> httpx2.Response:
        """The answer to any request, as an anonymous visitor or as `ctx`."""
        given = dict(headers or {})
        if ctx is not None:
            token = secrets.token_urlsafe(24)
            self._askers[token] = ctx
            given["authorization"] = f"Bearer {token}"
        return await self._client.request(method, path, headers=given, **body)

    async def post(
        self, query: str, variables: dict[str, Any] | None = None, *, ctx: Ctx | None = None, locale: str = "en"
    ) -> dict[str, Any]:
        """The whole answer to a document, asked by an anonymous visitor or as `ctx`."""
        answer = await self.send(
            "/graphql", ctx=ctx, headers={"accept-language": locale}, json={"query": query, "variables": variables}
        )
        body: dict[str, Any] = answer.json()
        return body

    async def ask(
        self, query: str, variables: dict[str, Any] | None = None, *, ctx: Ctx | None = None, locale: str = "en"
    ) -> dict[str, Any]:
        """The data of an answer without errors."""
        body = await self.post(query, variables, ctx=ctx, locale=locale)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    async def do(
        self, mutation: str, input_: dict[str, Any], *, ctx: Ctx | None = None, show: str = "", locale: str = "en"
    ) -> dict[str, Any]:
        """The result of one mutation: its type's name, what `show` selects, and what every refusal tells."""
        kind = mutation[0].upper() + mutation[1:]
        document = (
            f"mutation ($input: {kind}Input!) {{ result: {mutation}(input: $input) {{ "
            f"__typename {show} ... on Failure {{ code message path }} }} }}"
        )
        result: dict[str, Any] = (await self.ask(document, {"input": input_}, ctx=ctx, locale=locale))["result"]
        return result


@asynccontextmanager
async def open_door(settings: Settings) -> AsyncGenerator[Door]:
    """The front door of a process whose pools and keys are open already."""
    askers: dict[str, Ctx] = {}

    async def read_bearer(token: Secret[str], stranger: Ctx) -> Ctx:
        found = askers.get(token.reveal())
        if found is None:
            raise Unauthenticated
        return replace(found, request_id=stranger.request_id, locale=stranger.locale)

    app = create_app(replace(settings, database_url=None), authenticate=Authenticator(read_bearer))
    process = app.state.process
    await process.open()
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        yield Door(client, askers)
    await process.close()
