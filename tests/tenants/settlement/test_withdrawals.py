"""Withdrawals: set aside when asked for, decided by somebody else, paid or given back once, whoever does what at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from fondaco_core import ledger, limits
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import TenantId, WithdrawalId
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_core.tenancy import TenantNotActive, suspend_tenant
from fondaco_tenants import orders, settlement
from fondaco_tenants.settlement import (
    STEPS,
    Act,
    DestinationTooNew,
    OwnWithdrawal,
    TooLittleToWithdraw,
    TooManyDestinations,
    TooManyWithdrawals,
    Withdrawal,
    WithdrawalInWrongState,
    WithdrawalState,
    checked_payee,
    show_destination,
)
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.orders import fund, make_buyer, make_shop, place
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.withdrawals import (
    HOLDER,
    REFERENCE,
    approve,
    ask,
    cancel,
    make_destination,
    pay,
    refuse,
)
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("settle", permissions=frozenset({"system.run"}))
FUNDS = 100_000
Decision = Callable[[Ctx, WithdrawalId], Awaitable[Withdrawal]]


async def make_merchant(funds_minor: int = FUNDS) -> Ctx:
    """The owner of a merchant with money in its wallet."""
    tenant_id = await make_tenant()
    if funds_minor:
        await fund(tenant_id, None, funds_minor)
    return await make_member_ctx(tenant_id)


async def wallet(tenant_id: TenantId) -> tuple[int, int]:
    """What a merchant's wallet holds, and what of it is set aside."""
    async with governing(system_ctx("test")) as tx:
        found = await ledger.balances(tx, tenant_id=tenant_id)
    (own,) = [each for each in found if each.kind is AccountKind.WALLET]
    return own.posted_minor, own.pending_minor


async def test_a_withdrawal_is_set_aside_at_once_and_leaves_when_it_is_paid() -> None:
    owner, admin = await make_merchant(), admin_ctx()
    asked = await ask(owner, (await make_destination(owner)).id, 30_000)

    waiting = await wallet(owner.tenant)
    await approve(admin, asked.id)
    approved = await wallet(owner.tenant)
    paid = await pay(admin, asked.id)

    assert (waiting, approved) == ((FUNDS, 30_000), (FUNDS, 30_000))
    assert await wallet(owner.tenant) == (FUNDS - 30_000, 0)
    assert (paid.state, paid.bank_reference, paid.version) == (WithdrawalState.PAID, "BANK-1", 3)
    await assert_invariants()


@pytest.mark.parametrize("before", [(), (approve,)])
async def test_what_is_refused_is_in_the_wallet_again_with_the_reason(before: tuple[Decision, ...]) -> None:
    owner, admin = await make_merchant(), admin_ctx()
    asked = await ask(owner, (await make_destination(owner)).id)
    for decide in before:
        await decide(admin, asked.id)

    refused = await refuse(admin, asked.id)

    assert (refused.state, refused.refusal) == (WithdrawalState.REFUSED, "not that name")
    assert await wallet(owner.tenant) == (FUNDS, 0)
    await assert_invariants()


async def test_a_merchant_cancels_until_somebody_approved() -> None:
    owner, admin = await make_merchant(), admin_ctx()
    destination = await make_destination(owner)
    first, second = [await ask(owner, destination.id) for _ in range(2)]
    await approve(admin, second.id)

    cancelled = await cancel(owner, first.id)
    with pytest.raises(WithdrawalInWrongState):
        await cancel(owner, second.id)

    assert cancelled.state is WithdrawalState.CANCELLED
    assert await wallet(owner.tenant) == (FUNDS, 10_000)
    await assert_invariants()


ACTS: dict[Act, Callable[[Ctx, Ctx, WithdrawalId], Awaitable[Withdrawal]]] = {
    Act.APPROVE: lambda _, admin, key: approve(admin, key),
    Act.PAY: lambda _, admin, key: pay(admin, key),
    Act.REFUSE: lambda _, admin, key: refuse(admin, key),
    Act.CANCEL: lambda owner, _, key: cancel(owner, key),
}
PATHS = {
    WithdrawalState.REQUESTED: (),
    WithdrawalState.APPROVED: (Act.APPROVE,),
    WithdrawalState.PAID: (Act.APPROVE, Act.PAY),
    WithdrawalState.REFUSED: (Act.REFUSE,),
    WithdrawalState.CANCELLED: (Act.CANCEL,),
}


