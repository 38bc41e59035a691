"""What payments asks of a gateway. An adapter speaks one gateway's protocol and claims nothing that the gateway does not say.

A call that was not answered raises Outage: nobody knows then whether it was done, and it is asked again. A definite no raises
GatewayRefused. Repeating a call with the same payment or refund id does nothing twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from fondaco_core.ids import PaymentId, PaymentRefundId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants.payments.rules import PaymentFound, RefundStanding

__all__ = [
    "Acknowledgement",
    "Created",
    "Factory",
    "Found",
    "Gateway",
    "GatewayConfig",
    "NewPayment",
    "NewRefund",
    "Notified",
    "PaymentFound",
    "RawNotification",
    "RefundFound",
    "RefundStanding",
    "StatementKind",
    "StatementLine",
    "StatementPage",
]


class StatementKind(StrEnum):
    """What one line of a gateway's statement is."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """How a gateway is reached: what the operator entered for it, without its secret."""

    key: str
    base_url: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment to be opened at the gateway. `subject` is what the payer reads; `locale` is zh-CN or en."""

    payment_id: PaymentId
    amount: Money
    subject: str
    notify_url: str
    return_url: str
    expires_at: datetime
    locale: str


@dataclass(frozen=True, slots=True)
class Created:
    """A payment that the gateway has opened: its own number for it, a page to pay at, and the text of a QR code."""

    gateway_reference: str
    pay_url: str
    qr_text: str


@dataclass(frozen=True, slots=True)
class RawNotification:
    """A notification as it came in; the names of headers are in lower case."""

    body: bytes
    headers: Mapping[str, str]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Notified:
    """What a notification with a good signature says. It is a reason to ask the gateway, never to believe."""

    notification_id: str
    payment_id: PaymentId
    gateway_reference: str
    state: PaymentFound
    amount: Money


@dataclass(frozen=True, slots=True)
class Found:
    """What the gateway says of a payment when it is asked: the second verification. `amount` is what was really paid."""

    state: PaymentFound
    amount: Money | None = None
    gateway_reference: str | None = None
    paid_at: datetime | None = None
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True)
class NewRefund:
    """Money to be given back to where it came from. `paid` is all that was paid, which some gateways want to hear again."""

    refund_id: PaymentRefundId
    payment_id: PaymentId
    gateway_reference: str
    amount: Money
    paid: Money
    reason: str


@dataclass(frozen=True, slots=True)
class RefundFound:
    """Where a refund stands, and its amount as the gateway has it."""

    state: RefundStanding
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a gateway's statement of a day. `our_id` is our payment's or refund's, as the gateway wrote it down."""

    kind: StatementKind
    our_id: str
    gateway_reference: str
    amount: Money
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A part of a gateway's statement of a day, and what to ask for the next part with; None after the last."""

    lines: Sequence[StatementLine]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How the gateway wants a notification answered."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"


class Gateway(Protocol):
    """One gateway, with its account and its secret."""

    async def create(self, new: NewPayment) -> Created:
        """Opens a payment; the same id again answers the same payment. GatewayRefused when it is not taken."""
        ...

    def read_notification(self, raw: RawNotification) -> Notified:
        """What a notification says. Pure: checks the signature, and raises ForgedNotification when it is not the gateway's."""
        ...

    async def query(self, payment_id: PaymentId) -> Found:
        """Where a payment stands, asked of the gateway itself."""
        ...

    async def refund(self, new: NewRefund) -> RefundFound:
        """Gives money back; the same refund id again moves nothing and answers how the refund stands."""
        ...

    async def query_refund(self, refund_id: PaymentRefundId) -> RefundFound:
        """Where a refund stands."""
        ...

    async def close(self, payment_id: PaymentId) -> None:
        """Ends an unpaid payment. It may be paid at the same moment, so ask again afterwards; GatewayRefused when it cannot end."""
        ...

    async def statement(self, day: date, *, after: str | None = None) -> StatementPage:
        """What the gateway has booked on a day, UTC: the part that begins after what the part before said."""
        ...

    def acknowledge(self, *, taken: bool) -> Acknowledgement:
        """The answer to a notification: taken, or to be sent again."""
        ...


Factory = Callable[[GatewayConfig, Secret[str]], Gateway]
