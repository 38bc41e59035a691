"""Payouts, and what a merchant has and is to get, in the schema."""

from datetime import date, datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import CurrencyCode, Money
from fondaco_core import limits
from fondaco_tenants import settlement


@strawberry.type(description="Money from sales that went into your wallet, or was taken back out of it for refunds.")
class Payout:
    """A payout as it was read."""

    row: strawberry.Private[settlement.Payout]

    @strawberry.field(description="An opaque id, by which statements name it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(global_id("Payout", self.row.id))

    @strawberry.field(
        description="How much; negative when it was taken back, zero when all was carried into the next one."
    )
    def amount(self) -> Money:
        return Money.minor(self.row.amount_minor, self.row.currency)

    @strawberry.field(description="For how many sales.")
    def sales(self) -> int:
        return self.row.hops

    @strawberry.field(description="For how many refunds of sales.")
    def refunds(self) -> int:
        return self.row.refunds

    @strawberry.field(description="When the first of them became due; null when it moved only what was carried.")
    def since(self) -> datetime | None:
        return self.row.since

    @strawberry.field(description="When the last of them became due; null when it moved only what was carried.")
    def until(self) -> datetime | None:
        return self.row.until

    @strawberry.field(description="When it was paid.")
    def paid_at(self) -> datetime:
        return self.row.paid_at


@strawberry.type(description="What becomes your own on a day.")
class SettlementDue:
    """A sum of one day."""

    day: date = strawberry.field(description="The day (UTC); what is overdue stands under today.")
    amount: Money = strawberry.field(description="How much, net of what was given back.")


@strawberry.type(description="Your money in one currency.")
class SettlementSummary:
    """A summary as it was read."""

    currency: CurrencyCode = strawberry.field(description="The currency.")
    available: Money = strawberry.field(description="What you can have paid out now.")
    receivable: Money = strawberry.field(description="What you earned and is not settled yet, and what is owed to you.")
    carried: Money = strawberry.field(
        description="What the last payout left for the next one; negative when you are to give something back."
    )
    withdrawing: Money = strawberry.field(description="What is set aside for withdrawals.")
    due: list[SettlementDue] = strawberry.field(
        description=f"What becomes your own in the next {limits.DUE_DAYS_SHOWN} days, by day."
    )

    @classmethod
    def of(cls, row: settlement.Summary) -> "SettlementSummary":
        """The schema's form of a summary."""
        return cls(
            currency=CurrencyCode(row.currency), available=Money.of(row.available), receivable=Money.of(row.receivable),
            carried=Money.of(row.carried), withdrawing=Money.of(row.withdrawing),
            due=[SettlementDue(day=each.day, amount=Money.of(each.amount)) for each in row.due],
        )  # fmt: skip


@strawberry.type
class MerchantFields:
    """When a merchant's sales become its own money."""

    @strawberry.field(description="What went from your sales into your wallet, newest first. Needs `wallets.read`.")
    async def payouts(self, info: Info, first: First = None, after: After = None) -> Connection[Payout]:
        page = read_page(first, after, None, None, keys=(UUID,))
        ctx = info.context.ctx
        async with info.context.reading() as tx:
            rows = await settlement.list_payouts(
                tx, ctx, tenant_id=ctx.tenant, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=lambda row: Payout(row=row))

    @strawberry.field(
        description="What you have, are to get and when, a summary for each currency. Needs `wallets.read`."
    )
    async def settlement_summary(self, info: Info) -> list[SettlementSummary]:
        async with info.context.reading() as tx:
            return [SettlementSummary.of(row) for row in await settlement.settlement_summary(tx, info.context.ctx)]
