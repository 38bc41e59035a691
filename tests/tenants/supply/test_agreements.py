"""Agreements from their request to their end, from both ends, on a real database as the restricted roles."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from fondaco_core import audit, limits, tenancy
from fondaco_core.audit import ReasonNeeded
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, StaleVersion
from fondaco_core.identity import MemberRole
from fondaco_core.money import Money
from fondaco_core.tenancy import TenantNotActive
from fondaco_tenants import supply
from fondaco_tenants.supply import (
    Agreement,
    AgreementRole,
    AgreementState,
    AlreadyAgreed,
    Overrides,
    SuppliersChoice,
    Used,
)
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.supply import make_agreement, make_invitation, make_terms, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

WHY = "They did not pay."


@pytest.fixture
async def supplier() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Supplier Ltd"))


@pytest.fixture
async def reseller() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Reseller Ltd"))


async def ask(reseller: Ctx, supplier: Ctx, note: str | None = None) -> Agreement:
    async with transaction(reseller) as tx:
        return await supply.request_agreement(tx, reseller, supplier_id=supplier.tenant, note=note)


async def do(ctx: Ctx, what: str, agreement: Agreement, **given: Any) -> Agreement:
    """One of the use cases of an agreement that there is, as it was read."""
    given = {"version": agreement.version} | given
    if what in {"decline", "suspend", "end"}:
        given = {"reason": WHY} | given
    async with transaction(ctx) as tx:
        done: Agreement = await getattr(supply, f"{what}_agreement")(tx, ctx, agreement_id=agreement.id, **given)
    return done


async def seen_by(ctx: Ctx, **given: Any) -> list[Agreement]:
    async with reading(ctx) as tx:
        return await supply.list_agreements(tx, ctx, **given)


async def use(agreement: Agreement, sql: str) -> None:
    """What trading writes when a reseller buys."""
    ctx = Ctx(tenant_id=agreement.reseller_tenant_id)
    async with trading(ctx) as tx:
        await tx.execute(f"UPDATE agreement_use SET {sql} WHERE agreement_id = $1", agreement.id)  # noqa: S608 - a test's own


async def test_a_reseller_asks_in_the_tier_for_newcomers_and_the_supplier_accepts(supplier: Ctx, reseller: Ctx) -> None:
    entry = await make_tier(supplier, entry=True)
    gold = await make_tier(supplier, terms=make_terms(credit=Money(500, "CNY")))

    asked = await ask(reseller, supplier, note="  We sell a lot. ")
    accepted = await do(supplier, "accept", asked, tier_id=gold.id)

    assert (asked.state, asked.tier_id, asked.note, asked.used) == (
        AgreementState.REQUESTED, entry.id, "We sell a lot.", None,
    )  # fmt: skip
    assert (accepted.state, accepted.tier_id, accepted.version) == (AgreementState.ACTIVE, gold.id, 2)
    assert accepted.used == Used(credit=Money(0, "CNY"), day_units=0, month_units=0, held_units=0)
    assert await seen_by(reseller) == await seen_by(supplier) == [accepted]
    await assert_invariants()


async def test_a_supplier_without_a_tier_for_newcomers_takes_no_requests(supplier: Ctx, reseller: Ctx) -> None:
    ended = await do(supplier, "end", await make_agreement(supplier, reseller))
    stranger = await make_member_ctx(await make_tenant())

    with pytest.raises(supply.ByInvitationOnly):
        await ask(reseller, supplier)
    with pytest.raises(NotFound):
        await ask(stranger, supplier)

    assert ended.state is AgreementState.ENDED


async def test_a_merchant_is_not_its_own_supplier(supplier: Ctx) -> None:
    await make_tier(supplier, entry=True)

    with pytest.raises(supply.WithItself):
        await ask(supplier, supplier)


async def test_two_merchants_have_one_agreement_in_each_direction(supplier: Ctx, reseller: Ctx) -> None:
    await make_tier(supplier, entry=True)
    await make_tier(reseller, entry=True)
    there = await ask(reseller, supplier)
    with pytest.raises(AlreadyAgreed):
        await ask(reseller, supplier)

    back = await ask(supplier, reseller)

    assert await seen_by(supplier) == [back, there]
    assert await seen_by(supplier, role=AgreementRole.SUPPLIER) == [there]
    assert await seen_by(supplier, role=AgreementRole.RESELLER) == [back]
    assert await seen_by(supplier, states=[AgreementState.ACTIVE]) == []


async def test_of_two_requests_at_once_one_is_made(supplier: Ctx, reseller: Ctx) -> None:
    await make_tier(supplier, entry=True)

    made = await asyncio.gather(*(ask(reseller, supplier) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(each, Agreement) for each in made) == 1
    assert sum(isinstance(each, AlreadyAgreed) for each in made) == 3


async def test_requests_that_wait_are_bounded(supplier: Ctx, reseller: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AGREEMENT_REQUESTS_MAX", 1)
    other = await make_member_ctx(await make_tenant())
    await make_tier(supplier, entry=True)
    await make_tier(other, entry=True)
    first = await ask(reseller, supplier)

    with pytest.raises(supply.TooManyRequests):
        await ask(reseller, other)

    await do(reseller, "end", first)
    with pytest.raises(supply.TooManyRequests):
        await ask(reseller, other)
    with later(days=1, seconds=1):
        assert (await ask(reseller, other)).state is AgreementState.REQUESTED


async def test_who_was_declined_reads_why_and_asks_again_later(supplier: Ctx, reseller: Ctx) -> None:
    await make_tier(supplier, entry=True)
    declined = await do(supplier, "decline", await ask(reseller, supplier), reason="  No more partners. ")
    with pytest.raises(supply.AskedTooSoon) as refused:
        await ask(reseller, supplier)

    with later(days=limits.AGREEMENT_ASK_AGAIN_DAYS, seconds=1):
        again = await ask(reseller, supplier)

    assert (declined.state, declined.reason) == (AgreementState.DECLINED, "No more partners.")
    assert refused.value.again_at == declined.changed_at + timedelta(days=limits.AGREEMENT_ASK_AGAIN_DAYS)
    assert again.state is AgreementState.REQUESTED
    assert await seen_by(reseller) == [again, declined]


async def test_a_supplier_suspends_resumes_and_ends(supplier: Ctx, reseller: Ctx) -> None:
    agreement = await make_agreement(supplier, reseller)

    suspended = await do(supplier, "suspend", agreement)
    resumed = await do(supplier, "resume", suspended)
    ended = await do(supplier, "end", resumed, reason="We part.")

    states = [(each.state, each.reason) for each in (suspended, resumed, ended)]
    assert states == [
        (AgreementState.SUSPENDED, WHY), (AgreementState.ACTIVE, None), (AgreementState.ENDED, "We part."),
    ]  # fmt: skip
    assert await seen_by(reseller) == [ended]
    with pytest.raises(supply.AgreementInWrongState):
        await do(supplier, "resume", ended)


@pytest.mark.parametrize("what", ["accept", "decline", "suspend", "resume", "change"])
async def test_a_reseller_decides_nothing(supplier: Ctx, reseller: Ctx, what: str) -> None:
    await make_tier(supplier, entry=True)
    asked = await ask(reseller, supplier)

    with pytest.raises(SuppliersChoice):
        await do(reseller, what, asked)

    assert await seen_by(supplier) == [asked]


@pytest.mark.parametrize("state", ["asked", "active", "suspended"])
async def test_a_reseller_takes_its_request_back_and_leaves(supplier: Ctx, reseller: Ctx, state: str) -> None:
    await make_tier(supplier, entry=True)
    agreement = await ask(reseller, supplier)
    if state != "asked":
        agreement = await do(supplier, "accept", agreement)
    if state == "suspended":
        agreement = await do(supplier, "suspend", agreement)

    left = await do(reseller, "end", agreement, reason="We have another supplier.")

    assert (left.state, left.reason) == (AgreementState.ENDED, "We have another supplier.")


@pytest.mark.parametrize("what", ["accept", "decline", "suspend", "resume", "end", "change"])
async def test_an_agreement_is_nobody_elses(supplier: Ctx, reseller: Ctx, what: str) -> None:
    agreement = await make_agreement(supplier, reseller)
    stranger = await make_member_ctx(await make_tenant())

    with pytest.raises(NotFound):
        await do(stranger, what, agreement)

    assert await seen_by(stranger) == []
    async with reading(stranger) as tx:
        assert await supply.agreements_by_ids(tx, stranger, [agreement.id]) == {}


@pytest.mark.parametrize("what", ["suspend", "end"])
@pytest.mark.parametrize("reason", ["", "  a ", "x" * (limits.NOTE_MAX + 1)])
async def test_what_harms_the_other_end_has_a_reason(supplier: Ctx, reseller: Ctx, what: str, reason: str) -> None:
    agreement = await make_agreement(supplier, reseller)

    with pytest.raises(ReasonNeeded):
        await do(supplier, what, agreement, reason=reason)

    assert await seen_by(supplier) == [agreement]


async def test_nobody_decides_by_what_was_changed_since(supplier: Ctx, reseller: Ctx) -> None:
    agreement = await make_agreement(supplier, reseller)
    await do(supplier, "change", agreement, overrides=Overrides(day_units_max=5))

    with pytest.raises(StaleVersion):
        await do(supplier, "suspend", agreement)
    with pytest.raises(StaleVersion):
        await do(reseller, "end", agreement)


async def test_a_supplier_gives_a_reseller_a_line_and_a_quota_of_its_own(supplier: Ctx, reseller: Ctx) -> None:
    terms = make_terms(credit=Money(500, "CNY"), day_units_max=10)
    agreement = await make_agreement(supplier, reseller, terms=terms)
    own = Overrides(credit=Money(900, "CNY"), day_units_max=20)

    given = await do(supplier, "change", agreement, overrides=own)
    suspended = await do(supplier, "suspend", given)
    taken = await do(supplier, "change", suspended, overrides=Overrides())

    assert (given.overrides, suspended.overrides, taken.overrides) == (own, own, Overrides())
    assert (taken.state, taken.reason) == (AgreementState.SUSPENDED, WHY)
    await assert_invariants()


@pytest.mark.parametrize(
    ("own", "refusal"),
    [
        (Overrides(credit=Money(100, "USD")), supply.CreditCurrencyFixed),
        (Overrides(credit=Money(-1, "CNY")), Invalid),
        (Overrides(day_units_max=0), Invalid),
    ],
)
async def test_a_line_or_quota_that_cannot_be_is_refused(
    supplier: Ctx, reseller: Ctx, own: Overrides, refusal: type[Exception]
) -> None:
    agreement = await make_agreement(supplier, reseller, terms=make_terms(credit=Money(500, "CNY")))
    plain = await make_agreement(reseller, supplier)

    with pytest.raises(refusal):
        await do(supplier, "change", agreement, overrides=own)
    with pytest.raises(Invalid):
        await do(reseller, "change", plain, overrides=Overrides(credit=Money(1, "CNY")))


async def test_a_reseller_moves_to_another_tier_unless_it_owes_in_another_currency(
    supplier: Ctx, reseller: Ctx
) -> None:
    agreement = await make_agreement(supplier, reseller, terms=make_terms(credit=Money(500, "CNY")))
    same = await make_tier(supplier, terms=make_terms(credit=Money(900, "CNY")))
    other = await make_tier(supplier, terms=make_terms(credit=Money(900, "USD")))
    await use(agreement, "credit_used_minor = 7, currency = 'CNY'")

    moved = await do(supplier, "change", agreement, tier_id=same.id)
    with pytest.raises(supply.CreditStillOwed):
        await do(supplier, "change", moved, tier_id=other.id)
    with pytest.raises(NotFound):
        await do(supplier, "change", moved, tier_id=(await make_tier(reseller)).id)

    await use(agreement, "credit_used_minor = 0")
    assert moved.used is not None
    assert (moved.tier_id, moved.used.credit) == (same.id, Money(7, "CNY"))
    assert (await do(supplier, "change", moved, tier_id=other.id)).tier_id == other.id


async def test_both_ends_see_what_was_used_as_it_counts_now(supplier: Ctx, reseller: Ctx) -> None:
    agreement = await make_agreement(supplier, reseller)
    await use(agreement, "day_units = 4, month_units = 9, held_units = 2")

    (now,) = await seen_by(reseller)
    with later(days=62):
        (then,) = await seen_by(supplier)

    # Nothing was really bought: no invariant is to find otherwise.
    await use(agreement, "day_units = 0, month_units = 0, held_units = 0")
    assert now.used == Used(credit=None, day_units=4, month_units=9, held_units=2)
    assert then.used == Used(credit=None, day_units=0, month_units=0, held_units=2)


async def test_to_end_and_begin_again_frees_no_quota_and_no_debt(supplier: Ctx, reseller: Ctx) -> None:
    tier = await make_tier(supplier, terms=make_terms(credit=Money(500, "CNY")))
    agreement = await make_agreement(supplier, reseller, tier=tier)
    await use(agreement, "day_units = 4, month_units = 9, credit_used_minor = 7")
    await do(reseller, "end", agreement)
    with pytest.raises(supply.CreditStillOwed):
        await make_agreement(supplier, reseller, tier=tier)

    await use(agreement, "credit_used_minor = 0")
    again = await make_agreement(supplier, reseller, tier=tier)

    assert again.used == Used(credit=Money(0, "CNY"), day_units=4, month_units=9, held_units=0)
    for each in (agreement, again):
        await use(each, "day_units = 0, month_units = 0")
    await assert_invariants()


async def test_who_has_left_sees_no_more_what_a_tier_grants(supplier: Ctx, reseller: Ctx) -> None:
    tier = await make_tier(supplier, terms=make_terms(credit=Money(500, "CNY")))
    agreement = await make_agreement(supplier, reseller, tier=tier)
    given = await do(supplier, "change", agreement, overrides=Overrides(credit=Money(900, "CNY"), day_units_max=5))
    async with reading(reseller) as tx:
        before = await supply.terms_of_tiers(tx, reseller, [tier.id])
    await do(supplier, "end", given)

    async with reading(reseller) as tx:
        after = await supply.terms_of_tiers(tx, reseller, [tier.id])

    (seen,) = await seen_by(reseller)
    assert (len(before[tier.id]), after[tier.id]) == (1, [])
    assert (seen.state, seen.overrides) == (AgreementState.ENDED, Overrides(credit=None, day_units_max=5))
    assert (await seen_by(supplier))[0].overrides.credit == Money(900, "CNY")


async def test_nobody_but_trading_writes_what_was_used(supplier: Ctx, reseller: Ctx) -> None:
    await make_agreement(supplier, reseller)

    for ctx in (supplier, reseller):
        async with transaction(ctx) as tx:
            may = await tx.fetchval("SELECT has_table_privilege('agreement_use', 'UPDATE')")
        assert not may


async def test_only_who_may_makes_agreements(supplier: Ctx, reseller: Ctx) -> None:
    await make_tier(supplier, entry=True)

    for role in (MemberRole.OPERATOR, MemberRole.FINANCE, MemberRole.SUPPORT, MemberRole.AUDITOR):
        with pytest.raises(NotAllowed):
            await ask(await make_member_ctx(reseller.tenant, role=role), supplier)

    assert (await ask(await make_member_ctx(reseller.tenant, role=MemberRole.MANAGER), supplier)).version == 1


async def test_a_merchant_that_does_not_trade_begins_nothing_and_nobody_begins_with_it(
    supplier: Ctx, reseller: Ctx
) -> None:
    tier = await make_tier(supplier, entry=True)
    _, token = await make_invitation(supplier, tier)
    agreement = await make_agreement(reseller, supplier)
    admin = admin_ctx()
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, supplier.tenant, reason="Looks like fraud.")

    with pytest.raises(supply.SupplierNotTrading):
        await ask(reseller, supplier)
    with pytest.raises(supply.SupplierNotTrading):
        async with transaction(reseller) as tx:
            await supply.join_supplier(tx, reseller, token=token)
    with pytest.raises(TenantNotActive):
        await ask(supplier, reseller)

    assert (await do(supplier, "end", agreement)).state is AgreementState.ENDED


async def test_what_becomes_of_an_agreement_is_on_record_and_announced_with_who_did_it(
    supplier: Ctx, reseller: Ctx
) -> None:
    await make_tier(supplier, entry=True)
    asked = await ask(reseller, supplier)
    suspended = await do(supplier, "suspend", await do(supplier, "accept", asked))
    await do(reseller, "end", suspended)

    logs: list[list[Any]] = []
    for ctx in (supplier, reseller):
        async with reading(ctx) as tx:
            logs.append(await audit.list_entries(tx, ctx, subject_id=asked.id))
    async with governing(Ctx()) as tx:
        events = await tx.fetch(
            "SELECT tenant_id, payload->>'change' AS change FROM outbox_event WHERE payload->>'agreement_id' = $1 ORDER BY seq",
            str(asked.id),
        )
    assert [[entry["action"] for entry in reversed(log)] for log in logs] == [
        ["agreement.accepted", "agreement.suspended"], ["agreement.requested", "agreement.ended"],
    ]  # fmt: skip
    assert logs[0][0]["reason"] == WHY
    assert [(row["tenant_id"], row["change"]) for row in events] == [
        (reseller.tenant, "REQUESTED"), (supplier.tenant, "ACCEPTED"), (supplier.tenant, "SUSPENDED"), (reseller.tenant, "ENDED"),
    ]  # fmt: skip
