"""Pure decisions about orders: prices, routes, money over the hops, states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fondaco_core import limits
from fondaco_core.ids import CustomerId, EntitlementId, ListingId, PoolId, SourceId, StoreId, TenantId
from fondaco_core.money import Money, fee_of
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.orders.errors import GuestsNotServed, HoldBudgetExceeded, InvalidOrder, LimitExceeded, PriceChanged


class OrderState(StrEnum):
    """Where an order is. Only PENDING_PAYMENT and HELD_FOR_REVIEW still wait for something."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    PAID = "PAID"
    FULFILLED = "FULFILLED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    HELD_FOR_REVIEW = "HELD_FOR_REVIEW"
    REJECTED = "REJECTED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


NEXT_STATES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PENDING_PAYMENT: frozenset(
        {OrderState.PAID, OrderState.FULFILLED, OrderState.EXPIRED, OrderState.CANCELLED, OrderState.HELD_FOR_REVIEW}
    ),
    OrderState.HELD_FOR_REVIEW: frozenset({OrderState.PENDING_PAYMENT, OrderState.PAID, OrderState.REJECTED}),
    OrderState.PAID: frozenset({OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    OrderState.FULFILLED: frozenset({OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    OrderState.PARTIALLY_REFUNDED: frozenset({OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED}),
    # Its money was under way when the hold ran out, and its stock can be had again.
    OrderState.EXPIRED: frozenset({OrderState.PAID, OrderState.FULFILLED}),
    OrderState.CANCELLED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.REFUNDED: frozenset(),
}
SETTLED = frozenset({OrderState.PAID, OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED})


class AllocationState(StrEnum):
    """Where one unit of an order is."""

    HELD = "HELD"
    FULFILLED = "FULFILLED"
    RELEASED = "RELEASED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class SourceOffer:
    """A place a line can be filled from, in the order it is tried. This one is a pool of the seller's own."""

    source_id: SourceId
    pool_id: PoolId


@dataclass(frozen=True, slots=True)
class Quote:
    """What one line costs now, with all that the decision needs, as it was read in one statement."""

    listing_id: ListingId
    store_id: StoreId
    seller_id: TenantId
    entitlement_id: EntitlementId
    title: str
    unit_price_minor: int
    currency: str
    order_max: int
    customer_max: int | None
    customer_period_days: int | None
    fee_bps: int
    hold_s: int
    guest_checkout: bool
    sources: tuple[SourceOffer, ...]
    quantity: int
    line: int


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """An order as it can be placed: one store, one currency, lines with their price."""

    lines: tuple[Quote, ...]

    @property
    def seller_id(self) -> TenantId:
        """The store's tenant."""
        return self.lines[0].seller_id

    @property
    def total(self) -> Money:
        """The sum over the lines."""
        return Money(sum(line.unit_price_minor * line.quantity for line in self.lines), self.lines[0].currency)


def check_lines(lines: Sequence[tuple[ListingId, int]]) -> None:
    """Refuses an order whose lines make no sense before anything is read."""
    if not 1 <= len(lines) <= limits.ORDER_LINES_MAX:
        raise InvalidOrder(
            f"An order has 1 to {limits.ORDER_LINES_MAX} lines; this one has {len(lines)}.",
            zh=f"订单须有 1 至 {limits.ORDER_LINES_MAX} 行，当前 {len(lines)} 行。",
            path=("lines",),
        )
    for number, (_, quantity) in enumerate(lines):
        if not 1 <= quantity <= limits.HOLD_CODES_MAX:
            raise InvalidOrder(
                f"A quantity is from 1 to {limits.HOLD_CODES_MAX}; this one is {quantity}.",
                zh=f"数量须为 1 至 {limits.HOLD_CODES_MAX}，当前 {quantity}。",
                path=("lines", str(number), "quantity"),
            )
    if sum(quantity for _, quantity in lines) > limits.HOLD_CODES_MAX:
        raise InvalidOrder(
            f"An order has at most {limits.HOLD_CODES_MAX} units over all lines.",
            zh=f"每单所有行合计最多 {limits.HOLD_CODES_MAX} 件。",
            path=("lines",),
        )
    if len({listing for listing, _ in lines}) < len(lines):
        raise InvalidOrder(
            "A listing stands in two lines; put its units into one.",
            zh="同一商品出现在多行中，请合并数量。",
            path=("lines",),
        )


def price_order(quotes: Sequence[Quote], *, agreed: Money | None, guest: bool) -> PricedOrder:
    """The order at today's prices; refuses what the listings do not allow, or a total that the buyer did not agree to."""
    assert quotes
    if guest and not quotes[0].guest_checkout:
        raise GuestsNotServed
    for quote in quotes:
        if quote.quantity > quote.order_max:
            raise LimitExceeded(
                quote.listing_id, limit=quote.order_max, remaining=quote.order_max, period_days=None, per_order=True,
                path=("lines", str(quote.line), "quantity"),
            )  # fmt: skip
        if quote.store_id != quotes[0].store_id or quote.currency != quotes[0].currency:
            raise InvalidOrder(
                "All lines of an order are of one store and one currency.",
                zh="订单各行须属于同一店铺与同一货币。",
                path=("lines",),
            )
    priced = PricedOrder(tuple(quotes))
    if agreed is not None and agreed != priced.total:
        raise PriceChanged(agreed=agreed, total=priced.total)
    if priced.total.amount_minor > limits.AMOUNT_MAX_MINOR:
        raise InvalidOrder("The total is beyond any real sale.", zh="订单总额超出允许范围。", path=("lines",))
    return priced


class Budget(StrEnum):
    """Whose unpaid holds are counted together. GUESTS are all guests that hold codes of one pool."""

    BUYER = "BUYER"
    DEVICE = "DEVICE"
    ADDRESS = "ADDRESS"
    GUESTS = "GUESTS"


@dataclass(frozen=True, slots=True)
class HoldBudgets:
    """How much may be held unpaid at one merchant: orders and units by whom, and the guests' share of a pool in percent."""

    buyer_orders_max: int = limits.UNPAID_ORDERS_MAX
    buyer_units_max: int = limits.UNPAID_UNITS_MAX
    guest_orders_max: int = limits.GUEST_UNPAID_ORDERS_MAX
    guest_units_max: int = limits.GUEST_UNPAID_UNITS_MAX
    device_orders_max: int = limits.DEVICE_UNPAID_ORDERS_MAX
    device_units_max: int = limits.DEVICE_UNPAID_UNITS_MAX
    address_orders_max: int = limits.ADDRESS_UNPAID_ORDERS_MAX
    address_units_max: int = limits.ADDRESS_UNPAID_UNITS_MAX
    guest_share_percent: int = limits.GUEST_SHARE_PERCENT

    def of(self, budget: Budget, *, guest: bool) -> tuple[int, int]:
        """The orders and units that a buyer, a device or an address may hold."""
        assert budget is not Budget.GUESTS
        whose = "guest" if budget is Budget.BUYER and guest else budget.value.lower()
        return getattr(self, f"{whose}_orders_max"), getattr(self, f"{whose}_units_max")


@dataclass(frozen=True, slots=True)
class Held:
    """What is held unpaid, and when the first of it runs out."""

    orders: int = 0
    units: int = 0
    frees_at: datetime | None = None


def hold_more(held: Held, budget: Budget, budgets: HoldBudgets, *, units: int, guest: bool) -> Held:
    """What is held with one more order of so many units; refuses what is beyond the budget."""
    orders_max, units_max = budgets.of(budget, guest=guest)
    if held.orders + 1 > orders_max or held.units + units > units_max:
        raise HoldBudgetExceeded(
            budget.value, orders_max=orders_max, units_max=units_max, orders_left=max(0, orders_max - held.orders),
            units_left=max(0, units_max - held.units), frees_at=held.frees_at,
        )  # fmt: skip
    return Held(held.orders + 1, held.units + units, held.frees_at)


def guests_share(held: Held, budgets: HoldBudgets, *, available: int) -> int:
    """How many units of a pool guests may hold together: their share, and never less than one guest may hold alone."""
    return max(budgets.guest_units_max, (held.units + available) * budgets.guest_share_percent // 100)


def check_customer_limit(quote: Quote, *, bought: int) -> None:
    """Refuses a line with which a customer would have more than the listing allows within its period."""
    if quote.customer_max is not None and bought + quote.quantity > quote.customer_max:
        raise LimitExceeded(
            quote.listing_id, limit=quote.customer_max, remaining=max(0, quote.customer_max - bought),
            period_days=quote.customer_period_days, per_order=False, path=("lines", str(quote.line), "quantity"),
        )  # fmt: skip


def plan_units(quote: Quote, available: Mapping[PoolId, int]) -> list[tuple[SourceOffer, int]]:
    """From which sources a line's units come, in the listing's order: the next gives what the one before lacks.

    The plan is short of units when the sources are.
    """
    plan: list[tuple[SourceOffer, int]] = []
    missing = quote.quantity
    for source in quote.sources:
        units = min(missing, available.get(source.pool_id, 0))
        if units:
            plan.append((source, units))
            missing -= units
    return plan


def short_lines(lines: Sequence[Quote], available: Mapping[PoolId, int]) -> list[tuple[Quote, int]]:
    """The lines of one order that the pools cannot serve together, each with the units it lacks."""
    left = dict(available)
    short: list[tuple[Quote, int]] = []
    for line in lines:
        plan = plan_units(line, left)
        for source, units in plan:
            left[source.pool_id] -= units
        missing = line.quantity - sum(units for _, units in plan)
        if missing:
            short.append((line, missing))
    return short


@dataclass(frozen=True, slots=True)
class HopPlan:
    """One seller → buyer step of a route as it is about to be bought; the first hop's buyer is the customer."""

    line: int
    source_id: SourceId
    depth: int
    seller_id: TenantId
    buyer_id: TenantId | None
    quantity: int
    unit_price_minor: int
    fee_minor: int

    @property
    def amount_minor(self) -> int:
        """What the buyer pays for all units."""
        return self.unit_price_minor * self.quantity


def plan_hops(quote: Quote, source: SourceOffer, units: int) -> list[HopPlan]:
    """The hops of one route, from the customer down to the leaf. A pool of the seller's own is the leaf itself: one hop."""
    fee_minor = fee_of(quote.unit_price_minor * units, quote.fee_bps)
    return [
        HopPlan(quote.line, source.source_id, 0, quote.seller_id, None, units, quote.unit_price_minor, fee_minor),
    ]


def payments_of_hops(
    hops: Sequence[HopPlan], *, customer_id: CustomerId, currency: str, order_id: UUID
) -> list[NewTransfer]:
    """The transfers that pay a chain: at every hop the buyer's wallet pays the seller, who pays the platform its share."""
    transfers: list[NewTransfer] = []
    for hop in hops:
        buyer = (
            Owner(hop.seller_id, customer_id, AccountKind.WALLET, currency)
            if hop.buyer_id is None
            else Owner(hop.buyer_id, None, AccountKind.WALLET, currency)
        )
        transfers += _sale(hop, buyer, currency, order_id)
    return _merged(transfers)


def _sale(hop: HopPlan, buyer: Owner, currency: str, order_id: UUID) -> list[NewTransfer]:
    seller = Owner(hop.seller_id, None, AccountKind.RECEIVABLE, currency)
    made: list[NewTransfer] = []
    if hop.amount_minor:
        made.append(NewTransfer(buyer, seller, hop.amount_minor, Purpose.SALE, order_id))
    if hop.fee_minor:
        fees = Owner(None, None, AccountKind.FEES, currency)
        made.append(NewTransfer(seller, fees, hop.fee_minor, Purpose.FEE, order_id))
    return made


def _merged(transfers: Sequence[NewTransfer]) -> list[NewTransfer]:
    """One transfer where several of an order go between the same accounts for the same purpose."""
    sums: dict[tuple[object, ...], NewTransfer] = {}
    for t in transfers:
        key = (t.debit, t.credit, t.purpose)
        before = sums.get(key)
        amount_minor = t.amount_minor + (before.amount_minor if before else 0)
        sums[key] = NewTransfer(t.debit, t.credit, amount_minor, t.purpose, t.reference_id)
    return list(sums.values())


@dataclass(frozen=True, slots=True)
class SoldHop:
    """A hop as it was bought, with the units and fee that refunds have not taken back yet."""

    seller_id: TenantId
    buyer_id: TenantId | None
    unit_price_minor: int
    quantity: int
    fee_minor: int
    refunded_units: int


def refund_of_hop(
    hop: SoldHop, units: int, *, customer_id: CustomerId, currency: str, refund_id: UUID
) -> list[NewTransfer]:
    """The transfers that give units of a hop back: the price whole, the fee in the share that is still open.

    The fee of the last unit is what is left of it, so that refunding unit by unit returns exactly what was taken.
    """
    assert 0 < units <= hop.quantity - hop.refunded_units
    seller = Owner(hop.seller_id, None, AccountKind.RECEIVABLE, currency)
    buyer = (
        Owner(hop.seller_id, customer_id, AccountKind.WALLET, currency)
        if hop.buyer_id is None
        else Owner(hop.buyer_id, None, AccountKind.WALLET, currency)
    )
    before = hop.fee_minor * hop.refunded_units // hop.quantity
    after = hop.fee_minor * (hop.refunded_units + units) // hop.quantity
    made: list[NewTransfer] = []
    if after > before:
        fees = Owner(None, None, AccountKind.FEES, currency)
        made.append(NewTransfer(fees, seller, after - before, Purpose.FEE_REFUND, refund_id))
    if hop.unit_price_minor:
        amount = hop.unit_price_minor * units
        made.append(NewTransfer(seller, buyer, amount, Purpose.REFUND, refund_id))
    return made


def state_after_refund(*, units_live: int) -> OrderState:
    """What an order is once units were refunded: wholly when none is left."""
    return OrderState.PARTIALLY_REFUNDED if units_live else OrderState.REFUNDED
