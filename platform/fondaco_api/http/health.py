"""Health: whether the process lives, and whether it can do its work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

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
        except Exception as error:  # noqa: BLE001 - an edge: whatever failed, the answer is "not ready"
            log.warning("health.not_ready", check=name, exc_info=error)
            return False
        return True
