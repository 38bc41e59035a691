"""The front door before the stage, asked in the same event loop as the pools."""

import io
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from fondaco_api.graphql import errors
from fondaco_api.http import middleware
from fondaco_core import logs
from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_core.secret import Secret
from tests.support.servers import TestServers
from tests.support.stage import stage_app

Ask = Callable[..., Awaitable[httpx2.Response]]
Logged = Callable[[], str]


def client_for(app: Any, ip: str = "192.0.2.7") -> httpx2.AsyncClient:
    """A client of an application in this process, as one that sits on another machine."""
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app, client=(ip, 4711)), base_url="http://shop.example"
    )


@pytest.fixture
async def door(servers: TestServers) -> AsyncIterator[httpx2.AsyncClient]:
    """The stage's front door with Valkey behind it, and no database."""
    app = stage_app(Settings(redis_url=Secret(servers.redis_url)))
    await app.state.process.open()
    async with client_for(app) as client:
        yield client
    await app.state.process.close()


@pytest.fixture
async def stage(database: Database, door: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The same with the database and the keys that mutations need."""
    assert database
    return door


@pytest.fixture
def ask(door: httpx2.AsyncClient) -> Ask:
    """Posts a document."""

    async def post(query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await door.post("/graphql", json={"query": query, "variables": variables}, headers=named)

    return post


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Logged:
    """Everything that the front door has logged so far, as it stands in a log file."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure()
    for module in (errors, middleware):
        monkeypatch.setattr(module, "log", logs.get_logger(module.__name__))
    return written.getvalue
