"""What of a sale goes to those that brought its buyer."""

from collections.abc import Sequence

from fondaco_core.money import fee_of, split


def commissions_of(amount_minor: int, levels_bps: Sequence[int]) -> tuple[int, ...]:
    """What each level gets of an amount: together the share that they have together, rounded once, and nothing lost between them."""
    whole = sum(levels_bps)
    if not whole:
        return ()
    return split(fee_of(amount_minor, whole), list(levels_bps))


def commissions_back(commissions: Sequence[int], *, quantity: int, refunded: int, units: int) -> list[int]:
    """What each level gives back of so many units; the last unit gives back what is left, so that it is what was given."""
    assert 0 < units <= quantity - refunded
    return [whole * (refunded + units) // quantity - whole * refunded // quantity for whole in commissions]
