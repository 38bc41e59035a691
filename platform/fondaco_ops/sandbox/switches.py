"""The switches by which the sandbox gateway misbehaves: what it does wrong, how often, and for whom."""

from dataclasses import dataclass
from enum import StrEnum

# A switch that was forgotten goes off by itself.
COUNT_MAX = 1_000
SECONDS_MAX = 120.0
TIMES_MAX = 100


class Fault(StrEnum):
    """What can go wrong."""

    # Callbacks.
    LATE = "LATE"
    TWICE = "TWICE"
    ANEW = "ANEW"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    FORGED = "FORGED"
    LOST = "LOST"
    # Answers.
    SLOW = "SLOW"
    DOWN = "DOWN"
    CUT = "CUT"
    SILENT = "SILENT"
    GARBAGE = "GARBAGE"
    # Refunds.
    REFUND_PENDING = "REFUND_PENDING"
    REFUND_REFUSED = "REFUND_REFUSED"
    # Statements.
    UNLISTED = "UNLISTED"
    MISLISTED = "MISLISTED"


CALLBACK_FAULTS = frozenset(
    {
        Fault.LATE, Fault.TWICE, Fault.ANEW, Fault.OUT_OF_ORDER, Fault.WRONG_AMOUNT, Fault.WRONG_CURRENCY, Fault.FORGED,
        Fault.LOST,
    }
)  # fmt: skip
# Those that come before the work is done, and those that spoil the answer of work that was done.
REFUSING_FAULTS = frozenset({Fault.DOWN})
ANSWER_FAULTS = frozenset({Fault.SLOW, Fault.CUT, Fault.SILENT, Fault.GARBAGE})
REFUND_FAULTS = frozenset({Fault.REFUND_PENDING, Fault.REFUND_REFUSED})
STATEMENT_FAULTS = frozenset({Fault.UNLISTED, Fault.MISLISTED})


class Operation(StrEnum):
    """What a shop may ask for."""

    CREATE = "CREATE"
    QUERY = "QUERY"
    REFUND = "REFUND"
    QUERY_REFUND = "QUERY_REFUND"
    CLOSE = "CLOSE"
    STATEMENT = "STATEMENT"


@dataclass(frozen=True, slots=True)
class Switch:
    """One misbehaviour: for one payment or (None) all, for one operation or all, so many times more."""

    id: int
    fault: Fault
    payment_id: str | None
    operation: Operation | None
    left: int
    # How long something is late, slow or silent.
    seconds: float
    # How many callbacks come instead of one.
    times: int


class OddSwitch(ValueError):
    """A switch that makes no sense; the text says why."""


def checked(given: dict[str, object]) -> dict[str, object]:
    """The fields of a switch as they are stored, within their bounds. Raises OddSwitch."""
    try:
        fault = Fault(str(given.get("fault")))
        named = given.get("operation")
        operation = Operation(str(named)) if named else None
    except ValueError as error:
        raise OddSwitch(str(error)) from None
    payment_id = given.get("payment_id") or None
    count, times = _whole(given, "count", COUNT_MAX, 1), _whole(given, "times", TIMES_MAX, 2)
    try:
        seconds = float(str(given.get("seconds") or 0))
    except ValueError:
        raise OddSwitch("seconds is no number.") from None
    if not 0 <= seconds <= SECONDS_MAX:
        raise OddSwitch(f"seconds is from 0 to {SECONDS_MAX:g}.")
    return {
        "fault": fault.value, "payment_id": None if payment_id is None else str(payment_id)[:64],
        "operation": operation.value if operation else None, "left": count, "seconds": seconds, "times": times,
    }  # fmt: skip


def _whole(given: dict[str, object], name: str, most: int, default: int) -> int:
    text = str(given.get(name) or default)
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most):  # noqa: PLR2004 - digits
        raise OddSwitch(f"{name} is from 1 to {most}.")
    return int(text)
