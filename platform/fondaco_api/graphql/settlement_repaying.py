"""What can be done about what is owed: pay it."""

from typing import Any

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import Money, MoneyInput
from fondaco_api.graphql.supply_agreements import Agreement
from fondaco_api.graphql.transaction import mutation
from fondaco_core.db import Tx, trading
from fondaco_core.ids import AgreementId
from fondaco_core.ledger import InsufficientFunds
from fondaco_tenants import settlement, supply


@failure(settlement.MoreThanOwed)
class MoreThanOwed(Failure):
    """A repayment is of more than is owed by the agreement, or of another currency."""

    owed: Money = strawberry.field(description="What is owed.")

    @classmethod
    def data(cls, refusal: Any, context: Context) -> dict[str, Any]:
        """What is owed."""
        return {"owed": Money.of(refusal.owed)}


@strawberry.input(description="How much to pay of what you owe a supplier.")
class RepayCreditInput:
    """What repayCredit takes."""

    agreement_id: strawberry.ID = strawberry.field(description="The agreement by which you buy.")
    amount: MoneyInput = strawberry.field(description="How much: at most what is owed, `Agreement.debt.owed`.")


@strawberry.type(description="It is paid.")
class RepayCreditSuccess:
    """What repayCredit answers."""

    agreement: Agreement = strawberry.field(description="The agreement, with what is owed now.")


@strawberry.type
class Mutation:
    """What can be done about what is owed."""

    @mutation(refusals=[settlement.MoreThanOwed, InsufficientFunds], opens=trading)
    async def repay_credit(self, info: Info, tx: Tx, input: RepayCreditInput) -> RepayCreditSuccess:
        """Pays a supplier from your wallet what you owe it, oldest first, before it is drawn from there.

        Never more than is owed for orders that are paid. Needs `wallets.repay` and `supply.read`.
        """
        ctx = info.context.ctx
        agreement_id = AgreementId(key_of(input.agreement_id, Agreement, path=("agreement_id",)))
        amount = input.amount.read(path=("amount",))
        await settlement.repay_credit(tx, ctx, agreement_id=agreement_id, amount=amount)
        # It is the asker's own: else it had not been paid.
        row = (await supply.agreements_by_ids(tx, ctx, [agreement_id]))[agreement_id]
        return RepayCreditSuccess(agreement=Agreement.of(row))
