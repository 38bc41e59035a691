"""Every actor, one file per module. Importing this package makes them known by their names."""

from fondaco_workers.actors import codes, delivery, identity, keys, ledger, orders, system, webhooks

__all__ = ["codes", "delivery", "identity", "keys", "ledger", "orders", "system", "webhooks"]
