"""Every actor, one file per module. Importing this package makes them known by their names."""

from fondaco_workers.actors import codes, ledger, orders, system

__all__ = ["codes", "ledger", "orders", "system"]