@pytest.mark.parametrize("state", list(WithdrawalState))
async def test_every_act_leads_where_the_table_says_and_is_refused_elsewhere(state: WithdrawalState) -> None:
    owner, admin = await make_merchant(), admin_ctx()
    destination = await make_destination(owner)

    for act, step in STEPS.items():
        asked = await ask(owner, destination.id, limits.WITHDRAWAL_MIN_MINOR)
        for before in PATHS[state]:
            await ACTS[before](owner, admin, asked.id)
        if state in step.of:
            assert (await ACTS[act](owner, admin, asked.id)).state is step.to
        else:
            with pytest.raises(WithdrawalInWrongState):
                await ACTS[act](owner, admin, asked.id)

    await assert_invariants()


@pytest.mark.parametrize("begin", [WithdrawalState.REQUESTED, WithdrawalState.APPROVED])
async def test_of_all_acts_at_once_money_moves_by_one_alone(begin: WithdrawalState) -> None:
    owner, admin = await make_merchant(), admin_ctx()
    destination = await make_destination(owner)

    for _ in range(3):
        asked = await ask(owner, destination.id)
        for before in PATHS[begin]:
            await ACTS[before](owner, admin, asked.id)
        done = await asyncio.gather(
            *(ACTS[act](owner, admin, asked.id) for act in (*ACTS, *ACTS)), return_exceptions=True
        )
        ended = [each for each in done if isinstance(each, Withdrawal) and each.state is not WithdrawalState.APPROVED]
        others = [each for each in done if isinstance(each, BaseException)]
        assert len(ended) <= 1
        assert all(isinstance(each, WithdrawalInWrongState) for each in others)
        if not ended:
            await refuse(admin, asked.id)

    posted, pending = await wallet(owner.tenant)
    assert pending == 0
    assert (FUNDS - posted) % 10_000 == 0
    await assert_invariants()


