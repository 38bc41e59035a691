"""Use cases of offers: draft, change, publish, withdraw, read."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypedDict, Unpack

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import EntitlementId, OfferId, new_id
from fondaco_core.money import Money, checked_currency
from fondaco_tenants import catalog
from fondaco_tenants.supply import rules_offers, store_offers
from fondaco_tenants.supply.errors_offers import OfferInWrongState, TooManyOffers
from fondaco_tenants.supply.events import OfferChanged, OfferPublished, OfferWithdrawn
from fondaco_tenants.supply.rules_offers import Offer, OfferState, OfferTerms
from fondaco_tenants.supply.service.partners import begin_partner


class OfferChanges(TypedDict, total=False):
    """What may be changed of an offer; what is left out stays as it is."""

    title: str
    in_market: bool
    min_resale: Money | None


async def create_offer(
    tx: Tx,
    ctx: Ctx,
    *,
    entitlement_id: EntitlementId,
    title: str,
    currency: str,
    in_market: bool,
    min_resale: Money | None = None,
) -> Offer:
    """Drafts an offer of an entitlement; prices and sources come next, and nobody else sees it before it is published.

    Raises NotFound, EntitlementRetired, Invalid, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    await _offerable(tx, entitlement_id, path=("entitlement_id",))
    offer = Offer(
        id=OfferId(new_id()),
        tenant_id=ctx.tenant,
        entitlement_id=entitlement_id,
        currency=checked_currency(currency),
        terms=_checked(OfferTerms(title=title, in_market=in_market, min_resale=min_resale), currency),
        state=OfferState.DRAFT,
        created_at=clock.now(),
        published_at=None,
        withdrawn_at=None,
        version=1,
    )
    await begin_partner(tx, ctx)
    await tx.execute(store_offers.ADD, *store_offers.offer_values(offer))
    detail = {"entitlement_id": entitlement_id, "currency": currency, "in_market": in_market}
    await audit.record(tx, ctx, "offer.created", subject_kind="offer", subject_id=offer.id, detail=detail)
    await outbox.announce(tx, (ctx.tenant, OfferChanged(offer.id, version=1)))
    return offer


async def update_offer(tx: Tx, ctx: Ctx, *, offer_id: OfferId, version: int, **changes: Unpack[OfferChanges]) -> Offer:
    """Changes what is said of an offer, at once; orders that were placed keep theirs.

    Raises NotFound, StaleVersion, Invalid, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    before = await locked(tx, ctx, offer_id)
    _check_version(before, version)
    terms = _checked(replace(before.terms, **changes), before.currency)
    names = [field.name for field in fields(OfferTerms)]
    changed = [name for name in names if getattr(terms, name) != getattr(before.terms, name)]
    if not changed:
        return before
    after = replace(before, terms=terms, version=version + 1)
    least = store_offers.minor_of(terms.min_resale)
    await tx.execute(store_offers.CHANGE, offer_id, terms.title, terms.in_market, least)
    await audit.record(
        tx, ctx, "offer.changed", subject_kind="offer", subject_id=offer_id,
        detail={"version": after.version, "changed": changed, "in_market": terms.in_market, "min_resale_minor": least},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, OfferChanged(offer_id, version=after.version)))
    return after


async def publish_offer(tx: Tx, ctx: Ctx, *, offer_id: OfferId, version: int) -> Offer:
    """Shows an offer to the resellers whose tiers have a price for it, and to all merchants when it is in the market.

    Raises NotFound, StaleVersion, OfferInWrongState, TooManyOffers, EntitlementRetired, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    after = await _move(tx, ctx, offer_id, version, OfferState.PUBLISHED)
    await outbox.announce(tx, (ctx.tenant, OfferPublished(offer_id, version=after.version)))
    return after


async def withdraw_offer(tx: Tx, ctx: Ctx, *, offer_id: OfferId, version: int) -> Offer:
    """Takes an offer back: nobody buys from it any more, what was bought stays bought. It may be published again.

    Raises NotFound, StaleVersion, OfferInWrongState, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    after = await _move(tx, ctx, offer_id, version, OfferState.WITHDRAWN)
    await outbox.announce(tx, (ctx.tenant, OfferWithdrawn(offer_id, version=after.version)))
    return after


async def list_offers(
    tx: Tx,
    ctx: Ctx,
    *,
    state: OfferState | None = None,
    entitlement_id: EntitlementId | None = None,
    search: str | None = None,
    after: OfferId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Offer]:
    """A page of the merchant's own offers, newest first."""
    ctx.require("supply.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store_offers.LIST, ctx.tenant, state and state.value, entitlement_id, search, after, count)
    return [store_offers.to_offer(row) for row in rows]


async def own_offers_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[OfferId]) -> dict[OfferId, Offer]:
    """Several of the merchant's own offers at once, those that exist, with all that their owner knows of them."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    rows = await tx.fetch(store_offers.OWN_BY_IDS, list(ids), ctx.tenant)
    return {found.id: found for found in map(store_offers.to_offer, rows)}


async def locked(tx: Tx, ctx: Ctx, offer_id: OfferId) -> Offer:
    """One of the merchant's own offers, which stays as it is until the transaction ends. Raises NotFound."""
    ctx.require("supply.edit")
    row = await tx.fetchrow(store_offers.LOCK, offer_id, ctx.tenant)
    if row is None:
        raise NotFound("offer")
    return store_offers.to_offer(row)


def _check_version(offer: Offer, version: int) -> None:
    if offer.version != version:
        raise StaleVersion("offer", current_version=offer.version)


def _checked(terms: OfferTerms, currency: str) -> OfferTerms:
    return OfferTerms(
        title=catalog.checked_text(terms.title, path=("title",)),
        in_market=terms.in_market,
        min_resale=rules_offers.checked_min_resale(terms.min_resale, currency=currency),
    )


async def _move(tx: Tx, ctx: Ctx, offer_id: OfferId, version: int, state: OfferState) -> Offer:
    before = await locked(tx, ctx, offer_id)
    _check_version(before, version)
    if not rules_offers.may_move(before.state, state):
        raise OfferInWrongState(before.state, wanted=state)
    if state is OfferState.PUBLISHED:
        await _offerable(tx, before.entitlement_id)
        await tx.execute(store_offers.LOCK_PUBLISHED, ctx.tenant)
        if await tx.fetchval(store_offers.COUNT_PUBLISHED, ctx.tenant) >= limits.OFFERS_MAX:
            raise TooManyOffers
    after = rules_offers.moved(before, state, clock.now())
    await tx.execute(store_offers.MOVE, offer_id, state.value, after.published_at, after.withdrawn_at)
    await audit.record(
        tx, ctx, "offer.moved", subject_kind="offer", subject_id=offer_id,
        detail={"version": after.version, "state": [before.state, state]},
    )  # fmt: skip
    return after


async def _offerable(tx: Tx, entitlement_id: EntitlementId, *, path: tuple[str, ...] = ()) -> None:
    found = (await catalog.entitlements_by_ids(tx, [entitlement_id])).get(entitlement_id)
    if found is None:
        raise NotFound("entitlement", path=path)
    if found.state is catalog.EntitlementState.RETIRED:
        raise catalog.EntitlementRetired(path=path)
