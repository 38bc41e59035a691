"""Wallets and the merchant's accounts."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.customers import Customer
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import CurrencyCode, Money, MoneyInput
from fondaco_api.graphql.tenancy import Tenant
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.db import Tx, governing
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.ledger import InsufficientFunds as InsufficientFundsRefusal
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants import payments

described(
    AccountKind,
    "What money in an account is.",
    WALLET="Money that can be spent; it never goes below minus its credit line.",
    RECEIVABLE="Money from sales that is not settled yet.",
    DEPOSIT="Money put down as a security.",
    CREDIT_USED="Credit that was drawn.",
    FEES="The platform's share of sales.",
    GATEWAY_CLEARING="Money on its way from outside.",
    REFUNDS="Money on its way back.",
)
described(
    Purpose,
    "What a transfer is for.",
    SALE="A sale.",
    FEE="The platform's share of a sale.",
    REFUND="A refund of a sale.",
    FEE_REFUND="The platform's share of a refunded sale, given back.",
    TOP_UP="Money that came in from outside.",
    PAYMENT="Money that came in from outside for an order.",
    PAY_BACK="Money that goes back to where it was paid from, or comes into the wallet because it could not.",
    PAY_OUT="Money that was paid out.",
    COMMISSION="What a supplier gives to who brought the reseller that it sold to.",
    COMMISSION_REFUND="Commission that goes back with a refund.",
    REPAYMENT="What was owed to a supplier and is paid now.",
    SETTLEMENT="Money from sales that became the merchant's own, or was taken back for refunds.",
    WITHDRAWAL="Money that a merchant has paid out of the platform.",
    GRANT="Money that a merchant moved into a buyer's wallet.",
)


@failure(InsufficientFundsRefusal)
class InsufficientFunds(Failure):
    """The wallet has less than is needed."""

    needed: Money = strawberry.field(description="What is needed.")
    available: Money = strawberry.field(description="What the wallet has, its credit line included.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """Both amounts."""
        return {"needed": Money.of(refusal.asked), "available": Money.of(refusal.available)}


@strawberry.type(description="One line of an account's statement.")
class AccountEntry:
    """One transfer, seen from one account."""

    amount: Money = strawberry.field(description="Positive for money in, negative for money out.")
    purpose: Purpose = strawberry.field(description="What it is for.")
    pending: bool = strawberry.field(description="Whether it is set aside and not yet moved.")
    at: datetime = strawberry.field(description="When it was written.")


@strawberry.type(description="Money of one owner for one purpose in one currency.")
class Account:
    """An account with its balance."""

    kind: AccountKind = strawberry.field(description="What the money is.")
    currency: CurrencyCode = strawberry.field(description="The currency.")
    balance: Money = strawberry.field(description="What it holds.")
    pending: Money = strawberry.field(description="What pending transfers will take of it.")
    available: Money = strawberry.field(description="What may be taken out now, the credit line included.")
    row: strawberry.Private[payments.Wallet]

    @classmethod
    def of(cls, row: payments.Wallet) -> "Account":
        """A balance as the schema shows it."""
        return cls(
            kind=row.kind, currency=CurrencyCode(row.currency), balance=Money.minor(row.posted_minor, row.currency),
            pending=Money.minor(row.pending_minor, row.currency), available=Money.minor(row.available_minor, row.currency), row=row,
        )  # fmt: skip

    @strawberry.field(description="Its latest transfers, newest first.")
    async def entries(
        self,
        info: Info,
        first: Annotated[
            int, strawberry.argument(description=f"How many, at most {limits.PAGE_MAX}.")
        ] = limits.PAGE_DEFAULT,
    ) -> list[AccountEntry]:
        """A statement's newest lines."""
        async with info.context.reading() as tx:
            rows = await payments.wallet_statement(
                tx, info.context.ctx, account_id=self.row.account_id, count=min(max(first, 1), limits.PAGE_MAX)
            )
        return [
            AccountEntry(
                amount=Money.minor(r.amount_minor, r.currency), purpose=r.purpose, pending=r.pending, at=r.created_at
            )
            for r in rows
        ]


