"""Placing orders: quote, limits, route, hold, pay and fulfil, all in one transaction, for one order or a hundred at once.

Every order of a request stands or falls alone: one that is refused leaves no trace and takes nothing from the others.
Locks are taken in one order: limits, codes, wallets, in each by key. Nothing is written before everything is decided.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, ledger, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, Refusal
from fondaco_core.ids import (
    AllocationId,
    CodeId,
    CustomerId,
    HopId,
    ListingId,
    OrderId,
    OrderLineId,
    PoolId,
    new_id,
    new_public_code,
)
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer
from fondaco_tenants import codes, customers
from fondaco_tenants.codes import Picked
from fondaco_tenants.orders import rules, store
from fondaco_tenants.orders.errors import OutOfStock
from fondaco_tenants.orders.events import OrderFulfilled, OrderPlaced
from fondaco_tenants.orders.rules import AllocationState, HopPlan, OrderState, PricedOrder, Quote, SourceOffer
from fondaco_tenants.orders.service.read import OrderView

# Before anything was sold here.
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class PayBy(StrEnum):
    """How an order is paid: from the buyer's wallet in the same transaction, or later, until its hold expires."""

    WALLET = "WALLET"
    LATER = "LATER"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a buyer asks for. `agreed` is the total the buyer saw, if the order shall stand at no other price."""

    lines: tuple[tuple[ListingId, int], ...]
    pay_by: PayBy = PayBy.WALLET
    agreed: Money | None = None
    reference: str | None = None
    channel: str = "API"
    order_id: OrderId = field(default_factory=lambda: OrderId(new_id()))


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


@dataclass(slots=True)
class _Unit:
    """One unit bound to a code."""

    allocation_id: AllocationId
    source: SourceOffer
    picked: Picked


@dataclass(slots=True)
class _Draft:
    """An order on its way through the decisions."""

    request: OrderRequest
    priced: PricedOrder
    units: dict[int, list[_Unit]] = field(default_factory=dict)
    hops: list[HopPlan] = field(default_factory=list)
    payments: list[NewTransfer] = field(default_factory=list)

    @property
    def fulfilled(self) -> bool:
        return self.request.pay_by is PayBy.WALLET

    @property
    def all_units(self) -> list[_Unit]:
        return [unit for units in self.units.values() for unit in units]


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
    now = clock.now()
    outcomes: dict[OrderId, Placed | Refusal] = {}
    drafts = await _quote(tx, ctx, customer_id, requests, outcomes)
    drafts = await _within_limits(tx, customer_id, drafts, outcomes, now)
    drafts = await _bind_codes(tx, drafts, outcomes)
    drafts = await _affordable(tx, drafts, outcomes)
    if drafts:
        for order in await _write(tx, ctx, customer_id, drafts, now):
            outcomes[order.id] = Placed(order)
    return [outcomes[request.order_id] for request in requests]


async def quote_lines(tx: Tx, lines: Sequence[tuple[ListingId, int]]) -> list[Quote]:
    """What each line costs now and where it can come from; NotFound for a listing that is not on sale here."""
    return _quotes(await _read_listings(tx, None, {listing for listing, _ in lines}), lines)


async def _read_listings(
    tx: Tx, customer_id: CustomerId | None, listing_ids: set[ListingId]
) -> dict[ListingId, Mapping[str, Any]]:
    """What is on sale, as read together with whether the merchant sells to this buyer; refuses when it does not."""
    rows = await tx.fetch(store.QUOTE, list(listing_ids), customer_id)
    # Who is unknown or blocked is refused by customers; without a row nobody has looked yet.
    if customer_id is not None and not (rows and rows[0]["known"] and not rows[0]["blocked"]):
        await customers.require_welcome(tx, customer_id)
    return {ListingId(row["listing_id"]): row for row in rows}


def _quotes(rows: Mapping[ListingId, Mapping[str, Any]], lines: Sequence[tuple[ListingId, int]]) -> list[Quote]:
    quotes: list[Quote] = []
    for number, (listing_id, quantity) in enumerate(lines):
        row: Mapping[str, Any] | None = rows.get(listing_id)
        if row is None:
            raise NotFound("listing", path=("lines", str(number), "listingId"))
        quotes.append(_quote_of(row, quantity=quantity, line=number))
    return quotes


def _quote_of(row: Mapping[str, Any], *, quantity: int, line: int) -> Quote:
    fields = {name: value for name, value in row.items() if name not in {"known", "blocked"}}
    fields["unit_price_minor"] = fields.pop("price_minor")
    sources = zip(fields.pop("source_ids") or (), fields.pop("pool_ids") or (), strict=True)
    return Quote(**fields, sources=tuple(SourceOffer(*pair) for pair in sources), quantity=quantity, line=line)


async def _quote(
    tx: Tx,
    ctx: Ctx,
    customer_id: CustomerId,
    requests: Sequence[OrderRequest],
    outcomes: dict[OrderId, Placed | Refusal],
) -> list[_Draft]:
    guest = ctx.actor in {ActorKind.GUEST, ActorKind.ANONYMOUS}
    drafts: list[_Draft] = []
    rows = await _read_listings(tx, customer_id, {listing for request in requests for listing, _ in request.lines})
    for request in requests:
        try:
            rules.check_lines(request.lines)
            quotes = _quotes(rows, request.lines)
            drafts.append(_Draft(request, rules.price_order(customer_id, quotes, agreed=request.agreed, guest=guest)))
        except Refusal as refusal:
            outcomes[request.order_id] = refusal
    return drafts


async def _within_limits(
    tx: Tx, customer_id: CustomerId, drafts: list[_Draft], outcomes: dict[OrderId, Placed | Refusal], now: datetime
) -> list[_Draft]:
    """Keeps the orders that the listings' limits per customer allow, counting those of this request before them."""
    limited = {
        line.listing_id: line for draft in drafts for line in draft.priced.lines if line.customer_max is not None
    }
    if not limited:
        return drafts
    await tx.fetch(store.LOCK_LIMITS, [_limit_key(listing_id, customer_id) for listing_id in limited])
    bought = await bought_before(tx, customer_id, list(limited.values()), now)
    kept: list[_Draft] = []
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


