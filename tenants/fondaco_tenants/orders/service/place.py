"""Placing orders: quote, limits, route, hold, pay and fulfil, all in one transaction, for one order or a hundred at once.

Every order of a request stands or falls alone: one that is refused leaves no trace and takes nothing from the others.
Locks are taken in one order: limits, budgets, sources bounded by day, codes, the buyer's wallet, uses of agreements, wallets, in each by
key. Nothing is written before everything is decided.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fondaco_core import audit, clock, ledger, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Refusal
from fondaco_core.ids import CustomerId, OrderId, SourceId, new_public_code
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, Owner
from fondaco_tenants import codes, routing
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import OutOfStock
from fondaco_tenants.orders.events import OrderFulfilled, OrderPlaced
from fondaco_tenants.orders.rules import OrderState
from fondaco_tenants.orders.service import chain
from fondaco_tenants.orders.service.bind import bind_codes
from fondaco_tenants.orders.service.budgets import (
    address_hash,
    device_hash,
    hold_for_guests,
    within_budgets,
    within_share,
)
from fondaco_tenants.orders.service.commissions import pay_commissions
from fondaco_tenants.orders.service.draft import Draft, order_columns, unit_columns, view_of
from fondaco_tenants.orders.service.gifts import add_gifts, checked_gift
from fondaco_tenants.orders.service.lots import lots_of, news_of, record_lots
from fondaco_tenants.orders.service.quote import (
    OrderRequest,
    as_guest,
    bought_before,
    check_guest_pays_nothing,
    limit_key,
    quotes_of,
    read_listings,
    require_affordable,
)
from fondaco_tenants.orders.service.read import OrderView
from fondaco_tenants.orders.service.scored import note_short


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that stands when the transaction commits."""

    order: OrderView

    @property
    def order_id(self) -> OrderId:
        """Its id."""
        return self.order.id

    @property
    def code(self) -> str:
        """Its number for people."""
        return self.order.code

    @property
    def state(self) -> OrderState:
        """FULFILLED when it was paid, PENDING_PAYMENT otherwise."""
        return self.order.state

    @property
    def total(self) -> Money:
        """What it costs."""
        return self.order.total


async def place_order(tx: Tx, ctx: Ctx, *, customer_id: CustomerId, request: OrderRequest) -> Placed:
    """Places one order, or raises the refusal that says why not; nothing is changed then."""
    (outcome,) = await place_orders(tx, ctx, customer_id=customer_id, requests=[request])
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def place_orders(
    tx: Tx, ctx: Ctx, *, customer_id: CustomerId, requests: Sequence[OrderRequest]
) -> list[Placed | Refusal]:
    """Places many independent orders of one customer at one tenant; says for each what became of it, in their order."""
    ctx.require("buyer.order")
    assert requests
    if ctx.actor is ActorKind.API_CLIENT and any(request.gift is not None for request in requests):
        # A gift is a link to codes that goes wherever its giver says.
        ctx.require("buyer.link")
    now = clock.now()
    outcomes: dict[OrderId, Placed | Refusal] = {}
    drafts = await _quote(tx, ctx, customer_id, requests, outcomes)
    quoted = drafts
    drafts = await _within_limits(tx, customer_id, drafts, outcomes, now)
    drafts = await within_budgets(tx, ctx, customer_id, drafts, outcomes)
    refused: dict[OrderId, Refusal] = {}
    drafts = await bind_codes(tx, drafts, refused, now)
    outcomes |= refused
    drafts = await within_share(tx, drafts, outcomes)
    drafts = await _affordable(tx, drafts, outcomes, now)
    if drafts:
        for order in await _write(tx, ctx, customer_id, drafts, now):
            outcomes[order.id] = Placed(order)
    await _poor_first(tx, customer_id, quoted, outcomes)
    return [outcomes[request.order_id] for request in requests]


async def _poor_first(
    tx: Tx, customer_id: CustomerId, quoted: Sequence[Draft], outcomes: dict[OrderId, Placed | Refusal]
) -> None:
    """Tells who could not have paid of that alone: whether others have so many is nothing that it costs nothing to ask."""
    for draft in quoted:
        order_id, total = draft.request.order_id, draft.priced.total
        refused = outcomes[order_id]
        if draft.fulfilled and total.amount_minor and isinstance(refused, OutOfStock) and refused.available is None:
            try:
                await require_affordable(tx, customer_id, draft.priced)
            except ledger.InsufficientFunds as poor:
                outcomes[order_id] = poor


async def _quote(
    tx: Tx,
    ctx: Ctx,
    customer_id: CustomerId,
    requests: Sequence[OrderRequest],
    outcomes: dict[OrderId, Placed | Refusal],
) -> list[Draft]:
    drafts: list[Draft] = []
    address = address_hash(ctx)
    rows = await read_listings(tx, customer_id, {line for request in requests for line in request.lines})
    for request in requests:
        try:
            rules.check_lines(request.lines)
            quotes = quotes_of(rows, request.lines, pay_by=request.pay_by)
            priced = rules.price_order(quotes, agreed=request.agreed, guest=as_guest(ctx))
            draft = Draft(customer_id, request, priced, device_hash=device_hash(priced.seller_id, request.device))
            draft.address_hash = None if draft.fulfilled else address
            draft.gift = None if request.gift is None else checked_gift(request.gift)
            if draft.fulfilled and as_guest(ctx):
                check_guest_pays_nothing(priced.total)
            drafts.append(draft)
        except Refusal as refusal:
            outcomes[request.order_id] = refusal
    return drafts


