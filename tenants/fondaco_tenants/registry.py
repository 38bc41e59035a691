"""Every module's tables, listed once: what migrations compare with and what isolation is checked over; and invariants."""

import importlib
import importlib.util
from collections.abc import Iterator

from sqlalchemy import MetaData

from fondaco_core.audit import tables as audit
from fondaco_core.custody import tables as custody
from fondaco_core.db import Base, Figure, Invariant, idempotency
from fondaco_core.identity import tables as identity
from fondaco_core.keyring import tables as keyring
from fondaco_core.ledger import tables as ledger
from fondaco_core.notary import tables as notary
from fondaco_core.outbox import tables as outbox
from fondaco_core.tenancy import tables as tenancy
from fondaco_tenants.aftersales import tables as aftersales
from fondaco_tenants.catalog import tables as catalog
from fondaco_tenants.codes import tables as codes
from fondaco_tenants.customers import tables as customers
from fondaco_tenants.delivery import tables as delivery
from fondaco_tenants.merchants import tables as merchants
from fondaco_tenants.orders import tables as orders
from fondaco_tenants.payments import tables as payments
from fondaco_tenants.routing import tables as routing
from fondaco_tenants.settlement import tables as settlement
from fondaco_tenants.storefront import tables as storefront
from fondaco_tenants.supply import tables as supply
from fondaco_tenants.webhooks import tables as webhooks

TABLES = (
    audit, custody, idempotency, identity, keyring, ledger, notary, outbox, tenancy,
    aftersales, catalog, codes, customers, delivery, merchants, orders, payments, routing, settlement, storefront, supply, webhooks,
)  # fmt: skip


def metadata() -> MetaData:
    """Every table of the system."""
    return Base.metadata


def invariants() -> tuple[Invariant, ...]:
    """Every invariant of every module; a module's `invariants.py` counts by being there."""
    return tuple(Invariant(module, promise, sql) for module, promise, sql in _listed("invariants", "INVARIANTS"))


def figures() -> tuple[Figure, ...]:
    """What an operator watches of every module; a module's `figures.py` counts by being there."""
    return tuple(Figure(module, name, sql) for module, name, sql in _listed("figures", "FIGURES"))


def _listed(file: str, name: str) -> Iterator[tuple[str, str, str]]:
    for tables in TABLES:
        package = tables.__name__.rpartition(".")[0]
        if tables is not idempotency and importlib.util.find_spec(f"{package}.{file}") is not None:
            listed: dict[str, str] = getattr(importlib.import_module(f"{package}.{file}"), name)
            for words, sql in listed.items():
                yield package.rpartition(".")[2], words, sql