async def bought_before(tx: Tx, customer_id: CustomerId, lines: Sequence[Quote], now: datetime) -> dict[ListingId, int]:
    """How many units of limited listings a customer has already, within each listing's period."""
    if not lines:
        return {}
    since = [
        _EVER if line.customer_period_days is None else now - timedelta(days=line.customer_period_days)
        for line in lines
    ]
    rows = await tx.fetch(store.BOUGHT, [line.listing_id for line in lines], since, customer_id)
    return {ListingId(row["listing_id"]): int(row["units"]) for row in rows}


def _limit_key(listing_id: ListingId, customer_id: CustomerId) -> int:
    digest = hashlib.blake2b(listing_id.bytes + customer_id.bytes, digest_size=8, person=b"limit").digest()
    return int.from_bytes(digest, "big", signed=True)


class _Stock:
    """The codes that this transaction has locked: what is left of them, and which pools have no more."""

    def __init__(self) -> None:
        self._locked: dict[PoolId, set[CodeId]] = {}
        self._dry: set[PoolId] = set()
        self.left: dict[PoolId, list[Picked]] = {}

    def dry(self, pool: PoolId) -> bool:
        """Whether asking the pool for more is in vain."""
        return pool in self._dry

    def counts(self) -> dict[PoolId, int]:
        """How many locked codes of each pool are not taken yet."""
        return {pool: len(left) for pool, left in self.left.items()}

    async def lock(self, tx: Tx, wants: Mapping[PoolId, int]) -> None:
        """Locks so many further codes of each pool. Those locked before are found again first, and known."""
        totals = {pool: units + len(self._locked.get(pool, ())) for pool, units in wants.items()}
        for pool, picked in (await codes.pick_codes(tx, totals)).items():
            locked = self._locked.setdefault(pool, set())
            self.left.setdefault(pool, []).extend(code for code in picked if code.code_id not in locked)
            locked |= {code.code_id for code in picked}
            if len(picked) < totals[pool]:
                self._dry.add(pool)