async def _within_limits(
    tx: Tx, customer_id: CustomerId, drafts: list[Draft], outcomes: dict[OrderId, Placed | Refusal], now: datetime
) -> list[Draft]:
    """Keeps the orders that the listings' limits per customer allow, counting those of this request before them."""
    limited = {
        line.listing_id: line for draft in drafts for line in draft.priced.lines if line.customer_max is not None
    }
    if not limited:
        return drafts
    await tx.fetch(store.LOCK_LIMITS, [limit_key(listing_id, customer_id) for listing_id in limited])
    bought = await bought_before(tx, customer_id, list(limited.values()), now)
    kept: list[Draft] = []
    for draft in drafts:
        lines = [line for line in draft.priced.lines if line.listing_id in limited]
        try:
            for line in lines:
                rules.check_customer_limit(line, bought=bought[line.listing_id])
        except Refusal as refusal:
            outcomes[draft.request.order_id] = refusal
            continue
        for line in lines:
            bought[line.listing_id] += line.quantity
        kept.append(draft)
    return kept


async def _affordable(
    tx: Tx, drafts: list[Draft], outcomes: dict[OrderId, Placed | Refusal], now: datetime
) -> list[Draft]:
    """Locks what pays, now or between merchants, and keeps the orders that it can bear, in their order."""
    if not drafts:
        return []
    paying = {_wallet_of(draft) for draft in drafts if draft.fulfilled and draft.priced.total.amount_minor}
    means = await chain.lock_means(tx, drafts, paying, now)
    kept: list[Draft] = []
    for draft in drafts:
        order_id, currency = draft.request.order_id, draft.priced.total.currency
        left = means.copy()
        hops = chain.borne(draft, left, now)
        if hops is None:
            # Whose wallet or quota it was is nothing that a buyer may know.
            line = draft.priced.lines[0]
            outcomes[order_id] = OutOfStock(line.listing_id, asked=line.quantity, available=None, path=("lines", "0"))
            continue
        bought = [hop for hop in hops if draft.fulfilled or hop.buyer_id is not None]
        payments = rules.payments_of_hops(bought, customer_id=draft.customer_id, currency=currency, order_id=order_id)
        own = ledger.wallets_debited([t for t in payments if t.debit.customer_id is not None])
        try:
            ledger.check_affordable(own, left.wallets)
        except Refusal as refusal:
            outcomes[order_id] = refusal
            continue
        draft.hops, draft.payments, means = hops, payments, left
        for wallet, amount_minor in own.items():
            means.wallets[wallet] -= amount_minor
        kept.append(draft)
    return kept


def _wallet_of(draft: Draft) -> Owner:
    return Owner(draft.priced.seller_id, draft.customer_id, AccountKind.WALLET, draft.priced.total.currency)


async def _write(tx: Tx, ctx: Ctx, customer_id: CustomerId, drafts: Sequence[Draft], now: datetime) -> list[OrderView]:
    """Writes everything that was decided; answers the orders as they are then."""
    for delivered in (True, False):
        bound = [(u.allocation_id, u.picked) for d in drafts if d.fulfilled is delivered for u in d.all_units]
        if bound:
            await codes.allocate_codes(tx, bound, delivered=delivered)
    public = [new_public_code("FD") for _ in drafts]
    for draft in drafts:
        draft.name_hops()
    await tx.later(
        store.WRITE,
        drafts[0].priced.seller_id,
        customer_id,
        now,
        *order_columns(drafts, public, now),
        *unit_columns(drafts),
    )
    # What is written to one table twice goes in two round trips: first what nobody else waits for, then what merchants' money and quotas
    # are in, so that these rows are locked no longer than the last of them takes.
    lots = {draft.request.order_id: lots_of(draft) for draft in drafts}
    for fulfilled, action in ((True, "supply.sold"), (False, "supply.held")):
        sold = [lot for draft in drafts if draft.fulfilled is fulfilled for lot in lots[draft.request.order_id]]
        await record_lots(tx, sold, action)
    tenant = drafts[0].priced.seller_id
    await audit.record_many(
        tx, ctx, "order.placed", subject_kind="order",
        subjects=[
            (tenant, d.request.order_id, {
                "state": d.state.value, "total_minor": d.priced.total.amount_minor, "currency": d.priced.total.currency,
                "codes": [str(unit.picked.named_to(tenant)) for unit in d.all_units],
            })
            for d in drafts
        ],
    )  # fmt: skip
    await hold_for_guests(tx, drafts[0].priced.seller_id, drafts)
    await add_gifts(tx, drafts[0].priced.seller_id, drafts)
    await routing.count_probes(tx, sum((draft.probes for draft in drafts), Counter[SourceId]()), now)
    await note_short(tx, drafts, now)
    events: list[tuple[UUID | None, outbox.Event]] = []
    for draft in drafts:
        order_id = str(draft.request.order_id)
        events.append((tenant, OrderPlaced(order_id, draft.state.value)))
        if draft.fulfilled:
            events.append((tenant, OrderFulfilled(order_id)))
            events += news_of(lots[draft.request.order_id])
    await outbox.announce(tx, *events)
    await chain.write_uses(tx, drafts, now)
    await ledger.post(tx, [t for draft in drafts if draft.fulfilled for t in draft.payments])
    await ledger.hold(tx, [t for draft in drafts if not draft.fulfilled for t in draft.payments])
    await pay_commissions(
        tx,
        {
            id_: draft.request.order_id
            for draft in drafts
            if draft.fulfilled
            for id_, hop in zip(draft.hop_ids, draft.hops, strict=True)
            if hop.commissions
        },
    )
    return [view_of(draft, code, now) for draft, code in zip(drafts, public, strict=True)]
