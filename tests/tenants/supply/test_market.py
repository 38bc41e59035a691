"""What merchants see of each other's offers: the market, what one may buy, and nothing beyond, on the restricted roles."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Unpack

import pytest

from fondaco_core import clock, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.errors import NotAllowed
from fondaco_core.identity import MemberRole
from fondaco_core.ids import AgreementId, EntitlementId, OfferId
from fondaco_core.money import Money
from fondaco_tenants import supply
from fondaco_tenants.supply import Agreement, AgreementState, MarketFilters, MarketOffer, Offer
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.offers import breaks_of, make_offer, make_prices
from tests.support.factories.supply import make_agreement, make_tier
from tests.support.factories.tenancy import make_tenant

REASON = "for a reason that says enough"


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move the time; the next one begins now."""
    yield
    clock.use(None)


@pytest.fixture
async def supplier(database: Database) -> Ctx:
    assert database
    return await make_member_ctx(await make_tenant(name="Some supplier"))


@pytest.fixture
async def reseller(database: Database) -> Ctx:
    assert database
    return await make_member_ctx(await make_tenant())


@pytest.fixture
async def entitlement_id(database: Database) -> EntitlementId:
    """Of this test alone: what others offer is found by its entitlement."""
    assert database
    return (await make_entitlement(brand="Netflix", name="Netflix 1 month")).id


async def market(ctx: Ctx, **filters: Unpack[MarketFilters]) -> list[MarketOffer]:
    async with reading(ctx) as tx:
        return await supply.search_market(tx, ctx, **filters)


async def offered(ctx: Ctx, **filters: Unpack[MarketFilters]) -> list[MarketOffer]:
    async with reading(ctx) as tx:
        return await supply.list_offered(tx, ctx, **filters)


async def seen(ctx: Ctx, offer: Offer) -> MarketOffer | None:
    async with reading(ctx) as tx:
        return (await supply.offers_by_ids(tx, ctx, [offer.id])).get(offer.id)


def price_of(found: MarketOffer | None) -> int | None:
    assert found is not None
    return None if found.prices is None else found.prices.breaks[0].unit_price.amount_minor


def ids(found: list[MarketOffer]) -> list[OfferId]:
    return [each.offer.id for each in found]


async def rows(ctx: Ctx, table: str, offer: Offer) -> list[Any]:
    """The rows of an offer that the database itself shows, whatever is asked."""
    column = "id" if table == "offer" else "offer_id"
    async with reading(ctx) as tx:
        return await tx.fetch(f"SELECT * FROM {table} WHERE {column} = $1", offer.id)  # noqa: S608 - our own tables


async def step(ctx: Ctx, agreement: Agreement, name: str, **more: Any) -> Agreement:
    """A step of an agreement that there is."""
    async with transaction(ctx) as tx:
        found = (await supply.agreements_by_ids(tx, ctx, [AgreementId(agreement.id)]))[agreement.id]
        done: Agreement = await getattr(supply, f"{name}_agreement")(
            tx, ctx, agreement_id=agreement.id, version=found.version, **more
        )
        return done


async def test_the_market_shows_what_newcomers_would_pay(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry = await make_tier(supplier, entry=True)
    priced = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id)
    unpriced = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True)
    await make_offer(supplier, entitlement_id=entitlement_id, tier_id=entry.id)
    await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, published=False)

    found = await market(reseller, entitlement_id=entitlement_id)

    assert ids(found) == [unpriced.id, priced.id]
    assert [price_of(each) for each in found] == [None, 4_000]
    assert {(each.agreement_id, each.agreement_state, each.open_) for each in found} == {(None, None, False)}
    assert await market(supplier, entitlement_id=entitlement_id) == []
    assert await offered(reseller) == []


