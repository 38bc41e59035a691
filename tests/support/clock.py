"""A clock that jumps, and comes back."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from fondaco_core import clock


@contextmanager
def later(**by: float) -> Generator[None]:
    """The time `by` so much later (the arguments of timedelta), for as long as the block lasts."""
    moment = clock.now() + timedelta(**by)
    clock.use(lambda: moment)
    try:
        yield
    finally:
        clock.use(None)
