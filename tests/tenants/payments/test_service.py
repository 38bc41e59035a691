"""Money comes into wallets on the record, from somewhere, for somebody who exists."""

import asyncio
from uuid import uuid4

import pytest

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.identity import MemberRole
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind
from fondaco_tenants import customers, payments
from fondaco_tenants.payments import InvalidAmount
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.orders import balance
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def deposit(tenant_id: TenantId, amount_minor: int, *, reason: str = "bank transfer 4711") -> None:
    async with governing(admin_ctx()) as tx:
        await payments.record_deposit(
            tx, admin_ctx(), tenant_id=tenant_id, amount=Money(amount_minor, "CNY"), reason=reason
        )


async def credit(owner: Ctx, customer_id: CustomerId, amount_minor: int) -> None:
    async with transaction(owner) as tx:
        await payments.credit_customer_wallet(
            tx, owner, customer_id=customer_id, amount=Money(amount_minor, "CNY"), reason="a voucher"
        )


async def make_pair() -> tuple[Ctx, Ctx, CustomerId]:
    """A merchant's owner, a buyer, and the buyer's id."""
    owner = await make_member_ctx(await make_tenant())
    buyer = await make_customer_ctx(owner.tenant)
    assert buyer.customer_id is not None
    return owner, buyer, buyer.customer_id


async def test_a_deposit_is_in_the_merchants_wallet() -> None:
    tenant_id = await make_tenant()

    await deposit(tenant_id, 500)

    assert await balance(tenant_id, None, AccountKind.WALLET) == 500
    await assert_invariants()


async def test_nobody_who_does_not_exist_gets_money() -> None:
    with pytest.raises(NotFound):
        await deposit(TenantId(uuid4()), 500)


@pytest.mark.parametrize("reason", [" ", "x" * (limits.NOTE_MAX + 1), "a\0b"])
async def test_money_moves_for_a_reason_that_says_something(reason: str) -> None:
    tenant_id = await make_tenant()

    with pytest.raises(Invalid) as refusal:
        await deposit(tenant_id, 500, reason=reason)

    assert refusal.value.path == ("reason",)


@pytest.mark.parametrize("amount_minor", [0, -1, limits.AMOUNT_MAX_MINOR + 1])
async def test_an_amount_is_more_than_nothing_and_less_than_is_real(amount_minor: int) -> None:
    tenant_id = await make_tenant()

    with pytest.raises(InvalidAmount):
        await deposit(tenant_id, amount_minor)


async def test_a_merchant_gives_a_customer_what_it_has_and_no_more() -> None:
    owner, _, customer_id = await make_pair()
    await deposit(owner.tenant, 500)

    outcomes = await asyncio.gather(*(credit(owner, customer_id, 200) for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(outcome, InsufficientFunds) for outcome in outcomes) == 3
    assert await balance(owner.tenant, customer_id, AccountKind.WALLET) == 400
    assert await balance(owner.tenant, None, AccountKind.WALLET) == 100
    await assert_invariants()


async def test_no_money_goes_where_nobody_can_spend_it() -> None:
    owner, _, _ = await make_pair()
    async with transaction(owner) as tx:
        guest_id = await customers.find_or_create_guest(tx, owner, contact="guest@example.com")

    with pytest.raises(Invalid, match="guest"):
        await credit(owner, guest_id, 1)

    assert await balance(owner.tenant, guest_id, AccountKind.WALLET) == 0


async def test_a_customer_of_another_merchant_does_not_exist() -> None:
    owner, _, _ = await make_pair()
    _, _, stranger_id = await make_pair()
    await deposit(owner.tenant, 500)

    with pytest.raises(NotFound):
        await credit(owner, stranger_id, 100)


async def test_support_gives_no_money_away() -> None:
    owner, _, customer_id = await make_pair()
    support = await make_member_ctx(owner.tenant, role=MemberRole.SUPPORT)

    with pytest.raises(NotAllowed):
        await credit(support, customer_id, 100)


async def test_a_buyer_reads_the_own_statement_and_no_other() -> None:
    owner, buyer, customer_id = await make_pair()
    await deposit(owner.tenant, 500)
    await credit(owner, customer_id, 200)

    async with reading(buyer) as tx:
        (wallet,) = await payments.own_wallets(tx, buyer)
        (entry,) = await payments.wallet_statement(tx, buyer, account_id=wallet.account_id)
    async with reading(owner) as tx:
        merchants = await payments.tenant_accounts(tx, owner)
    async with reading(buyer) as tx:
        with pytest.raises(NotFound):
            await payments.wallet_statement(tx, buyer, account_id=merchants[0].account_id)

    assert (wallet.available_minor, entry.amount_minor) == (200, 200)
