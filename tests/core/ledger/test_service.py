"""Money moves by double entry: nothing is made or lost, wallets keep their floor, a pending transfer resolves once."""

import asyncio
from uuid import uuid4

import pytest

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Overtaken, governing, trading, transaction
from fondaco_core.errors import Bug
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.ledger import (
    balances,
    check_affordable,
    hold,
    lock_wallets,
    post,
    post_held,
    roll_up,
    void_held,
)
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose

pytestmark = pytest.mark.usefixtures("database")

CLEARING = Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")


def make_ctx() -> Ctx:
    return system_ctx("test", tenant_id=TenantId(uuid4()))


def wallet_of(ctx: Ctx) -> Owner:
    return Owner(ctx.tenant, CustomerId(uuid4()), AccountKind.WALLET, "CNY")


def deposit_of(ctx: Ctx) -> Owner:
    return Owner(ctx.tenant, None, AccountKind.DEPOSIT, "CNY")


async def fund(ctx: Ctx, wallet: Owner, amount_minor: int) -> None:
    async with governing(ctx) as tx:
        await post(tx, [NewTransfer(CLEARING, wallet, amount_minor, Purpose.TOP_UP, None)])


async def balance_of(ctx: Ctx, owner: Owner) -> tuple[int, int]:
    async with trading(ctx) as tx:
        found = await balances(tx, tenant_id=owner.tenant_id, customer_id=owner.customer_id)
    return next(((b.posted_minor, b.pending_minor) for b in found if b.kind is owner.kind), (0, 0))


async def test_a_posted_transfer_is_in_both_balances_at_once() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 1_000)

    async with trading(ctx) as tx:
        await post(tx, [NewTransfer(wallet, deposit, 300, Purpose.SALE, None)])

    assert await balance_of(ctx, wallet) == (700, 0)
    assert await balance_of(ctx, deposit) == (300, 0)


async def test_a_rolled_up_balance_is_the_same_balance() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 1_000)
    async with trading(ctx) as tx:
        await post(tx, [NewTransfer(wallet, deposit, 300, Purpose.SALE, None)])

    async with governing(system_ctx("test")) as tx:
        await roll_up(tx)
    async with trading(ctx) as tx:
        await post(tx, [NewTransfer(wallet, deposit, 50, Purpose.SALE, None)])
    async with governing(system_ctx("test")) as tx:
        await roll_up(tx)

    assert await balance_of(ctx, deposit) == (350, 0)


async def test_a_wallet_cannot_pass_its_floor_whoever_forgets_to_look() -> None:
    ctx = make_ctx()
    wallet = wallet_of(ctx)
    await fund(ctx, wallet, 100)

    with pytest.raises(Bug, match="floor"):
        async with trading(ctx) as tx:
            await post(tx, [NewTransfer(wallet, deposit_of(ctx), 101, Purpose.SALE, None)])

    assert await balance_of(ctx, wallet) == (100, 0)


async def test_who_trusted_what_was_read_without_a_lock_is_overtaken_and_writes_nothing() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 100)

    async def take(amount_minor: int) -> None:
        async with trading(ctx) as tx:
            tx.trust()
            await post(tx, [NewTransfer(wallet, deposit, amount_minor, Purpose.SALE, None)])

    with pytest.raises(Overtaken):
        await take(101)

    assert await balance_of(ctx, wallet) == (100, 0)
    assert await balance_of(ctx, deposit) == (0, 0)


async def test_a_held_transfer_sets_money_aside_and_is_posted_once() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 100)
    async with trading(ctx) as tx:
        held = await hold(tx, [NewTransfer(wallet, deposit, 60, Purpose.SALE, None)])
    assert await balance_of(ctx, wallet) == (100, 60)

    async with trading(ctx) as tx:
        await post_held(tx, held)
    with pytest.raises(Bug, match="resolved before"):
        async with trading(ctx) as tx:
            await void_held(tx, held)

    assert await balance_of(ctx, wallet) == (40, 0)
    assert await balance_of(ctx, deposit) == (60, 0)


async def test_a_voided_transfer_moves_nothing() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 100)
    async with trading(ctx) as tx:
        held = await hold(tx, [NewTransfer(wallet, deposit, 60, Purpose.SALE, None)])

    async with trading(ctx) as tx:
        await void_held(tx, held)

    assert await balance_of(ctx, wallet) == (100, 0)
    assert await balance_of(ctx, deposit) == (0, 0)


async def test_twenty_payers_at_one_wallet_take_no_more_than_it_has() -> None:
    ctx = make_ctx()
    wallet, deposit = wallet_of(ctx), deposit_of(ctx)
    await fund(ctx, wallet, 1_000)

    async def pay() -> bool:
        async with trading(ctx) as tx:
            available = await lock_wallets(tx, [wallet])
            check_affordable({wallet: 90}, available)
            await post(tx, [NewTransfer(wallet, deposit, 90, Purpose.SALE, None)])
            return True

    outcomes = await asyncio.gather(*(pay() for _ in range(20)), return_exceptions=True)
    paid = [outcome is True for outcome in outcomes]

    assert sum(paid) == 11
    assert await balance_of(ctx, wallet) == (10, 0)
    assert await balance_of(ctx, deposit) == (990, 0)


async def test_another_tenant_sees_neither_account_nor_transfer() -> None:
    ctx = make_ctx()
    wallet = wallet_of(ctx)
    await fund(ctx, wallet, 100)

    async with governing(system_ctx("test")) as tx:
        seen_by_platform = await tx.fetchval("SELECT count(*) FROM ledger_account WHERE tenant_id = $1", ctx.tenant)

    async with transaction(make_ctx()) as tx:
        accounts_seen = await tx.fetchval("SELECT count(*) FROM ledger_account")
        transfers_seen = await tx.fetchval("SELECT count(*) FROM ledger_transfer")

    assert (seen_by_platform, accounts_seen, transfers_seen) == (1, 0, 0)


@pytest.mark.parametrize("state", ["PENDING", "VOIDED"])
async def test_a_posted_transfer_is_changed_by_nobody(state: str) -> None:
    ctx = make_ctx()
    wallet = wallet_of(ctx)
    await fund(ctx, wallet, 100)

    for begin in (transaction, trading, governing):
        async with begin(ctx) as tx:
            changed = await tx.execute(
                "UPDATE ledger_transfer SET state = $1, posted_xid = NULL WHERE state = 'POSTED'", state
            )

        assert changed == 0
