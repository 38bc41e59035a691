"""Asking for withdrawals, and deciding about them."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.settlement_withdrawals import Withdrawal, WithdrawalDestination
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx, governing, trading
from fondaco_core.ids import DestinationId, WithdrawalId
from fondaco_core.keyring import KeysDestroyed
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.secret import Secret
from fondaco_tenants import settlement
from fondaco_tenants.settlement import DestinationKind

_REASON = f"Why, in at least {limits.REASON_CHARS_MIN} characters; kept in the audit log."


@strawberry.input(description="An account that money may be paid to.")
class AddWithdrawalDestinationInput:
    """What addWithdrawalDestination takes."""

    kind: DestinationKind = strawberry.field(description="What kind of account it is.")
    holder: str = strawberry.field(description="Whose account it is, as the bank has the name.")
    reference: str = strawberry.field(description="Its number: an IBAN, a card number, the name of an Alipay account.")
    institution: str = strawberry.field(default="", description="The bank and its branch, where one needs to know.")


@strawberry.type(description="The account may be used after a while; the merchant's owners are told.")
class AddWithdrawalDestinationSuccess:
    """What addWithdrawalDestination answers."""

    destination: WithdrawalDestination = strawberry.field(description="The account, masked.")


@strawberry.input(description="Which account to remove.")
class RemoveWithdrawalDestinationInput:
    """What removeWithdrawalDestination takes."""

    destination_id: strawberry.ID = strawberry.field(description="The account.")


@strawberry.type(description="Nothing more is paid to the account.")
class RemoveWithdrawalDestinationSuccess:
    """What removeWithdrawalDestination answers."""

    removed: bool = strawberry.field(description="Always true.")


@strawberry.input(description="How much, and where to.")
class RequestWithdrawalInput:
    """What requestWithdrawal takes."""

    destination_id: strawberry.ID = strawberry.field(description="The account that it is paid to.")
    amount: MoneyInput = strawberry.field(description="How much of the merchant's wallet of that currency.")


@strawberry.type(description="The money is set aside until the platform's people have decided.")
class RequestWithdrawalSuccess:
    """What requestWithdrawal answers."""

    withdrawal: Withdrawal = strawberry.field(description="The withdrawal.")


@strawberry.input(description="Which withdrawal to take back.")
class CancelWithdrawalInput:
    """What cancelWithdrawal takes."""

    withdrawal_id: strawberry.ID = strawberry.field(description="The withdrawal.")


@strawberry.type(description="The money is in the wallet again.")
class CancelWithdrawalSuccess:
    """What cancelWithdrawal answers."""

    withdrawal: Withdrawal = strawberry.field(description="The withdrawal.")


@strawberry.input(description="Which withdrawal to approve.")
class ApproveWithdrawalInput:
    """What approveWithdrawal takes."""

    withdrawal_id: strawberry.ID = strawberry.field(description="The withdrawal.")
    reason: str = strawberry.field(description=_REASON)


@strawberry.type(description="The withdrawal is to be paid.")
class ApproveWithdrawalSuccess:
    """What approveWithdrawal answers."""

    withdrawal: Withdrawal = strawberry.field(description="The withdrawal.")


@strawberry.input(description="Which withdrawal was paid.")
class MarkWithdrawalPaidInput:
    """What markWithdrawalPaid takes."""

    withdrawal_id: strawberry.ID = strawberry.field(description="The withdrawal.")
    bank_reference: str = strawberry.field(
        description="Under which number the bank has the transfer; the merchant sees it."
    )


@strawberry.type(description="The money has left the wallet for good.")
class MarkWithdrawalPaidSuccess:
    """What markWithdrawalPaid answers."""

    withdrawal: Withdrawal = strawberry.field(description="The withdrawal.")


@strawberry.input(description="Which withdrawal to refuse.")
class RefuseWithdrawalInput:
    """What refuseWithdrawal takes."""

    withdrawal_id: strawberry.ID = strawberry.field(description="The withdrawal.")
    reason: str = strawberry.field(description=f"{_REASON} The merchant reads it.")


@strawberry.type(description="The money is in the wallet again.")
class RefuseWithdrawalSuccess:
    """What refuseWithdrawal answers."""

    withdrawal: Withdrawal = strawberry.field(description="The withdrawal.")


@strawberry.input(description="Whose account to show.")
class ShowWithdrawalDestinationInput:
    """What showWithdrawalDestination takes."""

    withdrawal_id: strawberry.ID = strawberry.field(description="The open withdrawal that is to be paid.")
    reason: str = strawberry.field(description=_REASON)


@strawberry.type(description="The account in clear.")
class ShowWithdrawalDestinationSuccess:
    """What showWithdrawalDestination answers."""

    holder: str = strawberry.field(description="Whose account it is.")
    reference: str = strawberry.field(description="Its number.")
    institution: str = strawberry.field(description="The bank and its branch; empty where none was named.")


def _withdrawal_id(text: strawberry.ID) -> WithdrawalId:
    return WithdrawalId(key_of(text, Withdrawal, path=("withdrawal_id",)))


def _destination_id(text: strawberry.ID) -> DestinationId:
    return DestinationId(key_of(text, WithdrawalDestination, path=("destination_id",)))


@strawberry.type
class Mutation:
    """What is done about withdrawals."""

    @mutation(refusals=[settlement.TooManyDestinations, tenancy.TenantNotActive, KeysDestroyed])
    async def add_withdrawal_destination(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[AddWithdrawalDestinationInput, strawberry.argument(description="Which.")],
    ) -> AddWithdrawalDestinationSuccess:
        """Adds an account that money may be paid to after a while; the merchant's owners are told. Needs `wallets.withdraw`."""
        info.context.ctx.require("wallets.withdraw")
        payee = settlement.checked_payee(holder=input.holder, reference=input.reference, institution=input.institution)
        made = await settlement.add_destination(tx, info.context.ctx, kind=input.kind, payee=Secret(payee))
        return AddWithdrawalDestinationSuccess(destination=WithdrawalDestination.of(made))

    @mutation(refusals=[])
    async def remove_withdrawal_destination(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RemoveWithdrawalDestinationInput, strawberry.argument(description="Which.")],
    ) -> RemoveWithdrawalDestinationSuccess:
        """Lets nothing more be asked to be paid to an account; what was asked for before goes its way. Needs `wallets.withdraw`."""
        await settlement.remove_destination(tx, info.context.ctx, destination_id=_destination_id(input.destination_id))
        return RemoveWithdrawalDestinationSuccess(removed=True)

    @mutation(
        refusals=[
            InsufficientFunds, settlement.DestinationTooNew, settlement.TooLittleToWithdraw, settlement.TooManyWithdrawals,
            tenancy.TenantNotActive,
        ],
        opens=trading,
    )  # fmt: skip
    async def request_withdrawal(
        self, info: Info, tx: Tx, input: Annotated[RequestWithdrawalInput, strawberry.argument(description="How much.")]
    ) -> RequestWithdrawalSuccess:
        """Asks for money of the merchant's wallet to be paid out, and sets it aside at once. Needs `wallets.withdraw`."""
        made = await settlement.request_withdrawal(
            tx, info.context.ctx, destination_id=_destination_id(input.destination_id),
            amount=input.amount.read(path=("amount",)),
        )  # fmt: skip
        return RequestWithdrawalSuccess(withdrawal=Withdrawal.of(made))

    @mutation(refusals=[settlement.WithdrawalInWrongState], opens=trading)
    async def cancel_withdrawal(
        self, info: Info, tx: Tx, input: Annotated[CancelWithdrawalInput, strawberry.argument(description="Which.")]
    ) -> CancelWithdrawalSuccess:
        """Takes a withdrawal back that nobody has approved yet. Needs `wallets.withdraw`."""
        made = await settlement.cancel_withdrawal(
            tx, info.context.ctx, withdrawal_id=_withdrawal_id(input.withdrawal_id)
        )
        return CancelWithdrawalSuccess(withdrawal=Withdrawal.of(made))

    @mutation(
        refusals=[settlement.WithdrawalInWrongState, settlement.OwnWithdrawal, tenancy.TenantNotActive], opens=governing
    )
    async def approve_withdrawal(
        self, info: Info, tx: Tx, input: Annotated[ApproveWithdrawalInput, strawberry.argument(description="Which.")]
    ) -> ApproveWithdrawalSuccess:
        """Says that a withdrawal is to be paid; never who asked for it. Needs `platform.withdrawals`."""
        made = await settlement.approve_withdrawal(
            tx, info.context.ctx, withdrawal_id=_withdrawal_id(input.withdrawal_id), reason=input.reason
        )
        return ApproveWithdrawalSuccess(withdrawal=Withdrawal.of(made))

    @mutation(refusals=[settlement.WithdrawalInWrongState, settlement.OwnWithdrawal], opens=governing)
    async def mark_withdrawal_paid(
        self, info: Info, tx: Tx, input: Annotated[MarkWithdrawalPaidInput, strawberry.argument(description="Which.")]
    ) -> MarkWithdrawalPaidSuccess:
        """Notes that an approved withdrawal has left by the bank. Needs `platform.withdrawals`."""
        made = await settlement.record_withdrawal_paid(
            tx, info.context.ctx, withdrawal_id=_withdrawal_id(input.withdrawal_id), bank_reference=input.bank_reference
        )
        return MarkWithdrawalPaidSuccess(withdrawal=Withdrawal.of(made))

    @mutation(refusals=[settlement.WithdrawalInWrongState], opens=governing)
    async def refuse_withdrawal(
        self, info: Info, tx: Tx, input: Annotated[RefuseWithdrawalInput, strawberry.argument(description="Which.")]
    ) -> RefuseWithdrawalSuccess:
        """Gives the money of a withdrawal that is not paid yet back to its wallet. Needs `platform.withdrawals`."""
        made = await settlement.refuse_withdrawal(
            tx, info.context.ctx, withdrawal_id=_withdrawal_id(input.withdrawal_id), reason=input.reason
        )
        return RefuseWithdrawalSuccess(withdrawal=Withdrawal.of(made))

    @mutation(refusals=[settlement.WithdrawalInWrongState, KeysDestroyed], replays=False)
    async def show_withdrawal_destination(
        self, info: Info, input: Annotated[ShowWithdrawalDestinationInput, strawberry.argument(description="Which.")]
    ) -> ShowWithdrawalDestinationSuccess:
        """Shows who is to be paid by an open withdrawal; every showing is kept in the audit log. Needs `platform.withdrawals`."""
        payee = await settlement.show_destination(
            info.context.ctx, withdrawal_id=_withdrawal_id(input.withdrawal_id), reason=input.reason
        )
        who = payee.reveal()
        return ShowWithdrawalDestinationSuccess(holder=who.holder, reference=who.reference, institution=who.institution)
