"""Imports through the front door: dry runs, mappings, lines as they came, bands of stock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.codes import Code, Pool
from fondaco_api.graphql.node import global_id, read_global_id
from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, reading, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.ids import BatchId
from fondaco_tenants import codes
from tests.support.door import Door, open_door
from tests.support.factories.codes import MadePool, importer_ctx, make_codes, make_pool, some_codes
from tests.support.factories.files import make_workbook
from tests.support.factories.identity import make_member_ctx
from tests.support.statements import counted

COST = {"amount": "30.00", "currency": "CNY"}
WHY = "The supplier sends them again."
PREVIEW = """... on PreviewImportSuccess { preview { format encoding delimiter header complete accepted duplicates
    duplicatesInFile rejected columns { number name role samples } problems { line reason maskedCode }
    warnings { kind lines firstLine } codes { maskedCode hasPin serial expiresAt cost { minorUnits } } cost { minorUnits } } }"""


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


async def upload(door: Door, data: bytes, ctx: Ctx) -> str:
    answer = await door.send("/uploads", ctx=ctx, content=data)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["uploadId"])


async def imported(door: Door, pool: MadePool, data: bytes, **more: Any) -> dict[str, Any]:
    given = {
        "poolId": global_id(Pool, pool.id),
        "uploadId": await upload(door, data, pool.ctx),
        "unitCost": COST,
        **more,
    }
    done = await door.do("importCodes", given, ctx=pool.ctx, show="... on ImportCodesSuccess { batch { id } }")
    read = read_global_id(done["batch"]["id"])
    assert read is not None
    await codes.run_import(importer_ctx(pool), batch_id=BatchId(read[1]))
    shown = await door.ask(
        """query ($id: ID!) { codeBatch(id: $id) { id state accepted duplicates rejected linesPerSecond digest importedBy
            linesKeptUntil viewerCanTakeLines } }""",
        {"id": done["batch"]["id"]},
        ctx=pool.ctx,
    )
    batch: dict[str, Any] = shown["codeBatch"]
    return batch


async def test_a_merchant_looks_before_importing_and_imports_what_was_shown(door: Door) -> None:
    pool = await make_pool()
    first, second = some_codes(2)
    data = f"卡号,密码,成本\r\n{first},0042,3.50\r\n{second},,\r\n{first},,\r\n".encode("gb18030")
    given = {"poolId": global_id(Pool, pool.id), "uploadId": await upload(door, data, pool.ctx), "unitCost": COST}

    told = (await door.do("previewImport", given, ctx=pool.ctx, show=PREVIEW))["preview"]
    mapping = {
        "encoding": told["encoding"], "delimiter": told["delimiter"], "header": told["header"],
        "columns": [{"role": column["role"], "number": column["number"]} for column in told["columns"]],
    }  # fmt: skip
    batch = await imported(door, pool, data, format=told["format"], mapping=mapping)

    assert (told["format"], told["encoding"], told["delimiter"]) == ("CSV", "GB18030", ",")
    assert [column["role"] for column in told["columns"]] == ["CODE", "PIN", "COST"]
    assert (told["accepted"], told["duplicatesInFile"]) == (2, 1)
    assert told["cost"] == {"minorUnits": "3350"}
    assert [each["kind"] for each in told["warnings"]] == ["ENCODING_GUESSED"]
    assert first not in str(told)
    assert (batch["state"], batch["accepted"], batch["duplicates"]) == ("READY", 2, 1)
    assert batch["linesPerSecond"] > 0
    assert len(batch["digest"]) == 64
    assert batch["importedBy"] == str(pool.ctx.actor_id)
    cost = "query ($id: ID!) { merchant { pool(id: $id) { codes { nodes { cost { minorUnits } } } } } }"
    shown = await door.ask(cost, {"id": global_id(Pool, pool.id)}, ctx=pool.ctx)
    assert [each["cost"]["minorUnits"] for each in shown["merchant"]["pool"]["codes"]["nodes"]] == ["350", "3000"]


@pytest.mark.parametrize(
    ("data", "more", "code"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(600), {}, "UNREADABLE_WORKBOOK"),
        (make_workbook([["code"]]), {"format": "TXT"}, "WRONG_FORMAT"),
        (b"ABCDEFGH\n", {"format": "XLSX"}, "WRONG_FORMAT"),
        (b"ABCDEFGH\n", {"mapping": {"timeZone": "Mars/Olympus"}}, "INVALID_INPUT"),
        (b"ABCDEFGH\n", {"mapping": {"columns": [{"role": "PIN", "number": 1}]}}, "INVALID_INPUT"),
    ],
)
async def test_a_dry_run_refuses_by_name_and_in_the_viewers_language(
    door: Door, data: bytes, more: dict[str, Any], code: str
) -> None:
    pool = await make_pool()
    given = {"poolId": global_id(Pool, pool.id), "uploadId": await upload(door, data, pool.ctx), **more}
    document = (
        "mutation ($input: PreviewImportInput!) { previewImport(input: $input) { ... on Failure { code message } } }"
    )

    said = [
        (
            await door.send(
                "/graphql", ctx=pool.ctx, headers={"accept-language": language}, json={"query": document, "variables": {"input": given}}
            )
        ).json()["data"]["previewImport"]
        for language in ("en", "zh-CN")
    ]  # fmt: skip

    assert [each["code"] for each in said] == [code, code]
    assert said[0]["message"].isascii()
    assert any(ord(char) > 0x4E00 for char in said[1]["message"])


async def test_an_empty_file_and_a_reason_that_is_too_long_have_names(door: Door) -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    async with reading(pool.ctx) as tx:
        (code,) = await codes.list_codes(tx, pool.ctx, pool_id=pool.id)

    empty = await door.send("/uploads", ctx=pool.ctx, content=b"", headers={"accept-language": "zh-CN"})
    given = {"ids": [global_id(Code, code.id)], "reason": "x" * 2_001}
    long = await door.do("voidCodes", given, ctx=pool.ctx)

    assert (empty.status_code, empty.json()["code"]) == (400, "FILE_EMPTY")
    assert "文件为空" in empty.json()["message"]
    assert (long["code"], long["__typename"]) == ("REASON_TOO_LONG", "ReasonTooLong")


async def test_lines_that_were_not_accepted_are_handed_out_as_they_came_for_a_reason_on_the_record(door: Door) -> None:
    pool = await make_pool()
    (good,) = some_codes(1)
    data = f'code,pin,expiry\n{good},1,\n{good},1,\n=cmd|\' /C calc\'!A0,2,soon\n"quoted ""code""",3,soon\n'.encode()
    batch = await imported(door, pool, data, format="CSV")
    where = f"/imports/{batch['id']}/lines"

    taken = await door.send(where, ctx=pool.ctx, json={"reason": WHY})

    assert (batch["duplicates"], batch["rejected"], batch["viewerCanTakeLines"]) == (1, 2, True)
    assert taken.headers["content-type"] == "text/csv; charset=utf-8"
    assert taken.text.splitlines() == [
        '\ufeff"line","outcome","reason","text"',
        f'"3","DUPLICATE","DUPLICATE_IN_FILE","{good},1,"',
        '"4","REJECTED","BAD_EXPIRY","\'=cmd|\' /C calc\'!A0,2,soon"',
        '"5","REJECTED","BAD_EXPIRY","""quoted """"code"""""",3,soon"',
    ]
    async with reading(pool.ctx) as tx:
        (entry,) = await tx.fetch(
            "SELECT reason, actor_id, detail::text AS detail FROM audit_entry WHERE action = 'batch.lines_taken' AND tenant_id = $1",
            pool.tenant_id,
        )
    assert (entry["reason"], entry["actor_id"]) == (WHY, pool.ctx.actor_id)
    assert good not in entry["detail"]


