"""What is owed by agreements and what was repaid, in the schema, as both ends see it."""

from datetime import datetime

import strawberry

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.scalars import Money
from fondaco_core.ids import AgreementId
from fondaco_tenants import settlement


async def load_debts(context: Context, ids: list[AgreementId]) -> "list[AgreementDebt | None]":
    """What is owed by agreements of the viewer's merchant, by their ids."""
    async with context.reading() as tx:
        found = await settlement.debts_by_agreement(tx, context.ctx, ids)
    return [AgreementDebt.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="What a reseller owes a supplier for orders that are paid.")
class AgreementDebt:
    """A debt as it was read."""

    owed: Money = strawberry.field(description="All of it.")
    due: Money = strawberry.field(
        description="What of that is due: it is drawn from the reseller's wallet within minutes, oldest first, as far as that bears."
    )
    overdue: Money = strawberry.field(
        description="What of that is due for an hour or longer: there was no money for it so far."
    )
    due_at: datetime | None = strawberry.field(
        description="When the oldest of it is or was due; null when nothing is owed."
    )

    @classmethod
    def of(cls, row: settlement.Debt) -> "AgreementDebt":
        """The schema's form of a debt."""
        return cls(owed=Money.of(row.owed), due=Money.of(row.due), overdue=Money.of(row.overdue), due_at=row.due_at)


@strawberry.type(description="What a reseller paid at once of what it owed.")
class CreditRepayment:
    """A repayment as it was read."""

    amount: Money = strawberry.field(description="How much.")
    drawn: bool = strawberry.field(
        description="Whether it was drawn because it was due; false: the reseller paid by itself."
    )
    repaid_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, row: settlement.Repayment) -> "CreditRepayment":
        """The schema's form of a repayment."""
        return cls(amount=Money.of(row.amount), drawn=row.drawn, repaid_at=row.repaid_at)
