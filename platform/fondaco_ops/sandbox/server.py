"""The sandbox gateway's server: one process, on the loopback only."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fondaco_core import http
from fondaco_core.secret import Secret
from fondaco_ops.sandbox.api import Api
from fondaco_ops.sandbox.book import Book
from fondaco_ops.sandbox.callbacks import Caller
from fondaco_ops.sandbox.control import Control
from fondaco_ops.sandbox.pages import Pages
from fondaco_ops.sandbox.work import Work

HOST = "127.0.0.1"
# It plays with money that is none: it answers to names of this machine only, whatever name another site had resolved to it.
NAMES = ["127.0.0.1", "localhost"]


def make_app(path: Path, secret: Secret[str]) -> Starlette:
    """The gateway over the books in a file, with the secret that it shares with its one shop."""
    book = Book(path)
    caller = Caller(book, secret)
    work = Work(book, caller.ring)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        calling = asyncio.create_task(caller.run())
        yield
        calling.cancel()
        with suppress(asyncio.CancelledError):
            await calling
        await http.close_http()
        book.close()

    return Starlette(
        routes=[
            Route("/healthz", _alive),
            *Api(work, secret).routes(),
            *Control(work).routes(),
            *Pages(work).routes(),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=NAMES)],
        lifespan=lifespan,
    )


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok")


def serve(path: Path, secret: Secret[str], port: int) -> int:
    """Serves until it is told to stop."""
    config = uvicorn.Config(
        make_app(path, secret), host=HOST, port=port, access_log=False, log_level="warning", server_header=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1
