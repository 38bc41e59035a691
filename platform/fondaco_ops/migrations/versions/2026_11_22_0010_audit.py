"""Sealed checkpoints of the audit log."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "CREATE INDEX ix_audit_entry_xid ON audit_entry USING brin (xid) WITH (autosummarize = on)",
    """
    CREATE TABLE audit_checkpoint (
        size BIGINT NOT NULL,
        root_hash BYTEA NOT NULL,
        signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        key_id TEXT NOT NULL,
        signature BYTEA NOT NULL,
        through_xid BIGINT NOT NULL,
        CONSTRAINT pk_audit_checkpoint PRIMARY KEY (size),
        CONSTRAINT ck_audit_checkpoint_size CHECK (size > 0)
    )
    """,
    'REVOKE ALL ON "audit_checkpoint" FROM PUBLIC',
    'GRANT SELECT ON "audit_checkpoint" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "audit_checkpoint" TO fondaco_platform',
    """
    CREATE TABLE audit_key (
        id UUID NOT NULL,
        key_id TEXT NOT NULL,
        public_key BYTEA NOT NULL,
        private_key_sealed BYTEA NOT NULL,
        made_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_audit_key PRIMARY KEY (id),
        CONSTRAINT uq_audit_key_key_id UNIQUE (key_id)
    )
    """,
    'REVOKE ALL ON "audit_key" FROM PUBLIC',
    'GRANT SELECT (id, key_id, public_key, made_at) ON "audit_key" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "audit_key" TO fondaco_platform',
    """
    CREATE TABLE audit_leaf (
        index BIGINT NOT NULL,
        entry_id UUID NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT pk_audit_leaf PRIMARY KEY (index),
        CONSTRAINT uq_audit_leaf_entry_id UNIQUE (entry_id)
    )
    """,
    'REVOKE ALL ON "audit_leaf" FROM PUBLIC',
    'GRANT SELECT ON "audit_leaf" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "audit_leaf" TO fondaco_platform',
    """
    CREATE TABLE audit_node (
        level SMALLINT NOT NULL,
        index BIGINT NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT pk_audit_node PRIMARY KEY (level, index)
    )
    """,
    'REVOKE ALL ON "audit_node" FROM PUBLIC',
    'GRANT SELECT ON "audit_node" TO fondaco_tenant',
    'GRANT SELECT, INSERT ON "audit_node" TO fondaco_platform',
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