async def test_who_has_an_agreement_sees_its_own_tiers_price_and_may_buy(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry, gold = await make_tier(supplier, entry=True), await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id)
    hidden = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=gold.id, price_minor=3_000)
    for each in (offer, hidden):
        await make_prices(supplier, offer_id=each.id, tier_id=gold.id, breaks=breaks_of((1, 3_500), (10, 3_400)))
    soon = clock.now() + timedelta(days=7)
    await make_prices(supplier, offer_id=offer.id, tier_id=gold.id, breaks=breaks_of((1, 3_600)), starts_at=soon)
    agreement = await make_agreement(supplier, reseller, tier=gold)

    (found,) = await market(reseller, entitlement_id=entitlement_id)
    mine = await offered(reseller, entitlement_id=entitlement_id)

    assert (found.agreement_id, found.agreement_state, found.open_) == (agreement.id, AgreementState.ACTIVE, True)
    assert found.prices is not None
    assert found.coming is not None
    assert found.prices.breaks == tuple(breaks_of((1, 3_500), (10, 3_400)))
    assert (found.coming.starts_at, found.coming.breaks) == (soon, tuple(breaks_of((1, 3_600))))
    assert ids(mine) == [hidden.id, offer.id]
    assert mine[1] == found
    clock.use(lambda: soon)
    assert [price_of(each) for each in await offered(reseller, entitlement_id=entitlement_id)] == [3_500, 3_600]


async def test_what_a_tier_has_no_price_for_is_not_offered_to_it(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    mine, other = await make_tier(supplier), await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=mine)
    never = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=other.id)
    ended = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=mine.id)
    await make_prices(supplier, offer_id=ended.id, tier_id=mine.id, breaks=[])
    coming = await make_offer(supplier, entitlement_id=entitlement_id)
    soon = clock.now() + timedelta(days=1)
    await make_prices(supplier, offer_id=coming.id, tier_id=mine.id, starts_at=soon)

    found = {each.id: await seen(reseller, each) for each in (never, ended, coming)}

    assert await offered(reseller) == []
    assert found[never.id] is None
    # What it got, and what it is going to get, it sees; and buys neither now.
    assert [(price_of(found[each.id]), found[each.id].open_) for each in (ended, coming)] == [(None, False)] * 2  # type: ignore[union-attr]
    clock.use(lambda: soon)
    assert ids(await offered(reseller)) == [coming.id]


async def test_a_withdrawn_offer_is_gone_from_the_market_and_bought_by_nobody(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    tier, stranger = await make_tier(supplier, entry=True), await make_member_ctx(await make_tenant())
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)

    async with transaction(supplier) as tx:
        await supply.withdraw_offer(tx, supplier, offer_id=offer.id, version=2)

    assert await market(reseller, entitlement_id=entitlement_id) == []
    assert await offered(reseller) == []
    left = await seen(reseller, offer)
    assert left is not None
    assert not left.open_
    assert await seen(stranger, offer) is None


async def test_an_agreement_that_is_not_in_force_lets_nobody_buy(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=tier.id)
    agreement = await make_agreement(supplier, reseller, tier=tier)

    await step(supplier, agreement, "suspend", reason=REASON)
    suspended, none = await seen(reseller, offer), await offered(reseller)
    await step(supplier, agreement, "resume")
    again = await offered(reseller)
    await step(reseller, agreement, "end", reason=REASON)

    assert suspended is not None
    assert (price_of(suspended), suspended.open_, none) == (4_000, False, [])
    assert ids(again) == [offer.id]
    assert await seen(reseller, offer) is None
    assert await rows(reseller, "offer", offer) == []
    assert await rows(reseller, "offer_price", offer) == []


async def test_who_moves_to_another_tier_pays_its_price_at_once(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    silver, gold = await make_tier(supplier), await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=silver.id)
    await make_prices(supplier, offer_id=offer.id, tier_id=gold.id, breaks=breaks_of((1, 3_000)))
    agreement = await make_agreement(supplier, reseller, tier=silver)

    before = price_of(await seen(reseller, offer))
    await step(supplier, agreement, "change", tier_id=gold.id)

    assert (before, price_of(await seen(reseller, offer))) == (4_000, 3_000)
    assert {row["tier_id"] for row in await rows(reseller, "offer_price", offer)} == {gold.id}


