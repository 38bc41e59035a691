"""Use cases of watching what buyers can buy of a listing, whatever pools it comes from; each crossing is announced once."""

from dataclasses import dataclass

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, TenantId
from fondaco_tenants.codes import StockBand, band_after
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

    @property
    def after(self) -> StockBand:
        """The band it is in now; a listing's is low when fewer than that are left."""
        return band_after(self.before, self.available, max(0, self.low_stock_at - 1))


async def look_at_listings(tx: Tx, ctx: Ctx, *, after: ListingId | None, count: int) -> list[Looked]:
    """The next listings on sale of all tenants with what there is of them; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.LOOK_AT_LISTINGS, after, count, clock.now(), limits.LOW_STOCK_MAX)
    return [
        Looked(
            ListingId(row["id"]), TenantId(row["tenant_id"]), None if row["band"] is None else StockBand(row["band"]),
            row["available"], row["low_stock_at"],
        )
        for row in rows
    ]  # fmt: skip


async def announce_listing(tx: Tx, ctx: Ctx, looked: Looked) -> bool:
    """Announces that a listing crossed from one band into another, unless somebody has; says whether it did."""
    ctx.require("system.run")
    before, after = looked.before, looked.after
    if await tx.execute(store.SET_BAND, looked.listing_id, ctx.tenant, after.value, clock.now(), before) == 0:
        return False
    # One that nobody has looked at before is news when there is little of it, and none when there is enough or never was any.
    if before is None and after is not StockBand.LOW:
        return False
    event: outbox.Event
    if after is StockBand.OUT:
        event = ListingOut(looked.listing_id)
    elif after is StockBand.LOW and before is not StockBand.OUT:
        event = ListingLow(looked.listing_id, available=looked.available, low_stock_at=looked.low_stock_at)
    else:
        event = ListingBack(looked.listing_id, band=after.value)
    await outbox.announce(tx, (ctx.tenant, event))
    return True
