"""Tables of the vault: pools, batches, codes, uploads, reveals."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Identity, Index, Integer, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, TenantOwned, guarded, sealed_as
from fondaco_tenants.codes import tables_own

# Their tables are known wherever these are.
OWN = (
    tables_own.CodeMaking, tables_own.CodeRedemption, tables_own.RedemptionMiss, tables_own.StockExport,
    tables_own.StockExportCode, tables_own.PreviewUse,
)  # fmt: skip

# Codes are picked by expiry and then by this number; a released code keeps its own.
CODE_POSITION = Sequence("code_position", metadata=Base.metadata)


class CodePool(TenantOwned):
    """A tenant's stock of codes for one entitlement.

    (`pick_expires_at`, `pick_position`) is the picking mark: no AVAILABLE code of the pool that may still be sold sorts
    before it; those that expire within `stop_sale_days` may. Picking starts there, so that it never walks over the index
    entries of codes that were sold. Whoever makes a code AVAILABLE lowers the mark under the row's lock; whoever raises it
    computes it under that lock (codes.store).
    """

    __tablename__ = "code_pool"
    __table_args__ = (
        Index("ix_code_pool_entitlement_id", "tenant_id", "entitlement_id"),
        {"info": guarded(trade=True, trade_grant="SELECT, UPDATE (pick_expires_at, pick_position)")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    entitlement_id: Mapped[UUID]
    name: Mapped[str]
    pick_expires_at: Mapped[datetime] = mapped_column(server_default=text("'-infinity'"))
    pick_position: Mapped[int] = mapped_column(server_default=text("0"))
    # Codes that expire within so many days are not sold; 0 sells a code until its last moment.
    stop_sale_days: Mapped[int] = mapped_column(server_default=text("0"))
    # So many units or fewer are few; null when nobody wants to be told.
    low_stock_at: Mapped[int | None]
    # How many days before codes expire somebody is told, each once for every import.
    expiry_alarm_days: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default=text("'{30,7,1}'"))
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class CodeBatch(TenantOwned):
    """One import into a pool. Its counts are final when it is READY."""

    __tablename__ = "code_batch"
    __table_args__ = (
        CheckConstraint("state IN ('IMPORTING', 'READY', 'UNDONE', 'FAILED')", name="state"),
        CheckConstraint("unit_cost_minor >= 0", name="unit_cost"),
        Index("ix_code_batch_pool_id", "pool_id", "id"),
        Index("ix_code_batch_kept", "lines_kept_until", postgresql_where=text("lines_kept_until IS NOT NULL")),
        {"info": guarded(trade=True, trade_grant="SELECT")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID] = mapped_column(ForeignKey("code_pool.id"))
    state: Mapped[str]
    # Where the codes came from, as the importer says it: a supplier, an invoice.
    origin: Mapped[str]
    unit_cost_minor: Mapped[int]
    currency: Mapped[str]
    # 9999-12-31 when the codes do not expire.
    expires_at: Mapped[datetime]
    upload_id: Mapped[UUID | None]
    format: Mapped[str]
    # What the importer said of encoding, separator and columns (rules.Mapping); null for what is found out by itself.
    mapping: Mapped[dict[str, Any] | None]
    # SHA-256 of the bytes that were imported, keyed, so that the same file is known when it comes again.
    digest: Mapped[bytes | None]
    bytes_total: Mapped[int] = mapped_column(server_default=text("0"))
    bytes_done: Mapped[int] = mapped_column(server_default=text("0"))
    # The number of the last line that is done: where an import that was cut off goes on.
    last_line: Mapped[int] = mapped_column(server_default=text("0"))
    # Lines that said something: accepted, duplicates and rejected together.
    lines: Mapped[int] = mapped_column(server_default=text("0"))
    accepted: Mapped[int] = mapped_column(server_default=text("0"))
    duplicates: Mapped[int] = mapped_column(server_default=text("0"))
    rejected: Mapped[int] = mapped_column(server_default=text("0"))
    imported_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    # When lines were last stored: how fast it goes.
    moved_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    # Until when lines that were not accepted are kept as they were; null when none are.
    lines_kept_until: Mapped[datetime | None]


class Code(TenantOwned):
    """One sealed secret."""

    __tablename__ = "code"
    __table_args__ = (
        CheckConstraint(
            "state IN ('AVAILABLE', 'HELD', 'DELIVERED', 'REDEEMED', 'VOID', 'EXPIRED', 'QUARANTINED')", name="state"
        ),
        CheckConstraint(
            "(state IN ('HELD', 'DELIVERED', 'REDEEMED')) = (allocation_id IS NOT NULL)", name="allocation"
        ),
        CheckConstraint("original OR state IN ('VOID', 'QUARANTINED')", name="original"),
        # Invariant 1: a code is in at most one live allocation.
        Index(
            "uq_code_allocation_id", "allocation_id", unique=True, postgresql_where=text("allocation_id IS NOT NULL")
        ),
        Index("ix_code_pick", "pool_id", "expires_at", "position", postgresql_where=text("state = 'AVAILABLE'")),
        Index("ix_code_batch_id", "batch_id", "position"),
        # A pool's codes of one state in the order in which they are listed, however few of a million are in it. What its
        # importer is not shown is not in it.
        Index(
            "ix_code_pool_state",
            "pool_id",
            "state",
            text("batch_id DESC"),
            "position",
            postgresql_where=text("original OR state <> 'QUARANTINED'"),
        ),
        # Newcomers that collided, and codes voided unsold: few, and looked for by the next import of the same code.
        Index("ix_code_fingerprint", "fingerprint", postgresql_where=text("NOT original")),
        {
            "info": guarded(
                trade=True,
                reason="trading moves codes of any tenant; what they say, and what recognises them, it never reads",
                trade_grant=(
                    "SELECT (id, tenant_id, pool_id, batch_id, state, position, expires_at, original, masked, serial,"
                    " unit_cost_minor, allocation_id, reason, changed_at), UPDATE (state, allocation_id, reason, changed_at)"
                ),
                hidden=("sealed",),
                platform="SELECT",
            ),
            # Every code is updated twice or three times in its life: room on its page keeps the updates there. Each update
            # puts an entry into every index, so that none may be in the order of something random (CodeFingerprint).
            "postgresql_with": {"fillfactor": "85", "autovacuum_vacuum_scale_factor": "0.05"},
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[UUID]
    batch_id: Mapped[UUID]
    state: Mapped[str]
    position: Mapped[int] = mapped_column(CODE_POSITION, server_default=CODE_POSITION.next_value())
    expires_at: Mapped[datetime]
    sealed: Mapped[bytes] = mapped_column(
        info=sealed_as(
            "code", parent=("code_batch", "batch_id"), place="position", bought="state IN ('DELIVERED', 'REDEEMED')"
        )
    )
    fingerprint: Mapped[bytes]
    # Whether this is the platform's one code with its fingerprint (CodeFingerprint); false for a newcomer that collided, or
    # one voided unsold.
    original: Mapped[bool]
    masked: Mapped[str]
    # The number that is printed on it or that its supplier knows it by; no secret.
    serial: Mapped[str | None]
    # What this one cost, where the file says so; in the currency of its import.
    unit_cost_minor: Mapped[int | None]
    allocation_id: Mapped[UUID | None]
    # Why it was quarantined or voided.
    reason: Mapped[str | None]
    changed_at: Mapped[datetime]


class CodeFingerprint(TenantOwned):
    """Whose a fingerprint is: over the whole platform it is in at most one code that is or was for sale (invariant 1).

    Every `original` code has its row, from its import until it is voided unsold. A table of its own, because fingerprints
    are random: as an index of `code`, which each change of a state writes to, they would cost every sale a page.
    """

    __tablename__ = "code_fingerprint"
    __table_args__ = ({"info": guarded(tenant="SELECT, INSERT, DELETE", trade_grant="")},)

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    # No foreign key: it would lock and write to a code's row for each line of an import. An invariant looks.
    code_id: Mapped[UUID]


class CodeImportLine(TenantOwned):
    """One line of an import that did not become an available code, by number and masked."""

    __tablename__ = "code_import_line"
    __table_args__ = (
        CheckConstraint("outcome IN ('DUPLICATE', 'REJECTED')", name="outcome"),
        {
            "info": guarded(
                tenant="SELECT, INSERT, UPDATE, DELETE", trade_grant="", hidden=("sealed",), platform="SELECT"
            )
        },
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("code_batch.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    # A stable name for programs: rules.LineReason.
    reason: Mapped[str]
    masked: Mapped[str]
    # The line as it came, until its import's `lines_kept_until`; null when it was too long to keep.
    sealed: Mapped[bytes | None] = mapped_column(info=sealed_as("code_import_line.{line}", row="batch_id"))


class PoolWatch(TenantOwned):
    """What was last announced of a pool's stock, so that each crossing is announced once."""

    __tablename__ = "pool_watch"
    __table_args__ = (
        CheckConstraint("band IN ('ENOUGH', 'LOW', 'OUT')", name="band"),
        {"info": guarded(tenant="SELECT", trade_grant="", platform="SELECT, INSERT, UPDATE")},
    )

    pool_id: Mapped[UUID] = mapped_column(ForeignKey("code_pool.id"), primary_key=True)
    band: Mapped[str]
    changed_at: Mapped[datetime]


