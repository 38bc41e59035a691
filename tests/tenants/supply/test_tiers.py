"""Partners' names and suppliers' tiers, on a real database as the restricted roles."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from fondaco_core import audit, clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Conflict, Invalid, NotAllowed, NotFound, StaleVersion
from fondaco_core.identity import MemberRole
from fondaco_core.money import Money
from fondaco_core.tenancy import TenantNotActive
from fondaco_tenants import supply
from fondaco_tenants.supply import CreditCurrencyFixed, NameTaken, SetTerms, StockView, Terms, TermsSetAlready, Tier
from fondaco_tenants.supply.rules import look_of
from tests.support.clock import later
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.supply import make_agreement, make_invitation, make_terms, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def supplier() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Supplier Ltd"))


@pytest.fixture
async def reseller() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Reseller Ltd"))


async def update(ctx: Ctx, tier: Tier, **given: Any) -> Tier:
    changes: dict[str, Any] = {"version": tier.version, **given}
    async with transaction(ctx) as tx:
        return await supply.update_tier(tx, ctx, tier_id=tier.id, **changes)


async def set_terms(ctx: Ctx, tier: Tier, terms: Terms, **given: Any) -> SetTerms:
    async with transaction(ctx) as tx:
        return await supply.change_terms(tx, ctx, tier_id=tier.id, terms=terms, **given)


async def terms_of(ctx: Ctx, tier: Tier) -> list[SetTerms]:
    async with reading(ctx) as tx:
        return (await supply.terms_of_tiers(tx, ctx, [tier.id]))[tier.id]


async def tiers_of(ctx: Ctx, **given: Any) -> list[Tier]:
    async with reading(ctx) as tx:
        return await supply.list_tiers(tx, ctx, **given)


async def test_a_merchant_has_its_companys_name_among_merchants_from_its_first_tier_on(supplier: Ctx) -> None:
    async with reading(supplier) as tx:
        before = await supply.get_partner(tx, supplier)
    await make_tier(supplier)

    async with reading(supplier) as tx:
        after = await supply.get_partner(tx, supplier)

    assert before is None
    assert after is not None
    assert (after.name.startswith("Supplier Ltd"), after.about, after.version) == (True, None, 1)


async def test_a_merchant_whose_company_is_called_like_another_one_begins_with_a_name_that_tells_them_apart() -> None:
    tag = uuid4().hex
    merchants = [await make_member_ctx(await make_tenant(name=f"{name} {tag}")) for name in ("Cards", "C A R D S")]
    names: list[str] = []

    for ctx in merchants:
        await make_tier(ctx)
        async with reading(ctx) as tx:
            partner = await supply.get_partner(tx, ctx)
        assert partner is not None
        names.append(partner.name)

    assert names[0] == f"Cards {tag}"
    assert re.fullmatch(f"C A R D S {tag} [0-9a-f]{{8}}", names[1])


async def test_of_two_who_take_one_name_at_once_one_has_it(supplier: Ctx, reseller: Ctx) -> None:
    name = f"Cards {uuid4().hex}"

    async def take(ctx: Ctx) -> None:
        async with transaction(ctx) as tx:
            await supply.update_partner(tx, ctx, version=0, name=name, about=None)

    done = await asyncio.gather(take(supplier), take(reseller), return_exceptions=True)

    assert sorted(type(each).__name__ for each in done) == ["NoneType", "PartnerNameTaken"]


async def test_a_merchant_writes_its_own_name_another_way(supplier: Ctx) -> None:
    name = f"Cards {uuid4().hex}"
    async with transaction(supplier) as tx:
        first = await supply.update_partner(tx, supplier, version=0, name=name, about=None)
        again = await supply.update_partner(tx, supplier, version=first.version, name=name.upper(), about=None)

    assert again.name == name.upper()


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Silk Bridge", "SILK-BRIDGE", True), ("Silk Bridge", "S\u0456lk Br\u0456dge", True), ("PayPal", "Paypa1", True),
        ("Caf\u00e9", "Cafe", True), ("Ｓｉｌｋ", "silk", True), ("丝桥", "丝 桥", True), ("丝桥", "竹源", False),
        ("Silk Bridge", "Silk Bridges", False), ("***", "---", False),
    ],
)  # fmt: skip
def test_names_are_alike_that_people_take_for_the_same(one: str, other: str, alike: bool) -> None:  # noqa: FBT001
    assert (look_of(one) == look_of(other)) is alike


async def test_a_merchant_chooses_its_name_among_merchants_and_keeps_it(supplier: Ctx) -> None:
    tag = uuid4().hex
    async with transaction(supplier) as tx:
        written = await supply.update_partner(
            tx, supplier, version=0, name=f" House  {tag} ", about="  We sell cards.  "
        )
    await make_tier(supplier)

    with pytest.raises(StaleVersion) as stale:
        async with transaction(supplier) as tx:
            await supply.update_partner(tx, supplier, version=0, name="Other", about=None)

    async with reading(supplier) as tx:
        assert await supply.get_partner(tx, supplier) == written
    assert (written.name, written.about) == (f"House {tag}", "We sell cards.")
    assert stale.value.current_version == written.version


async def test_a_stranger_learns_no_name_and_a_partner_that_one_alone(supplier: Ctx, reseller: Ctx) -> None:
    other = await make_member_ctx(await make_tenant())
    await make_tier(other)
    await make_agreement(supplier, reseller)
    ids = [ctx.tenant for ctx in (supplier, reseller, other)]

    async with reading(reseller) as tx:
        known = await supply.partners_by_ids(tx, reseller, ids)
    async with reading(other) as tx:
        unknown = await supply.partners_by_ids(tx, other, ids)

    assert set(known) == {supplier.tenant, reseller.tenant}
    assert set(unknown) == {other.tenant}


async def test_a_tier_grants_at_once_what_was_said(supplier: Ctx) -> None:
    terms = make_terms(stock_view=StockView.BANDED, day_units_max=5, credit=Money(900, "CNY"), settle_days=3)

    tier = await make_tier(supplier, name=" Gold ", terms=terms)

    (now,) = await terms_of(supplier, tier)
    assert (tier.name, tier.entry, tier.version) == ("Gold", False, 1)
    assert (now.terms, now.starts_at) == (terms, tier.created_at)
    assert await tiers_of(supplier) == [tier]


async def test_newcomers_begin_in_one_tier_alone(supplier: Ctx) -> None:
    first = await make_tier(supplier, entry=True)
    second = await make_tier(supplier, entry=True)
    third = await make_tier(supplier)

    await update(supplier, third, entry=True)

    begins = {tier.id: tier.entry for tier in await tiers_of(supplier)}
    assert begins == {first.id: False, second.id: False, third.id: True}


async def test_two_tiers_for_newcomers_at_once_are_one(supplier: Ctx) -> None:
    await asyncio.gather(*(make_tier(supplier, entry=True) for _ in range(3)))

    assert [tier.entry for tier in await tiers_of(supplier)].count(True) == 1


async def test_two_tiers_of_a_merchant_do_not_share_a_name(supplier: Ctx, reseller: Ctx) -> None:
    await make_tier(supplier, name="Gold")
    silver = await make_tier(supplier, name="Silver")
    await make_tier(reseller, name="Gold")

    with pytest.raises(NameTaken):
        await make_tier(supplier, name=" Gold ")
    with pytest.raises(NameTaken):
        await update(supplier, silver, name="Gold")

    assert (await update(supplier, silver, name="Silver")).name == "Silver"


async def test_a_merchant_has_a_bounded_number_of_tiers(supplier: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TIERS_MAX", 2)

    made = await asyncio.gather(*(make_tier(supplier) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(each, supply.TooManyTiers) for each in made) == 2
    assert len(await tiers_of(supplier)) == 2


async def test_terms_to_come_are_known_before_and_hold_from_their_moment_on(supplier: Ctx, reseller: Ctx) -> None:
    tier = await make_tier(supplier, terms=make_terms(settle_days=1))
    await make_agreement(supplier, reseller, tier=tier)
    await set_terms(supplier, tier, make_terms(settle_days=9), starts_at=clock.now() + timedelta(days=2))
    await set_terms(supplier, tier, make_terms(settle_days=5), starts_at=clock.now() + timedelta(days=1))

    before = await terms_of(reseller, tier)
    with later(days=1, hours=1):
        after = await terms_of(reseller, tier)

    async with reading(reseller) as tx:
        history = await supply.list_terms(tx, reseller, tier_id=tier.id)
    assert [each.terms.settle_days for each in before] == [1, 5, 9]
    assert [each.terms.settle_days for each in after] == [5, 9]
    assert [each.terms.settle_days for each in history] == [9, 5, 1]


async def test_what_a_tier_granted_is_never_changed(supplier: Ctx) -> None:
    tier = await make_tier(supplier)
    moment = clock.now() + timedelta(days=1)
    await set_terms(supplier, tier, make_terms(settle_days=1), starts_at=moment)

    with pytest.raises(TermsSetAlready):
        await set_terms(supplier, tier, make_terms(settle_days=2), starts_at=moment)
    for sql in ("UPDATE tier_terms SET settle_days = 9", "DELETE FROM tier_terms"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction(supplier) as tx:
                await tx.execute(sql)


@pytest.mark.parametrize("days", [-1, limits.TERMS_AHEAD_DAYS_MAX + 1])
async def test_terms_do_not_begin_in_the_past_nor_far_ahead(supplier: Ctx, days: int) -> None:
    tier = await make_tier(supplier)

    with pytest.raises(Invalid) as refused:
        await set_terms(supplier, tier, make_terms(), starts_at=clock.now() + timedelta(days=days))

    assert refused.value.path == ("starts_at",)


async def test_changes_to_come_are_bounded(supplier: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TERMS_COMING_MAX", 1)
    tier = await make_tier(supplier)
    await set_terms(supplier, tier, make_terms(), starts_at=clock.now() + timedelta(days=1))

    with pytest.raises(Conflict):
        await set_terms(supplier, tier, make_terms(), starts_at=clock.now() + timedelta(days=2))

    assert (await set_terms(supplier, tier, make_terms(settle_days=4))).terms.settle_days == 4


async def test_a_tiers_credit_stays_in_its_currency(supplier: Ctx) -> None:
    tier = await make_tier(supplier)
    await set_terms(supplier, tier, make_terms(credit=Money(100, "CNY")))
    with pytest.raises(CreditCurrencyFixed):
        await set_terms(supplier, tier, make_terms(credit=Money(100, "USD")))

    await set_terms(supplier, tier, make_terms())

    (now,) = await terms_of(supplier, tier)
    assert now.terms.credit == Money(0, "CNY")
    await assert_invariants()


async def test_a_tier_is_put_away_when_nobody_is_in_it_and_comes_back(supplier: Ctx, reseller: Ctx) -> None:
    used, empty = await make_tier(supplier), await make_tier(supplier, entry=True)
    await make_agreement(supplier, reseller, tier=used)
    with pytest.raises(supply.TierInUse) as refused:
        await update(supplier, used, archived=True)

    away = await update(supplier, empty, archived=True)
    with pytest.raises(supply.TierArchived):
        await update(supplier, away, entry=True)
    with pytest.raises(supply.TierArchived):
        await make_invitation(supplier, away)

    assert refused.value.agreements == 1
    assert (away.archived_at is not None, away.entry) == (True, False)
    assert await tiers_of(supplier) == [used]
    assert len(await tiers_of(supplier, archived=True)) == 2
    back = await update(supplier, away, archived=False)
    assert (back.archived_at, back.entry) == (None, False)


async def test_nobody_changes_a_tier_that_another_changed(supplier: Ctx) -> None:
    tier = await make_tier(supplier)
    await update(supplier, tier, name="Bronze")

    with pytest.raises(StaleVersion) as stale:
        await update(supplier, tier, name="Iron")

    assert stale.value.current_version == 2


async def test_a_tier_is_its_suppliers_to_change_and_its_resellers_to_see(supplier: Ctx, reseller: Ctx) -> None:
    tier, other = await make_tier(supplier), await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=tier)
    stranger = await make_member_ctx(await make_tenant())

    async with reading(reseller) as tx:
        seen = await supply.tiers_by_ids(tx, reseller, [tier.id, other.id])
    async with reading(stranger) as tx:
        unseen = await supply.tiers_by_ids(tx, stranger, [tier.id, other.id])

    assert set(seen) == {tier.id}
    assert unseen == {}
    assert (await terms_of(stranger, tier), await terms_of(reseller, other)) == ([], [])
    for ctx in (reseller, stranger):
        with pytest.raises(NotFound):
            await update(ctx, tier, name="Mine")
        with pytest.raises(NotFound):
            await set_terms(ctx, tier, make_terms())
        with pytest.raises(NotFound):
            await make_invitation(ctx, tier)


async def test_only_who_may_makes_tiers_and_only_while_the_merchant_trades() -> None:
    tenant_id = await make_tenant()
    waiting = await make_member_ctx(await make_tenant(approved=False))

    for role in (MemberRole.OPERATOR, MemberRole.FINANCE, MemberRole.SUPPORT, MemberRole.AUDITOR):
        with pytest.raises(NotAllowed):
            await make_tier(await make_member_ctx(tenant_id, role=role))
    with pytest.raises(TenantNotActive):
        await make_tier(waiting)

    await make_tier(await make_member_ctx(tenant_id, role=MemberRole.MANAGER))


async def test_what_becomes_of_a_tier_is_on_record(supplier: Ctx) -> None:
    first = await make_tier(supplier, entry=True)
    second = await make_tier(supplier, entry=True)
    await set_terms(supplier, second, make_terms(settle_days=2))

    async with reading(supplier) as tx:
        entries = await audit.list_entries(tx, supplier)

    told = [(each["action"], each["subject_id"]) for each in reversed(entries) if each["subject_kind"] == "tier"]
    assert told == [
        ("tier.created", first.id), ("tier.terms_set", first.id), ("tier.changed", first.id), ("tier.created", second.id),
        ("tier.terms_set", second.id), ("tier.terms_set", second.id),
    ]  # fmt: skip
