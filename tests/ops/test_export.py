"""A merchant takes along what is its own, all of it, and nobody else's."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyrage
import pytest

from fondaco_core.db import transaction
from fondaco_core.errors import SettingError
from fondaco_core.ids import TenantId
from fondaco_ops.export import export_tenant, read_recipient, tables, written_to
from fondaco_tenants import delivery
from tests.support.factories.chain_sales import make_chain_sale
from tests.support.factories.delivery import make_sale

pytestmark = pytest.mark.usefixtures("database")


async def exported(tenant_id: TenantId, *, opened: bool) -> dict[str, list[dict[str, Any]]]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        await export_tenant(tenant_id, archive, opened=opened)
    with zipfile.ZipFile(file) as archive:
        return {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
            if name.endswith(".jsonl")
        }


async def test_a_merchants_own_rows_are_in_it_and_nobody_elses() -> None:
    sale, other = await make_sale(units=2), await make_sale()

    found = await exported(sale.tenant_id, opened=False)

    assert [row["id"] for row in found["order"]] == [str(sale.order_id)]
    assert {row["state"] for row in found["code"]} == {"DELIVERED"}
    assert str(other.tenant_id) not in json.dumps(found)
    assert str(other.order_id) not in json.dumps(found)


async def test_the_codes_of_others_that_it_sold_are_not_named_in_it() -> None:
    made = await make_chain_sale()
    async with transaction(made.sale.buyer) as tx:
        await delivery.reveal_code(tx, made.sale.buyer, allocation_id=made.sale.allocations[0])

    store, owner = [await exported(each.tenant_id, opened=False) for each in (made.chain.c, made.chain.a)]

    assert str(made.code_ids[0]) not in json.dumps(store)
    assert [row["code_id"] for row in store["allocation"] + store["code_reveal"]] == [None, None]
    assert [row["code_id"] for row in owner["code_reveal"]] == [str(made.code_ids[0])]


async def test_codes_are_in_it_only_for_a_recipient() -> None:
    sale = await make_sale()

    closed, opened = await exported(sale.tenant_id, opened=False), await exported(sale.tenant_id, opened=True)

    assert sale.codes[0] not in json.dumps(closed)
    assert sale.codes[0] in [row["sealed"] for row in opened["code"]]


async def test_every_table_of_the_selling_is_in_it() -> None:
    sale = await make_sale()

    found = await exported(sale.tenant_id, opened=False)

    assert found.keys() == {table.name for table in tables()}
    assert {"order", "code", "listing", "customer", "audit_entry", "ledger_transfer"} <= found.keys()


async def test_a_table_that_is_read_in_pieces_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sale = await make_sale(units=3)
    whole = await exported(sale.tenant_id, opened=False)
    monkeypatch.setattr("fondaco_ops.export.ROWS", 2)

    pieces = await exported(sale.tenant_id, opened=False)

    assert len(whole["code"]) == len(whole["code_fingerprint"]) == 3
    assert pieces == whole


def test_what_is_written_for_a_recipient_opens_for_that_one_alone(tmp_path: Path) -> None:
    identity, file = pyrage.x25519.Identity.generate(), tmp_path / "export.age"

    with written_to(file, identity.to_public()) as target:
        target.write(b"PLANTED" * 100_000)

    content = file.read_bytes()
    assert b"PLANTED" not in content
    assert pyrage.decrypt(content, [identity]) == b"PLANTED" * 100_000
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(content, [pyrage.x25519.Identity.generate()])
    assert file.stat().st_mode & 0o077 == 0


def test_a_recipient_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="--recipient"):
        read_recipient("age1nobody")