async def _bind_codes(tx: Tx, drafts: list[_Draft], outcomes: dict[OrderId, Placed | Refusal]) -> list[_Draft]:
    """Binds a locked code to every unit. A line that its first source cannot serve goes on to the next one, in here.

    Each round asks the pools that the unserved lines come to next, all of them in one statement.
    """
    stock = _Stock()
    pending, bound = drafts, set[OrderId]()
    while pending:
        wants: dict[PoolId, int] = defaultdict(int)
        waiting: list[_Draft] = []
        for draft in pending:
            short = rules.short_lines(draft.priced.lines, stock.counts())
            if not short:
                _assign(draft, stock.left)
                bound.add(draft.request.order_id)
                continue
            nexts = [
                (next((s.pool_id for s in line.sources if not stock.dry(s.pool_id)), None), missing, line)
                for line, missing in short
            ]
            lost = next(((line, missing) for pool, missing, line in nexts if pool is None), None)
            if lost is not None:
                line, missing = lost
                outcomes[draft.request.order_id] = OutOfStock(
                    line.listing_id,
                    asked=line.quantity,
                    available=line.quantity - missing,
                    path=("lines", str(line.line)),
                )
                continue
            for pool, missing, _ in nexts:
                assert pool is not None
                wants[pool] += missing
            waiting.append(draft)
        if wants:
            await stock.lock(tx, wants)
        pending = waiting
    return [draft for draft in drafts if draft.request.order_id in bound]


def _assign(draft: _Draft, left: dict[PoolId, list[Picked]]) -> None:
    """Takes the codes of a whole order out of what is locked; there are enough."""
    for line in draft.priced.lines:
        plan = rules.plan_units(line, {pool: len(codes_left) for pool, codes_left in left.items()})
        draft.units[line.line] = [
            _Unit(AllocationId(new_id()), source, left[source.pool_id].pop(0))
            for source, units in plan
            for _ in range(units)
        ]
        for source, units in plan:
            draft.hops += rules.plan_hops(line, source, units)
    draft.payments = rules.payments_of_hops(
        draft.hops,
        customer_id=draft.priced.customer_id,
        currency=draft.priced.total.currency,
        order_id=draft.request.order_id,
    )


async def _affordable(tx: Tx, drafts: list[_Draft], outcomes: dict[OrderId, Placed | Refusal]) -> list[_Draft]:
    """Locks the wallets that pay now and keeps the orders that they can bear, in their order."""
    paying = [draft for draft in drafts if draft.fulfilled and draft.payments]
    if not paying:
        return drafts
    owners = sorted(
        {t.debit for draft in paying for t in draft.payments if t.debit.kind is AccountKind.WALLET}, key=str
    )
    available = await ledger.lock_wallets(tx, owners)
    refused: set[OrderId] = set()
    for draft in paying:
        debits = [(t.debit, t.amount_minor) for t in draft.payments if t.debit.kind is AccountKind.WALLET]
        short = next(((owner, amount) for owner, amount in debits if available[owner] < amount), None)
        if short is None:
            for owner, amount in debits:
                available[owner] -= amount
            continue
        owner, amount = short
        refused.add(draft.request.order_id)
        outcomes[draft.request.order_id] = InsufficientFunds(
            asked=Money(amount, owner.currency), available=Money(available[owner], owner.currency)
        )
    return [draft for draft in drafts if draft.request.order_id not in refused]


