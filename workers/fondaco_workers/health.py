"""Whether a process of the back door still does its work: asked by whoever starts it anew when it does not."""

import asyncio
import threading
import time

from fondaco_core import limits


class Pulse:
    """When a process that goes round last did; another thread asks."""

    def __init__(self) -> None:
        self._beat = time.monotonic()

    def beat(self) -> None:
        """A round is over, well or not."""
        self._beat = time.monotonic()

    def felt(self) -> bool:
        """Whether a round ended not too long ago."""
        return time.monotonic() - self._beat < limits.ROUND_STUCK_S


def loop_answers(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether an event loop comes to what it is asked from another thread; one that hangs holds up all work of its process."""
    answered = threading.Event()
    loop.call_soon_threadsafe(answered.set)
    return answered.wait(timeout=limits.LOOP_STUCK_S)
