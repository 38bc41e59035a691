"""Waiting for what another process does: on a condition, with an end, and never by the clock alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable

# Far more than anything here needs; a test that gets this far has failed.
PATIENCE_S = 25.0
LOOK_EVERY_S = 0.02


async def until(
    condition: Callable[[], Awaitable[object]],
    *,
    seconds: float = PATIENCE_S,
    instead: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Returns when the condition is true; fails when it never is, and says what `instead` tells."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() >= deadline:
            found = await instead() if instead is not None else "no more is known"
            raise AssertionError(f"what was waited for did not happen: {found}")
        await asyncio.sleep(LOOK_EVERY_S)
