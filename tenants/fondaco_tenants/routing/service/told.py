"""Use cases of telling merchants' systems how much there is: each change once, as much as they may know."""

from collections.abc import Sequence
from dataclasses import dataclass

from fondaco_core import clock, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, OfferId, TenantId
from fondaco_tenants.routing import store
from fondaco_tenants.routing.events import StockChanged


@dataclass(frozen=True, slots=True)
class StockNow:
    """What a merchant is told now of an own listing or of a supplier's offer; null is what it is not told."""

    listing_id: ListingId | None
    offer_id: OfferId | None
    available: bool
    units: int | None
    stock_class: str | None

    @property
    def said(self) -> str:
        """The same in one word, the most that is told."""
        return str(self.stock_class if self.units is None else self.units) if self.stock_class else str(self.available)


async def tell_stock(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, found: Sequence[StockNow]) -> int:
    """Announces to a merchant what is another than it was told last, and says how much; in a transaction as fondaco_platform.

    What it was never told of is only written down: it is known from where it is asked for.
    """
    ctx.require("system.run")
    subjects = {now.listing_id or now.offer_id: now for now in found}
    said = [now.said for now in subjects.values()]
    rows = await tx.fetch(store.TELL, tenant_id, list(subjects), said, clock.now())
    news = [subjects[row["subject_id"]] for row in rows if not row["first"]]
    await outbox.announce(
        tx,
        *(
            (tenant_id, StockChanged(now.listing_id, now.offer_id, now.available, now.units, now.stock_class))
            for now in news
        ),
    )
    return len(news)
