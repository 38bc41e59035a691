"""Commission of sales to resellers that others brought: with the sale, to the last minor unit, and back with the refund."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import AllocationId, TenantId
from fondaco_core.money import Money, fee_of
from fondaco_core.postings import AccountKind
from fondaco_tenants import orders, settlement, supply
from fondaco_tenants.orders import OutOfStock, PayBy
from fondaco_tenants.orders.rules import commissions_back, commissions_of
from tests.support.clock import later
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Merchant, fill, make_front, make_merchant, make_offer, price
from tests.support.factories.orders import Shop, balance, make_buyer, place
from tests.support.factories.payments import fake_gateways, look_and_settle, make_gateway, start_payment
from tests.support.factories.supply import make_agreement, make_terms
from tests.support.invariants import assert_invariants

SYSTEM = system_ctx("settle", permissions=frozenset({"system.run"}))
bps = st.lists(st.integers(0, 1_000), max_size=5)


class Brought:
    """A supplier that gives 5 % and 2 %, two resellers of which the first brought the second, and a shop that the second brought."""

    def __init__(self, supplier: Merchant, first: Merchant, second: Merchant, third: Merchant, shop: Shop) -> None:
        self.supplier, self.first, self.second, self.third, self.shop = supplier, first, second, third, shop

    async def receivables(self) -> tuple[int, int, int]:
        """What the supplier and those that brought the shop are to get."""
        first, second, third = [
            await balance(each.tenant_id, None, AccountKind.RECEIVABLE)
            for each in (self.supplier, self.second, self.first)
        ]
        return first, second, third


async def make_brought(
    *, commissions: tuple[int, ...] = (500, 200), settle_days: int = 0, price_minor: int = 700
) -> Brought:
    supplier = await make_merchant()
    terms = make_terms(commissions=commissions, settle_days=settle_days)
    async with transaction(supplier.owner) as tx:
        await supply.change_terms(tx, supplier.owner, tier_id=supplier.tier.id, terms=terms)
    first, second, third = await make_merchant(), await make_merchant(), await make_merchant(funds_minor=1_000_000)
    await make_agreement(supplier.owner, first.owner, tier=supplier.tier)
    await make_agreement(supplier.owner, second.owner, tier=supplier.tier, referrer_id=first.tenant_id)
    await make_agreement(supplier.owner, third.owner, tier=supplier.tier, referrer_id=second.tenant_id)
    entitlement = await make_entitlement()
    offer = await make_offer(supplier, entitlement.id, price_minor=price_minor, codes=10)
    return Brought(supplier, first, second, third, await make_front(third, entitlement.id, offer))


async def settle_all(*tenants: TenantId) -> None:
    for tenant_id in tenants:
        async with trading(SYSTEM) as tx:
            await settlement.settle_seller(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")


async def units_of(order_id: UUID) -> list[UUID]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT id FROM allocation WHERE order_id = $1 AND state = 'FULFILLED' ORDER BY unit", order_id
        )
    return [row["id"] for row in rows]


@given(st.integers(0, 10**9), bps)
def test_the_levels_get_together_what_is_due_and_nothing_is_lost(amount: int, levels: list[int]) -> None:
    parts = commissions_of(amount, levels)

    assert sum(parts) == fee_of(amount, sum(levels))
    assert all(abs(part - amount * level / 10_000) <= 1 for part, level in zip(parts, levels, strict=False))


@given(st.integers(0, 10**9), bps, st.integers(1, 50), st.data())
def test_refunds_one_after_the_other_give_back_just_what_was_given(
    amount: int, levels: list[int], quantity: int, data: st.DataObject
) -> None:
    given_, refunded = commissions_of(amount, levels), 0
    back = [0] * len(given_)

    while refunded < quantity:
        units = data.draw(st.integers(1, quantity - refunded))
        taken = commissions_back(given_, quantity=quantity, refunded=refunded, units=units)
        assert all(part >= 0 for part in taken)
        back = [before + part for before, part in zip(back, taken, strict=True)]
        refunded += units

    assert back == list(given_)


@pytest.mark.usefixtures("database")
async def test_a_sale_gives_each_level_its_share_in_its_own_transaction() -> None:
    made = await make_brought()
    buyer = await make_buyer(made.shop)

    await place(made.shop, buyer, 3)

    # Of 2,100 the two levels get 5 % and 2 %.
    assert await made.receivables() == (2_100 - 147, 105, 42)
    await assert_invariants()


@pytest.mark.usefixtures("database")
async def test_an_order_that_waits_gives_commission_when_it_is_paid_and_none_when_it_is_not() -> None:
    made = await make_brought()
    buyer = await make_buyer(made.shop)
    paid, dropped = [await place(made.shop, buyer, 1, pay_by=PayBy.LATER) for _ in range(2)]

    before = await made.receivables()
    async with trading(buyer) as tx:
        await orders.pay_order(tx, buyer, order_id=paid.order_id)
    async with trading(buyer) as tx:
        await orders.cancel_order(tx, buyer, order_id=dropped.order_id)

    assert before == (0, 0, 0)
    assert await made.receivables() == (700 - 49, 35, 14)
    await assert_invariants()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("hours", [0, 1])
async def test_money_of_a_gateway_gives_commission_in_time_and_late_as_it_was_quoted(hours: int) -> None:
    made = await make_brought()
    buyer = await make_buyer(made.shop, funds_minor=0)
    placed = await place(made.shop, buyer, 2, pay_by=PayBy.LATER)
    async with transaction(made.supplier.owner) as tx:
        terms = make_terms(commissions=(4_000,))
        await supply.change_terms(tx, made.supplier.owner, tier_id=made.supplier.tier.id, terms=terms)

    async with fake_gateways():
        gateway = await make_gateway()
        payment_id = await start_payment(gateway, buyer, placed.order_id)
        with later(hours=hours):
            async with trading(SYSTEM) as tx:
                await orders.expire_overdue(tx, SYSTEM)
            gateway.pay(payment_id)
            await look_and_settle(payment_id)

    assert await made.receivables() == (1_400 - 98, 70, 28)
    await assert_invariants()


@pytest.mark.usefixtures("database")
async def test_refunds_unit_by_unit_take_back_to_the_last_minor_unit() -> None:
    made = await make_brought(commissions=(333, 111), price_minor=333)
    buyer = await make_buyer(made.shop)
    placed = await place(made.shop, buyer, 3)
    units = await units_of(placed.order_id)

    left: list[tuple[int, int, int]] = []
    for unit in units:
        async with trading(made.shop.owner) as tx:
            await orders.refund_order(
                tx,
                made.shop.owner,
                order_id=placed.order_id,
                reason="it was wrong",
                allocation_ids=[AllocationId(unit)],
            )
        left.append(await made.receivables())
        await assert_invariants()

    assert left[-1] == (0, 0, 0)
    assert all(min(each) >= 0 for each in left)


@pytest.mark.usefixtures("database")
async def test_commission_matures_with_the_sale_and_is_clawed_back_after_it() -> None:
    made = await make_brought(settle_days=3)
    buyer = await make_buyer(made.shop)
    placed = await place(made.shop, buyer, 1)
    everybody = [made.supplier.tenant_id, made.second.tenant_id, made.first.tenant_id]

    await settle_all(*everybody)
    early = [await balance(each, None, AccountKind.WALLET) for each in everybody]
    with later(days=4):
        await settle_all(*everybody)
        settled = [await balance(each, None, AccountKind.WALLET) for each in everybody]
        async with trading(made.shop.owner) as tx:
            await orders.refund_order(tx, made.shop.owner, order_id=placed.order_id, reason="it was wrong")
        await settle_all(*everybody)
        back = [await balance(each, None, AccountKind.WALLET) for each in everybody]
        await assert_invariants()

    assert early == [0, 0, 0]
    assert settled == [700 - 49, 35, 14]
    assert back == [0, 0, 0]
    assert await made.receivables() == (0, 0, 0)


@pytest.mark.usefixtures("database")
async def test_nobody_sells_below_what_it_costs_with_commission() -> None:
    made = await make_brought(commissions=(1_000,))
    dear = await make_merchant(funds_minor=100_000)
    last = await make_merchant(funds_minor=100_000)
    # Who stands between buys for 700 and gives a tenth of 770 away: 693 are left.
    terms = make_terms(commissions=(1_000,))
    async with transaction(made.third.owner) as tx:
        await supply.change_terms(tx, made.third.owner, tier_id=made.third.tier.id, terms=terms)
    await make_agreement(made.third.owner, dear.owner, tier=made.third.tier)
    await make_agreement(made.third.owner, last.owner, tier=made.third.tier, referrer_id=dear.tenant_id)
    async with reading(made.third.owner) as tx:
        listing = await tx.fetchrow("SELECT entitlement_id FROM listing WHERE id = $1", made.shop.listing_id)
        source = await tx.fetchrow("SELECT supplier_offer_id FROM source WHERE listing_id = $1", made.shop.listing_id)
    assert listing is not None
    assert source is not None
    offer = await make_offer(made.third, listing["entitlement_id"], price_minor=770)

    await fill(made.third, offer, supplier_offer_id=source["supplier_offer_id"])
    shop = await make_front(last, listing["entitlement_id"], offer)
    buyer = await make_buyer(shop)

    with pytest.raises(OutOfStock):
        await place(shop, buyer)
    async with trading(last.owner) as tx:
        stock = await orders.stock_over_others(tx, [shop.listing_id])
    await price(made.third, offer, 778)
    await place(shop, buyer)

    assert stock == {shop.listing_id: 0}
    await assert_invariants()


@pytest.mark.usefixtures("database")
async def test_each_side_sees_its_own_commission_alone() -> None:
    made = await make_brought()
    buyer = await make_buyer(made.shop)
    await place(made.shop, buyer, 1)

    seen = []
    for each in (made.supplier, made.second, made.first, made.third):
        async with reading(each.owner) as tx:
            found = await orders.list_commissions(tx, each.owner)
        seen.append([(one.partner_id, one.level, one.amount) for one in found])

    supplier, second, first, third = seen
    assert sorted(supplier, key=lambda one: one[1]) == [
        (made.second.tenant_id, 1, Money(-35, "CNY")), (made.first.tenant_id, 2, Money(-14, "CNY")),
    ]  # fmt: skip
    assert second == [(made.supplier.tenant_id, 1, Money(35, "CNY"))]
    assert first == [(made.supplier.tenant_id, 2, Money(14, "CNY"))]
    assert third == []


@pytest.mark.usefixtures("database")
async def test_who_hands_on_an_invitation_is_a_reseller_of_the_supplier() -> None:
    supplier, stranger, other = await make_merchant(), await make_merchant(), await make_merchant()

    with pytest.raises(NotFound):
        await make_agreement(supplier.owner, other.owner, tier=supplier.tier, referrer_id=stranger.tenant_id)


@pytest.mark.parametrize("commissions", [(-1,), (5_001,), (3_000, 3_000), (1,) * (limits.COMMISSION_LEVELS_MAX + 1)])
@pytest.mark.usefixtures("database")
async def test_commission_is_a_share_over_so_many_levels(commissions: tuple[int, ...]) -> None:
    with pytest.raises(Invalid):
        await make_brought(commissions=commissions)
