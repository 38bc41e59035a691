"""Use cases of payments: money into wallets, wallets shown."""

from collections.abc import Sequence
from uuid import UUID

from fondaco_core import audit, ledger, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import AccountId, CustomerId, TenantId, new_id
from fondaco_core.ledger import Balance, Entry
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants import customers
from fondaco_tenants.payments.errors import InvalidAmount
from fondaco_tenants.payments.events import WalletCredited

Wallet = Balance


def _checked(amount: Money, reason: str) -> str:
    if not 0 < amount.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise InvalidAmount
    return tenancy.checked_reason(reason)


async def record_deposit(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, amount: Money, reason: str) -> None:
    """Records money that reached the platform for a tenant, outside of any gateway; needs a transaction as fondaco_platform."""
    ctx.require("platform.wallets")
    why = _checked(amount, reason)
    await tenancy.get_tenant(tx, ctx, tenant_id)
    wallet = Owner(tenant_id, None, AccountKind.WALLET, amount.currency)
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, amount.currency)
    await ledger.post(tx, [NewTransfer(clearing, wallet, amount.amount_minor, Purpose.TOP_UP, new_id())])
    await _on_record(tx, ctx, tenant_id, None, amount=amount, reason=why)


async def credit_customer_wallet(tx: Tx, ctx: Ctx, *, customer_id: CustomerId, amount: Money, reason: str) -> None:
    """Moves money from the merchant's wallet into one of its customers'; raises InsufficientFunds when it has not that much.

    The merchant pays, because a customer spends it at this merchant and the merchant may have it paid out then.
    """
    ctx.require("wallets.credit")
    why = _checked(amount, reason)
    customer = await customers.get_customer(tx, ctx, customer_id)
    if customer.kind is customers.CustomerKind.GUEST:
        raise Invalid(
            "A guest cannot spend from a wallet; credit a buyer with an account.",
            zh="访客无法使用钱包，请为有账号的买家充值。",
            path=("customer_id",),
        )
    own = Owner(ctx.tenant, None, AccountKind.WALLET, amount.currency)
    theirs = Owner(ctx.tenant, customer_id, AccountKind.WALLET, amount.currency)
    ledger.check_affordable({own: amount.amount_minor}, await ledger.lock_wallets(tx, [own, theirs]))
    await ledger.post(tx, [NewTransfer(own, theirs, amount.amount_minor, Purpose.GRANT, new_id())])
    await _on_record(tx, ctx, ctx.tenant, customer_id, amount=amount, reason=why)


async def _on_record(
    tx: Tx, ctx: Ctx, tenant_id: TenantId, customer_id: CustomerId | None, *, amount: Money, reason: str
) -> None:
    await audit.record(
        tx, ctx, "wallet.credited", subject_kind="customer" if customer_id else "tenant", subject_id=customer_id or tenant_id,
        tenant_id=tenant_id, reason=reason, detail={"amount_minor": amount.amount_minor, "currency": amount.currency},
    )  # fmt: skip
    event = WalletCredited(str(customer_id) if customer_id else None, amount.amount_minor, amount.currency)
    await outbox.announce(tx, (tenant_id, event))


async def own_wallets(tx: Tx, ctx: Ctx) -> Sequence[Wallet]:
    """The asking buyer's wallets at this merchant, one per currency; none for a guest, who is known by one order alone."""
    ctx.require("buyer.read")
    if ctx.customer_id is None:
        return []
    return await _wallets(tx, ctx.tenant, ctx.customer_id)


async def wallets_of_customer(tx: Tx, ctx: Ctx, *, customer_id: CustomerId) -> Sequence[Wallet]:
    """A customer's wallets, for the merchant's people."""
    ctx.require("wallets.read")
    return await _wallets(tx, ctx.tenant, customer_id)


async def tenant_accounts(tx: Tx, ctx: Ctx) -> Sequence[Balance]:
    """The merchant's own accounts: wallet, receivables."""
    ctx.require("wallets.read")
    return await ledger.balances(tx, tenant_id=ctx.tenant)


async def _wallets(tx: Tx, tenant_id: TenantId, customer_id: CustomerId) -> Sequence[Wallet]:
    found = await ledger.balances(tx, tenant_id=tenant_id, customer_id=customer_id)
    return [balance for balance in found if balance.kind is AccountKind.WALLET]


async def wallet_statement(
    tx: Tx, ctx: Ctx, *, account_id: AccountId, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Entry]:
    """A page of the transfers of one of the asker's accounts, newest first; NotFound for anybody else's."""
    ctx.require("wallets.read" if ctx.has("wallets.read") else "buyer.read")
    # Row level security keeps a merchant's people to the merchant's accounts; a buyer has only the own wallets.
    if not ctx.has("wallets.read") and account_id not in {wallet.account_id for wallet in await own_wallets(tx, ctx)}:
        raise NotFound("account")
    return await ledger.statement(tx, account_id, after=after, count=count)