async def test_offers_of_a_merchant_that_does_not_trade_are_not_to_be_had(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)
    admin = admin_ctx()

    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, supplier.tenant, reason=REASON)

    assert await market(reseller, entitlement_id=entitlement_id) == []
    assert await offered(reseller) == []
    left = await seen(reseller, offer)
    assert left is not None
    assert not left.open_


async def test_who_does_not_trade_looks_at_the_market_and_buys_nothing(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)
    admin = admin_ctx()

    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, reseller.tenant, reason=REASON)

    (found,) = await market(reseller, entitlement_id=entitlement_id)
    assert (found.offer.id, found.open_) == (offer.id, False)
    assert await offered(reseller) == []


async def test_the_market_is_searched_by_text_supplier_and_price(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry, other = await make_tier(supplier, entry=True), await make_member_ctx(await make_tenant(name="Cheap & Co"))
    their_entry = await make_tier(other, entry=True)
    mine = await make_offer(
        supplier,
        entitlement_id=entitlement_id,
        in_market=True,
        title="100% Premium",
        tier_id=entry.id,
        price_minor=5_000,
    )
    cheap = await make_offer(
        other, entitlement_id=entitlement_id, in_market=True, title="Basic", tier_id=their_entry.id, price_minor=2_000
    )
    unpriced = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, title="On request")
    dollars = await make_offer(
        supplier, entitlement_id=entitlement_id, in_market=True, title="In dollars", currency="USD", tier_id=entry.id,
        price_minor=100,
    )  # fmt: skip

    async def found(**filters: Unpack[MarketFilters]) -> list[OfferId]:
        filters["entitlement_id"] = entitlement_id
        return ids(await market(reseller, **filters))

    assert await found() == [dollars.id, unpriced.id, cheap.id, mine.id]
    assert await found(text="premium") == [mine.id]
    assert await found(text="0% p") == [mine.id]
    assert await found(text="NETFLIX 1") == [dollars.id, unpriced.id, cheap.id, mine.id]
    assert await found(text="cheap &") == [cheap.id]
    assert await found(supplier_id=supplier.tenant) == [dollars.id, unpriced.id, mine.id]
    assert await found(max_price=Money(5_000, "CNY")) == [cheap.id, mine.id]
    assert await found(max_price=Money(4_999, "CNY")) == [cheap.id]
    assert await found(max_price=Money(100, "USD"), text="dollars") == [dollars.id]


async def test_the_market_is_read_by_pages(supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId) -> None:
    made = [await make_offer(supplier, entitlement_id=entitlement_id, in_market=True) for _ in range(3)]
    read: list[OfferId] = []
    after: OfferId | None = None

    while True:
        async with reading(reseller) as tx:
            page = await supply.search_market(tx, reseller, entitlement_id=entitlement_id, after=after, count=2)
        read += ids(page)
        if len(page) < 2:
            break
        after = page[-1].offer.id

    assert read == [offer.id for offer in reversed(made)]


async def test_an_owner_sees_its_offers_as_others_do(supplier: Ctx, entitlement_id: EntitlementId) -> None:
    entry = await make_tier(supplier, entry=True)
    draft = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=entry.id, published=False)

    found = await seen(supplier, draft)

    assert found is not None
    assert (price_of(found), found.agreement_id, found.open_) == (4_000, None, False)


# What the database itself shows, whatever a statement asks for


async def test_a_merchant_without_an_agreement_reads_no_offer_that_is_not_in_the_market(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry, gold = await make_tier(supplier, entry=True), await make_tier(supplier)
    draft = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id, published=False)
    private = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=entry.id)
    public = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id)
    await make_prices(supplier, offer_id=public.id, tier_id=gold.id, breaks=breaks_of((1, 1_000)))

    read = {
        (table, each.id): len(await rows(reseller, table, each))
        for table in ("offer", "offer_price")
        for each in (draft, private, public)
    }

    assert {key: count for key, count in read.items() if count} == {
        ("offer", public.id): 1,
        ("offer_price", public.id): 1,
    }
    assert {row["tier_id"] for row in await rows(reseller, "offer_price", public)} == {entry.id}


