"""Tables of delivery: links that open an order's codes; what was sent, how often, with what words; keys; alarms."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded, sealed_as


class DeliveryLink(TenantOwned):
    """A link that opens the codes of one order a limited number of times; only a hash of its secret is kept."""

    __tablename__ = "delivery_link"
    __table_args__ = (
        CheckConstraint("opens BETWEEN 0 AND opens_max", name="opens"),
        Index("ix_delivery_link_order_id", "order_id"),
        {"info": guarded(trade_grant="SELECT", hidden=("secret_hash",))},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    # Null opens every unit of the order.
    allocation_id: Mapped[UUID | None] = mapped_column(ForeignKey("allocation.id"))
    secret_hash: Mapped[bytes]
    opens_max: Mapped[int] = mapped_column(Integer)
    opens: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    expires_at: Mapped[datetime]
    created_by_kind: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Delivery(TenantOwned):
    """One order on its way to one contact by one channel. A contact is kept here only when it was corrected, and sealed."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("channel IN ('ACCOUNT', 'API', 'EMAIL', 'SMS')", name="channel"),
        CheckConstraint("state IN ('QUEUED', 'SENT', 'DELIVERED', 'FAILED', 'UNKNOWN')", name="state"),
        CheckConstraint("form IN ('LINK', 'ZIP', 'PDF', 'PAGE')", name="form"),
        CheckConstraint("addressee IN ('BUYER', 'RECIPIENT', 'CORRECTED')", name="addressee"),
        CheckConstraint("(addressee = 'CORRECTED') = (contact_sealed IS NOT NULL)", name="contact"),
        CheckConstraint("state IN ('QUEUED', 'UNKNOWN') OR next_attempt_at IS NULL", name="next_attempt"),
        CheckConstraint("unknowns BETWEEN 0 AND attempts", name="attempts"),
        # The delivery that an order makes by itself is made once, however often the fact is told; the rest was asked for.
        Index(
            "uq_delivery_first", "order_id", "channel", unique=True,
            postgresql_where=text("resend_of IS NULL AND allocation_id IS NULL"),
        ),
        # And so is the one that a replaced unit makes.
        Index(
            "uq_delivery_unit", "allocation_id", "channel", unique=True,
            postgresql_where=text("resend_of IS NULL AND allocation_id IS NOT NULL"),
        ),
        Index("ix_delivery_order_id", "order_id", "id"),
        Index("ix_delivery_due", "next_attempt_at", postgresql_where=text("next_attempt_at IS NOT NULL")),
        {"info": guarded(trade_grant="SELECT", platform="SELECT, UPDATE", hidden=("contact_sealed",))},
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    channel: Mapped[str]
    state: Mapped[str]
    form: Mapped[str]
    # Whose contact it goes to: the buyer's, the recipient's of a gift, or one that somebody corrected.
    addressee: Mapped[str]
    contact_sealed: Mapped[bytes | None] = mapped_column(info=sealed_as("contact"))
    contact_masked: Mapped[str]
    link_id: Mapped[UUID | None] = mapped_column(ForeignKey("delivery_link.id"))
    # The one unit that it brings, in place of a bad one; null for the whole order.
    allocation_id: Mapped[UUID | None] = mapped_column(ForeignKey("allocation.id"))
    locale: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # How many attempts ended so that nobody knows whether it arrived.
    unknowns: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    # When it is tried next; while an attempt runs, when that is believed dead.
    next_attempt_at: Mapped[datetime | None]
    # When the workers were last told that it is due.
    told_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    resend_of: Mapped[UUID | None]
    requested_by_kind: Mapped[str]
    requested_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class DeliveryAttempt(TenantOwned):
    """One attempt of a delivery, written before it is made and completed after."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        CheckConstraint("outcome IN ('SENT', 'LATER', 'REFUSED', 'UNKNOWN', 'NO_WAY_OUT')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
        UniqueConstraint("delivery_id", "number"),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("delivery.id"))
    number: Mapped[int] = mapped_column(Integer)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # Null while it runs.
    outcome: Mapped[str | None]
    # The server's answer, a number; never its words.
    status: Mapped[int | None] = mapped_column(Integer)


class DeliveryTemplate(TenantOwned):
    """One version of a merchant's own words for a store's deliveries, or for a listing's; the last version counts."""

    __tablename__ = "delivery_template"
    __table_args__ = (
        CheckConstraint("locale IN ('zh-CN', 'en')", name="locale"),
        UniqueConstraint("store_id", "listing_id", "locale", "version", postgresql_nulls_not_distinct=True),
        {"info": guarded(tenant="SELECT, INSERT", trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    store_id: Mapped[UUID]
    # Null for the whole store's.
    listing_id: Mapped[UUID | None]
    locale: Mapped[str]
    version: Mapped[int] = mapped_column(Integer)
    subject: Mapped[str]
    body_text: Mapped[str]
    body_html: Mapped[str]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


class DeliverySetting(TenantOwned):
    """How one merchant's deliveries go out, and from where on showing codes is unusual."""

    __tablename__ = "delivery_setting"
    __table_args__ = (
        CheckConstraint("form IN ('LINK', 'ZIP', 'PDF')", name="form"),
        {"info": guarded(trade_grant="")},
    )

    # One row a merchant.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    form: Mapped[str]
    link_opens_max: Mapped[int] = mapped_column(Integer)
    link_hours: Mapped[int] = mapped_column(Integer)
    staff_reveals_max: Mapped[int] = mapped_column(Integer)
    client_reveals_max: Mapped[int] = mapped_column(Integer)
    place_accounts_max: Mapped[int] = mapped_column(Integer)
    version: Mapped[int] = mapped_column(Integer)


class ClientKey(TenantOwned):
    """The public key of an API client: codes leave for it encrypted to this key, and in no other way."""

    __tablename__ = "client_key"
    __table_args__ = (
        Index("uq_client_key_current", "api_client_id", unique=True, postgresql_where=text("retired_at IS NULL")),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    api_client_id: Mapped[UUID]
    # The public half alone.
    jwk: Mapped[dict[str, Any]]
    thumbprint: Mapped[str]
    registered_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class RevealAlarm(TenantOwned):
    """That codes were shown in an unusual way; once for each rule, subject and window."""

    __tablename__ = "reveal_alarm"
    __table_args__ = (
        CheckConstraint(
            "rule IN ('STAFF_BURST', 'CLIENT_BURST', 'NEW_PLACE', 'ONE_PLACE', 'LINK_SPREAD')", name="rule"
        ),
        UniqueConstraint("tenant_id", "rule", "subject", "window_at"),
        {"info": guarded(tenant="SELECT, INSERT", trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    rule: Mapped[str]
    # Who or what it is about: an id, or a keyed hash of a place; never an address.
    subject: Mapped[str]
    window_at: Mapped[datetime]
    count: Mapped[int] = mapped_column(Integer)
    raised_at: Mapped[datetime]
