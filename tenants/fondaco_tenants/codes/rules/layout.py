"""How a file of codes is written: its encoding, its line ends, what parts its columns, and what each of them says.

Whatever the importer says goes; the rest is found out from the beginning of the file, always in the same way, so that an
import which is cut off goes on as it began.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from fondaco_core import limits
from fondaco_tenants.codes.rules.fields import DateOrder, Dates, zone_named

COLUMNS_MAX = 64
_BARE_COLUMNS_MAX = 3
# Four hyphens or more, as card shops write them.
HYPHENS = "----"
SPACES = " "
DELIMITERS = (",", "\t", ";", HYPHENS, "|", SPACES)
# Blanks beside them go with those of the cells: a pattern that takes them along walks over a line of blanks for each blank.
_HYPHENS = re.compile(r"-{4,}")
# How much of a file is looked at to find out how it is written.
_LOOKED_AT_LINES, _LOOKED_AT_BYTES = 50, 256 * 1024
_BOMS = {b"\xef\xbb\xbf": "UTF_8", b"\xff\xfe": "UTF_16_LE", b"\xfe\xff": "UTF_16_BE"}
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_CONSISTENT = 0.9
_GROUP_CHARS_MAX = 6


class ImportFormat(StrEnum):
    """How an import is written."""

    TXT = "TXT"
    CSV = "CSV"
    XLSX = "XLSX"


class Encoding(StrEnum):
    """How the bytes of a text file stand for characters."""

    UTF_8 = "UTF_8"
    UTF_16_LE = "UTF_16_LE"
    UTF_16_BE = "UTF_16_BE"
    GB18030 = "GB18030"

    @property
    def codec(self) -> str:
        """What Python calls it."""
        return self.value.lower().replace("_", "-")

    @property
    def unit(self) -> int:
        """How many bytes a line break takes."""
        return 2 if self in {Encoding.UTF_16_LE, Encoding.UTF_16_BE} else 1


class ColumnRole(StrEnum):
    """What a column says of a code."""

    CODE = "CODE"
    PIN = "PIN"
    SERIAL = "SERIAL"
    EXPIRY = "EXPIRY"
    COST = "COST"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Mapping:
    """What an importer says of a file; None for what is to be found out. Columns count from 0."""

    encoding: Encoding | None = None
    delimiter: str | None = None
    header: bool | None = None
    columns: tuple[tuple[ColumnRole, int], ...] | None = None
    date_order: DateOrder = DateOrder.YMD
    time_zone: str = "UTC"
    sheet: str | None = None

    def as_json(self) -> dict[str, Any]:
        """What is stored of it: no text of the file."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header": self.header,
            "columns": None if self.columns is None else {role.value: place for role, place in self.columns},
            "date_order": self.date_order,
            "time_zone": self.time_zone,
            "sheet": self.sheet,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> "Mapping":
        """What `as_json` made."""
        if stored is None:
            return cls()
        columns, encoding = stored["columns"], stored["encoding"]
        return cls(
            encoding=None if encoding is None else Encoding(encoding),
            delimiter=stored["delimiter"],
            header=stored["header"],
            columns=None if columns is None else tuple((ColumnRole(role), place) for role, place in columns.items()),
            date_order=DateOrder(stored["date_order"]),
            time_zone=stored["time_zone"],
            sheet=stored["sheet"],
        )

    @property
    def dates(self) -> Dates:
        """How its dates are read."""
        zone = zone_named(self.time_zone)
        assert zone is not None, "the zone was looked up when the mapping was taken"
        return Dates(zone, self.date_order)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a file are. `code` is None when the header names no such column."""

    delimiter: str
    header: bool
    code: int | None = 0
    pin: int | None = 1
    expiry: int | None = 2
    width: int = _BARE_COLUMNS_MAX
    serial: int | None = None
    cost: int | None = None
    note: int | None = None

    def roles(self) -> dict[int, ColumnRole]:
        """What each column says that says something."""
        places = {
            ColumnRole.CODE: self.code, ColumnRole.PIN: self.pin, ColumnRole.SERIAL: self.serial,
            ColumnRole.EXPIRY: self.expiry, ColumnRole.COST: self.cost, ColumnRole.NOTE: self.note,
        }  # fmt: skip
        return {place: role for role, place in places.items() if place is not None}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written, all decided. `columns` is None for a list of codes, and until a first row was seen."""

    form: ImportFormat
    encoding: Encoding = Encoding.UTF_8
    lone_cr: bool = False
    columns: Columns | None = None


