"""Use cases of minimum resale prices: who asks less than a supplier allows is found over all stores, and told once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ListingId, OfferId, TenantId
from fondaco_core.money import Money
from fondaco_tenants.routing import store
from fondaco_tenants.routing.events import ResalePriceBreached, ResalePriceTooLow


@dataclass(frozen=True, slots=True)
class ResaleBreach:
    """A reseller's listing that asks, or asked, less for a unit than the supplier's offer allows that fills it."""

    id: UUID
    reseller_id: TenantId
    offer_id: OfferId
    listing_id: ListingId
    asked: Money
    least: Money
    found_at: datetime
    ended_at: datetime | None


async def find_breaches(tx: Tx, ctx: Ctx) -> int:
    """Announces new breaches to both merchants, closes those that are over, and says how many are new; as fondaco_platform."""
    ctx.require("system.run")
    told: list[tuple[UUID | None, outbox.Event]] = []
    rows = await tx.fetch(store.FIND_BREACHES, clock.now(), limits.BREACHES_AT_ONCE)
    for row in rows:
        price = (row["asked_minor"], row["least_minor"], row["currency"])
        supplier, reseller = row["supplier_tenant_id"], row["reseller_tenant_id"]
        told += [
            (supplier, ResalePriceBreached(row["id"], row["offer_id"], reseller, row["listing_id"], *price)),
            (reseller, ResalePriceTooLow(row["id"], row["offer_id"], row["listing_id"], *price)),
        ]
    await outbox.announce(tx, *told)
    return len(rows)


async def list_breaches(
    tx: Tx, ctx: Ctx, *, ended: bool = False, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[ResaleBreach]:
    """A page of breaches of the prices that the tenant's own offers set, newest first; `ended` also those that are over."""
    ctx.require("supply.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    return [
        ResaleBreach(
            id=row["id"], reseller_id=TenantId(row["reseller_tenant_id"]), offer_id=OfferId(row["offer_id"]),
            listing_id=ListingId(row["listing_id"]), asked=Money(row["asked_minor"], row["currency"]),
            least=Money(row["least_minor"], row["currency"]), found_at=row["found_at"], ended_at=row["ended_at"],
        )
        for row in await tx.fetch(store.BREACHES, ctx.tenant, ended, after, count)
    ]  # fmt: skip
