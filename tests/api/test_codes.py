"""The vault through GraphQL and `POST /uploads`: imports, reports, changes, and plaintext in one answer only."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.codes import Code, Pool
from fondaco_api.graphql.node import global_id, read_global_id
from fondaco_api.graphql.schema import core_schema
from fondaco_core import limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading
from fondaco_core.identity import MemberRole
from fondaco_core.ids import BatchId
from fondaco_tenants import codes
from fondaco_tenants.catalog import FulfilmentKind
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.codes import (
    MadePool,
    importer_ctx,
    make_codes,
    make_pool,
    make_requested_import,
    some_codes,
)
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.statements import counted

COST = {"amount": "30.00", "currency": "CNY"}
BATCH = "batch { id state accepted duplicates rejected lines bytesDone unitCost { minorUnits } report { nodes { line reason maskedCode } } }"
WHY = "A supplier asked for it."


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


async def upload(door: Door, data: bytes | AsyncIterator[bytes], ctx: Ctx | None, **headers: str) -> httpx2.Response:
    return await door.send("/uploads", ctx=ctx, headers=headers, content=data)


async def follow(door: Door, batch: codes.Batch, ctx: Ctx) -> str:
    document = f'subscription {{ importProgress(batchId: "{global_id(CodeBatch, batch.id)}") {{ state accepted }} }}'
    told = await door.send("/graphql", ctx=ctx, headers={"accept": "text/event-stream"}, json={"query": document})
    return told.text


async def code_ids(pool: MadePool) -> list[str]:
    async with reading(pool.ctx) as tx:
        return [global_id(Code, code.id) for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]


async def importing(door: Door, pool: MadePool, **more: Any) -> dict[str, Any]:
    given = {"poolId": global_id(Pool, pool.id), "unitCost": COST, **more}
    return await door.do("importCodes", given, ctx=pool.ctx, show=f"... on ImportCodesSuccess {{ {BATCH} }}")


async def test_a_merchant_makes_a_pool_and_imports_codes_into_it(door: Door) -> None:
    pool = await make_pool()
    entitlement = await make_entitlement()
    (text,) = some_codes(1)

    made = await door.do(
        "createPool", {"entitlementId": global_id(Entitlement, entitlement.id), "name": "Steam"},
        ctx=pool.ctx, show="... on CreatePoolSuccess { pool { id name entitlement { sku } stock { available } } }",
    )  # fmt: skip
    imported = await door.do(
        "importCodes", {"poolId": made["pool"]["id"], "lines": [text, text, "A\tB"], "unitCost": COST, "origin": "Invoice 7"},
        ctx=pool.ctx, show=f"... on ImportCodesSuccess {{ {BATCH} }}",
    )  # fmt: skip

    assert made["pool"] | {"id": ""} == {
        "id": "",
        "name": "Steam",
        "entitlement": {"sku": entitlement.sku},
        "stock": {"available": 0},
    }
    batch = imported["batch"]
    assert (batch["state"], batch["accepted"], batch["duplicates"], batch["rejected"]) == ("READY", 1, 1, 1)
    assert batch["unitCost"] == {"minorUnits": "3000"}
    assert [(line["line"], line["reason"]) for line in batch["report"]["nodes"]] == [
        (2, "DUPLICATE_IN_FILE"),
        (3, "COLUMNS"),
    ]
    assert text not in str(imported)


async def test_an_uploaded_file_is_imported_in_the_background(door: Door) -> None:
    pool = await make_pool()
    texts = some_codes(20)

    answer = await upload(door, "\r\n".join(texts).encode(), pool.ctx, **{"x-filename": "%E5%8D%A1.txt"})
    asked = await importing(door, pool, uploadId=answer.json()["uploadId"])
    read = read_global_id(asked["batch"]["id"])
    assert read is not None
    await codes.run_import(importer_ctx(pool), batch_id=BatchId(read[1]))
    shown = await door.ask(
        "query ($id: ID!) { codeBatch(id: $id) { state accepted pool { stock { available more } } } }",
        {"id": asked["batch"]["id"]},
        ctx=pool.ctx,
    )

    assert (answer.status_code, answer.json()["size"]) == (201, 358)
    assert asked["batch"]["state"] == "IMPORTING"
    assert shown["codeBatch"] == {"state": "READY", "accepted": 20, "pool": {"stock": {"available": 20, "more": False}}}


async def test_the_same_key_imports_once(door: Door) -> None:
    pool = await make_pool()
    document = """mutation ($input: ImportCodesInput!) {
        importCodes(input: $input, idempotencyKey: "one") { ... on ImportCodesSuccess { batch { id accepted } } } }"""
    given = {"poolId": global_id(Pool, pool.id), "text": some_codes(1)[0], "unitCost": COST}

    first = await door.ask(document, {"input": given}, ctx=pool.ctx)
    second = await door.ask(document, {"input": given}, ctx=pool.ctx)

    assert first == second
    assert first["importCodes"]["batch"]["accepted"] == 1


@pytest.mark.parametrize("more", [{}, {"text": "A", "lines": ["B"]}])
async def test_an_import_is_given_in_exactly_one_way(door: Door, more: dict[str, Any]) -> None:
    pool = await make_pool()

    refused = await importing(door, pool, **more)

    assert (refused["__typename"], refused["path"]) == ("InvalidInput", ["input", "text"])


async def test_too_many_lines_and_goods_without_codes_are_refused_by_name(door: Door) -> None:
    pool = await make_pool()
    service = await make_entitlement(kind=FulfilmentKind.TOP_UP)

    lines = await importing(door, pool, lines=["A"] * (limits.IMPORT_INLINE_MAX + 1))
    kind = await door.do("createPool", {"entitlementId": global_id(Entitlement, service.id), "name": "x"}, ctx=pool.ctx)

    assert lines["code"] == "TOO_MANY_LINES"
    assert kind["code"] == "ENTITLEMENT_HAS_NO_CODES"


async def test_who_may_not_import_uploads_nothing(door: Door) -> None:
    pool = await make_pool()
    auditor = await make_member_ctx(pool.tenant_id, role=MemberRole.AUDITOR)

    stranger = await upload(door, b"ABCDEFGH\n", None)
    unknown = await upload(door, b"ABCDEFGH\n", None, authorization="Bearer no-such-token")
    looks_only = await upload(door, b"ABCDEFGH\n", auditor)
    foreign = await upload(door, b"ABCDEFGH\n", pool.ctx, origin="https://evil.example")

    assert [each.status_code for each in (stranger, unknown, looks_only, foreign)] == [401, 401, 403, 403]
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM upload") == 0


async def test_a_form_is_no_file_of_codes(door: Door) -> None:
    pool = await make_pool()
    kind = "multipart/form-data; boundary=----b"

    form = await upload(door, b"------b\r\n\r\nABCDEFGH\r\n------b--\r\n", pool.ctx, **{"content-type": kind})

    assert form.status_code == 415
    assert "--data-binary" in form.json()["message"]
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM upload") == 0


async def test_an_upload_is_bounded_whatever_length_it_announces(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPLOAD_BYTES_MAX", 100)
    pool = await make_pool()

    async def silent_about_its_length() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"A" * 50

    announced = await upload(door, b"A" * 101, pool.ctx)
    counted_ = await upload(door, silent_about_its_length(), pool.ctx)
    empty = await upload(door, b"", pool.ctx)

    assert [each.status_code for each in (announced, counted_, empty)] == [413, 413, 400]
    assert counted_.json()["code"] == "UPLOAD_TOO_LARGE"
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM upload_chunk") == 0


async def test_a_client_that_sends_nothing_any_more_holds_no_place(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPLOAD_STALL_S", 0.01)
    pool = await make_pool()

    async def goes_silent() -> AsyncIterator[bytes]:
        yield b"ABCDEFGH12345678"
        await asyncio.Event().wait()

    answer = await upload(door, goes_silent(), pool.ctx)

    assert answer.status_code == 408
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT state FROM upload") == "DROPPED"


async def test_codes_are_quarantined_released_and_voided_with_a_reason(door: Door) -> None:
    pool = await make_pool()
    await make_codes(pool, 2)
    ids = await code_ids(pool)

    show = "codes { state reason viewerCanRelease } }"
    aside = await door.do(
        "quarantineCodes", {"ids": ids, "reason": WHY}, ctx=pool.ctx, show=f"... on QuarantineCodesSuccess {{ {show}"
    )
    short = await door.do("releaseCodes", {"ids": ids, "reason": "x"}, ctx=pool.ctx)
    back = await door.do(
        "releaseCodes", {"ids": ids[:1], "reason": WHY}, ctx=pool.ctx, show=f"... on ReleaseCodesSuccess {{ {show}"
    )
    void = await door.do(
        "voidCodes", {"ids": ids, "reason": WHY}, ctx=pool.ctx, show=f"... on VoidCodesSuccess {{ {show}"
    )
    again = await door.do(
        "voidCodes", {"ids": ids, "reason": WHY}, ctx=pool.ctx, show="... on CodesInWrongState { wrong }"
    )

    assert [code["state"] for code in aside["codes"]] == ["QUARANTINED"] * 2
    assert aside["codes"][0] == {"state": "QUARANTINED", "reason": WHY, "viewerCanRelease": True}
    assert short["code"] == "REASON_TOO_SHORT"
    assert [code["state"] for code in back["codes"]] == ["AVAILABLE"]
    assert [code["state"] for code in void["codes"]] == ["VOID"] * 2
    assert (again["code"], again["wrong"]) == ("CODES_IN_WRONG_STATE", 2)


async def test_an_own_code_is_shown_to_an_owner_with_a_reason_and_to_nobody_else(door: Door) -> None:
    pool = await make_pool()
    (text,) = await make_codes(pool, 1)
    (code_id,) = await code_ids(pool)
    manager = await make_member_ctx(pool.tenant_id, role=MemberRole.MANAGER)
    stranger = (await make_pool()).ctx
    given = {"id": code_id, "reason": WHY}
    show = "... on RevealOwnCodeSuccess { plaintext pin shown: code { maskedCode fingerprint } }"

    shown = await door.do("revealOwnCode", given, ctx=pool.ctx, show=show)

    assert (shown["plaintext"], shown["pin"]) == (text, None)
    assert text not in str(shown["shown"])
    assert (await door.do("revealOwnCode", given, ctx=manager))["code"] == "NOT_ALLOWED"
    assert (await door.do("revealOwnCode", given, ctx=stranger))["code"] == "NOT_FOUND"
    assert (await door.do("revealOwnCode", given | {"reason": "no"}, ctx=pool.ctx))["code"] == "REASON_TOO_SHORT"


async def test_a_code_is_found_by_its_text_by_its_owner_only(door: Door) -> None:
    pool, other = await make_pool(), await make_pool()
    (text,) = await make_codes(pool, 1)
    show = "... on FindCodesSuccess { codes { id } }"

    mine = await door.do("findCodes", {"text": text.lower()}, ctx=pool.ctx, show=show)
    theirs = await door.do("findCodes", {"text": text}, ctx=other.ctx, show=show)

    assert [code["id"] for code in mine["codes"]] == await code_ids(pool)
    assert theirs["codes"] == []


async def test_pools_imports_and_codes_are_their_merchants_only(door: Door) -> None:
    pool, stranger = await make_pool(), await make_pool()
    await make_codes(pool, 1)
    (code_id,) = await code_ids(pool)
    ids = [global_id(Pool, pool.id), code_id]
    async with reading(pool.ctx) as tx:
        (batch,) = (await codes.list_batches(tx, pool.ctx, pool_ids=[pool.id]))[pool.id]
    ids.append(global_id(CodeBatch, batch.id))
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    assert (await door.ask(document, {"ids": ids}, ctx=pool.ctx))["nodes"] == [{"id": id_} for id_ in ids]
    assert (await door.ask(document, {"ids": ids}, ctx=stranger.ctx))["nodes"] == [None] * 3
    assert (await door.ask(document, {"ids": ids}))["nodes"] == [None] * 3


async def test_the_imports_of_a_page_of_pools_are_two_statements(door: Door) -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    other = await make_pool(pool.ctx)
    for _ in range(2):
        await make_codes(other, 1)

    with counted() as sent:
        shown = await door.ask(
            "{ merchant { pools { nodes { batches(first: 5) { nodes { accepted } } } } } }", ctx=pool.ctx
        )

    assert [len(each["batches"]["nodes"]) for each in shown["merchant"]["pools"]["nodes"]] == [2, 1]
    assert len(sent) == 2


async def test_a_page_of_pools_with_goods_and_stock_is_three_statements(door: Door) -> None:
    pool = await make_pool()
    for _ in range(3):
        await make_pool(pool.ctx)

    with counted() as sent:
        shown = await door.ask(
            "{ merchant { pools { nodes { name entitlement { sku } stock { available } } } } }", ctx=pool.ctx
        )

    assert len(shown["merchant"]["pools"]["nodes"]) == 4
    assert len(sent) == 3


async def test_codes_and_imports_of_a_pool_come_in_pages(door: Door) -> None:
    pool = await make_pool()
    for _ in range(2):
        await make_codes(pool, 3)
    document = """query ($id: ID!, $after: String) { merchant { pool(id: $id) {
        batches { nodes { accepted } }
        codes(first: 4, after: $after, state: AVAILABLE) { nodes { id } pageInfo { hasNextPage endCursor } } } } }"""

    first = (await door.ask(document, {"id": global_id(Pool, pool.id)}, ctx=pool.ctx))["merchant"]["pool"]
    cursor = first["codes"]["pageInfo"]["endCursor"]
    rest = (await door.ask(document, {"id": global_id(Pool, pool.id), "after": cursor}, ctx=pool.ctx))["merchant"][
        "pool"
    ]

    assert [batch["accepted"] for batch in first["batches"]["nodes"]] == [3, 3]
    assert [code["id"] for page in (first, rest) for code in page["codes"]["nodes"]] == await code_ids(pool)
    assert not rest["codes"]["pageInfo"]["hasNextPage"]


async def test_an_import_is_followed_until_it_has_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FOLLOW_POLL_S", 0.001)
    pool = await make_pool()
    batch = await make_requested_import(pool, "\n".join(some_codes(50)).encode())

    told, _ = await asyncio.gather(
        follow(door, batch, pool.ctx), codes.run_import(importer_ctx(pool), batch_id=batch.id)
    )

    events = [
        orjson.loads(line[6:])["data"]["importProgress"] for line in told.splitlines() if line.startswith("data: {")
    ]
    assert events[-1] == {"state": "READY", "accepted": 50}
    assert "event: complete" in told


async def test_another_merchants_import_is_not_followed(door: Door) -> None:
    pool, stranger = await make_pool(), await make_pool()
    batch = await make_requested_import(pool, b"ABCDEFGH12345678")

    told = await follow(door, batch, stranger.ctx)

    assert "IMPORTING" not in told
    assert "No such batch" in told


async def test_a_merchant_that_was_suspended_imports_nothing(door: Door) -> None:
    pool = await make_pool()
    admin = admin_ctx()
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, pool.tenant_id, reason="Under review.")

    refused = await importing(door, pool, text=some_codes(1)[0])
    uploaded = await upload(door, b"ABCDEFGH12345678", pool.ctx)

    assert refused["code"] == "TENANT_NOT_ACTIVE"
    assert (uploaded.status_code, uploaded.json()["code"]) == (409, "TENANT_NOT_ACTIVE")


def test_plaintext_is_in_the_results_of_reveals_only() -> None:
    fields = {
        f"{kind.name}.{name}"
        for kind in core_schema().type_map.values()
        for name in getattr(kind, "fields", {})
        if name == "plaintext"
    }

    assert fields == {"RevealOwnCodeSuccess.plaintext", "RevealedCode.plaintext"}
