"""What a tier pays for an offer: the rules by property, and the use cases over the real database."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import audit, clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import OfferId, TierId, new_id
from fondaco_core.money import Money
from fondaco_tenants import supply
from fondaco_tenants.supply import Offer, PriceBreak, PriceList, Tier, rules_offers
from fondaco_workers.actors import offers as actors
from tests.support.actors import run_twice
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.offers import breaks_of, make_offer, make_prices
from tests.support.factories.supply import make_agreement, make_tier
from tests.support.factories.tenancy import make_tenant

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFER, TIER = OfferId(new_id()), TierId(new_id())

moments = st.integers(-1_000, 1_000).map(lambda hours: NOON + timedelta(hours=hours))
quantities = st.integers(1, limits.HOLD_CODES_MAX)


@pytest.fixture(autouse=True)
def own_clock() -> Iterator[None]:
    """A test may move the time; the next one begins now."""
    yield
    clock.use(None)


def list_of(starts_at: datetime, *breaks: tuple[int, int]) -> PriceList:
    return PriceList(
        offer_id=OFFER, tier_id=TIER, starts_at=starts_at, breaks=tuple(breaks_of(*breaks)), created_at=NOON
    )


@st.composite
def price_lists(draw: st.DrawFn) -> list[PriceBreak]:
    """Breaks that are a price list."""
    count = draw(st.integers(1, limits.PRICE_BREAKS_MAX))
    rest = st.lists(st.integers(2, limits.HOLD_CODES_MAX), min_size=count - 1, max_size=count - 1, unique=True)
    prices = draw(st.lists(st.integers(0, limits.AMOUNT_MAX_MINOR), min_size=count, max_size=count))
    return breaks_of(*zip([1, *sorted(draw(rest))], sorted(prices, reverse=True), strict=True))


@given(price_lists())
def test_breaks_that_rise_while_prices_fall_are_a_price_list(breaks: list[PriceBreak]) -> None:
    assert rules_offers.checked_breaks(breaks, currency="CNY") == tuple(breaks)


@given(price_lists(), quantities, quantities)
def test_who_takes_more_never_pays_more_for_a_unit(breaks: list[PriceBreak], one: int, other: int) -> None:
    prices = list_of(NOON, *((each.from_units, each.unit_price.amount_minor) for each in breaks))
    few, many = sorted((one, other))

    less, more = supply.unit_price(prices, few), supply.unit_price(prices, many)

    assert less is not None
    assert more is not None
    assert more.amount_minor <= less.amount_minor
    # It is the price of the last break that the quantity reaches.
    assert more == [each.unit_price for each in breaks if each.from_units <= many][-1]


@given(st.permutations([(1, 500), (5, 400), (9, 300)]))
def test_breaks_in_another_order_are_no_price_list(breaks: list[tuple[int, int]]) -> None:
    if breaks == sorted(breaks):
        return

    with pytest.raises(Invalid):
        rules_offers.checked_breaks(breaks_of(*breaks), currency="CNY")


@pytest.mark.parametrize(
    ("breaks", "path"),
    [
        ([], ("breaks",)),
        ([(units, 500) for units in range(1, limits.PRICE_BREAKS_MAX + 2)], ("breaks",)),
        ([(2, 500)], ("breaks", "0", "from_units")),
        ([(0, 500)], ("breaks", "0", "from_units")),
        ([(1, 500), (1, 400)], ("breaks", "1", "from_units")),
        ([(1, 500), (limits.HOLD_CODES_MAX + 1, 400)], ("breaks", "1", "from_units")),
        ([(1, 500), (5, 501)], ("breaks", "1", "unit_price")),
        ([(1, -1)], ("breaks", "0", "unit_price", "amount")),
        ([(1, limits.AMOUNT_MAX_MINOR + 1)], ("breaks", "0", "unit_price", "amount")),
    ],
)
def test_what_is_no_price_list_is_refused_with_the_field_at_fault(
    breaks: list[tuple[int, int]], path: tuple[str, ...]
) -> None:
    with pytest.raises(Invalid) as refused:
        rules_offers.checked_breaks(breaks_of(*breaks), currency="CNY")

    assert refused.value.path == path
    assert not refused.value.message_zh.isascii()


def test_a_price_in_another_currency_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        rules_offers.checked_breaks(breaks_of((1, 500), currency="USD"), currency="CNY")

    assert refused.value.path == ("breaks", "0", "unit_price", "currency")


@given(st.lists(moments, max_size=8, unique=True), moments)
def test_the_latest_list_that_has_begun_holds_and_the_others_are_to_come(starts: list[datetime], at: datetime) -> None:
    lists = [list_of(moment, (1, 500)) for moment in starts]

    held, coming = supply.effective(lists, at), supply.coming(lists, at)

    begun = [moment for moment in starts if moment <= at]
    assert (None if held is None else held.starts_at) == max(begun, default=None)
    assert [each.starts_at for each in coming] == sorted(set(starts) - set(begun))


def test_a_list_without_breaks_has_no_price() -> None:
    assert supply.unit_price(list_of(NOON), 1) is None


@given(moments)
def test_a_start_that_is_over_is_now_and_one_to_come_is_kept(start: datetime) -> None:
    assert rules_offers.checked_start(start, NOON) == max(start, NOON)


def test_a_start_is_at_most_a_year_ahead() -> None:
    year = timedelta(days=limits.PRICES_AHEAD_DAYS_MAX)

    assert rules_offers.checked_start(NOON + year, NOON) == NOON + year
    with pytest.raises(Invalid) as refused:
        rules_offers.checked_start(NOON + year + timedelta(microseconds=1), NOON)
    assert refused.value.path == ("starts_at",)


# Over the real database


@pytest.fixture
async def supplier(database: Database) -> Ctx:
    assert database
    return await make_member_ctx(await make_tenant())


async def make_priced(supplier: Ctx, *breaks: tuple[int, int]) -> tuple[Offer, Tier]:
    offer, tier = await make_offer(supplier), await make_tier(supplier)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of(*breaks))
    return offer, tier


async def prices_of(supplier: Ctx, offer: Offer) -> list[PriceList]:
    async with reading(supplier) as tx:
        return (await supply.prices_of_offers(tx, supplier, [offer.id]))[offer.id]


async def history_of(supplier: Ctx, offer: Offer, **more: Any) -> list[PriceList]:
    async with reading(supplier) as tx:
        return await supply.list_prices(tx, supplier, offer=offer, **more)


async def test_prices_follow_each_other_and_all_of_them_stay(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500), (10, 450))
    soon = clock.now() + timedelta(days=3)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 520)), starts_at=soon)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 490)))

    now, later = await prices_of(supplier, offer)
    clock.use(lambda: soon)
    (then,) = await prices_of(supplier, offer)

    assert [now.breaks, later.breaks, then.breaks] == [
        tuple(breaks_of((1, 490))), tuple(breaks_of((1, 520))), tuple(breaks_of((1, 520))),
    ]  # fmt: skip
    ever = await history_of(supplier, offer)
    assert [len(each.breaks) for each in ever] == [1, 1, 2]
    assert [each.starts_at for each in ever] == sorted((each.starts_at for each in ever), reverse=True)


async def test_each_tier_has_its_own_prices_and_the_history_is_paged_over_all(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    other = await make_tier(supplier)
    await make_prices(supplier, offer_id=offer.id, tier_id=other.id, breaks=breaks_of((1, 600)))

    both = await prices_of(supplier, offer)
    one = await history_of(supplier, offer, tier_id=tier.id)
    first = await history_of(supplier, offer, count=1)
    second = await history_of(supplier, offer, after=(first[0].starts_at, first[0].tier_id), count=1)

    assert {(each.tier_id, each.breaks[0].unit_price.amount_minor) for each in both} == {
        (tier.id, 500),
        (other.id, 600),
    }
    assert [each.tier_id for each in one] == [tier.id]
    assert [each.tier_id for each in (*first, *second)] == [other.id, tier.id]


async def test_a_tier_that_does_not_get_an_offer_any_more_has_no_price(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))

    ended = await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=[])

    assert ended.breaks == ()
    assert [each.breaks for each in await prices_of(supplier, offer)] == [()]


async def test_the_same_prices_again_are_no_change(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500), (10, 450))
    (first,) = await prices_of(supplier, offer)

    again = await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 500), (10, 450)))

    assert again == first
    assert len(await history_of(supplier, offer)) == 1


async def test_a_moment_has_one_list_and_the_list_stays_whole(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    soon = clock.now() + timedelta(days=1)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 480)), starts_at=soon)

    with pytest.raises(supply.PricesSetAlready):
        await make_prices(
            supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 470), (5, 460)), starts_at=soon
        )

    assert [each.breaks for each in await prices_of(supplier, offer)][1] == tuple(breaks_of((1, 480)))


async def test_two_lists_in_one_moment_of_the_clock_are_one_too_many(supplier: Ctx) -> None:
    clock.use(lambda: NOON)
    offer, tier = await make_priced(supplier, (1, 500))

    with pytest.raises(supply.PricesSetAlready):
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 400)))


async def test_of_two_who_set_the_same_moment_one_is_refused(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    soon = clock.now() + timedelta(days=1)

    done = await asyncio.gather(
        *(
            make_prices(
                supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, price), (price, 1)), starts_at=soon
            )
            for price in (400, 300)
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in done) == ["PriceList", "PricesSetAlready"]
    coming = (await prices_of(supplier, offer))[1]
    assert [coming] == [each for each in done if isinstance(each, PriceList)]


async def test_only_so_many_changes_are_to_come(supplier: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PRICES_COMING_MAX", 2)
    offer, tier = await make_priced(supplier, (1, 500))
    for days in (1, 2):
        soon = clock.now() + timedelta(days=days)
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 500)), starts_at=soon)

    with pytest.raises(supply.TooManyPrices):
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, starts_at=clock.now() + timedelta(days=3))

    # What begins now always may.
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id)


async def test_prices_are_for_own_offers_and_own_tiers_that_are_open(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    other = await make_member_ctx(await make_tenant())
    theirs, their_tier = await make_offer(other, in_market=True), await make_tier(other, entry=True)
    async with transaction(supplier) as tx:
        await supply.update_tier(tx, supplier, tier_id=tier.id, version=1, archived=True)

    with pytest.raises(NotFound, match="offer"):
        await make_prices(supplier, offer_id=theirs.id, tier_id=tier.id)
    with pytest.raises(NotFound, match="tier"):
        await make_prices(supplier, offer_id=offer.id, tier_id=their_tier.id)
    with pytest.raises(supply.TierArchived):
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id)


async def test_who_may_only_look_sets_no_price_and_others_read_none(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    auditor = await make_member_ctx(supplier.tenant, role=MemberRole.AUDITOR)
    other = await make_member_ctx(await make_tenant())

    with pytest.raises(NotAllowed):
        await make_prices(auditor, offer_id=offer.id, tier_id=tier.id)

    assert len(await prices_of(auditor, offer)) == 1
    assert await prices_of(other, offer) == []
    assert await history_of(other, offer) == []


async def test_a_price_is_on_the_record_with_who_set_it(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500), (10, 450))

    async with reading(supplier) as tx:
        (entry, *_) = await audit.list_entries(tx, supplier, subject_id=offer.id)
        by = await tx.fetchval("SELECT DISTINCT created_by FROM offer_price WHERE offer_id = $1", offer.id)

    assert (entry["action"], by) == ("offer.prices_set", supplier.actor_id)
    assert str(tier.id) in str(entry["detail"])


async def test_nobody_changes_a_price_that_was_set(supplier: Ctx) -> None:
    offer, _ = await make_priced(supplier, (1, 500))

    for sql in ("UPDATE offer_price SET unit_price_minor = 1", "DELETE FROM offer_price"):
        with pytest.raises(Exception, match="permission denied"):
            async with transaction(supplier) as tx:
                await tx.execute(f"{sql} WHERE offer_id = $1", offer.id)


async def test_a_tiers_resellers_are_told_once_what_is_coming_and_nobody_else_is(supplier: Ctx) -> None:
    offer, tier = await make_priced(supplier, (1, 500))
    reseller, stranger, gone = [await make_member_ctx(await make_tenant()) for _ in range(3)]
    await make_agreement(supplier, reseller, tier=tier)
    await make_agreement(supplier, stranger)
    ended = await make_agreement(supplier, gone, tier=tier)
    async with transaction(supplier) as tx:
        await supply.end_agreement(
            tx, supplier, agreement_id=ended.id, version=ended.version, reason="no business any more"
        )
    soon = clock.now() + timedelta(days=2)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 550)), starts_at=soon)

    await run_twice(
        actors.tell_prices, tenant_id=supplier.tenant, offer_id=str(offer.id), tier_id=str(tier.id),
        starts_at=soon.isoformat(), currency="CNY", unit_price_minor=550,
    )  # fmt: skip

    async with governing(supplier) as tx:
        rows = await tx.fetch(
            "SELECT tenant_id, payload FROM outbox_event WHERE name = 'supply.price_coming' AND payload->>'offer_id' = $1",
            str(offer.id),
        )
        set_ = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE name = 'offer.prices_set' AND tenant_id = $1", supplier.tenant
        )
    assert [row["tenant_id"] for row in rows] == [reseller.tenant]
    assert str(offer.id) in str(rows[0]["payload"])
    assert "550" in str(rows[0]["payload"])
    assert set_ == 2
    assert Money(550, "CNY") == (await prices_of(supplier, offer))[1].breaks[0].unit_price