async def test_who_may_not_see_codes_or_says_no_reason_gets_no_lines(door: Door) -> None:
    pool = await make_pool()
    batch = await imported(door, pool, b"-\n-\n")
    where = f"/imports/{batch['id']}/lines"
    operator = await make_member_ctx(pool.tenant_id, role=MemberRole.OPERATOR)
    stranger = (await make_pool()).ctx

    answers = [
        await door.send(where, ctx=pool.ctx, json={"reason": "no"}),
        await door.send(where, ctx=pool.ctx, json=["reason"]),
        await door.send(where, ctx=pool.ctx, json={"reason": "x" * 2_001}),
        await door.send(where, ctx=operator, json={"reason": WHY}),
        await door.send(where, ctx=stranger, json={"reason": WHY}),
        await door.send(where, ctx=None, json={"reason": WHY}),
        await door.send(where, ctx=pool.ctx, json={"reason": WHY}, headers={"origin": "https://evil.example"}),
    ]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [
        (400, "REASON_TOO_SHORT"), (400, "INVALID_INPUT"), (400, "REASON_TOO_LONG"), (403, "NOT_ALLOWED"), (404, "NOT_FOUND"),
        (401, "UNAUTHENTICATED"), (403, "FORBIDDEN"),
    ]  # fmt: skip
    async with reading(pool.ctx) as tx:
        assert (
            await tx.fetch(
                "SELECT 1 FROM audit_entry WHERE action = 'batch.lines_taken' AND tenant_id = $1", pool.tenant_id
            )
            == []
        )


