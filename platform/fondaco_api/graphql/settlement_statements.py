"""Statements in the schema: what a period began with, moved and ended with, and files of it."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import global_id, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import CurrencyCode, Money
from fondaco_api.graphql.settlement_withdrawals import Withdrawal
from fondaco_api.graphql.supply import Partner, load_partners
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx, trading
from fondaco_core.ids import TenantId
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants import orders, settlement
from fondaco_tenants.orders import ExportFormat, ExportState

_PERIOD = f"at most {limits.STATEMENT_DAYS_MAX} days later"


@strawberry.type(description="One of the merchant's accounts over a period.")
class StatementAccount:
    """An account of a statement."""

    account: AccountKind = strawberry.field(description="What the money is.")
    opening: Money = strawberry.field(description="What it held at the beginning.")
    money_in: Money = strawberry.field(description="What came in.")
    money_out: Money = strawberry.field(description="What went out.")
    closing: Money = strawberry.field(
        description="What it held at the end: the first, and the second without the third."
    )


@strawberry.type(description="All movements of one purpose, in one direction, of one account over a period.")
class StatementMovement:
    """A sum of a statement."""

    account: AccountKind = strawberry.field(description="Of which account.")
    purpose: Purpose = strawberry.field(description="What for.")
    amount: Money = strawberry.field(description="Positive for money in, negative for money out.")
    count: int = strawberry.field(description="How many movements.")


@strawberry.type(description="One movement of one account.")
class StatementRow:
    """A line of a statement."""

    line: strawberry.Private[settlement.Line]

    @strawberry.field(description="When it was posted.")
    def at(self) -> datetime:
        return self.line.at

    @strawberry.field(description="Of which account.")
    def account(self) -> AccountKind:
        return self.line.account

    @strawberry.field(description="What for.")
    def purpose(self) -> Purpose:
        return self.line.purpose

    @strawberry.field(description="Positive for money in, negative for money out.")
    def amount(self) -> Money:
        return Money.minor(self.line.amount_minor, self.line.currency)

    @strawberry.field(
        description="With which merchant, also where credit of its is repaid; null for customers, the platform, and within your own accounts."
    )
    async def partner(self, info: Info) -> Partner | None:
        partner_id = self.line.partner_id
        return None if partner_id is None else await info.context.loaders.load(load_partners, partner_id)

    @strawberry.field(description="The order of your own store that it belongs to; null for others'.")
    def order_code(self) -> str | None:
        return self.line.order_code

    @strawberry.field(
        description="Your sale to the reseller (SupplySale); of several that were paid at once, the first. Null for anything else."
    )
    def supply_sale_id(self) -> strawberry.ID | None:
        return _opaque("SupplySale", self.line.sale_id)

    @strawberry.field(
        description="Your purchase from the supplier (SupplyPurchase); of several that were paid at once, the first. Null for anything else."
    )
    def supply_purchase_id(self) -> strawberry.ID | None:
        return _opaque("SupplyPurchase", self.line.purchase_id)

    @strawberry.field(description="The withdrawal that it is; null for anything else.")
    def withdrawal_id(self) -> strawberry.ID | None:
        return _opaque(Withdrawal.__name__, self.line.reference_id) if self.line.purpose is Purpose.WITHDRAWAL else None

    @strawberry.field(description="The payout that it is (Merchant.payouts); null for anything else.")
    def payout_id(self) -> strawberry.ID | None:
        return _opaque("Payout", self.line.reference_id) if self.line.purpose is Purpose.SETTLEMENT else None


def _opaque(kind: str, key: UUID | None) -> strawberry.ID | None:
    return None if key is None else strawberry.ID(global_id(kind, key))


@strawberry.type(
    description="What moved a merchant's money in a period: opening balances and movements lead to closing ones. Of two partners, "
    "each one's statement with the other says the same, with the other sign."
)
class MerchantStatement:
    """A statement as it was read."""

    statement: strawberry.Private[settlement.Statement]

    @strawberry.field(description="The currency.")
    def currency(self) -> CurrencyCode:
        return CurrencyCode(self.statement.period.currency)

    @strawberry.field(
        description="Wallet, receivable and used credit. With one partner, only what was moved between the two of you counts, "
        "from the first day on."
    )
    def accounts(self) -> list[StatementAccount]:
        currency = self.statement.period.currency
        return [
            StatementAccount(
                account=each.account, opening=Money.minor(each.opening_minor, currency),
                money_in=Money.minor(each.in_minor, currency), money_out=Money.minor(each.out_minor, currency),
                closing=Money.minor(each.closing_minor, currency),
            )
            for each in self.statement.accounts
        ]  # fmt: skip

    @strawberry.field(description="The movements, summed by account, purpose and direction.")
    def movements(self) -> list[StatementMovement]:
        currency = self.statement.period.currency
        return [
            StatementMovement(
                account=each.account, purpose=each.purpose, amount=Money.minor(each.signed_minor, currency), count=each.count
            )
            for each in self.statement.movements
        ]  # fmt: skip

    @strawberry.field(description="The movements one by one, in the order of time.")
    async def rows(self, info: Info, first: First = None, after: After = None) -> Connection[StatementRow]:
        page = read_page(first, after, None, None, keys=(datetime, UUID, int))
        place = None if page.after is None else cast("settlement.Place", page.after)
        ctx = info.context.ctx
        async with trading(ctx, read_only=True) as tx:
            lines = await settlement.read_lines(
                tx, ctx, period=self.statement.period, after=place, count=page.limit
            )  # fmt: skip
        return connect(page, lines, key=lambda line: line.place, make=lambda line: StatementRow(line=line))


@strawberry.type(description="A file of a statement: one row for each movement, between the balances at both ends.")
class StatementExport:
    """A file as it was read."""

    state: ExportState = strawberry.field(description="Where it is.")
    format: ExportFormat = strawberry.field(description="How it is written.")
    currency: CurrencyCode = strawberry.field(description="The currency.")
    since: datetime = strawberry.field(name="from", description="Movements from then on.")
    until: datetime = strawberry.field(name="to", description="Movements before then.")
    rows: int | None = strawberry.field(description="How many movements it has; null before it is written.")
    url: str = strawberry.field(
        description="Where it is fetched with your credentials, below this installation's address."
    )
    created_at: datetime = strawberry.field(description="When it was asked for.")
    expires_at: datetime = strawberry.field(description="When it is deleted.")

    @classmethod
    def of(cls, row: settlement.StatementFile) -> "StatementExport":
        """The schema's form of a file."""
        return cls(
            state=row.state, format=row.format, currency=CurrencyCode(row.period.currency), since=row.period.since,
            until=row.period.until, rows=row.rows, url=f"/statements/{row.id}", created_at=row.created_at,
            expires_at=row.expires_at,
        )  # fmt: skip


