"""Single cells: dates as people write them, amounts exactly, and lines that no spreadsheet takes for formulas."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.money import CURRENCY_DIGITS, Money
from fondaco_tenants.codes.rules import (
    NEVER,
    DateOrder,
    Dates,
    Encoding,
    ImportFormat,
    LineSplitter,
    Mapping,
    StockBand,
    band_after,
    detect,
    read_cost,
    read_moment,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-31", "2027/1/31", "2027.01.31", "20270131", "2027年1月31日", "2027年01月31号", "31 Jan 2027", "31-Jan-2027",
        "January 31, 2027", "Jan 31 2027", "31/01/2027", "01/31/2027", "２０２７-０１-３１", " 2027-01-31 ", "2027-01-31 24:00",
    ],
)  # fmt: skip
def test_a_day_lasts_until_its_end(text: str) -> None:
    assert read_moment(text, Dates()) == datetime(2027, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-01", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2027年12月", datetime(2028, 1, 1, tzinfo=UTC)),
        ("2027-01-31 10:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("2027/1/31 9:05:30", datetime(2027, 1, 31, 9, 5, 30, tzinfo=UTC)),
        ("2027-01-31T10:00:00+08:00", datetime(2027, 1, 31, 2, tzinfo=UTC)),
        ("2027-01-31T10:00:00Z", datetime(2027, 1, 31, 10, tzinfo=UTC)),
        ("1801000000", datetime.fromtimestamp(1_801_000_000, UTC)),
        ("1801000000000", datetime.fromtimestamp(1_801_000_000, UTC)),
        ("永久有效", NEVER),
        ("never", NEVER),
        ("9999-12-31", NEVER),
    ],
)
def test_months_moments_and_never_are_read(text: str, moment: datetime) -> None:
    assert read_moment(text, Dates()) == moment


def test_what_names_no_zone_is_in_that_of_the_file() -> None:
    assert read_moment("2027-01-31", Dates(SHANGHAI)) == datetime(2027, 1, 31, 16, tzinfo=UTC)
    assert read_moment("2027-01-31 10:00", Dates(SHANGHAI)) == datetime(2027, 1, 31, 2, tzinfo=UTC)
    assert read_moment("2027-01-31 10:00+09:00", Dates(SHANGHAI)) == datetime(2027, 1, 31, 1, tzinfo=UTC)


def test_a_date_that_can_be_read_in_two_ways_is_none_until_somebody_says_which() -> None:
    assert read_moment("03/04/2027", Dates()) is None
    assert read_moment("03/04/2027", Dates(order=DateOrder.DMY)) == datetime(2027, 4, 4, tzinfo=UTC)
    assert read_moment("03/04/2027", Dates(order=DateOrder.MDY)) == datetime(2027, 3, 5, tzinfo=UTC)
    assert read_moment("05/05/2027", Dates()) == datetime(2027, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "2027-02-30", "2027-13-01", "31.12", "2027-01-31 25:00", "0000-00-00", "31 Foo 2027"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_moment(text, Dates()) is None


@given(
    st.dates(date(2000, 1, 1), date(9000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y.%m.%d"])
)
def test_every_day_is_read_back(day: date, form: str) -> None:
    text = day.strftime(form)

    assert read_moment(text, Dates()) == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


@given(st.text(max_size=40), st.sampled_from(DateOrder), st.sampled_from([UTC, SHANGHAI]))
def test_no_text_breaks_the_reading_of_dates_and_amounts(text: str, order: DateOrder, zone: ZoneInfo) -> None:
    moment = read_moment(text, Dates(zone, order))

    assert moment is None or moment.tzinfo is UTC
    assert (read_cost(text, "CNY") or 0) >= 0


@given(st.integers(0, 10**12), st.sampled_from(sorted(CURRENCY_DIGITS)), st.booleans(), st.booleans())
def test_every_amount_is_read_back_exactly(minor: int, currency: str, grouped: bool, named: bool) -> None:  # noqa: FBT001
    amount = Money(minor, currency).decimal
    text = (f"{amount:,}" if grouped else str(amount)) + (f" {currency}" if named else "")

    assert read_cost(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("¥3.50", "CNY", 350), ("￥1,234.5", "CNY", 123_450), ("12元", "CNY", 1_200), ("$0.99", "USD", 99), ("100", "JPY", 100),
        ("1.000", "KWD", 1_000), ("3.500", "CNY", 350), ("1.005", "CNY", None), ("0.5", "JPY", None), ("$3", "CNY", None),
        ("3 USD", "CNY", None), ("-1", "CNY", None), ("1e3", "CNY", None), ("1,23", "CNY", None), ("free", "CNY", None),
        ("99999999999999", "CNY", None),
    ],
)  # fmt: skip
def test_an_amount_is_exact_and_of_its_currency_or_none(text: str, currency: str, minor: int | None) -> None:
    assert read_cost(text, currency) == minor


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), min_size=1, max_size=20),
    st.sampled_from([Encoding.UTF_16_LE, Encoding.UTF_16_BE, Encoding.GB18030, Encoding.UTF_8]),
    st.booleans(),
    st.lists(st.integers(1, 40), max_size=8),
)
def test_lines_of_every_encoding_are_those_that_were_written_however_they_arrive(
    texts: list[str], encoding: Encoding, lone_cr: bool, sizes: list[int]  # noqa: FBT001
) -> None:  # fmt: skip
    data = ("\r" if lone_cr else "\n").join(texts).encode(encoding.codec)
    splitter = LineSplitter(encoding=encoding, lone_cr=lone_cr)

    lines, rest = [], data
    for size in sizes:
        lines += splitter.feed(rest[:size])
        rest = rest[size:]
    lines += [*splitter.feed(rest), *splitter.end()]

    read = [(line.text or b"").decode(encoding.codec) for line in lines]
    assert read == (texts[:-1] if texts[-1] == "" else texts)
    assert not lines or lines[-1].ends_at == len(data)


@given(st.binary(max_size=300), st.sampled_from([None, ImportFormat.TXT, ImportFormat.CSV]))
def test_whatever_bytes_there_are_something_is_decided_about_them(data: bytes, form: ImportFormat | None) -> None:
    layout = detect(data, form, Mapping())

    assert layout.form in {ImportFormat.TXT, ImportFormat.CSV}
    assert detect(data, form, Mapping()) == layout


def test_a_file_of_utf_8_with_one_broken_line_stays_utf_8() -> None:
    good = "卡号,密码\n好卡ABCD,1\n好卡EFGH,2\n".encode()

    assert detect(good + b"\xff\xfeX,3\n", None, Mapping()).encoding is Encoding.UTF_8


def test_stock_that_is_low_is_enough_again_only_when_it_is_clearly_more() -> None:
    seen: list[StockBand] = []
    band: StockBand | None = None

    for available in (20, 10, 11, 10, 12, 13, 9, 0, 5, 12, 13):
        band = band_after(band, available, 10)
        seen.append(band)

    low, enough, out = StockBand.LOW, StockBand.ENOUGH, StockBand.OUT
    assert seen == [enough, low, low, low, low, enough, low, out, low, low, enough]


def test_without_an_alarm_stock_is_enough_until_it_is_out() -> None:
    assert band_after(None, 1, None) is StockBand.ENOUGH
    assert band_after(StockBand.OUT, 1, None) is StockBand.ENOUGH
    assert band_after(StockBand.ENOUGH, 0, None) is StockBand.OUT
