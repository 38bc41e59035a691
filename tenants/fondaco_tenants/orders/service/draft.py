"""An order on its way through the decisions, and as it is written when all of them are made."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fondaco_core.ids import AllocationId, CustomerId, HopId, OrderLineId, SourceId, TenantId, new_id, new_ordered_code
from fondaco_core.money import Money
from fondaco_core.postings import NewTransfer
from fondaco_tenants.codes import Picked
from fondaco_tenants.orders.rules import AllocationState, HoldBudgets, HopPlan, OrderState, PricedOrder, Route, Shortage
from fondaco_tenants.orders.service.quote import NewGift, OrderRequest, PayBy
from fondaco_tenants.orders.service.read import OrderView


@dataclass(slots=True)
class Unit:
    """One unit bound to a code."""

    allocation_id: AllocationId
    route: Route
    # Which of its line's routes that is.
    number: int
    picked: Picked

    def masked(self, seller_id: TenantId) -> str | None:
        """The code's mask where it is another merchant's, who alone could look it up."""
        return None if self.picked.owner_id == seller_id else self.picked.masked


@dataclass(frozen=True, slots=True)
class Lot:
    """Units that one merchant sells to another by one line and one offer, over whatever routes; named after the first of its hops."""

    id: HopId
    # What both of them call it.
    number: str


@dataclass(slots=True)
class Draft:
    """An order on its way through the decisions."""

    customer_id: CustomerId
    request: OrderRequest
    priced: PricedOrder
    units: dict[int, list[Unit]] = field(default_factory=dict)
    hops: list[HopPlan] = field(default_factory=list)
    # Those of the hops, and of their lots, once they are written.
    hop_ids: list[HopId] = field(default_factory=list)
    lots: list[Lot | None] = field(default_factory=list)
    payments: list[NewTransfer] = field(default_factory=list)
    # What suppliers had too little of for it, and how many units go over sources that are being probed.
    short: list[Shortage] = field(default_factory=list)
    probes: Counter[SourceId] = field(default_factory=Counter)
    gift: NewGift | None = None
    device_hash: bytes | None = None
    address_hash: bytes | None = None
    # What a guest's unpaid order is held under; None for any other.
    budgets: HoldBudgets | None = None

    def name_hops(self) -> None:
        """Gives the hops their ids, and those between merchants their lots."""
        self.hop_ids = [HopId(new_id()) for _ in self.hops]
        known: dict[tuple[object, ...], Lot] = {}
        for id_, hop in zip(self.hop_ids, self.hops, strict=True):
            key = (hop.line, hop.seller_id, hop.buyer_id, hop.offer_id)
            if hop.depth and key not in known:
                known[key] = Lot(id_, new_ordered_code("LT"))
            self.lots.append(known[key] if hop.depth else None)

    @property
    def fulfilled(self) -> bool:
        """Whether it is paid, and so fulfilled, in the transaction that places it."""
        return self.request.pay_by is PayBy.WALLET

    @property
    def state(self) -> OrderState:
        """The state it is placed in."""
        return OrderState.FULFILLED if self.fulfilled else OrderState.PENDING_PAYMENT

    @property
    def units_asked(self) -> int:
        """How many units its lines have together."""
        return sum(line.quantity for line in self.priced.lines)

    @property
    def all_units(self) -> list[Unit]:
        """The units of all lines."""
        return [unit for units in self.units.values() for unit in units]


def view_of(draft: Draft, code: str, now: datetime) -> OrderView:
    """The order as it would be read again."""
    done = now if draft.fulfilled else None
    first = draft.priced.lines[0]
    return OrderView(
        id=draft.request.order_id, tenant_id=first.seller_id, code=code, store_id=first.store_id,
        customer_id=draft.customer_id, state=draft.state, total=draft.priced.total,
        refunded=Money(0, first.currency), channel=draft.request.channel, reference=draft.request.reference,
        hold_expires_at=_held_until(draft, now), placed_at=now, paid_at=done, fulfilled_at=done, closed_at=None, reason=None,
        token_version=1, version=1,
    )  # fmt: skip


def _held_until(draft: Draft, now: datetime) -> datetime | None:
    return None if draft.fulfilled else now + timedelta(seconds=draft.priced.lines[0].hold_s)


def order_columns(drafts: Sequence[Draft], public: Sequence[str], now: datetime) -> tuple[list[object], ...]:
    """All orders as the columns of the WRITE statement."""
    return (
        [d.request.order_id for d in drafts],
        list(public),
        [d.priced.lines[0].store_id for d in drafts],
        [d.state.value for d in drafts],
        [d.priced.total.currency for d in drafts],
        [d.priced.total.amount_minor for d in drafts],
        [d.request.channel for d in drafts],
        [d.request.reference for d in drafts],
        [_held_until(d, now) for d in drafts],
        [d.device_hash for d in drafts],
        [d.address_hash for d in drafts],
    )


def unit_columns(drafts: Sequence[Draft]) -> list[list[object]]:
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
                    u.route.source_id,
                    u.number,
                    u.picked.code_id,
                    u.masked(draft.priced.seller_id),
                    state.value,
                )
                for n, u in enumerate(draft.units[line.line], start=1)
            ]
        hops += [
            (
                id_, order_id, line_ids[h.line], h.source_id, h.route, h.depth, h.seller_id, h.buyer_id,
                h.offer_id, h.agreement_id, h.entitlement_id, draft.priced.total.currency, h.quantity, h.unit_price_minor,
                h.fee_minor, h.credit_minor, h.settles_at, lot and lot.id, lot.number if lot is not None and lot.id == id_ else None,
                ",".join(map(str, h.commissions)),
            )
            for id_, h, lot in zip(draft.hop_ids, draft.hops, draft.lots, strict=True)
        ]  # fmt: skip
    return [list(column) for rows in (lines, allocations, hops) for column in zip(*rows, strict=True)]
