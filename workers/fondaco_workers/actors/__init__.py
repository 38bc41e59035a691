"""Every actor, one file per module. Importing this package makes them known by their names."""

from fondaco_workers.actors import (
    audit,
    codes,
    delivery,
    identity,
    keys,
    ledger,
    orders,
    payments,
    reconciliation,
    system,
    webhooks,
)

__all__ = [
    "audit",
    "codes",
    "delivery",
    "identity",
    "keys",
    "ledger",
    "orders",
    "payments",
    "reconciliation",
    "system",
    "webhooks",
]