class BatchAlarm(TenantOwned):
    """That it was announced how many days some codes of an import had left; once for each number of days."""

    __tablename__ = "batch_alarm"
    __table_args__ = ({"info": guarded(tenant="SELECT, INSERT", trade_grant="")},)

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("code_batch.id"), primary_key=True)
    days: Mapped[int] = mapped_column(Integer, primary_key=True)
    announced_at: Mapped[datetime]


class Upload(TenantOwned):
    """A file of codes on its way to an import, sealed as it arrives."""

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("state IN ('RECEIVING', 'READY', 'IMPORTED', 'DROPPED')", name="state"),
        Index("ix_upload_waiting", "tenant_id", "created_at", postgresql_where=text("state IN ('RECEIVING', 'READY')")),
        {"info": guarded(trade_grant="")},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str]
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(server_default=text("0"))
    digest: Mapped[bytes | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]


class UploadChunk(TenantOwned):
    """One sealed piece of an upload; deleted when the import is done."""

    __tablename__ = "upload_chunk"
    __table_args__ = (
        {
            "info": guarded(
                tenant="SELECT, INSERT, DELETE, UPDATE (sealed)",
                trade_grant="",
                hidden=("sealed",),
                platform="SELECT, DELETE",
            )
        },
    )

    upload_id: Mapped[UUID] = mapped_column(ForeignKey("upload.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    # Where in the file its plaintext begins, in bytes.
    starts_at: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(info=sealed_as("upload_chunk.{number}", row="upload_id"))


class CodeReveal(TenantOwned):
    """The act of showing a code's plaintext: who, when, from where, why. `tenant_id` is the code's owner."""

    __tablename__ = "code_reveal"
    __table_args__ = (
        CheckConstraint("via IN ('ACCOUNT', 'API', 'LINK', 'GUEST', 'EMAIL', 'BACK_OFFICE')", name="via"),
        Index("ix_code_reveal_code_id", "code_id", "id"),
        Index("ix_code_reveal_order_id", "order_id", "id"),
        # Who looked at how much lately, and what was looked at from one place.
        Index(
            "ix_code_reveal_actor", "tenant_id", "actor_id", "revealed_at",
            postgresql_where=text("actor_kind IN ('MEMBER', 'API_CLIENT')"),
        ),
        Index(
            "ix_code_reveal_place", "tenant_id", "ip", "revealed_at",
            postgresql_where=text("via IN ('ACCOUNT', 'GUEST', 'LINK')"),
        ),
        {"info": guarded(trade=True, tenant="SELECT, INSERT", trade_grant="SELECT, INSERT")},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code_id: Mapped[UUID]
    order_id: Mapped[UUID | None]
    allocation_id: Mapped[UUID | None]
    via: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    link_id: Mapped[UUID | None]
    ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    reason: Mapped[str | None]
    revealed_at: Mapped[datetime]