@strawberry.type
class ViewerFields:
    """The buyer's own money."""

    @strawberry.field(description="Your wallets at this merchant, one for each currency; none for guests.")
    async def wallets(self, info: Info) -> list[Account]:
        """Own wallets."""
        info.context.ctx.require("buyer.read")
        async with info.context.reading() as tx:
            return [Account.of(row) for row in await payments.own_wallets(tx, info.context.ctx)]


@strawberry.type
class MerchantFields:
    """The merchant's money."""

    @strawberry.field(description="The merchant's own accounts: wallet and receivables, one for each currency.")
    async def accounts(self, info: Info) -> list[Account]:
        """The merchant's accounts."""
        async with info.context.reading() as tx:
            return [Account.of(row) for row in await payments.tenant_accounts(tx, info.context.ctx)]

    @strawberry.field(description="A customer's wallets at this merchant.")
    async def customer_wallets(
        self, info: Info, customer_id: Annotated[strawberry.ID, strawberry.argument(description="The customer.")]
    ) -> list[Account]:
        """One customer's wallets."""
        key = CustomerId(key_of(customer_id, Customer, path=("customer_id",)))
        async with info.context.reading() as tx:
            return [Account.of(r) for r in await payments.wallets_of_customer(tx, info.context.ctx, customer_id=key)]


@strawberry.input(description="How much money, for whom, why.")
class CreditWalletInput:
    """Money for a customer."""

    customer_id: strawberry.ID = strawberry.field(description="The customer whose wallet gets it.")
    amount: MoneyInput = strawberry.field(description="How much, more than nothing.")
    reason: str = strawberry.field(description="Why, for the record.")


@strawberry.input(description="How much money came in, for whom, why.")
class RecordDepositInput:
    """Money for a tenant."""

    tenant_id: strawberry.ID = strawberry.field(description="The tenant whose wallet gets it.")
    amount: MoneyInput = strawberry.field(description="How much, more than nothing.")
    reason: str = strawberry.field(description="Why, for the record: a bank reference, say.")


@strawberry.type(description="The money is in the wallet.")
class CreditWalletSuccess:
    """Money moved."""

    amount: Money = strawberry.field(description="What was moved.")


@strawberry.type(description="The money is on record, and in the tenant's wallet.")
class RecordDepositSuccess:
    """Money came in."""

    amount: Money = strawberry.field(description="What came in.")


@strawberry.type
class Mutation:
    """What can be done with wallets."""

    @mutation(refusals=[InsufficientFundsRefusal, payments.InvalidAmount])
    async def credit_wallet(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[CreditWalletInput, strawberry.argument(description="How much, for whom.")],
    ) -> CreditWalletSuccess:
        """Moves money from the merchant's wallet into a customer's."""
        customer_id = CustomerId(key_of(input.customer_id, Customer, path=("customer_id",)))
        amount = input.amount.read(path=("amount",))
        await payments.credit_customer_wallet(
            tx, info.context.ctx, customer_id=customer_id, amount=amount, reason=input.reason
        )
        return CreditWalletSuccess(amount=Money.of(amount))

    @mutation(refusals=[payments.InvalidAmount], opens=governing)
    async def record_deposit(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RecordDepositInput, strawberry.argument(description="How much, for whom.")],
    ) -> RecordDepositSuccess:
        """Records money that reached the platform for a tenant outside of any gateway, in the tenant's wallet. For admins."""
        tenant_id = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        amount = input.amount.read(path=("amount",))
        await payments.record_deposit(tx, info.context.ctx, tenant_id=tenant_id, amount=amount, reason=input.reason)
        return RecordDepositSuccess(amount=Money.of(amount))
