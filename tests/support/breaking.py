"""How a test uses processes that die at a step (tests.support.crash), and clients that ask them from outside."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx2

from fondaco_core import identity
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import transaction
from fondaco_core.identity import SessionKind
from fondaco_core.ids import UserId
from fondaco_ops.seed.people import global_id
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
# Nothing here is encrypted; a hundred clients need not read the world's certificates a hundred times.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

__all__ = [
    "PATIENCE_S",
    "ROOT",
    "Breakable",
    "Client",
    "breakable",
    "environment_of",
    "free_port",
    "global_id",
    "run_command",
    "token_of",
]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """These settings as the environment of a process."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "FONDACO_DATA": str(settings.data_dir),
        "FONDACO_DATABASE_URL": settings.require_database_url().reveal(),
        "FONDACO_REDIS_URL": settings.require_redis_url().reveal(),
        "FONDACO_ROLE_SECRET": settings.require_role_secret().reveal(),
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file),
        **more,
    }


def run_command(settings: Settings, command: str) -> str:
    """What one of our commands says; it must succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", "fondaco_ops", command],
        env=environment_of(settings), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


class Breakable:
    """One process at a time, which dies at the step that its plan says."""

    def __init__(self, launcher: asyncio.subprocess.Process) -> None:
        self._launcher = launcher
        self._running = False

    def start(self, **plan: int | str | dict[str, float]) -> None:
        """Starts the next process; the one before has ended."""
        assert self._launcher.stdin is not None
        assert not self._running
        self._running = True
        self._launcher.stdin.write(json.dumps(plan).encode() + b"\n")

    async def told(self, fact: str) -> Any:
        """The next fact that the process or its launcher tells; it must be this one."""
        found = await self._next()
        assert fact in found, f"{fact} was waited for, {found} came"
        return found[fact]

    async def outcome(self) -> list[str] | None:
        """None when the marked operation was the end of its process, by signal 9; the steps of one that outlived its plan."""
        found = await self._next()
        if "steps" in found:
            steps: list[str] = found["steps"]
            return steps
        assert "dies" in found, found
        assert await self.told("ended") == -signal.SIGKILL
        return None

    async def stop(self, pid: int) -> None:
        """Ends a process that was not to die by itself, or that a failing test left; harmless for one that has ended."""
        if self._running:
            os.kill(pid, signal.SIGKILL)
        while self._running:
            await self._next()

    async def _next(self) -> dict[str, Any]:
        assert self._launcher.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self._launcher.stdout.readline()
        found: dict[str, Any] = json.loads(line)
        self._running = "ended" not in found
        return found


@asynccontextmanager
async def breakable(kind: str, environment: dict[str, str], log: Path) -> AsyncGenerator[Breakable]:
    """Processes of one kind (api, worker, relay), until the block ends."""
    with log.open("ab") as written:
        launcher = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.crash", kind,
            env=environment, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=written,
        )  # fmt: skip
    try:
        yield Breakable(launcher)
    finally:
        # Its child dies with it.
        launcher.kill()
        await launcher.wait()


class Client:
    """Somebody who asks over HTTP, as one of several front doors answers, with a credential or without."""

    def __init__(self, ports: Sequence[int], token: str | None = None) -> None:
        self._ports = ports
        self._asked = 0
        self.token = token
        # A connection for every request: what died yesterday is not asked again today.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._http = httpx2.AsyncClient(timeout=PATIENCE_S, limits=limits, trust_env=False, verify=_NO_TLS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hangs up."""
        await self._http.aclose()

    async def welcome(self) -> None:
        """Waits until every front door is ready."""
        for _ in self._ports:
            # Two of them start at once, on a machine that may be busy with other tests.
            await until(self._is_ready, seconds=PATIENCE_S)

    async def _is_ready(self) -> bool:
        try:
            return (await self.send("GET", "/readyz")).is_success
        except httpx2.TransportError:
            # The next try must be at the same door.
            self._asked -= 1
            return False

    async def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        """One request, to each front door in turn; raises httpx2.TransportError when nobody answers."""
        port = self._ports[self._asked % len(self._ports)]
        self._asked += 1
        sent = dict(headers or {})
        if self.token is not None:
            sent["authorization"] = f"Bearer {self.token}"
        return await self._http.request(method, f"http://127.0.0.1:{port}{path}", headers=sent, **more)

    async def post(
        self, query: str, variables: dict[str, Any], *, key: str | None = None, marked: bool = False
    ) -> dict[str, Any]:
        """The whole answer to a document."""
        headers = {"idempotency-key": key} if key is not None else {}
        if marked:
            headers["x-marked"] = "1"
        answer = await self.send("POST", "/graphql", headers=headers, json={"query": query, "variables": variables})
        body: dict[str, Any] = answer.json()
        return body

    async def ask(self, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self.post(query, variables)
        assert "errors" not in body, body["errors"]
        return body["data"]

    async def do(
        self, mutation: str, shown: str, *, key: str | None = None, marked: bool = False, **given: Any
    ) -> dict[str, Any]:
        """What one mutation answers: the fields of `shown`, or those of its refusal."""
        name = mutation[0].upper() + mutation[1:]
        document = (
            f"mutation($input: {name}Input!) {{ result: {mutation}(input: $input) {{ __typename "
            f"... on {name}Success {{ {shown} }} ... on Failure {{ refused: code message path }} }} }}"
        )
        body = await self.post(document, {"input": given}, key=key, marked=marked)
        assert "errors" not in body, body["errors"]
        result: dict[str, Any] = body["data"]["result"]
        return result

    async def done(self, mutation: str, shown: str, **given: Any) -> dict[str, Any]:
        """The same of a mutation that is not refused."""
        result = await self.do(mutation, shown, **given)
        assert "refused" not in result, result
        return result


async def token_of(ctx: Ctx) -> str:
    """A real session of a member, a buyer or one of the platform's people, who must exist."""
    async with transaction(ctx) as tx:
        match ctx.actor:
            case ActorKind.CUSTOMER:
                started = await identity.start_session(
                    tx, ctx, kind=SessionKind.CUSTOMER, tenant_id=ctx.tenant, customer_id=ctx.customer_id
                )
            case ActorKind.MEMBER:
                member = await tx.fetchval("SELECT id FROM member WHERE user_id = $1", ctx.actor_id)
                started = await identity.start_session(
                    tx, ctx, kind=SessionKind.MEMBER, tenant_id=ctx.tenant, user_id=_user(ctx), member_id=member
                )
            case _:
                started = await identity.start_session(tx, ctx, kind=SessionKind.PLATFORM_ADMIN, user_id=_user(ctx))
    return started.token.reveal()


def _user(ctx: Ctx) -> UserId:
    assert isinstance(ctx.actor_id, UUID)
    return UserId(ctx.actor_id)
