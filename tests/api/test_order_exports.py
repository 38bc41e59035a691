"""Files of orders: whole, sealed, for those who may, and nothing in them that a spreadsheet reckons; never a code."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook

from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing, trading
from fondaco_core.identity import MemberRole
from fondaco_tenants import orders
from fondaco_tenants.orders import OrderRequest, PayBy
from fondaco_tenants.orders.service.exports import COLUMNS
from fondaco_workers.actors import orders as actors
from tests.support.door import Door, open_door
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import make_member_ctx, some_email
from tests.support.factories.orders import Shop, fund, make_shop

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))
SHOW = "... on ExportOrdersSuccess { export { state format rows url contacts } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def sell(shop: Shop, contact: str, *references: str) -> None:
    buyer = await make_customer_ctx(shop.tenant_id, contact=contact)
    assert buyer.customer_id is not None
    await fund(shop.tenant_id, buyer.customer_id, 1_000_000)
    for reference in references:
        request = OrderRequest(lines=((shop.listing_id, 2),), pay_by=PayBy.WALLET, reference=reference)
        async with trading(buyer) as tx:
            await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)


def period(**more: Any) -> dict[str, Any]:
    now = clock.now()
    return {
        "placedFrom": (now - timedelta(days=1)).isoformat(), "placedTo": (now + timedelta(days=1)).isoformat(),
        "reason": "the books of a month", **more,
    }  # fmt: skip


async def export(door: Door, ctx: Ctx, **more: Any) -> dict[str, Any]:
    return await door.do("exportOrders", period(**more), ctx=ctx, show=SHOW)


async def write(shop: Shop, url: str) -> UUID:
    """The worker hears of it, twice."""
    export_id = UUID(url.rpartition("/")[2])
    for _ in range(2):
        await actors.write_export(replace(SYSTEM, tenant_id=shop.tenant_id), export_id=export_id)
    return export_id


async def fetch(door: Door, ctx: Ctx | None, url: str) -> Any:
    return await door.send(url, method="GET", ctx=ctx)


async def test_a_period_is_written_page_by_page_without_formulas_contacts_or_codes(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EXPORT_PAGE", 2)
    monkeypatch.setattr(limits, "UPLOAD_CHUNK_BYTES", 100)
    shop, contact = await make_shop(stock=20), some_email()
    references = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", 'plain, "quoted"']
    await sell(shop, contact, *references)

    made = (await export(door, shop.owner))["export"]
    await write(shop, made["url"])
    answer = await fetch(door, shop.owner, made["url"])

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (made["state"], made["contacts"]) == ("REQUESTED", False)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert list(rows[0]) == list(COLUMNS)
    assert [row["reference"] for row in rows] == [f"'{each}" for each in references[:4]] + references[4:]
    assert {(row["quantity"], row["unit_price"], row["subtotal"], row["currency"]) for row in rows} == {
        ("2", "48.00", "96.00", "CNY")
    }
    assert contact not in answer.text
    assert rows[0]["buyer"].startswith(contact[0] + "***@")


async def test_a_workbook_holds_the_same_as_text(door: Door) -> None:
    shop = await make_shop(stock=4)
    await sell(shop, some_email(), "=1+1", "bell\x07")

    made = (await export(door, shop.owner, format="XLSX"))["export"]
    await write(shop, made["url"])
    answer = await fetch(door, shop.owner, made["url"])

    sheet = load_workbook(io.BytesIO(answer.content), read_only=True).active
    assert sheet is not None
    header, *rows = sheet.iter_rows(values_only=True)
    assert header == COLUMNS
    assert [row[COLUMNS.index("reference")] for row in rows] == ["'=1+1", "bell"]
    assert {type(cell) for row in rows for cell in row} <= {str, type(None)}


async def test_contacts_stand_in_clear_only_for_those_who_may_see_them(door: Door) -> None:
    shop, contact = await make_shop(stock=4), some_email()
    await sell(shop, contact, "one")
    finance = await make_member_ctx(shop.tenant_id, role=MemberRole.FINANCE)

    refused = await export(door, finance, contacts=True)
    made = (await export(door, shop.owner, contacts=True))["export"]
    await write(shop, made["url"])

    assert refused["code"] == "NOT_ALLOWED"
    assert contact in (await fetch(door, shop.owner, made["url"])).text
    assert (await fetch(door, finance, made["url"])).status_code == 404


async def test_a_file_is_fetched_by_those_who_may_while_it_is_kept_and_that_is_on_record(door: Door) -> None:
    shop, other = await make_shop(stock=4), await make_shop()
    await sell(shop, some_email(), "one")
    support = await make_member_ctx(shop.tenant_id, role=MemberRole.SUPPORT)
    made = (await export(door, shop.owner))["export"]

    early = await fetch(door, shop.owner, made["url"])
    export_id = await write(shop, made["url"])
    answers = [await fetch(door, ctx, made["url"]) for ctx in (shop.owner, support, other.owner, None)]
    missing = await fetch(door, shop.owner, "/exports/nothing")

    assert early.json()["code"] == "EXPORT_NOT_READY"
    assert [answer.status_code for answer in answers] == [200, 403, 404, 401]
    assert missing.status_code == 404
    async with governing(SYSTEM) as tx:
        actions = await tx.fetch("SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY id", export_id)
        pieces = await tx.fetchval("SELECT count(*) FROM order_export_piece WHERE export_id = $1", export_id)
    assert [row["action"] for row in actions] == ["order_export.requested", "order_export.downloaded"]
    assert pieces == 1


async def test_a_file_is_deleted_when_its_time_is_over(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await make_shop(stock=4)
    await sell(shop, some_email(), "one")
    made = (await export(door, shop.owner))["export"]
    export_id = await write(shop, made["url"])
    later = clock.now() + timedelta(hours=limits.EXPORT_KEPT_HOURS, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)

    for _ in range(2):
        await actors.forget_exports(SYSTEM)

    async with governing(SYSTEM) as tx:
        assert await tx.fetchval("SELECT state FROM order_export WHERE id = $1", export_id) == "EXPIRED"
        assert await tx.fetchval("SELECT count(*) FROM order_export_piece WHERE export_id = $1", export_id) == 0


async def test_a_period_is_one_and_short_enough_and_files_are_not_without_number(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await make_shop(stock=9)
    await sell(shop, some_email(), "one", "two", "three")
    now = clock.now()
    backwards = {"placedFrom": now.isoformat(), "placedTo": (now - timedelta(days=1)).isoformat()}
    long = {"placedFrom": (now - timedelta(days=400)).isoformat(), "placedTo": now.isoformat()}

    refused = [await export(door, shop.owner, **each) for each in (backwards, long)]
    silent = await export(door, shop.owner, reason=" ok ")
    monkeypatch.setattr(limits, "EXPORT_ORDERS_MAX", 2)
    many = await export(door, shop.owner)
    monkeypatch.setattr(limits, "EXPORT_ORDERS_MAX", 3)
    monkeypatch.setattr(limits, "EXPORTS_KEPT_MAX", 1)
    files = [await export(door, shop.owner) for _ in range(2)]

    assert [each["code"] for each in refused] == ["INVALID_INPUT"] * 2
    assert (silent["code"], silent["path"]) == ("INVALID_INPUT", ["input", "reason"])
    assert many["code"] == "INVALID_INPUT"
    assert files[1]["code"] == "TOO_MANY_EXPORTS"
