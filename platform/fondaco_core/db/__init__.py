"""db: the database. Pools per role, transactions, row level security, idempotency, column types."""

from fondaco_core.db.base import Base, TenantOwned
from fondaco_core.db.engine import Database, Role, close_database, database, open_database
from fondaco_core.db.figures import Figure, read_figures
from fondaco_core.db.invariants import Breach, Checked, Invariant, check_due, find_breaches
from fondaco_core.db.isolation import guarded
from fondaco_core.db.sealed import SealedColumn, sealed_as, sealed_columns
from fondaco_core.db.transaction import Overtaken, Tx, Write, governing, reading, trading, transaction, written_since

__all__ = [
    "Base",
    "Breach",
    "Checked",
    "Database",
    "Figure",
    "Invariant",
    "Overtaken",
    "Role",
    "SealedColumn",
    "TenantOwned",
    "Tx",
    "Write",
    "check_due",
    "close_database",
    "database",
    "find_breaches",
    "governing",
    "guarded",
    "open_database",
    "read_figures",
    "reading",
    "sealed_as",
    "sealed_columns",
    "trading",
    "transaction",
    "written_since",
]
