"""Files in every encoding and shape, from a dry run to stock: what is read, what is warned about, what is refused."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.codes import (
    BatchState,
    ColumnRole,
    DateOrder,
    Encoding,
    ImportFormat,
    ImportOddity,
    LineReason,
    Mapping,
)
from tests.support.factories.codes import (
    MadePool,
    importer_ctx,
    make_codes,
    make_pool,
    make_requested_import,
    make_upload,
    some_codes,
)
from tests.support.factories.files import make_workbook

pytestmark = pytest.mark.usefixtures("database")

FREE = Money(0, "CNY")
CSV, TXT, XLSX = ImportFormat.CSV, ImportFormat.TXT, ImportFormat.XLSX
EOLS = ["\n", "\r\n", "\r"]
ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "gb18030": b""}


async def imported(
    pool: MadePool, data: bytes, form: ImportFormat = TXT, mapping: Mapping | None = None
) -> codes.Batch:
    batch = await make_requested_import(pool, data, form=form, mapping=mapping)
    await codes.run_import(importer_ctx(pool), batch_id=batch.id)
    async with reading(pool.ctx) as tx:
        done = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
    assert done.lines == done.accepted + done.duplicates + done.rejected
    return done


async def looked_at(
    pool: MadePool, data: bytes, form: ImportFormat | None = None, mapping: Mapping | None = None
) -> codes.Preview:
    upload_id = await make_upload(pool.ctx, data)
    return await codes.preview_import(
        pool.ctx, pool_id=pool.id, upload_id=upload_id, unit_cost=FREE, form=form, mapping=mapping
    )


async def stock(pool: MadePool) -> list[codes.Code]:
    async with reading(pool.ctx) as tx:
        return await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=limits.PAGE_MAX)


async def plain(pool: MadePool) -> list[codes.Revealed]:
    shown = []
    for code in await stock(pool):
        async with transaction(pool.ctx) as tx:
            shown.append(await codes.reveal_own_code(tx, pool.ctx, code_id=code.id, reason="A test looks."))
    return shown


async def reasons(pool: MadePool, batch: codes.Batch) -> list[tuple[int, LineReason]]:
    async with reading(pool.ctx) as tx:
        return [(each.line, each.reason) for each in await codes.list_report(tx, pool.ctx, batch_id=batch.id)]


@pytest.mark.parametrize("eol", EOLS)
@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_file_with_columns_is_read_in_every_encoding_and_with_every_line_end(encoding: str, eol: str) -> None:
    pool = await make_pool()
    first, second = some_codes(2)
    lines = [
        "序列号,卡密,密码,有效期,成本(元),备注",
        f"S-1,{first},0042,2027-01-31,¥3.50,请妥善保管",
        f"S-2,{second},,永久,,",
    ]
    data = ENCODINGS[encoding] + eol.join([*lines, ""]).encode(encoding)

    told = await looked_at(pool, data)
    batch = await imported(pool, data, CSV)

    assert (told.form, told.accepted, told.rejected, told.header) == (CSV, 2, 0, True)
    assert [column.role for column in told.columns] == [
        ColumnRole.SERIAL, ColumnRole.CODE, ColumnRole.PIN, ColumnRole.EXPIRY, ColumnRole.COST, ColumnRole.NOTE,
    ]  # fmt: skip
    assert (batch.state, batch.accepted) == (BatchState.READY, 2)
    one, other = await stock(pool)
    assert (one.serial, one.unit_cost_minor, one.expires_at) == ("S-1", 350, datetime(2027, 2, 1, tzinfo=UTC))
    assert (other.serial, other.unit_cost_minor, other.expires_at) == ("S-2", None, codes.NEVER)
    shown = (await plain(pool))[0]
    assert (shown.code, shown.pin, shown.note) == (Secret(first), Secret("0042"), Secret("请妥善保管"))
    assert "保管" not in shown.plaintext.reveal(), "a note is not for buyers"


@pytest.mark.parametrize("separator", [",", "\t", ";", "----", " ---- ", "|", " ", "   "])
async def test_what_separates_columns_is_found_out(separator: str) -> None:
    pool = await make_pool()
    cards = some_codes(3)
    data = "\n".join(f"{card}{separator}{number}pin" for number, card in enumerate(cards)).encode()

    told = await looked_at(pool, data)
    await imported(pool, data, told.form, Mapping(delimiter=told.delimiter, header=told.header))

    assert told.form is CSV
    assert [(each.code, each.pin) for each in await plain(pool)] == [
        (Secret(card), Secret(f"{number}pin")) for number, card in enumerate(cards)
    ]


async def test_codes_in_groups_are_not_taken_for_columns() -> None:
    pool = await make_pool()

    told = await looked_at(pool, b"ABCD EFGH\nIJKL MNOP\nQRST UVWX\n")

    assert (told.form, told.accepted) == (TXT, 3)


async def test_a_mapping_goes_before_what_a_file_seems_to_be() -> None:
    pool = await make_pool()
    (card,) = some_codes(1)
    mapping = Mapping(
        delimiter=";", header=False, columns=((ColumnRole.CODE, 2), (ColumnRole.EXPIRY, 0), (ColumnRole.COST, 1)),
        date_order=DateOrder.DMY, time_zone="Asia/Shanghai",
    )  # fmt: skip

    batch = await imported(pool, f"03/04/2027;12.30;{card};left alone\n".encode(), CSV, mapping)

    assert mapping.columns is not None
    assert batch.mapping.columns is not None
    assert dict(batch.mapping.columns) == dict(mapping.columns)
    (code,) = await stock(pool)
    # The third of April ends in Shanghai eight hours before it does in UTC.
    assert (code.expires_at, code.unit_cost_minor) == (datetime(2027, 4, 3, 16, tzinfo=UTC), 1_230)


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping(time_zone="Mars/Olympus"),
        Mapping(delimiter="abc"),
        Mapping(columns=((ColumnRole.PIN, 0),)),
        Mapping(columns=((ColumnRole.CODE, 0), (ColumnRole.PIN, 0))),
        Mapping(columns=((ColumnRole.CODE, -1),)),
        Mapping(columns=((ColumnRole.CODE, 64),)),
    ],
)
async def test_a_mapping_that_makes_no_sense_is_refused_with_the_field_at_fault(mapping: Mapping) -> None:
    pool = await make_pool()

    with pytest.raises(Invalid) as refused:
        await looked_at(pool, b"ABCDEFGH12345678\n", CSV, mapping)

    assert refused.value.path[0] == "mapping"
    assert refused.value.message_zh


async def test_a_workbook_is_imported_and_its_numbers_dates_and_formulas_are_not_sold() -> None:
    pool = await make_pool()
    first, second = some_codes(2)
    rows: list[list[Any]] = [
        ["卡号", "密码", "到期日", "成本"],
        [first, "0042", datetime(2027, 1, 31), 3.5],  # noqa: DTZ001 - cells have no zone
        [6001234567890123, "1", None, None],
        ["=1+1", None, None, None],
        [datetime(2027, 5, 1), None, None, None],  # noqa: DTZ001
        [12345678, "2", None, None],
        [second, None, "soon", None],
        [None, None, None, None],
        [first, None, None, None],
    ]
    data = make_workbook(rows, more=["More"])

    told = await looked_at(pool, data)
    batch = await imported(pool, data, XLSX)

    assert (batch.accepted, batch.duplicates, batch.rejected) == (2, 1, 4)
    assert (told.accepted, told.duplicates_in_file, told.rejected) == (2, 1, 4)
    assert {each.kind for each in told.warnings} == {
        ImportOddity.NUMBERS, ImportOddity.NUMBERS_ROUNDED, ImportOddity.DATES, ImportOddity.FORMULAS, ImportOddity.MORE_SHEETS,
    }  # fmt: skip
    assert await reasons(pool, batch) == [
        (3, LineReason.NUMBER), (4, LineReason.FORMULA), (5, LineReason.DATE), (7, LineReason.BAD_EXPIRY),
        (9, LineReason.DUPLICATE_IN_FILE),
    ]  # fmt: skip
    one, _ = await stock(pool)
    assert (one.expires_at, one.unit_cost_minor) == (datetime(2027, 2, 1, tzinfo=UTC), 350)
    assert [each.code for each in await plain(pool)] == [Secret(first), Secret("12345678")]


def bomb(name: str, size: int) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as part:
        for _ in range(size // 1_048_576):
            part.write(b"0" * 1_048_576)
    return written.getvalue()


def with_doctype() -> bytes:
    whole = io.BytesIO(make_workbook([["code"], ["ABCDEFGH12345678"]]))
    written = io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(written, "w") as archive:
        for member in source.infolist():
            data = source.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                data = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + data
            archive.writestr(member, data)
    return written.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (lambda: b"PK\x03\x04 and nothing that a workbook has", "BROKEN"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "OLD"),
        (lambda: bomb("xl/sharedStrings.xml", limits.WORKBOOK_PART_MAX + 1_048_576), "TOO_LARGE"),
        (with_doctype, "BROKEN"),
    ],
    ids=["broken", "old", "bomb", "doctype"],
)
async def test_a_workbook_that_cannot_or_must_not_be_read_is_refused_by_name(
    data: Callable[[], bytes], problem: str
) -> None:
    pool = await make_pool()
    made = data()

    with pytest.raises(codes.UnreadableWorkbook) as refused:
        await looked_at(pool, made)
    batch = await imported(pool, made, XLSX)

    assert refused.value.problem == problem
    assert (batch.state, batch.failure) == (BatchState.FAILED, "UNREADABLE_WORKBOOK")


@pytest.mark.parametrize(("form", "workbook"), [(TXT, True), (CSV, True), (XLSX, False)])
async def test_a_workbook_is_no_text_and_text_is_no_workbook(form: ImportFormat, workbook: bool) -> None:  # noqa: FBT001
    pool = await make_pool()
    data = make_workbook([["code"]]) if workbook else b"ABCDEFGH12345678\n"

    with pytest.raises(codes.WrongFormat):
        await looked_at(pool, data, form)
    with pytest.raises(codes.WrongFormat):
        await make_requested_import(pool, data, form=form)


async def test_a_dry_run_tells_what_an_import_does_and_stores_nothing() -> None:
    mine, theirs = await make_pool(), await make_pool()
    own, foreign, fresh, other = some_codes(4)
    await make_codes(mine, 1, texts=[own])
    await make_codes(theirs, 1, texts=[foreign])
    data = f"{own}\n{foreign}\n{fresh}\n{fresh}\n{other}\nA\x00B\n".encode()

    told = await looked_at(mine, data, TXT)

    assert len(await stock(mine)) == 1
    assert (told.accepted, told.duplicates, told.duplicates_in_file, told.rejected) == (2, 2, 1, 1)
    # Whose a known code is cannot be told from what is told.
    assert [(each.line, each.reason) for each in told.problems][:2] == [
        (1, LineReason.DUPLICATE),
        (2, LineReason.DUPLICATE),
    ]
    assert (told.complete, told.lines_read, told.lines_total) == (True, 6, 6)
    batch = await imported(mine, data)
    assert (batch.accepted, batch.duplicates, batch.rejected) == (2, 3, 1)
    assert ImportOddity.SAME_FILE in {each.kind for each in (await looked_at(mine, data, TXT)).warnings}


async def test_nothing_that_may_be_a_code_is_in_a_dry_run_in_the_open() -> None:
    pool = await make_pool()
    texts = some_codes(6)
    rows = [f"{text},{text[::-1]},{text[4:]}x" for text in texts]

    told = await looked_at(pool, "\n".join(rows).encode())

    shown = repr(told) + "".join(sample for column in told.columns for sample in column.samples)
    shown += "".join(each.masked for each in told.problems) + "".join(each.masked for each in told.codes)
    assert not any(secret in shown for text in texts for secret in (text, text[::-1], f"{text[4:]}x"))


async def test_a_long_file_is_looked_at_in_part_and_its_length_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREVIEW_LINES_MAX", 10)
    pool = await make_pool()

    told = await looked_at(pool, "\n".join(some_codes(1_000)).encode(), TXT)
    book = await looked_at(pool, make_workbook([[text] for text in some_codes(30)]))

    assert (told.complete, told.lines_read, told.accepted) == (False, 10, 10)
    assert 950 <= told.lines_total <= 1_050
    assert (book.complete, book.lines_read, book.accepted) == (False, 10, 10)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("abc\nab\n", ImportOddity.HARDLY_CODES),
        ("please keep this card safe\n", ImportOddity.HARDLY_CODES),
        ("您好，这是您的卡密\n", ImportOddity.HARDLY_CODES),
        ("ABCDEFGH1234,55\nIJKLMNOP5678,66\n", ImportOddity.LOOKS_LIKE_COLUMNS),
    ],
)
async def test_lines_that_are_hardly_codes_are_warned_about(text: str, kind: ImportOddity) -> None:
    pool = await make_pool()

    told = await looked_at(pool, text.encode(), TXT)

    assert kind in {each.kind for each in told.warnings}
    assert told.accepted == len(text.splitlines())


async def test_an_encoding_that_was_guessed_is_told_and_one_that_is_said_is_not_guessed() -> None:
    pool = await make_pool()
    data = "卡号,备注\nABCDEFGH1234,好卡\n".encode("gb18030")

    guessed = await looked_at(pool, data)
    said = await looked_at(pool, data, mapping=Mapping(encoding=Encoding.GB18030))
    wrong = await looked_at(pool, data, CSV, Mapping(encoding=Encoding.UTF_8))

    assert ImportOddity.ENCODING_GUESSED in {each.kind for each in guessed.warnings}
    assert said.warnings == ()
    assert wrong.accepted == 0
    assert {each.reason for each in wrong.problems} == {LineReason.NOT_TEXT}


async def test_a_line_of_ten_megabytes_is_one_rejected_line_of_that_name() -> None:
    pool = await make_pool()
    before, after = some_codes(2)

    batch = await imported(pool, f"{before}\n".encode() + b"x" * 10_485_760 + f"\n{after}\n".encode())

    assert (batch.accepted, batch.rejected) == (2, 1)
    assert await reasons(pool, batch) == [(2, LineReason.TOO_LONG)]


async def test_an_upload_of_another_merchant_is_not_looked_at() -> None:
    mine, theirs = await make_pool(), await make_pool()
    upload_id = await make_upload(theirs.ctx, b"ABCDEFGH12345678\n")

    with pytest.raises(NotFound):
        await codes.preview_import(mine.ctx, pool_id=mine.id, upload_id=upload_id, unit_cost=FREE)


async def test_who_asks_what_a_file_would_do_is_on_the_record() -> None:
    pool = await make_pool()

    await looked_at(pool, b"ABCDEFGH12345678\n")

    async with reading(pool.ctx) as tx:
        entries = await tx.fetch(
            "SELECT actor_id, detail::text AS detail FROM audit_entry WHERE tenant_id = $1 AND action = 'upload.previewed'",
            pool.tenant_id,
        )
    assert [entry["actor_id"] for entry in entries] == [pool.ctx.actor_id]
    assert "ABCDEFGH" not in entries[0]["detail"]


@given(st.data())
async def test_every_line_of_any_file_is_accepted_a_duplicate_or_rejected(data: st.DataObject) -> None:
    pool = await make_pool()
    cells = st.sampled_from(["=cmd|' /C calc'!A0", "+1", "2027-01-31", "soon", "", '"', "卡号", "code", "A,B", "x" * 50]) | st.text(max_size=12)  # fmt: skip
    rows = data.draw(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=12))
    separator = data.draw(st.sampled_from([",", "\t", ";", "----"]))
    text = data.draw(st.sampled_from(EOLS)).join(separator.join(row) for row in rows)
    raw = text.encode(data.draw(st.sampled_from(["utf-8", "gb18030", "utf-16"])), "replace") or b"\n"

    told = await looked_at(pool, raw, CSV)
    batch = await imported(pool, raw, CSV)

    assert batch.state is BatchState.READY
    assert (told.accepted, told.rejected) == (batch.accepted, batch.rejected)
    assert told.duplicates + told.duplicates_in_file == batch.duplicates


async def test_lines_that_were_not_accepted_are_kept_sealed() -> None:
    pool = await make_pool()
    (text,) = some_codes(1)

    batch = await imported(pool, f"{text}\n{text}\n{text}\tPIN\n".encode())

    async with reading(pool.ctx) as tx:
        rows = await tx.fetch("SELECT sealed, masked FROM code_import_line WHERE batch_id = $1 ORDER BY line", batch.id)
    assert [row["sealed"] is not None for row in rows] == [True, True]
    assert not any(text.encode() in row["sealed"] or text in row["masked"] for row in rows)
