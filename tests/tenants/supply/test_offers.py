"""A supplier's own offers: how one moves and changes, on the restricted roles."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, StaleVersion
from fondaco_core.identity import MemberRole
from fondaco_core.ids import EntitlementId, OfferId, TenantId, new_id
from fondaco_core.money import Money
from fondaco_tenants import catalog, supply
from fondaco_tenants.supply import Offer, OfferState, OfferTerms, rules_offers
from fondaco_workers.actors import offers as actors
from tests.support.actors import run_twice
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.offers import make_offer
from tests.support.factories.supply import make_agreement, make_tier
from tests.support.factories.tenancy import make_tenant

DRAFT, PUBLISHED, WITHDRAWN = OfferState.DRAFT, OfferState.PUBLISHED, OfferState.WITHDRAWN


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move the time; the next one begins now."""
    yield
    clock.use(None)


def a_draft() -> Offer:
    return Offer(
        id=OfferId(new_id()), tenant_id=TenantId(new_id()), entitlement_id=EntitlementId(new_id()), currency="CNY",
        terms=OfferTerms(title="Steam 50", in_market=False), state=DRAFT, created_at=clock.now(), published_at=None,
        withdrawn_at=None, version=1,
    )  # fmt: skip


@given(st.lists(st.sampled_from(OfferState), max_size=6))
def test_an_offer_is_published_first_and_then_withdrawn_and_published_in_turn(wishes: list[OfferState]) -> None:
    offer, went = a_draft(), [DRAFT]

    for wish in wishes:
        if rules_offers.may_move(offer.state, wish):
            offer = rules_offers.moved(offer, wish, clock.now())
            went.append(wish)

    assert went == [DRAFT, *([PUBLISHED, WITHDRAWN] * 3)][: len(went)]
    assert offer.version == len(went)
    assert (offer.published_at is None) == (len(went) == 1)
    assert (offer.withdrawn_at is not None) == (offer.state is WITHDRAWN)


@pytest.mark.parametrize("least", [Money(-1, "CNY"), Money(100, "USD")])
def test_a_minimum_resale_price_is_a_price_in_the_offers_currency(least: Money) -> None:
    with pytest.raises(Invalid) as refused:
        rules_offers.checked_min_resale(least, currency="CNY")

    assert refused.value.path[0] == "min_resale"


# Over the real database


@pytest.fixture
async def supplier(database: Database) -> Ctx:
    assert database
    return await make_member_ctx(await make_tenant(name="A supplier"))


async def offers_of(ctx: Ctx, **filters: object) -> list[OfferId]:
    async with reading(ctx) as tx:
        return [offer.id for offer in await supply.list_offers(tx, ctx, **filters)]  # type: ignore[arg-type]


async def test_an_offer_goes_its_way_on_the_record_and_is_announced(supplier: Ctx) -> None:
    draft = await make_offer(supplier, published=False)

    async with transaction(supplier) as tx:
        published = await supply.publish_offer(tx, supplier, offer_id=draft.id, version=1)
        withdrawn = await supply.withdraw_offer(tx, supplier, offer_id=draft.id, version=2)
        again = await supply.publish_offer(tx, supplier, offer_id=draft.id, version=3)

    assert [each.state for each in (draft, published, withdrawn, again)] == [DRAFT, PUBLISHED, WITHDRAWN, PUBLISHED]
    assert (withdrawn.published_at, again.withdrawn_at) == (published.published_at, None)
    async with reading(supplier) as tx:
        assert (await supply.own_offers_by_ids(tx, supplier, [draft.id]))[draft.id] == again
        entries = await audit.list_entries(tx, supplier, subject_id=draft.id)
    assert [entry["action"] for entry in entries] == ["offer.moved"] * 3 + ["offer.created"]
    async with governing(supplier) as tx:
        rows = await tx.fetch("SELECT name FROM outbox_event WHERE tenant_id = $1 ORDER BY seq", supplier.tenant)
    told = [row["name"] for row in rows if row["name"].startswith("offer.")]
    assert told == ["offer.changed", "offer.published", "offer.withdrawn", "offer.published"]


async def test_a_step_that_is_not_the_next_one_is_refused_in_words(supplier: Ctx) -> None:
    draft, published = await make_offer(supplier, published=False), await make_offer(supplier)

    async with transaction(supplier) as tx:
        with pytest.raises(supply.OfferInWrongState, match="is a draft; it cannot be withdrawn"):
            await supply.withdraw_offer(tx, supplier, offer_id=draft.id, version=1)
        with pytest.raises(supply.OfferInWrongState, match="is published already"):
            await supply.publish_offer(tx, supplier, offer_id=published.id, version=2)


