"""Every module's invariants are gathered, and what the code expects of the database is what the migrations make."""

from pathlib import Path

from alembic.script import ScriptDirectory

from fondaco_core.db import REVISION
from fondaco_ops.migrate import alembic_config
from fondaco_tenants import registry

ROOT = Path(__file__).resolve().parents[2]


def test_every_modules_invariants_are_gathered() -> None:
    files = [*ROOT.glob("platform/fondaco_core/*/invariants.py"), *ROOT.glob("tenants/fondaco_tenants/*/invariants.py")]

    modules = {path.parent.name for path in files} - {"db"}

    assert {invariant.module for invariant in registry.invariants()} == modules


def test_promises_of_a_module_differ() -> None:
    promises = [(invariant.module, invariant.promise) for invariant in registry.invariants()]

    assert len(promises) == len(set(promises))


def test_the_revision_that_code_expects_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == REVISION
