"""Health: whether the process lives, and whether it can do its work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cache

from alembic.config import Config
from alembic.script import ScriptDirectory
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fondaco_core.context import Ctx
from fondaco_core.db import reading
from fondaco_core.errors import Outage
from fondaco_core.keyring import keyring
from fondaco_core.logs import get_logger

log = get_logger(__name__)

# Answers nothing when all is well, and raises otherwise; named by what it looks at.
Check = Callable[[], Awaitable[None]]
CHECK_S = 3.0


async def healthz(_: Request) -> Response:
    """The process answers; nothing else is looked at, so that a database that is away restarts nobody."""
    return JSONResponse({"status": "alive"})


class Readiness:
    """The answer of /readyz: every check by name, 503 when one fails. Why is logged, not told."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self.checks = checks

    async def answer(self, _: Request) -> Response:
        """Runs every check at the same time, none longer than three seconds."""
        names = list(self.checks)
        results = await asyncio.gather(*(self._passes(name) for name in names))
        ready = all(results)
        body = {"status": "ready" if ready else "not ready", "checks": dict(zip(names, results, strict=True))}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def _passes(self, name: str) -> bool:
        try:
            async with asyncio.timeout(CHECK_S):
                await self.checks[name]()
        except Exception as error:
            log.warning("health.not_ready", check=name, exc_info=error)
            return False
        return True


async def check_database() -> None:
    """The database answers as the restricted role, and is not older than this version expects.

    A newer one is well: migrations suit the code before them, and replicas are replaced one after the other.
    """
    async with reading(Ctx()) as tx:
        revision = await tx.fetchval("SELECT version_num FROM alembic_version")
    head, known = _migrations()
    if revision != head and revision in known:
        msg = "the database has yet to be migrated"
        raise Outage(msg)


async def check_keys() -> None:
    """The keys of the vault are open."""
    keyring()


@cache
def _migrations() -> tuple[str | None, frozenset[str]]:
    config = Config()
    # By name, because the doors do not know each other: the scripts are data here.
    config.set_main_option("script_location", "fondaco_ops:migrations")
    scripts = ScriptDirectory.from_config(config)
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())
