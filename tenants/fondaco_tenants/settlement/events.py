"""Facts that settlement announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class PaidOut(Event):
    """Money from sales went into a merchant's wallet, or was taken back out of it when `amount_minor` is negative."""

    name: ClassVar[str] = "settlement.paid_out"

    payout_id: UUID
    amount_minor: int
    currency: str
