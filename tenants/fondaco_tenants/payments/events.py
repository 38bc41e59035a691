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