async def test_lines_are_forgotten_when_their_time_is_over_and_their_masks_are_not(door: Door) -> None:
    pool = await make_pool()
    batch = await imported(door, pool, b"-\nABCD\tEFGH\n")
    system = system_ctx("test", permissions=frozenset({"system.run"}))
    async with transaction(pool.ctx) as tx:
        await tx.execute("UPDATE code_batch SET lines_kept_until = now() - interval '1 second'")

    for _ in range(2):
        await codes.forget_lines(system)

    taken = await door.send(f"/imports/{batch['id']}/lines", ctx=pool.ctx, json={"reason": WHY})
    assert taken.text.splitlines()[1:] == ['"1","REJECTED","EMPTY",""', '"2","REJECTED","COLUMNS",""']
    async with reading(pool.ctx) as tx:
        assert await tx.fetchval("SELECT count(*) FROM code_import_line WHERE sealed IS NOT NULL") == 0
        assert await tx.fetchval("SELECT count(*) FROM code_batch WHERE lines_kept_until IS NOT NULL") == 0


async def test_a_serial_is_masked_for_who_may_not_change_codes_and_a_note_is_shown_with_its_code_alone(
    door: Door,
) -> None:
    pool = await make_pool()
    (text,) = some_codes(1)
    await imported(door, pool, f"卡密,序列号,备注\n{text},SN-20270001,放在抽屉里\n".encode(), format="CSV")
    auditor = await make_member_ctx(pool.tenant_id, role=MemberRole.AUDITOR)
    document = "query ($id: ID!) { merchant { pool(id: $id) { codes { nodes { id serial } } } } }"
    own = await door.ask(document, {"id": global_id(Pool, pool.id)}, ctx=pool.ctx)
    looks = await door.ask(document, {"id": global_id(Pool, pool.id)}, ctx=auditor)
    (code,) = own["merchant"]["pool"]["codes"]["nodes"]

    shown = await door.do(
        "revealOwnCode",
        {"id": code["id"], "reason": WHY},
        ctx=pool.ctx,
        show="... on RevealOwnCodeSuccess { plaintext note }",
    )

    assert code["serial"] == "SN-20270001"
    assert looks["merchant"]["pool"]["codes"]["nodes"][0]["serial"] not in {None, "SN-20270001"}
    assert shown == {"__typename": "RevealOwnCodeSuccess", "plaintext": text, "note": "放在抽屉里"}


