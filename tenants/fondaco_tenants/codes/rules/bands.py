"""When stock is low, when it is out, and when it is back: bands that do not flicker."""

from enum import StrEnum

# Stock that was low is so again only after it was this part above the alarm: one sale and one refund are no news.
_MARGIN = 5


class StockBand(StrEnum):
    """How much of a pool there is to sell, as somebody is told."""

    ENOUGH = "ENOUGH"
    LOW = "LOW"
    OUT = "OUT"


def band_after(before: StockBand | None, available: int, low_at: int | None) -> StockBand:
    """The band that stock is in, coming from another one; it leaves LOW only a fifth above the alarm."""
    if available == 0:
        return StockBand.OUT
    if not low_at:
        return StockBand.ENOUGH
    margin = enough_at(low_at) - low_at if before in {StockBand.LOW, StockBand.OUT} else 0
    return StockBand.LOW if available <= low_at + margin else StockBand.ENOUGH


class Crossing(StrEnum):
    """What somebody is told of stock that went from one band into another."""

    OUT = "OUT"
    LOW = "LOW"
    BACK = "BACK"


def crossing(before: StockBand | None, after: StockBand) -> Crossing | None:
    """What there is to tell; `before` is None of stock that nobody has looked at yet.

    Such is news when there is little of it, and none when there is enough or never was any.
    """
    if before is after or (before is None and after is not StockBand.LOW):
        return None
    if after is StockBand.OUT:
        return Crossing.OUT
    return Crossing.LOW if after is StockBand.LOW and before is not StockBand.OUT else Crossing.BACK


def enough_at(low_at: int | None) -> int:
    """So many units are still low for stock that was low: nobody has to count further than one more."""
    return (low_at or 0) + (low_at or 0) // _MARGIN