def magic(head: bytes) -> ImportFormat | None:
    """The format that the first bytes of a file give away; None for text."""
    return ImportFormat.XLSX if head.startswith((_ZIP, _OLE)) else None


def is_old_workbook(head: bytes) -> bool:
    """Whether a file is a workbook of before 2007, or an encrypted one."""
    return head.startswith(_OLE)


def detect_encoding(head: bytes) -> Encoding:
    """The encoding that the beginning of a file is written in: by its mark, or by which lines it makes sense for."""
    for bom, name in _BOMS.items():
        if head.startswith(bom):
            return Encoding[name]
    # The last line may be cut off in the middle of a character.
    lines = [line for line in head[:_LOOKED_AT_BYTES].split(b"\n")[:-1] or [head] if not line.isascii()]
    good = {each: sum(1 for line in lines if _reads(line, each)) for each in (Encoding.UTF_8, Encoding.GB18030)}
    return Encoding.GB18030 if good[Encoding.GB18030] > good[Encoding.UTF_8] else Encoding.UTF_8


def _reads(line: bytes, encoding: Encoding) -> bool:
    try:
        line.decode(encoding.codec)
    except UnicodeDecodeError:
        return False
    return True


def detect(head: bytes, form: ImportFormat | None, mapping: Mapping) -> Layout:
    """How a text file is written, from its first piece and from what the importer says."""
    encoding = mapping.encoding or detect_encoding(head)
    unit = encoding.unit
    looked_at = head[: min(len(head) // unit * unit, _LOOKED_AT_BYTES)]
    text = looked_at.decode(encoding.codec, "replace").removeprefix("\ufeff")
    lone_cr = "\n" not in text and "\r" in text
    lines = [line for line in text.replace("\r\n", "\n").split("\r" if lone_cr else "\n") if line.strip()]
    # The last of many lines may be cut off.
    sample = [line[: limits.IMPORT_LINE_BYTES_MAX] for line in lines[:_LOOKED_AT_LINES]]
    found = columns_of(sample, mapping)
    if form is None:
        parted = mapping.columns is not None or found.header or len(split_cells(sample[0], found.delimiter) or ()) > 1 if sample else False  # fmt: skip
        form = ImportFormat.CSV if parted else ImportFormat.TXT
    return Layout(form, encoding, lone_cr, found if form is ImportFormat.CSV and sample else None)


def columns_of(sample: Sequence[str], mapping: Mapping) -> Columns:
    """Where the columns of a file are that begins with these lines."""
    first = sample[0] if sample else ""
    delimiter = mapping.delimiter or _delimiter_of(sample)
    cells = split_cells(first, delimiter) or [first]
    return columns_of_row(cells, mapping, delimiter=delimiter)


def columns_of_row(cells: Sequence[str], mapping: Mapping, *, delimiter: str = ",") -> Columns:
    """Where the columns are of a file whose first row this is."""
    named = columns_of_header(cells, delimiter)
    header = named is not None if mapping.header is None else mapping.header
    if mapping.columns is None:
        return named if named is not None and header else Columns(delimiter, header=header)
    places = dict(mapping.columns)
    return Columns(
        delimiter, header=header, width=COLUMNS_MAX,
        code=places.get(ColumnRole.CODE), pin=places.get(ColumnRole.PIN), expiry=places.get(ColumnRole.EXPIRY),
        serial=places.get(ColumnRole.SERIAL), cost=places.get(ColumnRole.COST), note=places.get(ColumnRole.NOTE),
    )  # fmt: skip


def read_columns(first: str) -> Columns:
    """Reads the first line of a CSV file: its header, or, when it is none, how its lines are separated."""
    return columns_of([first], Mapping())


def _delimiter_of(sample: Sequence[str]) -> str:
    if sample:
        for delimiter in DELIMITERS:
            cells = split_cells(sample[0], delimiter) or ()
            named = columns_of_header(cells, delimiter)
            # A sentence may hold the name of a column; a header in words is made of nothing else.
            if named is not None and (delimiter != SPACES or len(named.roles()) == len(cells)):
                return delimiter
    for delimiter in DELIMITERS:
        counts = [len(split_cells(line, delimiter) or ()) for line in sample]
        parted = sum(1 for count in counts if count > 1)
        if parted and parted >= _CONSISTENT * len(counts) and _is_plausible(delimiter, sample):
            return delimiter
    return ","


def _is_plausible(delimiter: str, sample: Sequence[str]) -> bool:
    """Whether what codes hold themselves now and then separates columns here: one line is no proof of that."""
    if delimiter not in {"|", SPACES}:
        return True
    return len(sample) > 1 and (delimiter != SPACES or _are_pairs(sample))


def _are_pairs(sample: Sequence[str]) -> bool:
    """Whether lines with spaces are two things each, and not one code in groups."""
    pairs = [line.split() for line in sample]
    return all(
        len(pair) == 2 and not (len(pair[0]) == len(pair[1]) <= _GROUP_CHARS_MAX)  # noqa: PLR2004 - a pair is two
        for pair in pairs
    )


def split_cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of one line, without blanks at their ends; None when its quotes do not match or they are too many."""
    if delimiter == HYPHENS:
        cells = _HYPHENS.split(text)
    elif delimiter == SPACES:
        cells = text.split()
    elif '"' not in text:
        cells = text.split(delimiter)
    else:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True))
        except csv.Error:
            return None
    return [cell.strip() for cell in cells] if len(cells) <= COLUMNS_MAX else None


_CODE_NAMES = {
    "code", "codes", "card", "card no", "card number", "cardno", "cardnumber", "number", "voucher", "voucher code", "key",
    "cdkey", "cd key", "license key", "activation code", "redeem code", "redemption code", "gift code", "url", "link",
    "redemption url", "卡号", "卡券", "卡券号", "兑换码", "激活码", "券码", "卡码", "充值码", "链接", "兑换链接", "领取链接",
}  # fmt: skip
# The code of a card that has one thing to it, the PIN of one that has a number, too.
_SECRET_NAMES = {"卡密", "卡密信息"}
_PIN_NAMES = {"pin", "pin code", "password", "passwd", "pwd", "secret", "card password", "密码", "卡密码", "口令", "卡片密码", "提取码"}  # fmt: skip
# The code when nothing else is, otherwise what is printed beside it.
_SERIAL_NAMES = {"serial", "serial no", "serial number", "sn", "s/n", "序列号", "流水号", "编号", "卡片编号"}
_EXPIRY_NAMES = {
    "expiry", "expires", "expires at", "expires on", "expiration", "expiry date", "expiration date", "valid until", "valid to",
    "valid thru", "有效期", "有效期至", "有效期限", "有效日期", "截止日期", "失效日期", "过期时间", "过期日期", "到期时间", "到期日", "到期日期",
}  # fmt: skip
_COST_NAMES = {"cost", "unit cost", "cost price", "purchase price", "成本", "成本价", "进价", "进货价", "采购价", "采购成本", "单位成本"}  # fmt: skip
_NOTE_NAMES = {"note", "notes", "remark", "remarks", "comment", "comments", "memo", "备注", "说明", "附注", "注释"}
# From a bracket to the next one, whichever that is: so that a line of brackets is walked over once.
_IN_BRACKETS = re.compile(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")


def columns_of_header(cells: Iterable[str], delimiter: str) -> Columns | None:
    """Where the columns are whose names these cells are; None when none of them is a name that is known."""
    names = [re.sub(r"[\s_-]+", " ", _IN_BRACKETS.sub("", cell.lower()).strip(" *:：")).strip() for cell in cells]
    code, pin = _place(names, _CODE_NAMES), _place(names, _PIN_NAMES)
    secret, serial = _place(names, _SECRET_NAMES), _place(names, _SERIAL_NAMES)
    if code is None:
        code, secret = secret, None
    if pin is None:
        pin = secret
    if code is None:
        code, serial = serial, None
    found = Columns(
        delimiter, header=True, code=code, pin=pin, expiry=_place(names, _EXPIRY_NAMES), width=len(names),
        serial=serial, cost=_place(names, _COST_NAMES), note=_place(names, _NOTE_NAMES),
    )  # fmt: skip
    return found if found.roles() else None


def _place(names: Sequence[str], wanted: set[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in wanted), None)


def with_columns(layout: Layout, columns: Columns) -> Layout:
    """The same with columns that a first row has shown."""
    return replace(layout, columns=columns)
