"""Tables of customers: buyers as one tenant knows them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as


class Customer(TenantOwned):
    """A buyer: a registered account, a guest with a contact, or an account of a machine.

    The contact (an e-mail address or a phone number) is sealed; `contact_lookup` is its keyed hash, by which a guest who
    comes again is known and limits per customer hold.
    """

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("kind IN ('REGISTERED', 'GUEST')", name="kind"),
        CheckConstraint("kind = 'REGISTERED' OR password_hash IS NULL", name="guest_password"),
        # Nobody proved that a contact is theirs, so registering with it must not open what a guest with it bought.
        Index("uq_customer_contact", "tenant_id", "contact_lookup", "kind", unique=True),
        {
            "info": guarded(
                trade_grant="SELECT, INSERT", platform="SELECT", hidden=("contact_sealed", "password_hash")
            ),
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str | None]
    contact_lookup: Mapped[bytes]
    contact_sealed: Mapped[bytes] = mapped_column(info=sealed_as("contact"))
    contact_masked: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime]
    blocked_at: Mapped[datetime | None]
    blocked_reason: Mapped[str | None]
    # When somebody who reads what is sent to the contact said so.
    contact_verified_at: Mapped[datetime | None]


class CustomerProof(TenantOwned):
    """A one-time token that was sent to a buyer's contact: to prove that it is theirs, or to choose a password anew."""

    __tablename__ = "customer_proof"
    __table_args__ = (
        CheckConstraint("purpose IN ('VERIFY', 'RESET')", name="purpose"),
        Index("ix_customer_proof_customer_id", "customer_id"),
        Index("ix_customer_proof_expires_at", "expires_at"),
        {"info": guarded(trade_grant="", platform="SELECT, DELETE")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    purpose: Mapped[str]
    locale: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]