async def _write(tx: Tx, ctx: Ctx, customer_id: CustomerId, drafts: Sequence[_Draft], now: datetime) -> list[OrderView]:
    """Writes everything that was decided; answers the orders as they are then."""
    for delivered in (True, False):
        bound = [(u.allocation_id, u.picked) for d in drafts if d.fulfilled is delivered for u in d.all_units]
        if bound:
            await codes.allocate_codes(tx, bound, delivered=delivered)
    public = [new_public_code("FD") for _ in drafts]
    await tx.later(
        store.WRITE,
        drafts[0].priced.seller_id,
        customer_id,
        now,
        *_order_columns(drafts, public, now),
        *_unit_columns(drafts),
    )
    await ledger.post(tx, [t for draft in drafts if draft.fulfilled for t in draft.payments])
    tenant = drafts[0].priced.seller_id
    await audit.record_many(
        tx, ctx, "order.placed", subject_kind="order",
        subjects=[
            (tenant, d.request.order_id, {
                "state": _state(d).value, "total_minor": d.priced.total.amount_minor, "currency": d.priced.total.currency,
                "codes": [str(unit.picked.code_id) for unit in d.all_units],
            })
            for d in drafts
        ],
    )  # fmt: skip
    events: list[tuple[UUID | None, outbox.Event]] = []
    for draft in drafts:
        order_id = str(draft.request.order_id)
        events.append((tenant, OrderPlaced(order_id, _state(draft).value)))
        if draft.fulfilled:
            events.append((tenant, OrderFulfilled(order_id)))
    await outbox.announce(tx, *events)
    return [_view(draft, code, now) for draft, code in zip(drafts, public, strict=True)]


def _view(draft: _Draft, code: str, now: datetime) -> OrderView:
    """The order as it would be read again."""
    done = now if draft.fulfilled else None
    first = draft.priced.lines[0]
    return OrderView(
        id=draft.request.order_id, tenant_id=first.seller_id, code=code, store_id=first.store_id,
        customer_id=draft.priced.customer_id, state=_state(draft), total=draft.priced.total,
        refunded=Money(0, first.currency), channel=draft.request.channel, reference=draft.request.reference,
        hold_expires_at=_held_until(draft, now), placed_at=now, paid_at=done, fulfilled_at=done, closed_at=None, reason=None,
        token_version=1, version=1,
    )  # fmt: skip


def _held_until(draft: _Draft, now: datetime) -> datetime | None:
    return None if draft.fulfilled else now + timedelta(seconds=draft.priced.lines[0].hold_s)


def _state(draft: _Draft) -> OrderState:
    return OrderState.FULFILLED if draft.fulfilled else OrderState.PENDING_PAYMENT


def _order_columns(drafts: Sequence[_Draft], public: Sequence[str], now: datetime) -> tuple[list[object], ...]:
    return (
        [d.request.order_id for d in drafts],
        list(public),
        [d.priced.lines[0].store_id for d in drafts],
        [_state(d).value for d in drafts],
        [d.priced.total.currency for d in drafts],
        [d.priced.total.amount_minor for d in drafts],
        [d.request.channel for d in drafts],
        [d.request.reference for d in drafts],
        [_held_until(d, now) for d in drafts],
    )


def _unit_columns(drafts: Sequence[_Draft]) -> list[list[object]]:
    """Lines, allocations and hops of all orders, as the columns of the WRITE statement."""
    lines: list[tuple[object, ...]] = []
    allocations: list[tuple[object, ...]] = []
    hops: list[tuple[object, ...]] = []
    for draft in drafts:
        order_id = draft.request.order_id
        state = AllocationState.FULFILLED if draft.fulfilled else AllocationState.HELD
        line_ids: dict[int, OrderLineId] = {}
        for line in draft.priced.lines:
            line_id = line_ids[line.line] = OrderLineId(new_id())
            lines.append(
                (
                    line_id,
                    order_id,
                    line.listing_id,
                    line.entitlement_id,
                    line.line,
                    line.title,
                    line.quantity,
                    line.unit_price_minor,
                )
            )
            allocations += [
                (
                    u.allocation_id,
                    u.picked.owner_id,
                    order_id,
                    line_id,
                    n,
                    u.source.source_id,
                    u.picked.code_id,
                    state.value,
                )
                for n, u in enumerate(draft.units[line.line], start=1)
            ]
        hops += [
            (
                HopId(new_id()), order_id, line_ids[h.line], h.source_id, h.depth, h.seller_id, h.buyer_id, h.quantity,
                h.unit_price_minor, h.fee_minor,
            )
            for h in draft.hops
        ]  # fmt: skip
    return [list(column) for rows in (lines, allocations, hops) for column in zip(*rows, strict=True)]
