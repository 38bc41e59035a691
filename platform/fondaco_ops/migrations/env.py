"""What alembic runs: on the connection that fondaco_ops.migrate (or a test) hands over."""

from alembic import context
from alembic.script import ScriptDirectory

from fondaco_tenants.registry import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata(), transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
context.config.attributes["revision"] = ScriptDirectory.from_config(context.config).get_current_head()
