"""Facts that customers announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class CustomerRegistered(Event):
    """A buyer has an account with a merchant."""

    name: ClassVar[str] = "customer.registered"
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class CustomerBarred(Event):
    """A merchant sells no longer to a buyer."""

    name: ClassVar[str] = "customer.blocked"
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class CustomerReadmitted(Event):
    """A merchant sells to a buyer again."""

    name: ClassVar[str] = "customer.unblocked"
    customer_id: UUID


@dataclass(frozen=True, slots=True)
class CustomerProofMade(Event):
    """A token waits to be sent to a buyer's contact."""

    name: ClassVar[str] = "customer.proof_made"
    proof_id: UUID
