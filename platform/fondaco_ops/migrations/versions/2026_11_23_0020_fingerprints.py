"""Fingerprints stand in a table of their own, and no index of `code` is in the order of something random any more.

The table is filled while codes are sold and imported, some imports at a time. Then the unique index goes, without which the
version before imports nothing: its imports fail, and are done by the new version. Last comes what was imported and voided
meanwhile. A migration that was cut off begins anew.
"""

from collections.abc import Iterator
from uuid import UUID

from alembic import op
from sqlalchemy import Connection, text

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    "DROP TABLE IF EXISTS code_fingerprint",
    """
    CREATE TABLE code_fingerprint (
        fingerprint BYTEA NOT NULL,
        code_id UUID NOT NULL,
        tenant_id UUID NOT NULL,
        CONSTRAINT pk_code_fingerprint PRIMARY KEY (fingerprint)
    )
    """,
    'REVOKE ALL ON "code_fingerprint" FROM PUBLIC',
    'ALTER TABLE "code_fingerprint" ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE "code_fingerprint" FORCE ROW LEVEL SECURITY',
    "CREATE POLICY tenant ON \"code_fingerprint\" TO fondaco_tenant, fondaco_trade USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
    'CREATE POLICY platform ON "code_fingerprint" TO fondaco_platform USING (true) WITH CHECK (true)',
    'CREATE POLICY owner ON "code_fingerprint" TO fondaco_owner USING (true) WITH CHECK (true)',
    'GRANT SELECT, INSERT, DELETE ON "code_fingerprint" TO fondaco_tenant',
    'GRANT SELECT ON "code_fingerprint" TO fondaco_platform',
)

# So many codes at a time, or one import of more: each time a transaction of its own.
PIECE = 50_000
BEGAN = "SELECT now() - interval '1 hour'"
BATCHES = "SELECT id, lines FROM code_batch ORDER BY id"
FILL = """
INSERT INTO code_fingerprint (fingerprint, code_id, tenant_id)
SELECT fingerprint, id, tenant_id FROM code WHERE original AND {those} ORDER BY fingerprint
ON CONFLICT (fingerprint) DO NOTHING
"""
SOME = FILL.format(those="batch_id > :after AND batch_id <= :last")
# When an import moved is told by the clock of who imports; it is not off by an hour.
MOVED = FILL.format(those="batch_id IN (SELECT id FROM code_batch WHERE greatest(moved_at, created_at) > :began)")
# Voided while it was filled in.
FREE = """
DELETE FROM code_fingerprint f USING code c WHERE c.fingerprint = f.fingerprint AND c.id = f.code_id AND NOT c.original
"""


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    for statement in STATEMENTS:
        op.execute(statement.replace(":", "\\:"))
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        began = connection.execute(text(BEGAN)).scalar_one()
        for after, last in _pieces(connection):
            connection.execute(text(SOME), {"after": after, "last": last})
        # From here on nobody but the new version adds a code that is for sale.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_code_fingerprint")
        op.execute(FREE)
        connection.execute(text(MOVED), {"began": began})
        op.execute(FREE)
        op.execute("ANALYZE code_fingerprint")


def _pieces(connection: Connection) -> Iterator[tuple[UUID, UUID]]:
    """All imports by id: after which, and up to which, so that few pieces hold more than PIECE codes."""
    after, lines = UUID(int=0), 0
    batches = connection.execute(text(BATCHES)).all()
    for number, batch in enumerate(batches, start=1):
        lines += batch.lines
        if lines >= PIECE or number == len(batches):
            yield after, batch.id
            after, lines = batch.id, 0