def _period(currency: str, since: datetime, until: datetime, partner: str | None) -> settlement.Period:
    key = None if partner is None else TenantId(key_of(partner, Partner, path=("partner_id",)))
    return settlement.Period(currency, since, until, key)


@strawberry.type
class MerchantFields:
    """A merchant's statements."""

    @strawberry.field(
        description="What moved your wallet, receivable and used credit in a period. Needs `wallets.read`."
    )
    async def statement(
        self,
        info: Info,
        *,
        currency: Annotated[CurrencyCode, strawberry.argument(description="In which currency.")],
        since: Annotated[datetime, strawberry.argument(name="from", description="From when on.")],
        until: Annotated[datetime, strawberry.argument(name="to", description=f"Before when; {_PERIOD}.")],
        partner_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only what was between you and this partner.")
        ] = None,
    ) -> MerchantStatement:
        ctx = info.context.ctx
        ctx.require("wallets.read")
        period = _period(currency, since, until, partner_id)
        async with trading(ctx, read_only=True) as tx:
            return MerchantStatement(statement=await settlement.read_statement(tx, ctx, period=period))

    @strawberry.field(
        description=f"Files of statements that were asked for, newest first, at most {limits.PAGE_MAX}. Needs `wallets.read`."
    )
    async def statement_exports(self, info: Info) -> list[StatementExport]:
        async with info.context.reading() as tx:
            return [StatementExport.of(each) for each in await settlement.list_statement_files(tx, info.context.ctx)]


@strawberry.input(description="Of what, and how.")
class RequestStatementInput:
    """What requestStatement takes."""

    currency: CurrencyCode = strawberry.field(description="In which currency.")
    since: datetime = strawberry.field(name="from", description="From when on.")
    until: datetime = strawberry.field(name="to", description=f"Before when; {_PERIOD}, and not to come.")
    partner_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only what was between you and this partner."
    )
    format: ExportFormat = strawberry.field(default=ExportFormat.CSV, description="How the file is written.")


@strawberry.type(description="The file is being written; `merchant.statementExports` tells when it is ready.")
class RequestStatementSuccess:
    """What requestStatement answers."""

    export: StatementExport = strawberry.field(description="The file.")


@strawberry.type
class Mutation:
    """Having files written."""

    @mutation(refusals=[orders.TooManyExports, settlement.PeriodTooLong, tenancy.TenantNotActive])
    async def request_statement(
        self, info: Info, tx: Tx, input: Annotated[RequestStatementInput, strawberry.argument(description="Of what.")]
    ) -> RequestStatementSuccess:
        """Has a file of a statement written. Needs `wallets.export`."""
        period = _period(input.currency, input.since, input.until, input.partner_id)
        made = await settlement.request_statement(tx, info.context.ctx, period=period, form=input.format)
        return RequestStatementSuccess(export=StatementExport.of(made))
