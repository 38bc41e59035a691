"""Tables of codes of one's own making: how they were made, their redemption, and stock that went back to its owner."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import TenantOwned, guarded


class CodeMaking(TenantOwned):
    """How the codes of a batch were made: their form, which also tells a typing error from an unknown code."""

    __tablename__ = "code_making"
    __table_args__ = (
        CheckConstraint("wanted > 0", name="wanted"),
        CheckConstraint("check_symbols IN (1, 2)", name="check_symbols"),
        Index("ix_code_making_tenant_id", "tenant_id", "batch_id"),
        {"info": guarded(tenant="SELECT, INSERT", trade_grant="")},
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("code_batch.id"), primary_key=True)
    prefix: Mapped[str]
    groups: Mapped[int] = mapped_column(Integer)
    group_length: Mapped[int] = mapped_column(Integer)
    check_symbols: Mapped[int] = mapped_column(Integer)
    # How many codes were asked for.
    wanted: Mapped[int] = mapped_column(Integer)


class CodeRedemption(TenantOwned):
    """One use of a code at its merchant: locked for a while, redeemed, perhaps taken back."""

    __tablename__ = "code_redemption"
    __table_args__ = (
        CheckConstraint("state IN ('LOCKED', 'RELEASED', 'LAPSED', 'REDEEMED', 'REVERSED')", name="state"),
        CheckConstraint("(state IN ('REDEEMED', 'REVERSED')) = (redeemed_at IS NOT NULL)", name="redeemed"),
        CheckConstraint(
            "(state = 'REVERSED') = (reversed_at IS NOT NULL AND reversal_reason IS NOT NULL)", name="reversed"
        ),
        # Of two who redeem the same code at the same moment, one wins.
        Index(
            "uq_code_redemption_open", "code_id", unique=True, postgresql_where=text("state IN ('LOCKED', 'REDEEMED')")
        ),
        Index("ix_code_redemption_code_id", "code_id", "id"),
        Index("ix_code_redemption_tenant_id", "tenant_id", "id"),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code_id: Mapped[UUID]
    state: Mapped[str]
    # Who asked, and what they call it: a receipt, a till, an account that was credited.
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    reference: Mapped[str | None]
    created_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    redeemed_at: Mapped[datetime | None]
    reversed_at: Mapped[datetime | None]
    reversal_reason: Mapped[str | None]


class PreviewUse(TenantOwned):
    """What a merchant's dry runs of imports have taken lately, and how many codes of others they came upon; one row each."""

    __tablename__ = "preview_use"
    __table_args__ = ({"info": guarded(trade_grant="")},)

    # The merchant.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    previews: Mapped[int]
    # Until when one that is under way keeps others out; null when none is.
    busy_until: Mapped[datetime | None]
    hits_since: Mapped[datetime]
    hits: Mapped[int]


class RedemptionMiss(TenantOwned):
    """How many codes that do not exist somebody has shown lately: a client, or an address, known by a keyed hash."""

    __tablename__ = "redemption_miss"
    __table_args__ = (
        Index("ix_redemption_miss_since", "since"),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE", trade_grant="", platform="SELECT, DELETE",
                reason="old counts are forgotten by a job over all tenants",
            )
        },
    )  # fmt: skip

    key: Mapped[bytes] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    misses: Mapped[int] = mapped_column(Integer)


class StockExport(TenantOwned):
    """Unsold codes that went back to their owner, encrypted to a key of the owner's; they are never sold here again."""

    __tablename__ = "stock_export"
    __table_args__ = (
        CheckConstraint("codes > 0", name="codes"),
        Index("ix_stock_export_tenant_id", "tenant_id", "id"),
        {"info": guarded(tenant="SELECT, INSERT, UPDATE (downloads, downloaded_at)", trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID]
    # The public half of an age key (X25519); whoever has the other half reads the file.
    recipient: Mapped[str]
    codes: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str]
    exported_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    downloads: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    downloaded_at: Mapped[datetime | None]


class StockExportCode(TenantOwned):
    """One code of an export."""

    __tablename__ = "stock_export_code"
    __table_args__ = (
        Index("uq_stock_export_code_code_id", "code_id", unique=True),
        {"info": guarded(tenant="SELECT, INSERT", trade_grant="")},
    )

    export_id: Mapped[UUID] = mapped_column(ForeignKey("stock_export.id"), primary_key=True)
    place: Mapped[int] = mapped_column(Integer, primary_key=True)
    code_id: Mapped[UUID]
