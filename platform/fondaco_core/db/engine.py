"""Connections: one pool per database role. Nothing else opens a connection to the database."""

import hashlib
import hmac
from enum import StrEnum
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.secret import Secret


class Role(StrEnum):
    """A database role that the application connects as; see isolation.py for what each may do."""

    TENANT = "fondaco_tenant"
    TRADE = "fondaco_trade"
    PLATFORM = "fondaco_platform"


# Orders look everything up by its key. Planning that anew for each of them costs more than doing it; and a plan that was
# made while the tables were small must not read them whole when they have grown.
_PLANS = {Role.TRADE: {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}}


def role_password(role_secret: Secret[str], role: str) -> Secret[str]:
    """The role's password: derived, so that an operator keeps one secret and every process agrees."""
    digest = hmac.digest(role_secret.reveal().encode(), f"database role {role}".encode(), hashlib.sha256)
    return Secret(digest.hex())


def sqlalchemy_url(dsn: Secret[str]) -> URL:
    """A libpq URL as SQLAlchemy's asyncpg dialect wants it."""
    url = make_url(dsn.reveal())
    return url.set(drivername="postgresql+asyncpg")


def _pool_size(settings: Settings, role: Role) -> int:
    return settings.database_pool if role is not Role.PLATFORM else max(2, settings.database_pool // 4)


class Database:
    """The pools of one process. `await close()` at its end."""

    def __init__(self, settings: Settings) -> None:
        owner = sqlalchemy_url(settings.require_database_url())
        secret = settings.require_role_secret()
        self._engines: dict[Role, AsyncEngine] = {
            role: create_async_engine(
                owner.set(username=role.value, password=role_password(secret, role.value).reveal()),
                # Transactions are begun and ended by transaction.py in one round trip each; the pool must not add its own.
                isolation_level="AUTOCOMMIT",
                pool_size=_pool_size(settings, role),
                max_overflow=0,
                pool_timeout=limits.LOCK_TIMEOUT_MS / 1000,
                pool_reset_on_return=None,
                connect_args={
                    "server_settings": {
                        "application_name": f"fondaco {role.value}",
                        "statement_timeout": str(limits.STATEMENT_TIMEOUT_MS),
                        "lock_timeout": str(limits.LOCK_TIMEOUT_MS),
                        "idle_in_transaction_session_timeout": "60000",
                        "jit": "off",
                        **_PLANS.get(role, {}),
                    },
                    "prepared_statement_cache_size": 500,
                    "statement_cache_size": 500,
                },
            )
            for role in Role
        }

        self._sizes = {role: _pool_size(settings, role) for role in Role}
        # Committed facts that never change, such as the id of an account, remembered by this process (Tx.remember).
        self.known: dict[object, Any] = {}

    def engine(self, role: Role) -> AsyncEngine:
        """The pool of one role."""
        return self._engines[role]

    def pool_size(self, role: Role) -> int:
        """How many connections the pool of one role holds at most."""
        return self._sizes[role]

    async def close(self) -> None:
        """Closes every pool."""
        for engine in self._engines.values():
            await engine.dispose()


_database: Database | None = None


def open_database(settings: Settings) -> Database:
    """Opens this process's pools; the one place where a process gets its database."""
    global _database  # noqa: PLW0603 - one database a process, opened at its door
    assert _database is None, "the database is open already"
    _database = Database(settings)
    return _database


async def close_database() -> None:
    """Closes this process's pools, if they are open."""
    global _database  # noqa: PLW0603
    if _database is not None:
        await _database.close()
        _database = None


def database() -> Database:
    """This process's pools."""
    assert _database is not None, "open_database() comes first"
    return _database
