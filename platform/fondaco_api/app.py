"""The front door: create_app() puts routes, middleware and the life of the process together. Read this first."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute

from fondaco_api.graphql.budget import Budgets
from fondaco_api.graphql.code_batches import batch_key
from fondaco_api.graphql.code_imports import Upload
from fondaco_api.graphql.context import Context
from fondaco_api.graphql.documents import Documents, Persisted
from fondaco_api.graphql.execution import Engine, core_of
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.schema import schema
from fondaco_api.graphql.socket import SocketEndpoint
from fondaco_api.graphql.view import GraphQLEndpoint
from fondaco_api.http import (
    account,
    exports,
    graphiql,
    import_lines,
    inbound,
    links,
    metrics,
    oauth,
    statements,
    stock_exports,
    uploads,
)
from fondaco_api.http.health import Check, Readiness, check_database, check_keys, healthz
from fondaco_api.http.middleware import Authenticator, Edge
from fondaco_api.http.refusing import refuse_astray
from fondaco_core import identity, logs, mail, traces
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import Ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, open_database
from fondaco_core.errors import Outage
from fondaco_core.http import close_http, open_http
from fondaco_core.keyring import close_keyring, open_keyring

if TYPE_CHECKING:
    import strawberry

# Routes of the other files of http/ (links, oauth, sessions, uploads, inbound), each a list named `routes`.
ROUTES: list[BaseRoute] = [
    *exports.routes,
    *graphiql.routes,
    *statements.routes,
    *stock_exports.routes,
    *account.routes,
    *inbound.routes,
    *links.routes,
    *oauth.routes,
    *uploads.routes(lambda key: global_id(Upload, key)),
    *import_lines.routes(batch_key),
]


class Process:
    """What one process holds while it lives: settings, Valkey, the engine."""

    def __init__(self, settings: Settings, served: "strawberry.Schema", authenticate: Authenticator) -> None:
        self.settings = settings
        self.schema = served
        self.authenticate = authenticate
        self.valkey: Redis | None = None
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """What runs operations; there is one once the process has started."""
        assert self._engine is not None, "the process has not started"
        return self._engine

    async def open(self) -> None:
        """Opens the pools, the vault's keys and Valkey. Raises what fondaco_core says of a setting or a key at fault."""
        logs.configure(self.settings.log_level)
        identity.open_identity(self.settings)
        # Only what it tells: whether mail leaves at all, and so who is shown a token.
        mail.open_mail(self.settings)
        traces.open_traces(self.settings, process="api")
        await open_http(self.settings)
        if self.settings.database_url is not None:
            open_database(self.settings)
            await open_keyring(load_master_keys(self.settings))
        if self.settings.redis_url is not None:
            self.valkey = Redis.from_url(
                self.settings.redis_url.reveal(), socket_timeout=2.0, socket_connect_timeout=2.0
            )
        documents = Documents(core_of(self.schema))
        budgets = Budgets(self.valkey, self.settings.profile)
        self._engine = Engine(self.schema, documents=documents, persisted=Persisted(self.valkey), budgets=budgets)

    async def close(self) -> None:
        """Closes what open() opened."""
        await close_http()
        traces.close_traces()
        if self.valkey is not None:
            await self.valkey.aclose()
        if self.settings.database_url is not None:
            close_keyring()
            await close_database()

    async def http_context(self, connection: HTTPConnection) -> Context:
        """What resolvers may use for one HTTP request."""
        return await self._context(lambda: self.authenticate(connection), connection)

    async def socket_context(self, connection: HTTPConnection, parameters: dict[str, Any]) -> Context:
        """The same for one operation of a WebSocket, whose credentials may come with `connection_init`."""
        return await self._context(lambda: self.authenticate(connection, parameters=parameters), connection)

    async def _context(self, asker: Callable[[], Awaitable[Ctx]], connection: HTTPConnection) -> Context:
        return Context(
            ctx=await asker(), settings=self.settings, request=connection, valkey=self.valkey, asker=asker,
            budgets=self.engine.budgets,
        )  # fmt: skip

    async def check_valkey(self) -> None:
        """Readiness: Valkey answers."""
        if self.valkey is None:
            msg = "FONDACO_REDIS_URL is not set"
            raise Outage(msg)
        await self.valkey.ping()


def _authenticator(settings: Settings) -> Authenticator:
    """Credentials are read in the database; without one there are only strangers."""
    if settings.database_url is None:
        return Authenticator()
    return Authenticator(identity.authenticate_bearer, identity.authenticate_session)


def create_app(
    settings: Settings | None = None,
    *,
    served: "strawberry.Schema | None" = None,
    authenticate: Authenticator | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The ASGI application; without settings it reads them from the environment, so that uvicorn may call it as a factory."""
    settings = settings or read_settings()
    process = Process(settings, served or schema(), authenticate or _authenticator(settings))
    checks: dict[str, Check] = {"database": check_database, "keys": check_keys, "valkey": process.check_valkey}

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        await process.open()
        try:
            yield
        finally:
            await process.close()

    app = Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(lambda: process.engine, settings, process.http_context), methods=None),
            WebSocketRoute("/graphql", SocketEndpoint(lambda: process.engine, settings, process.socket_context)),
            Route("/healthz", healthz),
            Route("/readyz", Readiness(checks).answer, methods=["GET"]),
            Route("/metrics", metrics.metrics),
            *ROUTES,
            *routes,
        ],
        middleware=[Middleware(Edge, settings=settings)],
        lifespan=lifespan,
        exception_handlers={404: refuse_astray, 405: refuse_astray},
    )
    app.state.process = process
    return app
