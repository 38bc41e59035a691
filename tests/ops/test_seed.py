"""The supply chain of the demo world sells: over the first way while it lasts, over the next one then."""

from typing import Any
from uuid import UUID

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.identity.rules import PLATFORM_ADMIN_PERMISSIONS
from fondaco_core.ids import CustomerId, ListingId, TenantId
from fondaco_core.postings import AccountKind
from fondaco_ops.seed.chains import LARGE, SMALL, make_chains
from fondaco_ops.seed.payouts import pay_out
from fondaco_ops.seed.people import buyer_ctx, owner_ctx
from fondaco_tenants import orders, settlement, supply
from fondaco_tenants.orders import OrderRequest, OrderState
from fondaco_tenants.supply import AgreementRole, AgreementState
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.orders import balance
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")
LOOK = system_ctx("look", permissions=frozenset({"system.run"}))
Demo = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
async def demo(database: object) -> Demo:
    """What demo.json says of the merchants of the chain, by their slugs."""
    assert database
    admin = system_ctx("seed", permissions=PLATFORM_ADMIN_PERMISSIONS)
    made = await make_chains(admin, {sku: (await make_entitlement()).id for sku in (SMALL, LARGE)})
    return {each["slug"]: each for each in made}


def tenant_of(demo: Demo, slug: str) -> TenantId:
    return TenantId(UUID(demo[slug]["key"]))


def buyer_of(demo: Demo, slug: str) -> Ctx:
    return buyer_ctx(tenant_of(demo, slug), CustomerId(UUID(demo[slug]["buyers"][0]["key"])))


async def buy(demo: Demo, slug: str, sku: str, units: int = 1) -> orders.Placed:
    """The shop's demo buyer buys some of a good."""
    buyer = buyer_of(demo, slug)
    assert buyer.customer_id is not None
    listing = next(each for each in demo[slug]["listings"] if each["sku"] == sku)
    request = OrderRequest(lines=((ListingId(UUID(listing["key"])), units),))
    async with trading(buyer) as tx:
        return await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)


async def leaves_of(placed: orders.Placed) -> list[TenantId]:
    """Whose codes the units of an order are."""
    async with governing(LOOK) as tx:
        rows = await tx.fetch(
            "SELECT c.tenant_id FROM allocation a JOIN code c ON c.id = a.code_id WHERE a.order_id = $1 ORDER BY a.unit",
            placed.order_id,
        )
    return [TenantId(row["tenant_id"]) for row in rows]


async def wallets(demo: Demo, *slugs: str) -> list[int]:
    return [await balance(tenant_of(demo, slug), None, AccountKind.WALLET) for slug in slugs]


async def test_a_card_of_the_demo_goes_over_three_merchants_and_each_is_paid(demo: Demo) -> None:
    before = await wallets(demo, "lantern", "silkbridge")

    placed = await buy(demo, "lantern", LARGE)

    assert placed.state is OrderState.FULFILLED
    assert await leaves_of(placed) == [tenant_of(demo, "bamboo")]
    paid = [had - has for had, has in zip(before, await wallets(demo, "lantern", "silkbridge"), strict=True)]
    assert paid == [9_230, 9_060]
    await assert_invariants()


async def test_a_supplier_of_the_demo_was_paid_out_and_has_an_account_that_waits(demo: Demo) -> None:
    await buy(demo, "lantern", LARGE)

    await pay_out(demo["bamboo"])

    owner = owner_ctx(tenant_of(demo, "bamboo"), demo["bamboo"]["members"][0])
    async with transaction(owner) as tx:
        payouts = await settlement.list_payouts(tx, owner, tenant_id=owner.tenant)
        (destination,) = await settlement.list_destinations(tx, owner)
    assert payouts[0].amount_minor > 0
    assert destination.usable_from > destination.added_at
    await assert_invariants()


async def test_who_takes_ten_of_the_demo_gets_the_price_of_ten(demo: Demo) -> None:
    before = await wallets(demo, "silkbridge")

    placed = await buy(demo, "lantern", LARGE, 10)

    assert placed.state is OrderState.FULFILLED
    assert before[0] - (await wallets(demo, "silkbridge"))[0] == 10 * 9_000


async def test_when_the_first_supplier_of_the_demo_runs_dry_the_second_steps_in_and_is_owed(demo: Demo) -> None:
    dry = await buy(demo, "lantern", SMALL, 8)
    next_one = await buy(demo, "lantern", SMALL, 30)

    assert set(await leaves_of(dry)) == {tenant_of(demo, "bamboo")}
    assert set(await leaves_of(next_one)) == {tenant_of(demo, "kestrel")}
    owed = -await balance(tenant_of(demo, "delta"), None, AccountKind.CREDIT_USED)
    assert owed == 30 * 4_560 - 100_000
    await assert_invariants()


async def test_what_costs_a_shop_of_the_demo_more_than_its_bound_is_not_bought(demo: Demo) -> None:
    placed = await buy(demo, "pixel", LARGE, 2)

    assert await leaves_of(placed) == [tenant_of(demo, "bamboo")] * 2
    over = next(each for each in demo["pixel"]["listings"] if each["sku"] == LARGE)["over"]
    assert over == ["silkbridge", "delta"]


async def test_a_request_of_the_demo_waits_for_an_answer(demo: Demo) -> None:
    owner = owner_ctx(tenant_of(demo, "olddock"), demo["olddock"]["members"][0])

    async with transaction(owner) as tx:
        waiting = await supply.list_agreements(
            tx, owner, role=AgreementRole.SUPPLIER, states=[AgreementState.REQUESTED]
        )

    assert [each.reseller_tenant_id for each in waiting] == [tenant_of(demo, "pixel")]
