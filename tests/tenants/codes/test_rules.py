"""What lines say, however they are cut into pieces; the states of a code."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_tenants.codes.rules import (
    NEVER,
    NEXT_STATES,
    CodeState,
    Entry,
    Fault,
    ImportFormat,
    LineParser,
    LineReason,
    LineSplitter,
    Plain,
    RawLine,
    before_states,
    pack,
    read_columns,
    unpack,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
# No word that is the name of a column: in the first line it is a header.
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=24).filter(
    lambda word: not read_columns(word).header
)


def split(data: bytes, sizes: list[int]) -> list[RawLine]:
    """The lines of a file that arrives in pieces of these sizes, and the rest at once."""
    splitter = LineSplitter()
    lines: list[RawLine] = []
    for size in sizes:
        lines += splitter.feed(data[:size])
        data = data[size:]
    return [*lines, *splitter.feed(data), *splitter.end()]


def read(
    text: str | bytes, form: ImportFormat = ImportFormat.TXT, *, links: bool = False
) -> tuple[list[Entry], list[Fault]]:
    data = text if isinstance(text, bytes) else text.encode()
    return LineParser(form, links=links, now=NOW).parse(split(data, []))


@given(st.binary(max_size=400), st.lists(st.integers(0, 50), max_size=12))
def test_a_file_has_the_same_lines_however_it_arrives(data: bytes, sizes: list[int]) -> None:
    whole, pieces = split(data, []), split(data, sizes)

    assert pieces == whole
    assert b"\n".join(line.text or b"" for line in whole) == data.removesuffix(b"\n")
    assert [line.number for line in whole] == list(range(1, len(whole) + 1))
    assert not whole or whole[-1].ends_at == len(data)


@given(st.integers(0, 3 * limits.IMPORT_LINE_BYTES_MAX), st.lists(st.integers(1, 9_000), max_size=6))
def test_a_line_is_dropped_exactly_when_it_is_too_long(length: int, sizes: list[int]) -> None:
    data = b"before\n" + b"x" * length + b"\nafter"

    lines = split(data, sizes)

    assert [line.text is None for line in lines] == [False, length > limits.IMPORT_LINE_BYTES_MAX, False]
    assert lines[-1].ends_at == len(data)


def test_a_line_of_ten_megabytes_is_not_kept() -> None:
    splitter = LineSplitter()

    kept = 0
    for _ in range(160):
        assert splitter.feed(b"x" * 65_536) == []
        kept = max(kept, len(splitter._rest))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - what it holds is the promise
    (line,) = splitter.end()

    assert line.text is None
    assert line.ends_at == 160 * 65_536
    assert kept <= limits.IMPORT_LINE_BYTES_MAX


@given(st.lists(WORDS, max_size=30), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_every_code_of_a_text_file_is_read_once_and_in_order(codes: list[str], end: str, bom: bool, last: bool) -> None:  # noqa: FBT001
    text = ("\ufeff" if bom else "") + end.join(codes) + (end if last else "")

    entries, faults = read(text)

    assert [entry.code for entry in entries] == codes
    assert faults == []


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20), st.sampled_from([",", ";", "\t"]), st.booleans())
def test_a_header_says_where_code_and_pin_are(cards: list[tuple[str, str]], delimiter: str, quoted: bool) -> None:  # noqa: FBT001
    quote = '"' if quoted else ""
    rows = [["pin", "note", "code"], *[[f"{quote}{pin}{quote}", "", f"{quote}{code}{quote}"] for code, pin in cards]]

    entries, faults = read("\n".join(delimiter.join(row) for row in rows), ImportFormat.CSV)

    assert [(entry.code, entry.pin) for entry in entries] == cards
    assert faults == []


@given(st.binary(max_size=600), st.sampled_from(ImportFormat), st.booleans())
def test_whatever_is_uploaded_every_line_is_an_entry_a_fault_a_blank_or_a_header(
    data: bytes,
    form: ImportFormat,
    links: bool,  # noqa: FBT001
) -> None:
    lines = split(data, [])

    entries, faults = LineParser(form, links=links, now=NOW).parse(lines)

    numbers = [entry.line for entry in entries] + [fault.line for fault in faults]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= {line.number for line in lines}


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("=cmd|' /C calc'!A0", Entry(1, "=cmd|' /C calc'!A0")),
        ("00012345", Entry(1, "00012345")),
        ("6001-2345,9876", Entry(1, "6001-2345", "9876")),
        ('"6001,2345","98""76"', Entry(1, "6001,2345", '98"76')),
        ("A1B2,,2027-01-31", Entry(1, "A1B2", None, datetime(2027, 2, 1, tzinfo=UTC))),
        ("A1B2,77,2027-01-31T10:00:00+08:00", Entry(1, "A1B2", "77", datetime(2027, 1, 31, 2, tzinfo=UTC))),
        ("A1B2,,9999-12-31", Entry(1, "A1B2", None, NEVER)),
        ("A1B2,,,", Entry(1, "A1B2")),
        ("https://example.com/r?c=1", Entry(1, "https://example.com/r?c=1")),
    ],
)
def test_a_row_without_a_header_is_code_pin_and_expiry(line: str, entry: Entry) -> None:
    assert read(line, ImportFormat.CSV) == ([entry], [])


@pytest.mark.parametrize(
    ("data", "form", "reason"),
    [
        (b"AB\x00CD", ImportFormat.TXT, LineReason.NOT_TEXT),
        (b"ABCD\rEFGH", ImportFormat.TXT, LineReason.NOT_TEXT),
        (b"\xff\xfeA\x00", ImportFormat.TXT, LineReason.NOT_TEXT),
        (b"ABCD\tEFGH", ImportFormat.TXT, LineReason.COLUMNS),
        (b"code,pin", ImportFormat.TXT, LineReason.COLUMNS),
        ("\ufeff卡号".encode(), ImportFormat.TXT, LineReason.COLUMNS),
        (b"A" * (limits.CODE_BYTES_MAX + 1), ImportFormat.TXT, LineReason.TOO_LONG),
        (b"A,B,2027-01-01,D", ImportFormat.CSV, LineReason.COLUMNS),
        (b'"A,B', ImportFormat.CSV, LineReason.COLUMNS),
        (b",1234", ImportFormat.CSV, LineReason.EMPTY),
        (b"A,1,soon", ImportFormat.CSV, LineReason.BAD_EXPIRY),
        (b"A,1,2020-01-01", ImportFormat.CSV, LineReason.EXPIRED),
    ],
)
def test_a_line_that_says_no_code_says_why(data: bytes, form: ImportFormat, reason: LineReason) -> None:
    entries, faults = read(data, form)

    assert entries == []
    assert [(fault.line, fault.reason) for fault in faults] == [(1, reason)]


@pytest.mark.parametrize(
    "text", ["ABCD", "ftp://example.com/a", "https://", "https://exa mple.com/a", "javascript:alert(1)"]
)
def test_a_link_is_an_address_that_a_browser_opens(text: str) -> None:
    entries, faults = read(text, links=True)

    assert entries == []
    assert faults[0].reason is LineReason.BAD_URL


def test_nothing_of_a_line_is_in_a_repr() -> None:
    entries, faults = read('SECRET1,SECRET2\n"SECRET3,x\nSECRET4,1,soon', ImportFormat.CSV)

    assert "SECRET" not in repr((entries, faults, split(b"SECRET5\n", [])))


@given(st.text(min_size=1), st.none() | st.text(min_size=1))
def test_what_is_packed_is_unpacked(code: str, pin: str | None) -> None:
    assert unpack(pack(Plain(code, pin))) == Plain(code, pin)


def test_no_state_is_left_after_the_end_and_none_is_out_of_reach() -> None:
    reachable = {CodeState.AVAILABLE}
    while more := {after for before in reachable for after in NEXT_STATES[before]} - reachable:
        reachable |= more

    assert reachable == set(CodeState)
    assert {end for end in CodeState if not NEXT_STATES[end]} == {CodeState.VOID, CodeState.EXPIRED}


@given(st.sampled_from(CodeState), st.sampled_from(CodeState))
def test_where_a_code_may_go_and_where_it_may_come_from_agree(before: CodeState, after: CodeState) -> None:
    assert (after in NEXT_STATES[before]) == (before in before_states(after))
    assert before not in NEXT_STATES[before]


def test_a_code_that_expires_at_this_very_moment_has_expired() -> None:
    stamp = (NOW + timedelta(seconds=1)).isoformat()

    entries, faults = read(f"A,1,{NOW.isoformat()}\nB,2,{stamp}", ImportFormat.CSV)

    assert [entry.code for entry in entries] == ["B"]
    assert [fault.reason for fault in faults] == [LineReason.EXPIRED]
