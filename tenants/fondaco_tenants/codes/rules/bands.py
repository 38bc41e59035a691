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


def enough_at(low_at: int | None) -> int:
    """So many units are still low for stock that was low: nobody has to count further than one more."""
    return (low_at or 0) + (low_at or 0) // _MARGIN
