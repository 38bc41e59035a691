"""The decisions of orders, without a database: plans, sums over the hops, states."""

from collections import Counter
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.ids import (
    AgreementId,
    CustomerId,
    EntitlementId,
    ListingId,
    OfferId,
    PoolId,
    SourceId,
    StoreId,
    TenantId,
)
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.orders import InvalidOrder, LimitExceeded, OrderState, PriceChanged
from fondaco_tenants.orders.rules import (
    NEXT_STATES,
    Allowance,
    HopPlan,
    Leg,
    Quote,
    Route,
    SoldHop,
    Spare,
    bear_chain,
    check_customer_limit,
    payments_of_hops,
    plan_units,
    price_hops,
    price_order,
    refund_of_hop,
    share_back,
    short_lines,
    state_after_refund,
    units_over,
)

CUSTOMER, ORDER, STORE, SELLER = CustomerId(uuid4()), uuid4(), StoreId(uuid4()), TenantId(uuid4())
PRICES = st.integers(0, 10**9)


def make_route(*legs: Leg) -> Route:
    return Route(SourceId(uuid4()), PoolId(uuid4()), legs)


def make_quote(
    *,
    quantity: int = 1,
    price_minor: int = 1_000,
    fee_bps: int = 0,
    routes: int = 1,
    store_id: StoreId = STORE,
    customer_max: int | None = None,
    over: list[Route] | None = None,
    waits: bool = False,
) -> Quote:
    return Quote(
        listing_id=ListingId(uuid4()), store_id=store_id, seller_id=SELLER, entitlement_id=EntitlementId(uuid4()),
        title="A card", unit_price_minor=price_minor, currency="CNY", order_max=1_000, customer_max=customer_max,
        customer_period_days=None, fee_bps=fee_bps, hold_s=900, guest_checkout=True,
        routes=tuple(over if over is not None else [make_route() for _ in range(routes)]), quantity=quantity, line=0, waits=waits,
        chained=any(route.legs for route in over or ()),
    )  # fmt: skip


def make_chain(prices: list[int], *, quantity: int) -> list[HopPlan]:
    """A route's hops from the customer down; each seller's share of the platform is a hundredth."""
    sellers = [TenantId(uuid4()) for _ in prices]
    buyers = [None, *sellers[:-1]]
    source = SourceId(uuid4())
    return [
        HopPlan(
            line=0, source_id=source, depth=depth, seller_id=seller, buyer_id=buyer, quantity=quantity,
            unit_price_minor=price, fee_minor=price * quantity // 100,
        )
        for depth, (seller, buyer, price) in enumerate(zip(sellers, buyers, prices, strict=True))
    ]  # fmt: skip


def moved(transfers: list[NewTransfer]) -> Counter[Owner]:
    """What each account has more than before."""
    sums: Counter[Owner] = Counter()
    for transfer in transfers:
        sums[transfer.debit] -= transfer.amount_minor
        sums[transfer.credit] += transfer.amount_minor
    return Counter({owner: amount for owner, amount in sums.items() if amount})


def wallet_of(tenant_id: TenantId, customer_id: CustomerId | None = None) -> Owner:
    return Owner(tenant_id, customer_id, AccountKind.WALLET, "CNY")


def test_the_next_source_gives_what_the_one_before_lacks() -> None:
    quote = make_quote(quantity=5, routes=3)
    first, second, third = quote.routes

    plan = plan_units(quote, Spare({first.pool_id: 2, third.pool_id: 9}))

    assert plan == [(first, 2), (third, 3)]
    assert second not in dict(plan)


@given(st.integers(1, 20), st.lists(st.integers(0, 10), min_size=1, max_size=4))
def test_a_plan_takes_no_more_than_is_wanted_and_no_less_than_is_there(quantity: int, stock: list[int]) -> None:
    quote = make_quote(quantity=quantity, routes=len(stock))
    available = {route.pool_id: units for route, units in zip(quote.routes, stock, strict=True)}

    plan = plan_units(quote, Spare(dict(available)))

    assert sum(units for _, units in plan) == min(quantity, sum(stock))
    assert all(0 < units <= available[route.pool_id] for route, units in plan)


def test_two_lines_do_not_count_on_the_same_code() -> None:
    shared = make_route()
    first, second = make_quote(quantity=2, over=[shared]), make_quote(quantity=2, over=[shared])

    left = Spare({shared.pool_id: 3})

    short = short_lines([first, second], left)

    assert (short, left.pools) == ([(second, 1)], {shared.pool_id: 0})


def make_leg(
    *,
    price_minor: int = 700,
    breaks: tuple[tuple[int, int], ...] = (),
    max_cost_minor: int | None = None,
    below_cost: bool = False,
    funds_minor: int = 10**12,
    units_left: int | None = None,
    hold_left: int | None = None,
    seller_id: TenantId | None = None,
) -> Leg:
    return Leg(
        offer_id=OfferId(uuid4()), agreement_id=AgreementId(uuid4()), seller_id=seller_id or TenantId(uuid4()),
        source_id=SourceId(uuid4()), fee_bps=0, prices=((1, price_minor), *breaks), max_cost_minor=max_cost_minor,
        below_cost=below_cost, funds_minor=funds_minor, units_left=units_left, hold_left=hold_left,
    )  # fmt: skip


