"""Every column of bytes is sealed and says so, or is known not to be: a rotation or a destruction forgets none."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import LargeBinary

from fondaco_core.config import Settings
from fondaco_core.db import Database, sealed_columns
from fondaco_tenants import registry
from tests.support.rows import as_owner

# What else is stored as bytes, by how its name ends, and why nothing of it opens with a data key.
PLAIN = {
    "_hash": "a hash of a token, a secret or an input",
    "_lookup": "a keyed hash, to find something by",
    "digest": "a keyed hash of a file",
    "fingerprint": "a keyed hash of a code",
    "hash": "a hash",
    "key": "a keyed hash that counts are kept under",
    "signature": "a signature, for everybody to check",
    "rank": "priorities and ids, one behind the other",
    "public_key": "the public half of a key",
    "wrapped": "a data key itself, wrapped by a master key",
    "credential_id": "what an authenticator calls a key; public",
}


@pytest.fixture
async def owner(settings: Settings, database: Database) -> AsyncIterator[Any]:
    assert database
    async with as_owner(settings) as connection:
        yield connection


def test_every_column_of_bytes_is_sealed_or_known_not_to_be() -> None:
    declared = {found.name for found in sealed_columns(registry.metadata())}
    found = {
        f"{table.name}.{column.name}"
        for table in registry.metadata().sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith(tuple(PLAIN))
    }

    assert found - declared == set(), "say `info=sealed_as(...)` where the column is declared"


def test_what_is_sealed_with_tenants_keys_is_a_tenants() -> None:
    for column in sealed_columns(registry.metadata(), platform=False):
        assert "tenant_id" in column.table.c, column.name
        assert set(column.needed) <= {each.name for each in column.table.columns}, column.name


async def test_who_re_seals_may_change_the_column_and_nobody_over_all_tenants_may_read_it(owner: Any) -> None:
    may = "SELECT has_column_privilege($1, $2, $3, $4)"

    for column in sealed_columns(registry.metadata(), platform=False):
        names = (f'"{column.table.name}"', column.column.name)
        assert await owner.fetchval(may, "fondaco_tenant", *names, "SELECT"), column.name
        assert await owner.fetchval(may, "fondaco_tenant", *names, "UPDATE"), column.name
        assert not await owner.fetchval(may, "fondaco_platform", *names, "SELECT"), column.name


async def test_who_re_seals_what_the_platform_keeps_may_change_it_and_no_merchant_may_read_it(owner: Any) -> None:
    may = "SELECT has_column_privilege($1, $2, $3, $4)"

    for column in sealed_columns(registry.metadata(), platform=True):
        names = (f'"{column.table.name}"', column.column.name)
        assert await owner.fetchval(may, "fondaco_platform", *names, "SELECT"), column.name
        assert await owner.fetchval(may, "fondaco_platform", *names, "UPDATE"), column.name
        if column.name != "identity_provider.client_secret_sealed":
            # A merchant keeps its own providers, in its own rows.
            assert not await owner.fetchval(may, "fondaco_tenant", *names, "SELECT"), column.name


async def test_trading_neither_reads_what_a_code_says_nor_what_recognises_it(owner: Any) -> None:
    may = "SELECT has_column_privilege('fondaco_trade', 'code', $1, $2)"

    assert not await owner.fetchval(may, "sealed", "SELECT")
    assert not await owner.fetchval(may, "fingerprint", "SELECT")
    assert not await owner.fetchval(may, "sealed", "UPDATE")
    assert await owner.fetchval(may, "state", "UPDATE")
