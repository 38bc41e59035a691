"""Every module's invariants are gathered."""

from pathlib import Path

from fondaco_tenants import registry

ROOT = Path(__file__).resolve().parents[2]


def test_every_modules_invariants_are_gathered() -> None:
    files = [*ROOT.glob("platform/fondaco_core/*/invariants.py"), *ROOT.glob("tenants/fondaco_tenants/*/invariants.py")]

    modules = {path.parent.name for path in files} - {"db"}

    assert {invariant.module for invariant in registry.invariants()} == modules


def test_promises_of_a_module_differ() -> None:
    promises = [(invariant.module, invariant.promise) for invariant in registry.invariants()]

    assert len(promises) == len(set(promises))
