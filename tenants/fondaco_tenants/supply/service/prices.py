"""Use cases of offers' prices: set what a tier pays from a moment on, read what holds, what is to come and what was."""

from collections.abc import Sequence
from datetime import datetime

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import OfferId, TierId, new_id
from fondaco_tenants.supply import rules_offers, store_offers
from fondaco_tenants.supply.errors_offers import PricesSetAlready, TooManyPrices
from fondaco_tenants.supply.events import OfferPricesSet
from fondaco_tenants.supply.rules_offers import Offer, PriceBreak, PriceList
from fondaco_tenants.supply.service.offers import locked
from fondaco_tenants.supply.service.tiers import open_tier


async def set_prices(
    tx: Tx,
    ctx: Ctx,
    *,
    offer_id: OfferId,
    tier_id: TierId,
    breaks: Sequence[PriceBreak] | None,
    starts_at: datetime | None = None,
) -> PriceList:
    """Sets what a tier pays for an offer from a moment on, now when none is given or it is over; without breaks it gets none.

    What was set before stays and is followed by this. The same prices again, from now on, are no change. The tier's
    resellers hear of it at once. Raises NotFound, TierArchived, Invalid, PricesSetAlready, TooManyPrices, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    offer = await locked(tx, ctx, offer_id)
    await open_tier(tx, ctx, tier_id=tier_id)
    now = clock.now()
    checked = () if breaks is None else rules_offers.checked_breaks(breaks, currency=offer.currency)
    made = PriceList(
        offer_id=offer_id, tier_id=tier_id, starts_at=rules_offers.checked_start(starts_at, now), breaks=checked,
        created_at=now,
    )  # fmt: skip
    if made.starts_at > now:
        await _check_room(tx, made, now)
    elif (held := await _held(tx, offer, tier_id, now)) is not None and held.breaks == checked:
        return held
    elif held is not None and held.starts_at == now:
        raise PricesSetAlready
    await _add(tx, ctx, made)
    await _told(tx, ctx, offer, made)
    return made


async def prices_of_offers(tx: Tx, ctx: Ctx, ids: Sequence[OfferId]) -> dict[OfferId, list[PriceList]]:
    """Of own offers: what each tier pays now and is going to pay, by tier, earliest first; what the tier does not get, too."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    found: dict[OfferId, list[PriceList]] = {id_: [] for id_ in ids}
    for row in await tx.fetch(store_offers.PRICES, list(ids), ctx.tenant, clock.now()):
        found[OfferId(row["offer_id"])].append(store_offers.to_price_list(row, currency=row["currency"]))
    return found


async def list_prices(
    tx: Tx,
    ctx: Ctx,
    *,
    offer: Offer,
    tier_id: TierId | None = None,
    after: tuple[datetime | None, TierId | None] = (None, None),
    count: int = limits.PAGE_DEFAULT,
) -> list[PriceList]:
    """A page of all price lists that an own offer ever had or is going to have, the latest first; of one tier when given."""
    ctx.require("supply.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store_offers.HISTORY, offer.id, ctx.tenant, tier_id, *after, count)
    return [store_offers.to_price_list(row, currency=offer.currency) for row in rows]


async def _held(tx: Tx, offer: Offer, tier_id: TierId, now: datetime) -> PriceList | None:
    row = await tx.fetchrow(store_offers.PRICES_OF_TIER, offer.id, tier_id, now)
    return None if row is None else store_offers.to_price_list(row, currency=offer.currency)


async def _check_room(tx: Tx, made: PriceList, now: datetime) -> None:
    if await tx.fetchval(store_offers.IS_SET, made.offer_id, made.tier_id, made.starts_at):
        raise PricesSetAlready
    if await tx.fetchval(store_offers.COUNT_COMING, made.offer_id, made.tier_id, now) >= limits.PRICES_COMING_MAX:
        raise TooManyPrices


async def _add(tx: Tx, ctx: Ctx, made: PriceList) -> None:
    # That a tier does not get the offer is a list as well: of one row without a price.
    rows: list[tuple[int, int | None]] = [(each.from_units, each.unit_price.amount_minor) for each in made.breaks]
    rows = rows or [(1, None)]
    await tx.execute(
        store_offers.ADD_PRICES, [new_id() for _ in rows], ctx.tenant, made.offer_id, made.tier_id, made.starts_at,
        [units for units, _ in rows], [price for _, price in rows], made.created_at, ctx.actor_id,
    )  # fmt: skip


async def _told(tx: Tx, ctx: Ctx, offer: Offer, made: PriceList) -> None:
    first = made.breaks[0].unit_price.amount_minor if made.breaks else None
    await audit.record(
        tx, ctx, "offer.prices_set", subject_kind="offer", subject_id=offer.id,
        detail={
            "tier_id": made.tier_id, "starts_at": made.starts_at, "currency": offer.currency,
            "breaks": [[each.from_units, each.unit_price.amount_minor] for each in made.breaks],
        },
    )  # fmt: skip
    news = OfferPricesSet(
        offer.id, made.tier_id, starts_at=made.starts_at, currency=offer.currency, unit_price_minor=first
    )
    await outbox.announce(tx, (ctx.tenant, news))
