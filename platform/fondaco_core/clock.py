"""The only reader of time, so that a test may stand still or jump."""

from collections.abc import Callable
from datetime import UTC, datetime


def _system() -> datetime:
    return datetime.now(UTC)


_now: Callable[[], datetime] = _system


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return _now()


def use(source: Callable[[], datetime] | None) -> None:
    """Makes `source` the time from here on; None brings the system's clock back. For tests."""
    global _now  # noqa: PLW0603 - the one switch of the one clock
    _now = source or _system