async def test_an_offer_changes_by_version_and_what_is_the_same_is_no_change(supplier: Ctx) -> None:
    offer = await make_offer(supplier, min_resale=Money(4_500, "CNY"))

    async with transaction(supplier) as tx:
        changed = await supply.update_offer(tx, supplier, offer_id=offer.id, version=2, title=" Steam ", in_market=True)
        cleared = await supply.update_offer(tx, supplier, offer_id=offer.id, version=3, min_resale=None)
        same = await supply.update_offer(tx, supplier, offer_id=offer.id, version=4, title="Steam")
        with pytest.raises(StaleVersion) as stale:
            await supply.update_offer(tx, supplier, offer_id=offer.id, version=3, title="Late")

    assert (changed.terms.title, changed.terms.in_market, changed.terms.min_resale) == (
        "Steam", True, Money(4_500, "CNY"),
    )  # fmt: skip
    assert (cleared.terms.min_resale, cleared.version, same) == (None, 4, cleared)
    assert stale.value.current_version == 4


async def test_what_makes_no_offer_is_refused_with_the_field_at_fault(supplier: Ctx) -> None:
    entitlement, retired = await make_entitlement(), await make_entitlement()
    admin = admin_ctx()
    async with governing(admin) as tx:
        await catalog.retire_entitlement(tx, admin, entitlement_id=retired.id, version=1)

    with pytest.raises(catalog.EntitlementRetired):
        await make_offer(supplier, entitlement_id=retired.id)
    with pytest.raises(NotFound) as unknown:
        await make_offer(supplier, entitlement_id=EntitlementId(new_id()))
    with pytest.raises(Invalid) as untitled:
        await make_offer(supplier, entitlement_id=entitlement.id, title=" ")
    with pytest.raises(Invalid) as foreign:
        await make_offer(supplier, entitlement_id=entitlement.id, min_resale=Money(1, "USD"))

    paths = [each.value.path for each in (unknown, untitled, foreign)]
    assert paths == [("entitlement_id",), ("title",), ("min_resale", "currency")]


async def test_an_entitlement_that_was_retired_is_not_published_any_more(supplier: Ctx) -> None:
    entitlement, admin = await make_entitlement(), admin_ctx()
    draft = await make_offer(supplier, entitlement_id=entitlement.id, published=False)
    async with governing(admin) as tx:
        await catalog.retire_entitlement(tx, admin, entitlement_id=entitlement.id, version=1)

    async with transaction(supplier) as tx:
        with pytest.raises(catalog.EntitlementRetired):
            await supply.publish_offer(tx, supplier, offer_id=draft.id, version=1)


async def test_own_offers_are_listed_newest_first_by_pages_and_filters(supplier: Ctx) -> None:
    entitlement = await make_entitlement()
    old = await make_offer(supplier, title="Netflix 100%", published=False)
    middle = await make_offer(supplier, title="Steam", entitlement_id=entitlement.id)
    new = await make_offer(supplier, title="Steam again")

    assert await offers_of(supplier) == [new.id, middle.id, old.id]
    assert await offers_of(supplier, count=1, after=new.id) == [middle.id]
    assert await offers_of(supplier, state=DRAFT) == [old.id]
    assert await offers_of(supplier, entitlement_id=entitlement.id) == [middle.id]
    assert await offers_of(supplier, search="STEAM") == [new.id, middle.id]
    assert await offers_of(supplier, search="0%") == [old.id]


async def test_who_offers_has_a_name_among_merchants(supplier: Ctx) -> None:
    await make_offer(supplier, published=False)

    async with reading(supplier) as tx:
        partner = await supply.get_partner(tx, supplier)
    assert partner is not None
    # Who comes later by the same name has something behind it.
    assert partner.name.startswith("A supplier")


async def test_an_offer_is_its_owners_to_change_by_those_who_may(supplier: Ctx) -> None:
    offer = await make_offer(supplier, in_market=True)
    other = await make_member_ctx(await make_tenant())
    auditor = await make_member_ctx(supplier.tenant, role=MemberRole.AUDITOR)
    support = await make_member_ctx(supplier.tenant, role=MemberRole.SUPPORT)

    for ctx, refusal in ((other, NotFound), (auditor, NotAllowed)):
        async with transaction(ctx) as tx:
            with pytest.raises(refusal):
                await supply.withdraw_offer(tx, ctx, offer_id=offer.id, version=2)
            with pytest.raises(refusal):
                await supply.update_offer(tx, ctx, offer_id=offer.id, version=2, title="Mine")

    assert await offers_of(auditor) == [offer.id]
    assert await offers_of(other) == []
    with pytest.raises(NotAllowed):
        await offers_of(support)


async def test_a_merchant_that_does_not_trade_changes_nothing(supplier: Ctx) -> None:
    offer, admin = await make_offer(supplier), admin_ctx()
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, supplier.tenant, reason="looked at for a while")

    async with transaction(supplier) as tx:
        with pytest.raises(tenancy.TenantNotActive):
            await supply.withdraw_offer(tx, supplier, offer_id=offer.id, version=2)

    with pytest.raises(tenancy.TenantNotActive):
        await make_offer(supplier)