def test_every_hop_of_a_route_is_bought_from_the_one_below() -> None:
    middle, leaf = make_leg(price_minor=900), make_leg(price_minor=700)
    quote = make_quote(quantity=2, price_minor=1_000, over=[make_route(middle, leaf)])

    hops = price_hops(quote, quote.routes[0], 2, number=3)

    assert [(h.depth, h.seller_id, h.buyer_id, h.amount_minor, h.route) for h in hops] == [
        (0, SELLER, None, 2_000, 3), (1, middle.seller_id, SELLER, 1_800, 3),
        (2, leaf.seller_id, middle.seller_id, 1_400, 3),
    ]  # fmt: skip
    assert [h.source_id for h in hops] == [quote.routes[0].source_id, middle.source_id, leaf.source_id]


@pytest.mark.parametrize(
    ("leg", "bears"),
    [
        (make_leg(price_minor=1_000), True),
        (make_leg(price_minor=1_001), False),
        (make_leg(price_minor=1_001, below_cost=True), True),
        (make_leg(price_minor=900, max_cost_minor=900), True),
        (make_leg(price_minor=901, max_cost_minor=900), False),
        (make_leg(price_minor=901, max_cost_minor=900, below_cost=True), False),
    ],
)
def test_a_route_on_which_a_merchant_sells_below_its_cost_is_no_route(leg: Leg, bears: bool) -> None:  # noqa: FBT001
    quote = make_quote(price_minor=1_000, over=[make_route(leg)])

    assert bool(price_hops(quote, quote.routes[0], 1)) is bears


def test_what_the_platform_takes_counts_as_cost() -> None:
    quote = make_quote(price_minor=1_000, fee_bps=1, over=[make_route(make_leg(price_minor=1_000))])

    assert price_hops(quote, quote.routes[0], 100) == []


def test_a_break_counts_for_the_units_that_really_come_over_the_route() -> None:
    route = make_route(make_leg(price_minor=900, breaks=((10, 800),)))
    quote = make_quote(quantity=12, over=[route, make_route()])

    few, many = price_hops(quote, route, 9), price_hops(quote, route, 10)

    assert (few[1].unit_price_minor, many[1].unit_price_minor) == (900, 800)


@given(
    st.integers(1, 30),
    st.integers(0, 20_000),
    st.none() | st.integers(0, 30),
    st.none() | st.integers(0, 30),
    st.booleans(),
)
def test_a_route_brings_no_more_than_its_buyers_can_bear(
    units: int,
    funds_minor: int,
    units_left: int | None,
    hold_left: int | None,
    waits: bool,  # noqa: FBT001 - drawn
) -> None:
    leg = make_leg(
        price_minor=900, breaks=((10, 800),), funds_minor=funds_minor, units_left=units_left, hold_left=hold_left
    )
    quote = make_quote(quantity=units, over=[make_route(leg)], waits=waits)

    brought = units_over(quote, quote.routes[0], units, Spare({}))

    assert 0 <= brought <= units
    assert brought * leg.unit_price(max(1, brought)) <= funds_minor
    assert units_left is None or brought <= units_left
    assert not waits or hold_left is None or brought <= hold_left


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_a_wallet_pays_before_credit_does_and_both_are_the_price(wallet_minor: int, credit_minor: int) -> None:
    leg = make_leg(price_minor=900)
    quote = make_quote(quantity=2, over=[make_route(leg)])
    wallets = {wallet_of(SELLER): wallet_minor}
    allowed = {leg.agreement_id: Allowance(credit_minor, None, None)}

    hops = bear_chain(
        price_hops(quote, quote.routes[0], 2), wallets=wallets, allowed=allowed, currency="CNY", waits=False
    )

    if wallet_minor + credit_minor < 1_800:
        assert hops is None
        return
    assert hops is not None
    assert hops[1].credit_minor == max(0, 1_800 - wallet_minor)
    assert wallets[wallet_of(SELLER)] == wallet_minor - min(wallet_minor, 1_800)
    assert allowed[leg.agreement_id].credit_left_minor == credit_minor - hops[1].credit_minor


def test_a_total_that_was_not_agreed_to_is_refused_with_the_one_that_holds() -> None:
    with pytest.raises(PriceChanged) as refusal:
        price_order([make_quote(quantity=2)], agreed=Money(1_999, "CNY"), guest=False)

    assert refusal.value.total == Money(2_000, "CNY")


def test_an_order_is_of_one_store() -> None:
    quotes = [make_quote(), make_quote(store_id=StoreId(uuid4()))]

    with pytest.raises(InvalidOrder):
        price_order(quotes, agreed=None, guest=False)


