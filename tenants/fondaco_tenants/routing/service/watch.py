"""Use cases of watching what buyers can buy of a listing, whatever pools it comes from; each crossing is announced once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, TenantId
from fondaco_tenants.codes import Crossing, StockBand, band_after, crossing
from fondaco_tenants.routing import store
from fondaco_tenants.routing.events import ListingBack, ListingLow, ListingOut


@dataclass(frozen=True, slots=True)
class Looked:
    """A listing as the watch found it: the band that was last announced, and how much there is as far as its alarm goes."""

    listing_id: ListingId
    tenant_id: TenantId
    before: StockBand | None
    available: int
    low_stock_at: int
    chained: bool

    @property
    def after(self) -> StockBand:
        """The band it is in now; a listing's is low when fewer than that are left."""
        return band_after(self.before, self.available, max(0, self.low_stock_at - 1))


class OverOthers(Protocol):
    """Who counts what there is of listings that other merchants fill: orders, which know what each of them can pay for."""

    async def __call__(self, tx: Tx, listing_ids: Sequence[ListingId], *, up_to: int) -> Mapping[ListingId, int]:
        """How many units of each there are, exact up to `up_to`."""
        ...


async def look_at_listings(
    tx: Tx, ctx: Ctx, *, after: ListingId | None, count: int, over_others: OverOthers
) -> list[Looked]:
    """The next listings on sale of all tenants with what there is of them; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.LOOK_AT_LISTINGS, after, count, clock.now(), limits.LOW_STOCK_MAX)
    looked = [
        Looked(
            ListingId(row["id"]), TenantId(row["tenant_id"]), None if row["band"] is None else StockBand(row["band"]),
            row["available"], row["low_stock_at"], row["chained"],
        )
        for row in rows
    ]  # fmt: skip
    chained = [listing for listing in looked if listing.chained]
    if not chained:
        return looked
    most = max(listing.low_stock_at for listing in chained)
    found = await over_others(tx, [listing.listing_id for listing in chained], up_to=most + most // 5 + 1)
    return [
        replace(listing, available=found.get(listing.listing_id, 0)) if listing.chained else listing
        for listing in looked
    ]


async def announce_listings(tx: Tx, ctx: Ctx, looked: Sequence[Looked]) -> int:
    """Announces which of these listings crossed from one band into another, unless somebody has; says how many did.

    In the transaction in which they were looked at.
    """
    ctx.require("system.run")
    crossed = [listing for listing in looked if listing.after is not listing.before]
    rows = await tx.fetch(
        store.SET_BANDS, [listing.listing_id for listing in crossed], [listing.tenant_id for listing in crossed],
        [listing.before for listing in crossed], [listing.after for listing in crossed], clock.now(),
    )  # fmt: skip
    ours = {row["listing_id"] for row in rows}
    told = [
        (listing.tenant_id, news)
        for listing in crossed
        if listing.listing_id in ours and (news := _news(listing)) is not None
    ]
    await outbox.announce(tx, *told)
    return len(told)


def _news(listing: Looked) -> outbox.Event | None:
    match crossing(listing.before, listing.after):
        case Crossing.OUT:
            return ListingOut(listing.listing_id)
        case Crossing.LOW:
            return ListingLow(listing.listing_id, available=listing.available, low_stock_at=listing.low_stock_at)
        case Crossing.BACK:
            return ListingBack(listing.listing_id, band=listing.after.value)
        case None:
            return None
