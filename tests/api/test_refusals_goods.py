"""What is refused to who keeps codes, hands on links or moves money, each refusal by its name, through GraphQL."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.code_imports import Upload
from fondaco_api.graphql.codes import Code, Pool
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.tenancy import Tenant
from fondaco_core import limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.ids import EntitlementId, TenantId
from fondaco_tenants import catalog, codes
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.codes import MadePool, make_codes, make_pool, make_upload, some_codes
from tests.support.factories.delivery import Sale, make_link, make_sale
from tests.support.factories.identity import admin_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

COST = {"amount": "30.00", "currency": "CNY"}
WHY = "A supplier asked for it."


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


async def suspend(tenant_id: TenantId) -> None:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        await tenancy.suspend_tenant(tx, ctx, tenant_id, reason="unpaid fees")


async def retire(entitlement_id: EntitlementId) -> None:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        await catalog.retire_entitlement(tx, ctx, entitlement_id=entitlement_id, version=1)


async def archive(pool: MadePool) -> None:
    async with transaction(pool.ctx) as tx:
        await codes.archive_pool(tx, pool.ctx, pool_id=pool.id, version=1)


async def code_ids(pool: MadePool) -> list[str]:
    async with reading(pool.ctx) as tx:
        return [global_id(Code, code.id) for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]


async def states(pool: MadePool) -> list[str]:
    async with reading(pool.ctx) as tx:
        return [code.state for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]


async def batch_id(pool: MadePool) -> str:
    async with reading(pool.ctx) as tx:
        (batch,) = (await codes.list_batches(tx, pool.ctx, pool_ids=[pool.id]))[pool.id]
    return global_id(CodeBatch, batch.id)


async def importing(door: Door, pool: MadePool, **more: Any) -> dict[str, Any]:
    return await door.do("importCodes", {"poolId": global_id(Pool, pool.id), "unitCost": COST, **more}, ctx=pool.ctx)


def order_id(sale: Sale) -> str:
    return global_id(Order, sale.order_id)


@pytest.mark.parametrize("amount", ["0.00", "-1.00"])
async def test_a_deposit_is_more_than_nothing(door: Door, amount: str) -> None:
    tenant_id = await make_tenant()
    given = {
        "tenantId": global_id(Tenant, tenant_id),
        "amount": {"amount": amount, "currency": "CNY"},
        "reason": "bank",
    }

    refused = await door.do("recordDeposit", given, ctx=admin_ctx())

    assert (refused["__typename"], refused["code"]) == ("InvalidAmount", "INVALID_AMOUNT")
    assert refused["path"] == ["input", "amount"]
    await assert_invariants()


async def test_an_order_that_is_not_paid_shows_no_code(door: Door) -> None:
    sale = await make_sale(units=2, paid=False)

    refused = await door.do(
        "revealOrder", {"orderId": order_id(sale)}, ctx=sale.buyer, show="... on NotDelivered { pending }"
    )

    assert (refused["code"], refused["pending"]) == ("NOT_DELIVERED", True)
    assert not any(text in str(refused) for text in sale.codes)


async def test_an_order_that_was_cancelled_gets_no_link(door: Door) -> None:
    sale = await make_sale(paid=False)
    cancelled = await door.do("cancelOrder", {"orderId": order_id(sale)}, ctx=sale.buyer)

    refused = await door.do(
        "createDeliveryLink", {"orderId": order_id(sale)}, ctx=sale.buyer, show="... on NotDelivered { pending }"
    )

    assert cancelled["__typename"] == "CancelOrderSuccess"
    assert (refused["code"], refused["pending"]) == ("NOT_DELIVERED", False)


async def test_an_order_has_so_many_open_links_and_no_more(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINKS_PER_ORDER_MAX", 2)
    sale = await make_sale()
    await make_link(sale)

    second = await door.do("createDeliveryLink", {"orderId": order_id(sale)}, ctx=sale.buyer)
    third = await door.do("createDeliveryLink", {"orderId": order_id(sale)}, ctx=sale.buyer)

    assert second["__typename"] == "CreateDeliveryLinkSuccess"
    assert third["code"] == "TOO_MANY_LINKS"


async def test_no_pool_is_made_for_a_good_that_was_retired(door: Door) -> None:
    pool = await make_pool()
    retired = (await make_entitlement()).id
    await retire(retired)

    refused = await door.do(
        "createPool", {"entitlementId": global_id(Entitlement, retired), "name": "Steam"}, ctx=pool.ctx
    )

    assert refused["code"] == "ENTITLEMENT_RETIRED"


async def test_a_pool_is_archived_once_and_without_stock(door: Door) -> None:
    stocked = await make_pool()
    await make_codes(stocked, 1)
    archived = await make_pool()
    await archive(archived)

    has_stock = await door.do("archivePool", {"id": global_id(Pool, stocked.id), "version": 1}, ctx=stocked.ctx)
    again = await door.do("archivePool", {"id": global_id(Pool, archived.id), "version": 2}, ctx=archived.ctx)

    assert (has_stock["code"], again["code"]) == ("POOL_HAS_STOCK", "POOL_ARCHIVED")


async def test_nothing_is_imported_into_an_archived_pool(door: Door) -> None:
    pool = await make_pool()
    (text,) = some_codes(1)
    upload = global_id(Upload, await make_upload(pool.ctx, text.encode()))
    await archive(pool)

    inline = await importing(door, pool, text=text)
    uploaded = await importing(door, pool, uploadId=upload)

    assert [(each["code"], each["path"]) for each in (inline, uploaded)] == [("POOL_ARCHIVED", ["input", "poolId"])] * 2
    assert await states(pool) == []


async def test_an_upload_is_imported_once(door: Door) -> None:
    pool = await make_pool()
    upload = global_id(Upload, await make_upload(pool.ctx, some_codes(1)[0].encode()))

    first = await importing(door, pool, uploadId=upload)
    second = await importing(door, pool, uploadId=upload)

    assert first["__typename"] == "ImportCodesSuccess"
    assert (second["code"], second["path"]) == ("UPLOAD_NOT_READY", ["input", "uploadId"])


@pytest.mark.parametrize("mutation", ["quarantineCodes", "voidCodes"])
@pytest.mark.parametrize(
    ("reason", "code"),
    [("", "REASON_TOO_SHORT"), ("  x ", "REASON_TOO_SHORT"), ("x" * (limits.NOTE_MAX + 1), "REASON_TOO_LONG")],
    ids=["none", "short", "long"],
)
async def test_codes_are_taken_out_for_a_reason_that_says_something(
    door: Door, mutation: str, reason: str, code: str
) -> None:
    pool = await make_pool()
    await make_codes(pool, 1)

    refused = await door.do(mutation, {"ids": await code_ids(pool), "reason": reason}, ctx=pool.ctx)

    assert (refused["code"], refused["path"]) == (code, ["input", "reason"])
    assert await states(pool) == ["AVAILABLE"]


async def test_an_import_is_not_undone_once_one_of_its_codes_has_moved(door: Door) -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    moved, _ = await code_ids(pool)
    await door.do("quarantineCodes", {"ids": [moved], "reason": WHY}, ctx=pool.ctx)

    refused = await door.do("undoBatch", {"id": await batch_id(pool), "reason": WHY}, ctx=pool.ctx)

    assert (refused["__typename"], refused["code"]) == ("BatchTouched", "BATCH_TOUCHED")
    assert sorted(await states(pool)) == ["AVAILABLE", "QUARANTINED"]


async def test_a_merchant_that_was_suspended_makes_no_pool(door: Door) -> None:
    pool = await make_pool()
    await suspend(pool.tenant_id)

    refused = await door.do(
        "createPool", {"entitlementId": global_id(Entitlement, pool.entitlement_id), "name": "Steam"}, ctx=pool.ctx
    )

    assert refused["code"] == "TENANT_NOT_ACTIVE"


async def test_a_merchant_that_was_suspended_neither_moves_nor_sees_its_codes(door: Door) -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    (code_id,) = await code_ids(pool)
    await suspend(pool.tenant_id)

    refused = [
        await door.do("quarantineCodes", {"ids": [code_id], "reason": WHY}, ctx=pool.ctx),
        await door.do("releaseCodes", {"ids": [code_id], "reason": WHY}, ctx=pool.ctx),
        await door.do("voidCodes", {"ids": [code_id], "reason": WHY}, ctx=pool.ctx),
        await door.do("revealOwnCode", {"id": code_id, "reason": WHY}, ctx=pool.ctx),
        await door.do("undoBatch", {"id": await batch_id(pool), "reason": WHY}, ctx=pool.ctx),
    ]

    assert [each["code"] for each in refused] == ["TENANT_NOT_ACTIVE"] * 5
    assert text not in str(refused)
    assert await states(pool) == ["AVAILABLE"]
