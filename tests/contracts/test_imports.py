"""Imports point down the stack, and every contract that says so catches who breaks it."""

import ast
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.application import use_cases
from importlinter.configuration import configure
from importlinter.domain.contract import registry

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("fondaco_core", "fondaco_api", "fondaco_ops", "fondaco_tenants", "fondaco_workers")
# Folders of the floor that are no modules with a front door.
OPEN = {"db", "crypto"}
# The registry lists every module's tables and invariants.
ENTERS_ANYWHERE = {"fondaco_tenants.registry"}


@cache
def graph() -> Any:
    """Who imports whom, external packages included, as the contracts see it."""
    return grimp.build_graph(
        *PACKAGES, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@cache
def contracts() -> dict[str, Any]:
    """The contracts of pyproject.toml by their ids."""
    configure()
    options = use_cases.read_user_options(config_filename=str(ROOT / "pyproject.toml"))
    # import-linter has no public way to check one graph twice.
    use_cases._register_contract_types(options)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    made = {}
    for given in options.contracts_options:
        kind = registry.get_contract_class(given["type"])
        made[given["id"]] = kind(name=given["name"], session_options=options.session_options, contract_options=given)
    return made


def kept(contract: str, imports: Any) -> bool:
    """Whether the imports keep the contract."""
    return bool(contracts()[contract].check(graph=imports, verbose=False).kept)


def with_import(importer: str, imported: str) -> Any:
    """The graph as it would be if somebody wrote this import; modules that it names come into being."""
    changed = deepcopy(graph())
    for module in (importer, imported):
        if module not in changed.modules:
            changed.add_module(module, is_squashed=module.partition(".")[0] not in PACKAGES)
    changed.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    return changed


def home_of(module: str) -> str | None:
    """The module a file belongs to, if any: fondaco_tenants.orders.store -> fondaco_tenants.orders."""
    parts = module.split(".")
    if len(parts) < 3 or parts[0] not in {"fondaco_core", "fondaco_tenants"} or parts[1] in OPEN:
        return None
    return ".".join(parts[:2])


def intrusions(imports: Any) -> list[str]:
    """Imports that enter a module by another way than its front door."""
    return sorted(
        f"{importer} -> {imported}"
        for imported in imports.modules
        if (home := home_of(imported)) is not None
        for importer in imports.find_modules_that_directly_import(imported)
        if importer not in ENTERS_ANYWHERE and importer != home and not importer.startswith(home + ".")
    )


def openers(name: str, sources: Iterable[tuple[str, str]]) -> list[str]:
    """The files, of (path, text), that import the name from fondaco_core.db."""
    return sorted(
        path
        for path, text in sources
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module in {"fondaco_core.db", "fondaco_core.db.transaction"}
        if any(alias.name == name for alias in node.names)
    )


def own_sources() -> list[tuple[str, str]]:
    """Every file of ours, by its path from the root."""
    return [
        (str(path.relative_to(ROOT)), path.read_text())
        for root in ("platform", "tenants", "workers")
        for path in (ROOT / root).rglob("*.py")
    ]


# A trading transaction sees every tenant's codes, holds, hops and money: these begin one, and hand it to orders alone.
TRADERS = {
    "platform/fondaco_api/graphql/leaks.py",
    "platform/fondaco_api/graphql/tracing.py",
    "platform/fondaco_api/graphql/order_changes.py",
    "platform/fondaco_api/graphql/order_mending.py",
    "platform/fondaco_api/graphql/order_placing.py",
    "platform/fondaco_api/graphql/routing_explain.py",
    "platform/fondaco_api/graphql/settlement_repaying.py",
    "platform/fondaco_api/graphql/settlement_statements.py",
    "platform/fondaco_api/graphql/settlement_withdrawal_changes.py",
    "platform/fondaco_api/graphql/stock.py",
    "platform/fondaco_api/graphql/supply_sales.py",
    "platform/fondaco_core/db/__init__.py",
    "platform/fondaco_ops/seed/payouts.py",
    "platform/fondaco_ops/seed/world.py",
    "tenants/fondaco_tenants/orders/errands.py",
    "tenants/fondaco_tenants/routing/errands.py",
    "tenants/fondaco_tenants/settlement/errands.py",
    "workers/fondaco_workers/actors/orders.py",
    "workers/fondaco_workers/actors/payments.py",
    "workers/fondaco_workers/actors/settlement.py",
}


@pytest.mark.parametrize("contract", sorted(contracts()))
def test_the_tree_keeps_every_contract(contract: str) -> None:
    assert kept(contract, graph()), contract


def test_only_a_module_itself_looks_inside_it() -> None:
    assert intrusions(graph()) == []


def test_only_a_few_begin_a_trading_transaction() -> None:
    found = {path for path in openers("trading", own_sources()) if not path.startswith("platform/fondaco_ops/bench")}

    assert found <= TRADERS


def crossers(sources: list[tuple[str, str]]) -> list[str]:
    """The files that have statements act within another tenant than the transaction's."""
    return [
        path
        for path, text in sources
        if any(isinstance(node, ast.Attribute) and node.attr == "crossing_to" for node in ast.walk(ast.parse(text)))
    ]


def test_only_the_vault_crosses_to_another_tenant() -> None:
    assert crossers(own_sources()) == ["tenants/fondaco_tenants/codes/service/reveal.py"]


def test_another_who_crosses_is_seen() -> None:
    assert crossers([("a.py", "async def f(tx):\n    async with tx.crossing_to(1): ...")]) == ["a.py"]


def test_another_who_begins_a_trading_transaction_is_seen() -> None:
    assert openers("trading", [("a.py", "from fondaco_core.db import Tx, trading")]) == ["a.py"]


VIOLATIONS = [
    ("tenants", "fondaco_tenants.catalog.service", "fondaco_tenants.orders"),
    ("acyclic", "fondaco_tenants.catalog.service", "fondaco_tenants.orders"),
    ("direction", "fondaco_core.db.engine", "fondaco_tenants.orders"),
    ("direction", "fondaco_workers.relay", "fondaco_api.app"),
    ("direction", "fondaco_ops.seed.world", "fondaco_api.graphql.node"),
    ("core", "fondaco_core.outbox.service", "fondaco_core.tenancy"),
    ("core", "fondaco_core.ids", "fondaco_core.config"),
    ("tenants", "fondaco_tenants.unplaced", "fondaco_core.ids"),
    ("core", "fondaco_core.unplaced", "fondaco_core.ids"),
    ("tenants", "fondaco_tenants.codes.service", "fondaco_tenants.storefront"),
    ("pure", "fondaco_tenants.orders.rules", "fondaco_core.db"),
    ("pure", "fondaco_tenants.orders.rules", "sqlalchemy"),
    ("pure", "fondaco_tenants.orders.rules", "fondaco_core.clock"),
    ("pure", "fondaco_tenants.orders.rules", "fondaco_core.http"),
    ("network", "fondaco_tenants.orders.service.place", "fondaco_core.http"),
    ("network", "fondaco_tenants.orders.store", "fondaco_core.http"),
    ("network", "fondaco_tenants.payments.service", "fondaco_tenants.payments.adapters"),
    ("transport", "fondaco_tenants.orders.service.place", "strawberry"),
    ("transport", "fondaco_core.identity.service", "starlette"),
    ("client", "fondaco_tenants.orders.service.place", "httpx2"),
    ("client", "fondaco_tenants.payments.adapters.sandbox", "httpcore2"),
    ("inside", "fondaco_tenants.orders.store", "fondaco_tenants.orders.service"),
    ("inside", "fondaco_tenants.orders.rules", "fondaco_tenants.orders.store"),
    ("acyclic", "fondaco_api.graphql.scalars", "fondaco_api.graphql.orders"),
]


@pytest.mark.parametrize(("contract", "importer", "imported"), VIOLATIONS, ids=str)
def test_a_violation_is_caught_by_its_contract(contract: str, importer: str, imported: str) -> None:
    assert not kept(contract, with_import(importer, imported))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("fondaco_tenants.delivery.service", "fondaco_tenants.orders.store"),
        ("fondaco_api.graphql.orders", "fondaco_tenants.orders.tables"),
        ("fondaco_tenants.orders.service.place", "fondaco_core.ledger.store"),
    ],
    ids=str,
)
def test_a_look_inside_a_module_is_caught(importer: str, imported: str) -> None:
    assert f"{importer} -> {imported}" in intrusions(with_import(importer, imported))