@given(st.integers(1, 10), st.integers(0, 10), st.integers(1, 10))
def test_a_customer_never_has_more_than_the_limit(limit: int, bought: int, quantity: int) -> None:
    quote = make_quote(quantity=quantity, customer_max=limit)

    if bought + quantity <= limit:
        check_customer_limit(quote, bought=bought)
    else:
        with pytest.raises(LimitExceeded) as refusal:
            check_customer_limit(quote, bought=bought)
        assert refusal.value.remaining == max(0, limit - bought)


@given(PRICES, st.integers(1, 1_000), st.integers(0, 10_000))
def test_the_platforms_share_is_never_more_than_the_sale(price_minor: int, units: int, fee_bps: int) -> None:
    quote = make_quote(quantity=units, price_minor=price_minor, fee_bps=fee_bps)

    (hop,) = price_hops(quote, quote.routes[0], units)

    assert 0 <= hop.fee_minor <= hop.amount_minor == price_minor * units
    assert hop.buyer_id is None


def test_every_buyer_of_a_chain_pays_its_seller_and_every_seller_the_platform() -> None:
    hops = make_chain([1_000, 800, 700], quantity=2)
    store, middle, leaf = (hop.seller_id for hop in hops)

    transfers = payments_of_hops(hops, customer_id=CUSTOMER, currency="CNY", order_id=ORDER)

    assert moved(transfers) == {
        wallet_of(store, CUSTOMER): -2_000,
        wallet_of(store): -1_600,
        wallet_of(middle): -1_400,
        Owner(store, None, AccountKind.RECEIVABLE, "CNY"): 1_980,
        Owner(middle, None, AccountKind.RECEIVABLE, "CNY"): 1_584,
        Owner(leaf, None, AccountKind.RECEIVABLE, "CNY"): 1_386,
        Owner(None, None, AccountKind.FEES, "CNY"): 50,
    }


@given(st.lists(PRICES, min_size=1, max_size=4), st.integers(1, 50))
def test_what_an_order_moves_sums_to_zero(prices: list[int], quantity: int) -> None:
    hops = make_chain(prices, quantity=quantity)

    transfers = payments_of_hops(hops, customer_id=CUSTOMER, currency="CNY", order_id=ORDER)

    assert sum(moved(transfers).values()) == 0
    assert {transfer.reference_id for transfer in transfers} <= {ORDER}


@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 5), min_size=1, max_size=10), st.integers(0, 10_000), st.booleans()
)
def test_refunding_in_parts_gives_back_exactly_what_was_taken(
    price_minor: int,
    parts: list[int],
    fee_bps: int,
    chained: bool,  # noqa: FBT001 - drawn
) -> None:
    quantity = sum(parts)
    buyer = TenantId(uuid4()) if chained else None
    fee_minor = price_minor * quantity * fee_bps // 10_000
    credit_minor = price_minor * quantity // 3 if chained else 0
    sold = HopPlan(
        line=0, source_id=SourceId(uuid4()), depth=int(chained), seller_id=SELLER, buyer_id=buyer, quantity=quantity,
        unit_price_minor=price_minor, fee_minor=fee_minor, credit_minor=credit_minor,
    )  # fmt: skip
    paid = payments_of_hops([sold], customer_id=CUSTOMER, currency="CNY", order_id=ORDER)

    back: list[NewTransfer] = []
    for units, before in zip(parts, [sum(parts[:n]) for n in range(len(parts))], strict=True):
        hop = SoldHop(SELLER, buyer, price_minor, quantity, fee_minor, before, credit_minor)
        shared = share_back(hop, units)
        credit_minor -= shared.credit_minor
        back += refund_of_hop(hop, shared, customer_id=CUSTOMER, currency="CNY", refund_id=UUID(int=before))

    assert moved(paid + back) == Counter()
    assert {transfer.purpose for transfer in back} <= {Purpose.REFUND, Purpose.FEE_REFUND}


def test_an_order_whose_last_unit_is_refunded_is_refunded() -> None:
    assert state_after_refund(units_live=1) is OrderState.PARTIALLY_REFUNDED
    assert state_after_refund(units_live=0) is OrderState.REFUNDED


def test_every_state_can_be_reached_and_the_ended_ones_lead_nowhere() -> None:
    reachable = {OrderState.PENDING_PAYMENT}
    while more := {after for before in reachable for after in NEXT_STATES[before]} - reachable:
        reachable |= more

    assert reachable == set(OrderState)
    assert {end for end in OrderState if not NEXT_STATES[end]} == {
        OrderState.CANCELLED, OrderState.REJECTED, OrderState.REFUNDED,
    }  # fmt: skip


def test_nothing_is_unpaid_again_once_it_was_paid() -> None:
    paid = [OrderState.PENDING_PAYMENT, OrderState.PAID, OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED]

    assert all(after in NEXT_STATES[before] for before, after in pairwise(paid))
    assert not any(OrderState.PENDING_PAYMENT in NEXT_STATES[state] for state in paid)
