"""How much a payout moves. Pure."""

from fondaco_core import limits


def to_move(due_minor: int, *, available_minor: int) -> int:
    """What of a sum is moved now: positive into the wallet, negative out of it, as far as it bears that and one transfer goes.

    What is not moved is carried into the next payout.
    """
    if due_minor >= 0:
        return min(due_minor, limits.AMOUNT_MAX_MINOR)
    return -min(-due_minor, max(0, available_minor), limits.AMOUNT_MAX_MINOR)