async def test_of_two_who_publish_at_once_one_is_refused(supplier: Ctx) -> None:
    draft = await make_offer(supplier, published=False)

    async def publish() -> Offer:
        async with transaction(supplier) as tx:
            return await supply.publish_offer(tx, supplier, offer_id=draft.id, version=1)

    done = await asyncio.gather(publish(), publish(), return_exceptions=True)

    assert sorted(type(each).__name__ for each in done) == ["Offer", "StaleVersion"]


async def test_an_offer_that_is_withdrawn_keeps_when_it_was_published(supplier: Ctx) -> None:
    offer = await make_offer(supplier)
    later = clock.now() + timedelta(hours=1)
    clock.use(lambda: later)

    async with transaction(supplier) as tx:
        withdrawn = await supply.withdraw_offer(tx, supplier, offer_id=offer.id, version=2)

    assert (withdrawn.published_at, withdrawn.withdrawn_at) == (offer.published_at, later)


# What resellers are told


async def told(reseller: Ctx, name: str = "supply.offer_changed") -> list[dict[str, Any]]:
    """What is announced to a merchant, in order."""
    async with governing(reseller) as tx:
        rows = await tx.fetch(
            "SELECT payload::text AS payload FROM outbox_event WHERE tenant_id = $1 AND name = $2 ORDER BY seq",
            reseller.tenant, name,
        )  # fmt: skip
    return [orjson.loads(row["payload"]) for row in rows]


async def test_resellers_whose_tier_has_a_price_hear_how_an_offer_stands_once(supplier: Ctx) -> None:
    reseller, elsewhere = [await make_member_ctx(await make_tenant()) for _ in range(2)]
    tier = await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=tier)
    await make_agreement(supplier, elsewhere)
    offer = await make_offer(supplier, tier_id=tier.id)
    async with transaction(supplier) as tx:
        await supply.update_offer(tx, supplier, offer_id=offer.id, version=2, min_resale=Money(5_000, "CNY"))

    await run_twice(actors.tell_offer, tenant_id=supplier.tenant, offer_id=str(offer.id), version=3)
    async with transaction(supplier) as tx:
        await supply.withdraw_offer(tx, supplier, offer_id=offer.id, version=3)
    await run_twice(actors.tell_offer, tenant_id=supplier.tenant, offer_id=str(offer.id), version=4)

    assert [(each["offer_id"], each["state"], each["version"]) for each in await told(reseller)] == [
        (str(offer.id), "PUBLISHED", 3), (str(offer.id), "WITHDRAWN", 4),
    ]  # fmt: skip
    assert await told(elsewhere) == []


async def test_nobody_hears_of_a_draft_nor_of_its_price(supplier: Ctx) -> None:
    reseller, tier = await make_member_ctx(await make_tenant()), await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=tier)
    draft = await make_offer(supplier, tier_id=tier.id, published=False)

    await run_twice(actors.tell_offer, tenant_id=supplier.tenant, offer_id=str(draft.id), version=1)
    await run_twice(
        actors.tell_prices, tenant_id=supplier.tenant, offer_id=str(draft.id), tier_id=str(tier.id),
        starts_at=clock.now().isoformat(), currency="CNY", unit_price_minor=4_000,
    )  # fmt: skip

    assert await told(reseller) == []
    assert await told(reseller, "supply.price_coming") == []


async def test_news_of_anothers_offer_are_told_to_nobody(supplier: Ctx) -> None:
    reseller, tier = await make_member_ctx(await make_tenant()), await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=tier)
    offer = await make_offer(supplier, tier_id=tier.id)
    other = await make_tenant()

    await run_twice(actors.tell_offer, tenant_id=other, offer_id=str(offer.id), version=2)

    assert await told(reseller) == []


async def test_no_merchant_publishes_more_offers_than_everybody_can_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    supplier = await make_member_ctx(await make_tenant())
    first, *drafts = [await make_offer(supplier, published=False) for _ in range(4)]
    monkeypatch.setattr(limits, "OFFERS_MAX", 2)

    async def publish(offer: Offer) -> Offer:
        async with transaction(supplier) as tx:
            return await supply.publish_offer(tx, supplier, offer_id=offer.id, version=offer.version)

    first = await publish(first)
    done = await asyncio.gather(*(publish(each) for each in drafts), return_exceptions=True)
    async with transaction(supplier) as tx:
        await supply.withdraw_offer(tx, supplier, offer_id=first.id, version=first.version)
    refused = next(draft for draft, each in zip(drafts, done, strict=True) if isinstance(each, supply.TooManyOffers))

    assert sum(isinstance(each, supply.TooManyOffers) for each in done) == 2
    assert (await publish(refused)).state is PUBLISHED