async def test_a_pool_stops_selling_and_tells_what_is_near_its_expiry(door: Door) -> None:
    pool = await make_pool()
    soon = (clock.now() + timedelta(days=5)).isoformat(timespec="seconds")
    given = {"poolId": global_id(Pool, pool.id), "lines": some_codes(3), "unitCost": COST, "expiresAt": soon}
    await door.do("importCodes", given, ctx=pool.ctx)
    await make_codes(pool, 2)
    changes = {
        "id": global_id(Pool, pool.id), "version": 1, "stopSaleBeforeExpiryDays": 7, "lowStockAt": 4, "expiryAlarmDays": [1, 14],
    }  # fmt: skip

    changed = await door.do(
        "updatePool", changes, ctx=pool.ctx,
        show="""... on UpdatePoolSuccess { pool { name stopSaleBeforeExpiryDays lowStockAt expiryAlarmDays lowStockBand
            stock { available } expiringUnits(withinDays: 7) { available more } far: expiringUnits(withinDays: 1) { available } } }""",
    )  # fmt: skip
    calendar = await door.ask("{ merchant { expiryCalendar(days: 10) { day codes pool { name } } } }", ctx=pool.ctx)
    refused = await door.do("updatePool", changes | {"version": 2, "expiryAlarmDays": [0]}, ctx=pool.ctx)

    assert changed["pool"] == {
        "name": "Some pool", "stopSaleBeforeExpiryDays": 7, "lowStockAt": 4, "expiryAlarmDays": [14, 1], "lowStockBand": "LOW",
        "stock": {"available": 2}, "expiringUnits": {"available": 3, "more": False}, "far": {"available": 0},
    }  # fmt: skip
    day = (clock.now() + timedelta(days=5)).date().isoformat()
    assert calendar["merchant"]["expiryCalendar"] == [{"day": day, "codes": 3, "pool": {"name": "Some pool"}}]
    assert (refused["code"], refused["path"]) == ("INVALID_INPUT", ["input", "expiryAlarmDays"])


async def test_bands_and_expiring_units_of_a_page_of_pools_are_three_statements(door: Door) -> None:
    pool = await make_pool()
    for _ in range(3):
        await make_pool(pool.ctx)

    with counted() as sent:
        shown = await door.ask(
            "{ merchant { pools { nodes { lowStockBand stock { available } expiringUnits { available } } } } }",
            ctx=pool.ctx,
        )

    assert [each["lowStockBand"] for each in shown["merchant"]["pools"]["nodes"]] == ["OUT"] * 4
    assert len(sent) == 3


async def test_a_workbook_is_followed_to_its_end(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FOLLOW_POLL_S", 0.001)
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 10)
    pool = await make_pool()
    data = make_workbook([["code"], *([text] for text in some_codes(35))])
    given = {
        "poolId": global_id(Pool, pool.id), "uploadId": await upload(door, data, pool.ctx), "unitCost": COST, "format": "XLSX",
    }  # fmt: skip
    done = await door.do("importCodes", given, ctx=pool.ctx, show="... on ImportCodesSuccess { batch { id } }")
    read = read_global_id(done["batch"]["id"])
    assert read is not None
    document = f'subscription {{ importProgress(batchId: "{global_id(CodeBatch, read[1])}") {{ state accepted lines linesPerSecond }} }}'

    told, _ = await asyncio.gather(
        door.send("/graphql", ctx=pool.ctx, headers={"accept": "text/event-stream"}, json={"query": document}),
        codes.run_import(importer_ctx(pool), batch_id=BatchId(read[1])),
    )

    assert '"state":"READY","accepted":35,"lines":35' in told.text
    assert "event: complete" in told.text
