"""A whole Fondaco of its own for a run: durable servers and our processes as `make run` starts them, removed at the end."""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import Breach, close_database, find_breaches, open_database
from fondaco_core.db.engine import role_password
from fondaco_core.errors import FondacoError
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.secret import Secret
from fondaco_ops.embedded import EmbeddedPostgres, EmbeddedValkey
from fondaco_ops.local import DATABASE, environment_for, ready_check, with_secrets
from fondaco_ops.migrate import migrate
from fondaco_ops.places import keep_port, make_folder, remove_tree
from fondaco_ops.supervise import Program
from fondaco_tenants import registry

READY_SECONDS = 60.0
API = "api"
WORKERS = ("worker", "relay", "scheduler")


class Broken(FondacoError):
    """A run that proved something wrong: an invariant does not hold, or a request was answered as it must not be."""


@dataclass(slots=True)
class System:
    """A running system: its settings, its servers, its programs by name."""

    settings: Settings
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    programs: dict[str, Program]

    @property
    def port(self) -> int:
        """Where the API listens."""
        return self.settings.port

    def start(self, name: str) -> Program:
        """Starts one of our programs as `fondaco up` does, unless it runs."""
        program = self.programs.get(name) or self.programs.setdefault(name, _program(self.settings, name))
        if not program.running:
            program.start()
        return program

    async def start_api(self) -> Program:
        """Starts the API and returns when it is ready."""
        program = self.start(API)
        await _until(ready_check(self.settings), lambda: program.running, what="The API")
        return program

    def stop(self, *names: str) -> None:
        """Stops programs of ours."""
        for name in names:
            if name in self.programs:
                self.programs[name].stop()

    def role_url(self, role: str) -> str:
        """The URL of the database for one of the restricted roles."""
        password = role_password(self.settings.require_role_secret(), role).reveal()
        return f"postgresql://{role}:{password}@127.0.0.1:{self.postgres.port}/{DATABASE}"

    @asynccontextmanager
    async def owner(self) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection as the superuser: to load data, to look at the database itself."""
        connection = await asyncpg.connect(self.settings.require_database_url().reveal())
        try:
            yield connection
        finally:
            await connection.close()

    async def settle(self) -> None:
        """Brings the database to rest, so that one case does not pay for another one's rows."""
        async with self.owner() as connection:
            await connection.execute("VACUUM ANALYZE")
            await connection.execute("CHECKPOINT")


@asynccontextmanager
async def running() -> AsyncGenerator[System]:
    """A migrated, empty system with open pools in this process; its API is started by whoever needs it."""
    # What the caller's shell says of another installation must not reach this one.
    for name in [name for name in os.environ if name.startswith("FONDACO_")]:
        del os.environ[name]
    folder = _make_folder()
    try:
        (folder / "logs").mkdir(mode=0o700)
        settings = with_secrets(Settings(data_dir=folder, port=keep_port(folder / "api.port")))
        postgres = EmbeddedPostgres(folder / "postgres", log=folder / "logs" / "postgres.log")
        valkey = EmbeddedValkey(folder / "valkey", log=folder / "logs" / "valkey.log")
        with postgres, valkey:
            postgres.ensure_database(DATABASE)
            settings = replace(
                settings, database_url=Secret(postgres.dsn(DATABASE)), redis_url=Secret(valkey.url),
                public_url=f"http://127.0.0.1:{settings.port}",
            )  # fmt: skip
            await migrate(settings)
            open_database(settings)
            await open_keyring(load_master_keys(settings))
            system = System(settings, postgres, valkey, {})
            try:
                yield system
            finally:
                system.stop(*system.programs)
                close_keyring()
                await close_database()
    finally:
        remove_tree(folder)


async def check_invariants(after: str) -> int:
    """Runs every invariant and says how many there are; raises Broken with those that do not hold."""
    return len(await time_invariants(after))


async def time_invariants(after: str) -> dict[str, float]:
    """Runs every invariant and says how many seconds each took; raises Broken with those that do not hold."""
    ctx = system_ctx("bench", permissions=frozenset({"system.run"}))
    breaches: list[Breach] = []
    times: dict[str, float] = {}
    for invariant in registry.invariants():
        began = time.perf_counter()
        breaches += await find_breaches(ctx, [invariant])
        times[f"{invariant.module}: {invariant.promise}"] = time.perf_counter() - began
    if breaches:
        told = "; ".join(f"{b.invariant.module}: {b.invariant.promise} ({b.failure or b.rows[0]})" for b in breaches)
        msg = f"After {after} these promises do not hold: {told}"
        raise Broken(msg)
    return times


def _make_folder() -> Path:
    folder = Path(tempfile.gettempdir(), f"fondaco-bench-{secrets.token_hex(6)}")
    make_folder(folder, passable=True)
    return folder


def _program(settings: Settings, name: str) -> Program:
    threads = str(settings.worker_threads)
    arguments = {
        "api": ["fondaco_api"],
        "relay": ["fondaco_workers.relay"],
        "scheduler": ["fondaco_workers.schedule"],
        "worker": ["fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", threads],
    }[name]
    environment = environment_for(settings) | {"FONDACO_HOST": settings.host, "FONDACO_PORT": str(settings.port)}
    log = settings.data_dir / "logs" / f"{name}.log"
    return Program(name, [sys.executable, "-m", *arguments], log=log, environment=environment)


async def _until(ready: Callable[[], bool], alive: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not await asyncio.to_thread(ready):
        if not alive() or time.monotonic() > deadline:
            msg = f"{what} did not come up."
            raise Broken(msg)
        await asyncio.sleep(0.05)
