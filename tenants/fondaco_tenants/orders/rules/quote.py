"""What an order asks for and costs, and what a listing allows."""

from collections.abc import Sequence
from dataclasses import dataclass

from fondaco_core import limits
from fondaco_core.ids import (
    AgreementId,
    EntitlementId,
    ListingId,
    OfferId,
    PoolId,
    SourceId,
    StoreId,
    TenantId,
)
from fondaco_core.money import Money
from fondaco_tenants.orders.errors import GuestsNotServed, InvalidOrder, LimitExceeded, PriceChanged


@dataclass(frozen=True, slots=True)
class Leg:
    """One step of a route beyond the store: whose offer it is, what it costs, and what its buyer can bear just now.

    `prices` are a unit's price from a number of units on, rising in units. `max_cost_minor` and `below_cost` are what the buyer said
    of its source, the margins what is to stay with it of what it sells for: of each the greater counts. `funds_minor` is what the
    buyer has, or may owe the seller, `units_left` what it may still buy or hold. `source_id` is where the seller has it from, and
    `source_left` how much more of that may be taken today.
    """

    offer_id: OfferId
    agreement_id: AgreementId
    seller_id: TenantId
    source_id: SourceId
    fee_bps: int
    prices: tuple[tuple[int, int], ...]
    # What of its price its seller gives those that brought its buyer, level by level, in basis points.
    commissions_bps: tuple[int, ...] = ()
    max_cost_minor: int | None = None
    below_cost: bool = False
    funds_minor: int = limits.AMOUNT_MAX_MINOR
    # What of the funds is money.
    wallet_minor: int = 0
    settle_days: int = 0
    units_left: int | None = None
    hold_left: int | None = None
    margin_bps: int = 0
    margin_minor: int = 0
    source_left: int | None = None
    # Whether what comes from the source is counted, and whether it failed and is tried with a few units.
    counted: bool = False
    probed: bool = False

    def unit_price(self, units: int) -> int:
        """What a unit costs when so many are bought."""
        return next(price for from_units, price in reversed(self.prices) if from_units <= units)


@dataclass(frozen=True, slots=True)
class Route:
    """A path that a line can be filled over: from the store's own source down to a pool. Without legs the pool is the store's own.

    `source_left` is how much more of the source may be taken today. `weight` is its share where sources take turns, and `taken` how many
    units it has had of them.
    """

    source_id: SourceId
    pool_id: PoolId
    legs: tuple[Leg, ...] = ()
    source_left: int | None = None
    counted: bool = False
    probed: bool = False
    weight: int | None = None
    taken: int = 0

    @property
    def counted_ids(self) -> list[SourceId]:
        """The sources on it of which is counted what comes from them."""
        return [*([self.source_id] if self.counted else ()), *(leg.source_id for leg in self.legs if leg.counted)]

    @property
    def probed_ids(self) -> list[SourceId]:
        """The sources on it that failed, and are tried with a few units."""
        return [*([self.source_id] if self.probed else ()), *(leg.source_id for leg in self.legs if leg.probed)]


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
    # Whether suppliers fill it, too: then these may be the first of more routes.
    chained: bool
    routes: tuple[Route, ...]
    quantity: int
    line: int
    # Whether it waits to be paid, so that what resellers may hold counts.
    waits: bool = False


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


def check_customer_limit(quote: Quote, *, bought: int) -> None:
    """Refuses a line with which a customer would have more than the listing allows within its period."""
    if quote.customer_max is not None and bought + quote.quantity > quote.customer_max:
        raise LimitExceeded(
            quote.listing_id, limit=quote.customer_max, remaining=max(0, quote.customer_max - bought),
            period_days=quote.customer_period_days, per_order=False, path=("lines", str(quote.line), "quantity"),
        )  # fmt: skip
