"""A small schema of its own and a server for it, to test the front door without any business behind it."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Annotated
from uuid import UUID

import strawberry
import uvicorn
from starlette.applications import Starlette
from strawberry.schema.config import StrawberryConfig

from fondaco_api.__main__ import Server
from fondaco_api.app import create_app
from fondaco_api.graphql import node
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect_list, read_page
from fondaco_api.graphql.scalars import SCALARS, BigInt, Money
from fondaco_api.graphql.transaction import mutation
from fondaco_api.http.middleware import Authenticator
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Bug, Conflict, NotAllowed, NotFound, StaleVersion, Unauthenticated
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret

TENANT = TenantId(UUID("01a203d4-5f46-755e-b62f-abe4ff948eee"))
TOKEN = "a-token-that-is-good"
SESSION = "a-session-that-is-good"


class StageFull(Conflict):
    """There is no place left on the stage."""

    code = "STAGE_FULL"

    def __init__(self, places: int) -> None:
        super().__init__(f"There are {places} places left.", zh=f"还剩 {places} 个位置。", path=("number",))
        self.places = places


@failure(StageFull, name="StageFull")
class StageFullFailure(Failure):
    """There is no place left on the stage."""

    places: int = strawberry.field(description="How many places are left.")


@strawberry.type(description="Somebody on the stage.")
class Player(Node):
    """A node without a table."""

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Player | None":
        """Players with a number below 100 exist."""
        assert context
        return cls(key=key) if key.int < 100 else None

    @strawberry.field(description="The player's number.")
    def number(self) -> int:
        return self.key.int

    @strawberry.field(description="What the player earns.")
    def pay(self) -> Money:
        return Money.minor(self.key.int * 100 + 1, "CNY")

    @strawberry.field(description="The players who follow.")
    def followers(self, first: First = None, after: After = None) -> Connection["Player"]:
        return players(first, after, None, None)


def players(first: int | None, after: str | None, last: int | None, before: str | None) -> Connection[Player]:
    """The hundred players there are."""
    return connect_list(
        [Player(key=UUID(int=n)) for n in range(100)], read_page(first, after, last, before, keys=(int,))
    )


@strawberry.type
class StageQuery:
    """Things to read."""

    @strawberry.field(description="Everybody.")
    def players(
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Player]:
        return players(first, after, last, before)

    @strawberry.field(description="Says it again.")
    def echo(self, big: Annotated[BigInt, strawberry.argument(description="A number.")]) -> BigInt:
        return big

    @strawberry.field(description="Fails as it is told to.")
    async def fail(self, how: Annotated[str, strawberry.argument(description="How.")]) -> str | None:
        match how:
            case "not found":
                raise NotFound("player")
            case "not allowed":
                raise NotAllowed("players.see")
            case "stranger":
                raise Unauthenticated
            case _:
                msg = f"the secret {how}"
                raise Bug(msg)

    @strawberry.field(description="Who asks.")
    def who(self, info: Info) -> str:
        return info.context.ctx.actor.value

    @strawberry.field(description="The player of an id.")
    async def player(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Player | None:
        return await Player.load_node(info.context, key_of(id, Player))


@strawberry.input(description="Who is to enter.")
class EnterInput:
    """The one input."""

    number: int = strawberry.field(description="The player's number; from 50 on the stage is full.")


@strawberry.type(description="The player is on the stage.")
class EnterSuccess:
    """The one success."""

    player: Player = strawberry.field(description="The player.")
    nth: int = strawberry.field(description="How often anybody has entered.")


entered: list[int] = []


@strawberry.type
class StageMutation:
    """Things to do."""

    @mutation(refusals=[StageFull])
    async def enter_stage(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[EnterInput, strawberry.argument(description="Who.")],
    ) -> EnterSuccess:
        """Lets a player enter."""
        match input.number:
            case 50:
                raise StageFull(0)
            case 51:
                raise StaleVersion("stage", current_version=3)
            case 52:
                raise NotAllowed("stage.enter")
            case _:
                pass
        entered.append(input.number)
        await tx.execute("SELECT 1")
        return EnterSuccess(player=Player(key=UUID(int=input.number)), nth=len(entered))

    @mutation(replays=False)
    async def leave_stage(self, info: Info) -> Player:
        """Lets the last one leave."""
        return Player(key=UUID(int=1))


running = 0


@strawberry.type
class StageSubscription:
    """Things to follow."""

    @strawberry.subscription(description="Counts.")
    async def count(
        self, info: Info, to: Annotated[int, strawberry.argument(description="How far.")]
    ) -> AsyncIterator[int]:
        for n in range(1, to + 1):
            yield n

    @strawberry.subscription(description="Never says anything.")
    async def silence(self, info: Info) -> AsyncIterator[int]:
        global running  # noqa: PLW0603 - what the tests look at
        running += 1
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            running -= 1


@cache
def stage_schema() -> strawberry.Schema:
    """The schema of the stage; types cannot be assembled twice."""
    query = strawberry.type(type("Query", (node.Query, StageQuery), {}), description="What can be read.")
    return strawberry.Schema(
        query=query,
        mutation=strawberry.type(type("Mutation", (StageMutation,), {}), description="What can be done."),
        subscription=strawberry.type(
            type("Subscription", (StageSubscription,), {}), description="What can be followed."
        ),
        types=[Player],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


async def read_bearer(token: Secret[str], ctx: Ctx) -> Ctx:
    """Knows one token."""
    if token.reveal() != TOKEN:
        raise Unauthenticated
    return replace(ctx, actor=ActorKind.API_CLIENT, actor_id=UUID(int=7), tenant_id=TENANT)


async def read_session(cookie: Secret[str], ctx: Ctx) -> Ctx | None:
    """Knows one session."""
    return (
        replace(ctx, actor=ActorKind.MEMBER, actor_id=UUID(int=8), tenant_id=TENANT)
        if cookie.reveal() == SESSION
        else None
    )


def stage_app(settings: Settings | None = None) -> Starlette:
    """The front door before the stage."""
    return create_app(
        settings or Settings(), served=stage_schema(), authenticate=Authenticator(read_bearer, read_session)
    )


@contextmanager
def serving(app: Starlette) -> Generator[str]:
    """Serves an application on a free port of this machine, in a thread, until the block ends; gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="error", access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=5
    )
    server = Server(config)
    started = threading.Event()
    startup = server.startup

    async def starting(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set()

    server.startup = starting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