async def test_two_who_ask_for_the_last_money_at_once_do_not_both_get_it() -> None:
    owner = await make_merchant(15_000)
    destination = await make_destination(owner)

    done = await asyncio.gather(*(ask(owner, destination.id) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(each, Withdrawal) for each in done) == 1
    assert sum(isinstance(each, InsufficientFunds) for each in done) == 3
    assert await wallet(owner.tenant) == (15_000, 10_000)
    await assert_invariants()


async def test_credit_and_what_is_to_be_given_back_are_not_paid_out() -> None:
    owner = await make_merchant(20_000)
    destination = await make_destination(owner)
    async with governing(system_ctx("test")) as tx:
        await tx.execute(
            "UPDATE ledger_account SET floor_minor = -50_000 WHERE tenant_id = $1 AND bounded", owner.tenant
        )
    async with trading(system_ctx("test")) as tx:
        await tx.execute(
            "INSERT INTO settlement_account (tenant_id, currency, carried_minor) VALUES ($1, 'CNY', -5000)",
            owner.tenant,
        )

    with pytest.raises(InsufficientFunds):
        await ask(owner, destination.id, 15_001)
    await ask(owner, destination.id, 15_000)

    async with governing(system_ctx("test")) as tx:
        await tx.execute("UPDATE ledger_account SET floor_minor = 0 WHERE tenant_id = $1 AND bounded", owner.tenant)
    async with trading(system_ctx("test")) as tx:
        await tx.execute("UPDATE settlement_account SET carried_minor = 0 WHERE tenant_id = $1", owner.tenant)
    assert await wallet(owner.tenant) == (20_000, 15_000)


async def test_what_was_refunded_a_moment_ago_is_not_paid_out_any_more() -> None:
    shop = await make_shop(price_minor=10_000)
    owner = shop.owner
    destination = await make_destination(owner)
    placed = await place(shop, await make_buyer(shop), 3)
    with later(days=2):
        async with trading(SYSTEM) as tx:
            await settlement.settle_seller(tx, SYSTEM, tenant_id=shop.tenant_id, currency="CNY")
    with later(days=3):
        async with trading(owner) as tx:
            (first, *_) = await orders.list_allocations(tx, owner, order_id=placed.order_id)
            await orders.refund_order(tx, owner, order_id=placed.order_id, reason="bad", allocation_ids=[first.id])

        async with reading(owner) as tx:
            (summary,) = await settlement.settlement_summary(tx, owner)
        with pytest.raises(InsufficientFunds):
            await ask(owner, destination.id, 20_001)
        await ask(owner, destination.id, 20_000)
        async with trading(SYSTEM) as tx:
            await settlement.settle_seller(tx, SYSTEM, tenant_id=shop.tenant_id, currency="CNY")

    assert summary.available == Money(20_000, "CNY")
    assert await wallet(shop.tenant_id) == (20_000, 20_000)
    await assert_invariants()


async def test_too_little_too_many_and_too_much_are_refused_and_nothing_is_set_aside() -> None:
    owner = await make_merchant(limits.WITHDRAWAL_MIN_MINOR * (limits.WITHDRAWALS_OPEN_MAX + 1))
    destination = await make_destination(owner)

    with pytest.raises(TooLittleToWithdraw):
        await ask(owner, destination.id, limits.WITHDRAWAL_MIN_MINOR - 1)
    with pytest.raises(InsufficientFunds):
        await ask(owner, destination.id, limits.WITHDRAWAL_MIN_MINOR * (limits.WITHDRAWALS_OPEN_MAX + 2))
    for _ in range(limits.WITHDRAWALS_OPEN_MAX):
        await ask(owner, destination.id, limits.WITHDRAWAL_MIN_MINOR)
    with pytest.raises(TooManyWithdrawals):
        await ask(owner, destination.id, limits.WITHDRAWAL_MIN_MINOR)

    assert (await wallet(owner.tenant))[1] == limits.WITHDRAWAL_MIN_MINOR * limits.WITHDRAWALS_OPEN_MAX


async def test_a_destination_is_used_only_after_its_wait() -> None:
    owner = await make_merchant()
    destination = await make_destination(owner, usable=False)

    with pytest.raises(DestinationTooNew) as refused:
        await ask(owner, destination.id)
    with later(hours=limits.DESTINATION_WAIT_HOURS - 1), pytest.raises(DestinationTooNew):
        await ask(owner, destination.id)
    with later(hours=limits.DESTINATION_WAIT_HOURS):
        made = await ask(owner, destination.id)

    assert refused.value.usable_from == destination.usable_from
    assert made.state is WithdrawalState.REQUESTED


async def test_nothing_is_paid_to_what_was_removed_or_is_anothers() -> None:
    owner, other = await make_merchant(), await make_merchant()
    gone, theirs = await make_destination(owner), await make_destination(other)
    async with transaction(owner) as tx:
        await settlement.remove_destination(tx, owner, destination_id=gone.id)

    for destination in (gone, theirs):
        with pytest.raises(NotFound):
            await ask(owner, destination.id)
    async with transaction(owner) as tx:
        with pytest.raises(NotFound):
            await settlement.remove_destination(tx, owner, destination_id=theirs.id)


async def test_a_merchant_keeps_only_so_many_destinations() -> None:
    owner = await make_merchant(0)
    for _ in range(limits.DESTINATIONS_MAX):
        await make_destination(owner)

    with pytest.raises(TooManyDestinations):
        await make_destination(owner)


async def test_nobody_decides_about_what_they_asked_for() -> None:
    owner = await make_merchant()
    both = replace(admin_ctx(), actor_id=owner.actor_id)
    asked = await ask(owner, (await make_destination(owner)).id)

    with pytest.raises(OwnWithdrawal):
        await approve(both, asked.id)
    await approve(admin_ctx(), asked.id)
    with pytest.raises(OwnWithdrawal):
        await pay(both, asked.id)

    assert await wallet(owner.tenant) == (FUNDS, 10_000)


async def test_nothing_is_approved_for_a_merchant_that_is_suspended_and_what_left_is_still_noted() -> None:
    owner, admin = await make_merchant(), admin_ctx()
    destination = await make_destination(owner)
    first, second = [await ask(owner, destination.id) for _ in range(2)]
    await approve(admin, first.id)
    async with governing(admin) as tx:
        await suspend_tenant(tx, admin, tenant_id=owner.tenant, reason="a suspicion")

    with pytest.raises(TenantNotActive):
        await approve(admin, second.id)
    await pay(admin, first.id)
    await refuse(admin, second.id)

    assert await wallet(owner.tenant) == (FUNDS - 10_000, 0)
    await assert_invariants()


@pytest.mark.parametrize("role", [role for role in MemberRole if role not in {MemberRole.OWNER, MemberRole.FINANCE}])
async def test_only_owners_and_finance_have_money_paid_out(role: MemberRole) -> None:
    owner = await make_merchant()
    destination = await make_destination(owner)
    asked = await ask(owner, destination.id)
    other = await make_member_ctx(owner.tenant, role=role)
    machine = replace(other, actor=ActorKind.API_CLIENT)
    glass = replace(other, actor=ActorKind.BREAK_GLASS)

    for asker in (other, machine, glass):
        with pytest.raises(NotAllowed):
            await ask(asker, destination.id)
        with pytest.raises(NotAllowed):
            await cancel(asker, asked.id)
        with pytest.raises(NotAllowed):
            await make_destination(asker)
        with pytest.raises(NotAllowed):
            await approve(asker, asked.id)

    assert await wallet(owner.tenant) == (FUNDS, 10_000)


async def test_finance_has_money_paid_out_and_another_merchant_sees_nothing_of_it() -> None:
    owner, other = await make_merchant(), await make_merchant()
    finance = await make_member_ctx(owner.tenant, role=MemberRole.FINANCE)
    asked = await ask(finance, (await make_destination(finance)).id)

    async with reading(other) as tx:
        seen = await settlement.list_withdrawals(tx, other), await settlement.withdrawals_by_ids(tx, other, [asked.id])
    with pytest.raises(NotFound):
        await cancel(other, asked.id)

    assert seen == ([], {})


async def test_who_pays_sees_the_account_on_the_record_and_nobody_else_does() -> None:
    owner, admin = await make_merchant(), admin_ctx()
    destination = await make_destination(owner)
    asked = await ask(owner, destination.id)

    payee = (await show_destination(admin, withdrawal_id=asked.id, reason="to pay it")).reveal()
    with pytest.raises(NotAllowed):
        await show_destination(owner, withdrawal_id=asked.id, reason="to look")
    await refuse(admin, asked.id)
    with pytest.raises(WithdrawalInWrongState):
        await show_destination(admin, withdrawal_id=asked.id, reason="to look")

    assert (payee.holder, payee.reference) == (HOLDER, REFERENCE)
    assert destination.masked == "****3000"
    async with governing(admin) as tx:
        shown = await tx.fetch(
            "SELECT reason FROM audit_entry WHERE tenant_id = $1 AND action = 'withdrawal_destination.shown'",
            owner.tenant,
        )
        everything = await tx.fetch(
            "SELECT row_to_json(e)::text AS text FROM outbox_event e WHERE tenant_id = $1", owner.tenant
        )
    assert [row["reason"] for row in shown] == ["to pay it"]
    assert not any(HOLDER in row["text"] or REFERENCE in row["text"] for row in everything)


@pytest.mark.parametrize("part", ["holder", "reference"])
@pytest.mark.parametrize("text", ["", "   ", "x" * (limits.DESTINATION_CHARS_MAX + 1), "a\x00b"])
def test_what_no_bank_takes_is_no_account(part: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_payee(**({"holder": HOLDER, "reference": REFERENCE, "institution": ""} | {part: text}))

    assert refused.value.path == (part,)


async def test_money_of_a_withdrawal_pays_nothing_else() -> None:
    owner = await make_merchant(20_000)
    destination = await make_destination(owner)
    await ask(owner, destination.id, 15_000)

    with pytest.raises(InsufficientFunds):
        await ask(owner, destination.id, 6_000)
    async with reading(owner) as tx:
        (summary,) = await settlement.settlement_summary(tx, owner)

    assert (summary.available, summary.withdrawing) == (Money(5_000, "CNY"), Money(15_000, "CNY"))
