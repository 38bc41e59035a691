"""Facts that settlement announces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class PaidOut(Event):
    """Money from sales went into a merchant's wallet, or was taken back out of it when `amount_minor` is negative."""

    name: ClassVar[str] = "settlement.paid_out"

    payout_id: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class WithdrawalChanged(Event):
    """What happened to a withdrawal stands in its kind's name."""

    withdrawal_id: UUID
    amount_minor: int
    currency: str


class WithdrawalRequested(WithdrawalChanged):
    """A merchant asked for money to be paid out; it is set aside."""

    name: ClassVar[str] = "withdrawal.requested"


class WithdrawalApproved(WithdrawalChanged):
    """The platform will pay it."""

    name: ClassVar[str] = "withdrawal.approved"


class WithdrawalPaid(WithdrawalChanged):
    """The money has left."""

    name: ClassVar[str] = "withdrawal.paid"


class WithdrawalRefused(WithdrawalChanged):
    """The platform does not pay it; the money is in the wallet again."""

    name: ClassVar[str] = "withdrawal.refused"


class WithdrawalCancelled(WithdrawalChanged):
    """The merchant took it back; the money is in the wallet again."""

    name: ClassVar[str] = "withdrawal.cancelled"


# By what was done.
WITHDRAWALS: Final[Mapping[str, type[WithdrawalChanged]]] = {
    "requested": WithdrawalRequested,
    "approved": WithdrawalApproved,
    "paid": WithdrawalPaid,
    "refused": WithdrawalRefused,
    "cancelled": WithdrawalCancelled,
}


@dataclass(frozen=True, slots=True)
class DestinationAdded(Event):
    """Money may be paid somewhere else from a moment on."""

    name: ClassVar[str] = "withdrawal_destination.added"

    destination_id: UUID
    kind: str
    usable_from: datetime


@dataclass(frozen=True, slots=True)
class DestinationRemoved(Event):
    """Nothing more is paid to a destination."""

    name: ClassVar[str] = "withdrawal_destination.removed"

    destination_id: UUID


@dataclass(frozen=True, slots=True)
class StatementRequested(Event):
    """A file of a statement is to be written."""

    name: ClassVar[str] = "statement.requested"

    export_id: UUID


@dataclass(frozen=True, slots=True)
class CreditRepaid(Event):
    """Something that a reseller owed its supplier was paid: drawn from its wallet as it was due, or paid by itself. Of both."""

    name: ClassVar[str] = "credit.repaid"

    agreement_id: UUID
    repayment_id: UUID
    amount_minor: int
    currency: str
    drawn: bool


@dataclass(frozen=True, slots=True)
class CreditOverdue(Event):
    """What a reseller owes its supplier was due, and its wallet did not bear it; of both, once in a day."""

    name: ClassVar[str] = "credit.overdue"

    agreement_id: UUID
    amount_minor: int
    currency: str