async def test_who_has_asked_was_declined_or_left_reads_no_more_than_a_stranger(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry = await make_tier(supplier, entry=True)
    private = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=entry.id)
    draft = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=entry.id, published=False)
    market_ = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id)
    async with transaction(reseller) as tx:
        asked = await supply.request_agreement(tx, reseller, supplier_id=supplier.tenant)

    requested = [len(await rows(reseller, "offer_price", each)) for each in (private, draft, market_)]
    (found,) = await market(reseller, entitlement_id=entitlement_id)
    await step(supplier, asked, "decline", reason=REASON)
    declined = [len(await rows(reseller, "offer", each)) for each in (private, draft, market_)]

    assert requested == declined == [0, 0, 1]
    assert (found.agreement_state, found.open_, price_of(found)) == (AgreementState.REQUESTED, False, 4_000)


async def test_a_reseller_reads_its_own_tiers_prices_alone_and_no_draft(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    entry, mine, gold = await make_tier(supplier, entry=True), await make_tier(supplier), await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id)
    draft = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=mine.id, published=False)
    for tier in (entry, mine, gold):
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=mine)

    assert {row["tier_id"] for row in await rows(reseller, "offer_price", offer)} == {mine.id}
    assert await rows(reseller, "offer", draft) == []
    assert await rows(reseller, "offer_price", draft) == []


async def test_the_market_is_for_merchants(supplier: Ctx, entitlement_id: EntitlementId) -> None:
    entry = await make_tier(supplier, entry=True)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=entry.id)

    assert await rows(Ctx(), "offer", offer) == []
    assert await rows(Ctx(), "offer_price", offer) == []
    support = await make_member_ctx(supplier.tenant, role=MemberRole.SUPPORT)
    for ask in (market, offered):
        with pytest.raises(NotAllowed):
            await ask(support)


async def test_a_stranger_writes_no_price_for_anothers_offer(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, in_market=True, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)

    for sql in ("UPDATE offer SET title = title WHERE id = $1", "UPDATE offer SET state = 'DRAFT' WHERE id = $1"):
        async with transaction(reseller) as tx:
            assert await tx.execute(sql, offer.id) == 0
    with pytest.raises(Exception, match="row-level security"):
        async with transaction(reseller) as tx:
            await tx.execute(
                "INSERT INTO offer_price (id, tenant_id, offer_id, tier_id, starts_at, from_units, unit_price_minor, created_at) "
                "SELECT gen_random_uuid(), tenant_id, offer_id, tier_id, now(), 1, 1, now() FROM offer_price WHERE offer_id = $1",
                offer.id,
            )


async def test_the_database_finds_the_price_list_that_the_rules_say(
    supplier: Ctx, reseller: Ctx, entitlement_id: EntitlementId
) -> None:
    chance, begun = random.Random(4), clock.now()  # noqa: S311 - the same numbers every time
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, entitlement_id=entitlement_id, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)
    hours = sorted(chance.sample(range(1, 200), 12))
    for hour in hours[:6]:
        clock.use(lambda hour=hour: begun + timedelta(hours=hour))  # type: ignore[misc]
        ended = chance.random() < 0.3
        breaks = [] if ended else breaks_of((1, 5_000 - hour), (10, 4_000 - hour))
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks)
    for hour in chance.sample(hours[6:], 6):
        soon = begun + timedelta(hours=hour)
        await make_prices(
            supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 5_000 - hour)), starts_at=soon
        )
    async with reading(supplier) as tx:
        ever = await supply.list_prices(tx, supplier, offer=offer, count=50)

    for hour in range(0, 210, 5):
        at = begun + timedelta(hours=hour)
        clock.use(lambda at=at: at)  # type: ignore[misc]
        found = await seen(reseller, offer)
        held, coming = supply.effective(ever, at), supply.coming(ever, at)

        assert found is not None
        assert found.prices == (held if held is not None and held.breaks else None)
        assert found.coming == (coming[0] if coming else None)

    assert len(ever) == 13
