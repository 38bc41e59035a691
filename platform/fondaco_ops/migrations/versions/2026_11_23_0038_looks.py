"""Names of merchants that look alike: no two partners have such."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# Whether another merchant has a name of this look: all that may be known of it. A name that was there before is looked at as it stands,
# until its merchant writes it again.
TAKEN = """
    CREATE OR REPLACE FUNCTION supply_look_taken(look text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
      SELECT EXISTS (
        SELECT FROM partner p
        WHERE p.tenant_id IS DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::uuid
          AND (p.look = $1 OR p.look IS NULL AND lower(regexp_replace(normalize(p.name, NFKC), '[^[:alnum:]]', '', 'g')) = $1)
      )
    $$
"""
STATEMENTS: tuple[str, ...] = (
    "ALTER TABLE partner ADD COLUMN IF NOT EXISTS look text",
    TAKEN,
    "REVOKE ALL ON FUNCTION supply_look_taken(text) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION supply_look_taken(text) TO fondaco_tenant",
)


def upgrade() -> None:
    """Applies it."""
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    for statement in STATEMENTS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_partner_look")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_partner_look ON partner (look)")
