"""Use cases of routing policies: what a merchant orders its sources by, and the margin that is to stay with it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import ListingId, OfferId, new_id
from fondaco_core.money import Money
from fondaco_tenants.routing import store
from fondaco_tenants.routing.events import RoutingPolicyChanged
from fondaco_tenants.routing.rules import Points, Policy, RoutingPolicy, checked_margin, checked_points


async def set_routing_policy(
    tx: Tx,
    ctx: Ctx,
    *,
    listing_id: ListingId | None = None,
    offer_id: OfferId | None = None,
    policy: Policy | None = None,
    points: Points | None = None,
    margin_bps: int | None = None,
    margin: Money | None = None,
) -> RoutingPolicy:
    """Says what the sources of a listing, of an own offer, or of all that say nothing of their own are ordered by, and which margin stays.

    All of it is said at once: what is None is as the default says. A margin by the unit is of a listing or an offer alone, in its
    currency. How an offer's routes are ordered from then on is worked out in a moment, as when its sources change.
    """
    if offer_id is None:
        ctx.require("catalog.edit")
    if listing_id is None:
        ctx.require("supply.edit")
    if listing_id is not None and offer_id is not None:
        raise Invalid("Give one of the two, not both.", zh="两者只能提供其一。", path=("offer_id",))
    await tenancy.require_active(tx, ctx)
    currency = await _lock(tx, ctx, listing_id, offer_id)
    margin_minor = _checked_amount(margin, currency)
    kept = checked_points(policy, points)
    now = clock.now()
    await tx.execute(
        store.PUT_POLICY, new_id(), ctx.tenant, listing_id, offer_id, policy, kept, checked_margin(margin_bps), margin_minor, now
    )  # fmt: skip
    await apply(tx, ctx, listing_id, offer_id)
    head = listing_id or offer_id
    await audit.record(
        tx, ctx, "routing.policy_changed", subject_kind="tenant" if head is None else "listing" if listing_id else "offer",
        subject_id=head or ctx.tenant,
        detail={"policy": policy, "points": kept, "margin_bps": margin_bps, "margin_minor": margin_minor},
    )  # fmt: skip
    (row,) = await _rows(tx, ctx, listing_ids=_one(listing_id), offer_ids=_one(offer_id), default=head is None)
    made = store.to_policy(row, currency)
    await outbox.announce(tx, (ctx.tenant, RoutingPolicyChanged(listing_id, offer_id, made.effective.value)))
    return made


async def apply(tx: Tx, ctx: Ctx, listing_id: ListingId | None, offer_id: OfferId | None) -> None:
    """Has the sources of a listing or an offer, or of all, say what holds of them; begins turns, and has routes worked out again.

    What is filled is locked, or the default: nobody else changes what is copied here.
    """
    now = clock.now()
    if listing_id is not None or offer_id is not None:
        await tx.execute(store.READ_DEFAULT, str(ctx.tenant))
    changed = await tx.fetch(store.APPLY, ctx.tenant, listing_id, offer_id)
    turns = [row["id"] for row in changed if row["policy"] == Policy.WEIGHTED]
    if turns:
        await tx.execute(store.COUNT_TURNS, turns, now)
    for offer in sorted({row["offer_id"] for row in changed if row["offer_id"] is not None}):
        await tx.execute(store.DUE, new_id(), offer, now)


async def policies_of_listings(tx: Tx, ctx: Ctx, listing_ids: Sequence[ListingId]) -> dict[ListingId, RoutingPolicy]:
    """How the sources of the tenant's own listings are ordered."""
    ctx.require("catalog.read")
    rows = await _rows(tx, ctx, listing_ids=listing_ids)
    return {ListingId(row["head_id"]): store.to_policy(row, row["currency"]) for row in rows if row["currency"]}


async def policies_of_offers(tx: Tx, ctx: Ctx, offer_ids: Sequence[OfferId]) -> dict[OfferId, RoutingPolicy]:
    """How the sources of the tenant's own offers are ordered."""
    ctx.require("supply.read")
    rows = await _rows(tx, ctx, offer_ids=offer_ids)
    return {OfferId(row["head_id"]): store.to_policy(row, row["currency"]) for row in rows if row["currency"]}


async def default_policy(tx: Tx, ctx: Ctx) -> RoutingPolicy:
    """How sources are ordered of whatever says nothing of its own."""
    ctx.require("catalog.read" if ctx.has("catalog.read") else "supply.read")
    (row,) = await _rows(tx, ctx, default=True)
    return store.to_policy(row, None)


async def _rows(
    tx: Tx, ctx: Ctx, *, listing_ids: Sequence[UUID] = (), offer_ids: Sequence[UUID] = (), default: bool = False
) -> list[Any]:
    return await tx.fetch(store.POLICIES, ctx.tenant, listing_ids, offer_ids, default)


def _one(id_: UUID | None) -> list[UUID]:
    return [] if id_ is None else [id_]


async def _lock(tx: Tx, ctx: Ctx, listing_id: ListingId | None, offer_id: OfferId | None) -> str | None:
    """Locks what is filled, or the default; says in which currency that is sold."""
    if listing_id is None and offer_id is None:
        await tx.execute(store.LOCK_DEFAULT, str(ctx.tenant))
        return None
    row = await (
        tx.fetchrow(store.LOCK_LISTING, listing_id)
        if offer_id is None
        else tx.fetchrow(store.LOCK_OFFER, offer_id, ctx.tenant)
    )
    if row is None:
        what = "listing" if offer_id is None else "offer"
        raise NotFound(what, path=(f"{what}_id",))
    return str(row["currency"])


def _checked_amount(margin: Money | None, currency: str | None) -> int | None:
    if margin is None:
        return None
    if margin.currency != currency or not 0 <= margin.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid(
            "A margin by the unit is of one listing or offer, in its currency, and not below 0.",
            zh="按件毛利须针对单个商品或供货、以其货币计价，且不得小于 0。",
            path=("margin",),
        )
    return margin.amount_minor
