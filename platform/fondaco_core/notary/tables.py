"""Tables of the notary: hashes and signatures over the audit log. They hold nothing of what the entries say."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core.db import Base, guarded, sealed_as

_HASHES = guarded(
    kind="global",
    reason="hashes over everybody's entries, which merchants need to prove their own; they tell how many there are, no more",
    tenant="SELECT",
    trade_grant="",
    platform="SELECT, INSERT",
)


class AuditLeaf(Base):
    """The place of one entry in the tree, and its hash."""

    __tablename__ = "audit_leaf"
    __table_args__ = ({"info": _HASHES},)

    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID] = mapped_column(unique=True)
    hash: Mapped[bytes]


class AuditNode(Base):
    """One full subtree above the leaves; it never changes again."""

    __tablename__ = "audit_node"
    __table_args__ = ({"info": _HASHES},)

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class AuditCheckpoint(Base):
    """The signed root of the tree at one size."""

    __tablename__ = "audit_checkpoint"
    __table_args__ = (CheckConstraint("size > 0", name="size"), {"info": _HASHES})

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root_hash: Mapped[bytes]
    signed_at: Mapped[datetime]
    key_id: Mapped[str]
    signature: Mapped[bytes]
    # Every entry of a transaction with a smaller number is sealed by now.
    through_xid: Mapped[int]


class AuditKey(Base):
    """A key that signs checkpoints. Its private half is sealed: who has the database alone signs nothing."""

    __tablename__ = "audit_key"
    __table_args__ = (
        {
            "info": guarded(
                kind="global",
                reason="the platform signs for everybody; merchants read the public half",
                tenant="SELECT (id, key_id, public_key, made_at)",
                trade_grant="",
                platform="SELECT, INSERT, UPDATE (private_key_sealed)",
            )
        },
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    private_key_sealed: Mapped[bytes] = mapped_column(info=sealed_as("audit_key", platform=True))
    made_at: Mapped[datetime]
