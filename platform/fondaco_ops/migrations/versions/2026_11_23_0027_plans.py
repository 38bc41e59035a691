"""What the platform takes of sales by plan and category of goods."""

from alembic import op

revision = "0027"
down_revision = "0038"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE plan (
        id UUID NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        version INTEGER NOT NULL,
        CONSTRAINT pk_plan PRIMARY KEY (id),
        CONSTRAINT uq_plan_name UNIQUE (name)
    )
    """,
    'REVOKE ALL ON "plan" FROM PUBLIC',
    'GRANT SELECT ON "plan" TO fondaco_tenant',
    'GRANT SELECT ON "plan" TO fondaco_trade',
    'GRANT SELECT, INSERT, UPDATE ON "plan" TO fondaco_platform',
    """
    CREATE TABLE plan_fee (
        plan_id UUID NOT NULL,
        version INTEGER NOT NULL,
        category TEXT NOT NULL,
        fee_bps BIGINT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_plan_fee PRIMARY KEY (plan_id, version, category),
        CONSTRAINT ck_plan_fee_fee_bps CHECK (fee_bps BETWEEN 0 AND 10000),
        CONSTRAINT fk_plan_fee_plan_id FOREIGN KEY(plan_id) REFERENCES plan (id)
    )
    """,
    'REVOKE ALL ON "plan_fee" FROM PUBLIC',
    'GRANT SELECT ON "plan_fee" TO fondaco_tenant',
    'GRANT SELECT ON "plan_fee" TO fondaco_trade',
    'GRANT SELECT, INSERT ON "plan_fee" TO fondaco_platform',
    "ALTER TABLE tenant DROP plan, ADD plan_id uuid CONSTRAINT fk_tenant_plan_id REFERENCES plan (id)",
    "CREATE INDEX ix_tenant_plan_id ON tenant (plan_id)",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
