"""Facts that payments announce."""

from dataclasses import dataclass
from typing import ClassVar

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class WalletCredited(Event):
    """A wallet has more money: a tenant's own, or a customer's when `customer_id` is set."""

    name: ClassVar[str] = "wallet.credited"
    customer_id: str | None
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentNotified(Event):
    """A gateway sent a notification about a payment: a reason to ask it, not yet to believe."""

    name: ClassVar[str] = "payment.notified"
    payment_id: str


@dataclass(frozen=True, slots=True)
class PaymentUnwanted(Event):
    """Nobody wants a payment any more: its order is over, or paid otherwise."""

    name: ClassVar[str] = "payment.unwanted"
    payment_id: str


@dataclass(frozen=True, slots=True)
class PaymentCaptured(Event):
    """The gateway has said, when asked, that the money is there."""

    name: ClassVar[str] = "payment.captured"
    payment_id: str
    order_id: str | None


@dataclass(frozen=True, slots=True)
class PaymentSettled(Event):
    """Captured money has done what it came for, or is on its way back; `outcome` says which."""

    name: ClassVar[str] = "payment.settled"
    payment_id: str
    order_id: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class PaymentEnded(Event):
    """A payment ended without money: CLOSED, or FAILED when the gateway never took it."""

    name: ClassVar[str] = "payment.ended"
    payment_id: str
    state: str


@dataclass(frozen=True, slots=True)
class RefundRequested(Event):
    """Money is to go back to where it was paid from."""

    name: ClassVar[str] = "payment_refund.requested"
    refund_id: str


@dataclass(frozen=True, slots=True)
class RefundEnded(Event):
    """Money went back to its source, or came into the wallet because the source did not take it."""

    name: ClassVar[str] = "payment_refund.ended"
    refund_id: str
    payment_id: str
    into_wallet: bool


@dataclass(frozen=True, slots=True)
class RefundAlarm(Event):
    """A gateway refused for good to give a guest's money back: a person has to."""

    name: ClassVar[str] = "payment_refund.alarm"
    refund_id: str
    payment_id: str


@dataclass(frozen=True, slots=True)
class PaymentAlarm(Event):
    """A gateway contradicts itself about a payment or refund; nothing is booked by it until somebody has looked."""

    name: ClassVar[str] = "payment.alarm"
    payment_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentReconciled(Event):
    """A gateway's statement of a day was compared with ours; how many lines it had, and how many differences there are."""

    name: ClassVar[str] = "payment.reconciled"
    gateway_id: str
    day: str
    lines: int
    differences: int


@dataclass(frozen=True, slots=True)
class ReconciliationDiffered(Event):
    """A gateway's books and ours differ in something that was not known before: somebody of the platform has to look."""

    name: ClassVar[str] = "reconciliation.difference"
    difference_id: str
    subject: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReconciliationRequested(Event):
    """Somebody of the platform wants a day compared now."""

    name: ClassVar[str] = "reconciliation.requested"
    gateway_id: str
    day: str
