"""Who asks less than a supplier's offer allows is found over all stores, and told once."""

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import NotAllowed
from fondaco_core.identity import MemberRole
from fondaco_core.money import Money
from fondaco_tenants import catalog, routing
from fondaco_tenants.catalog import Listing
from fondaco_workers.actors.routing import watch_resale_prices
from tests.support.actors import run_twice
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Merchant, agree, make_merchant, make_offer
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.offers import make_undersold

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def make_sale(*, asked: int, least: int | None) -> tuple[Merchant, Merchant, Listing]:
    """A supplier whose offer may not be sold for less than `least`, a reseller who asks `asked`, and its listing."""
    supplier, reseller = await make_merchant(), await make_merchant()
    await agree(supplier, reseller)
    entitlement = await make_entitlement()
    offer_id = await make_offer(supplier, entitlement.id, price_minor=700, codes=0, min_resale_minor=least)
    listing = await make_undersold(reseller.owner, offer_id=offer_id, entitlement_id=entitlement.id, price_minor=asked)
    return supplier, reseller, listing


async def told(ctx: Ctx) -> list[tuple[str, int]]:
    """What was announced to a merchant of resale prices, once the job has looked."""
    await run_twice(watch_resale_prices)
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT name, (payload->>'asked_minor')::int AS asked FROM outbox_event"
            " WHERE tenant_id = $1 AND name LIKE 'supply.resale%' ORDER BY seq",
            ctx.tenant,
        )
    return [(row["name"].removeprefix("supply.resale_price_"), row["asked"]) for row in rows]


async def breaches(ctx: Ctx, *, ended: bool = False) -> list[routing.ResaleBreach]:
    async with reading(ctx) as tx:
        return await routing.list_breaches(tx, ctx, ended=ended)


async def reprice(ctx: Ctx, listing: Listing, price_minor: int) -> None:
    async with transaction(ctx) as tx:
        now = (await catalog.listings_by_ids(tx, [listing.id]))[listing.id]
        await catalog.update_listing(
            tx, ctx, listing_id=listing.id, version=now.version, price=Money(price_minor, "CNY")
        )


async def test_a_reseller_that_asks_less_than_an_offer_allows_is_told_of_once_at_both_ends() -> None:
    supplier, reseller, listing = await make_sale(asked=899, least=900)

    assert await told(supplier.owner) == [("breached", 899)]
    assert await told(reseller.owner) == [("too_low", 899)]
    (found,) = await breaches(supplier.owner)
    assert (found.reseller_id, found.listing_id) == (reseller.tenant_id, listing.id)
    assert (found.asked, found.least, found.ended_at) == (Money(899, "CNY"), Money(900, "CNY"), None)
    assert await breaches(reseller.owner) == []


@pytest.mark.parametrize(("asked", "least"), [(900, 900), (1, None)])
async def test_what_an_offer_allows_is_no_breach(asked: int, least: int | None) -> None:
    supplier, reseller, _ = await make_sale(asked=asked, least=least)

    assert await told(supplier.owner) == await told(reseller.owner) == []


async def test_a_breach_that_is_over_is_kept_as_such_and_another_one_is_told_again() -> None:
    supplier, reseller, listing = await make_sale(asked=800, least=900)
    await told(supplier.owner)

    await reprice(reseller.owner, listing, 950)
    over = await told(supplier.owner)
    still, kept = await breaches(supplier.owner), await breaches(supplier.owner, ended=True)
    await reprice(reseller.owner, listing, 850)

    assert over == [("breached", 800)]
    assert still == []
    assert [each.ended_at is None for each in kept] == [False]
    assert await told(supplier.owner) == [("breached", 800), ("breached", 850)]


async def test_what_is_off_sale_or_not_filled_from_the_offer_is_no_breach() -> None:
    supplier, reseller, listing = await make_sale(asked=800, least=900)
    async with transaction(reseller.owner) as tx:
        (source,) = await routing.list_sources(tx, reseller.owner, listing_ids=[listing.id])
        await routing.update_source(tx, reseller.owner, source_id=source.id, enabled=False)

    assert await told(supplier.owner) == []


async def test_breaches_are_listed_for_who_may_see_supply() -> None:
    supplier, _, _ = await make_sale(asked=800, least=900)
    support = await make_member_ctx(supplier.tenant_id, role=MemberRole.SUPPORT)

    with pytest.raises(NotAllowed):
        await breaches(support)
