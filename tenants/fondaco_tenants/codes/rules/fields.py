"""What single cells of an import say: a day or a moment, an amount of money."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fondaco_core import limits
from fondaco_core.money import CURRENCY_DIGITS
from fondaco_tenants.codes.rules.states import NEVER

_NEVER_WORDS = {"never", "no expiry", "none", "-", "永久", "永久有效", "永不过期", "长期", "长期有效", "无", "无限期"}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_COMPACT = re.compile(r"(20\d\d)(\d\d)(\d\d)")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(?:(\d{1,2})[日号])?")
_MONTH = re.compile(r"(\d{4})[-/.](\d{1,2})")
_NAMED_DAY_FIRST = re.compile(r"(\d{1,2})[- ]([a-z]{3})[a-z]*\.?[-, ]+(\d{4})")
_NAMED_MONTH_FIRST = re.compile(r"([a-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
_TIME = re.compile(r"(.+?)[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,6})?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_EPOCH = re.compile(r"1\d{9}|1\d{12}")
_AMOUNT = re.compile(
    r"(?P<before>[¥$€£]|[A-Z]{3})?\s*(?P<whole>\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.(?P<part>\d{1,15}))?\s*(?P<after>元|[A-Z]{3})?"
)
_SYMBOLS = {"¥": {"CNY", "JPY"}, "$": {"USD", "HKD", "AUD", "CAD", "NZD", "SGD", "TWD", "MOP"}, "€": {"EUR"}, "£": {"GBP"}}  # fmt: skip
_HOURS, _CHARS_MAX = 24, 64


class DateOrder(StrEnum):
    """How `03/04/2027` is read, which says by itself neither the third of April nor the fourth of March."""

    YMD = "YMD"
    DMY = "DMY"
    MDY = "MDY"


@dataclass(frozen=True, slots=True)
class Dates:
    """How dates of a file are read: in which zone those are that name none, and in which order numbers stand."""

    zone: tzinfo = UTC
    order: DateOrder = DateOrder.YMD


def zone_named(name: str) -> tzinfo | None:
    """The time zone of that name (`Asia/Shanghai`), or None when nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_moment(text: str, dates: Dates) -> datetime | None:
    """When a code expires whose line says this, or None when it is no date that is certain.

    A day lasts until its end and a month until its last day's, in the zone of `dates`; a moment without a zone is in it, too.
    `03/04/2027` is None unless `dates` says which number is the month, or one of them can be none.
    """
    said = unicodedata.normalize("NFKC", text).strip().lower()
    if not said or len(said) > _CHARS_MAX:
        return None
    if said in _NEVER_WORDS:
        return NEVER
    try:
        if _EPOCH.fullmatch(said):
            return datetime.fromtimestamp(int(said[:10]), UTC)
        end = _day_after(said, dates.order)
        if end is not None:
            return NEVER if end.year > NEVER.year - 1 else _midnight(end, dates.zone)
        return _clock(said, dates)
    except (ValueError, OverflowError):
        return None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _day_after(said: str, order: DateOrder) -> date | None:
    """The day after the last one that a text without a time names; the last year that there is stands for never."""
    found = _CHINESE.fullmatch(said) or _MONTH.fullmatch(said)
    if found is not None and (found.re is _MONTH or found[3] is None):
        year, month = int(found[1]), int(found[2])
        first = date(year, month, 1)
        return first if year >= NEVER.year else (first + timedelta(days=31)).replace(day=1)
    day = _day(said, order)
    return None if day is None else day if day.year >= NEVER.year else day + timedelta(days=1)


def _day(said: str, order: DateOrder) -> date | None:
    if found := _YEAR_FIRST.fullmatch(said) or _COMPACT.fullmatch(said) or _CHINESE.fullmatch(said):
        return date(int(found[1]), int(found[2]), int(found[3])) if found[3] else None
    if found := _NAMED_DAY_FIRST.fullmatch(said):
        return date(int(found[3]), _MONTHS.get(found[2], 0), int(found[1]))
    if found := _NAMED_MONTH_FIRST.fullmatch(said):
        return date(int(found[3]), _MONTHS.get(found[1], 0), int(found[2]))
    if found := _YEAR_LAST.fullmatch(said):
        return _year_last(int(found[1]), int(found[2]), int(found[3]), order)
    return None


def _year_last(first: int, second: int, year: int, order: DateOrder) -> date | None:
    months = 12
    day_first = {DateOrder.DMY: True, DateOrder.MDY: False}.get(order)
    if day_first is None and (first > months) != (second > months):
        day_first = first > months
    if day_first is None:
        return date(year, first, first) if first == second else None
    return date(year, second, first) if day_first else date(year, first, second)


def _clock(said: str, dates: Dates) -> datetime | None:
    found = _TIME.fullmatch(said)
    if found is None:
        return None
    day = _day(found[1].strip(), dates.order)
    if day is None:
        return None
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    # Midnight at the end of a day is written as 24:00, too.
    late = timedelta(days=1) if (hour, minute, second) == (_HOURS, 0, 0) else timedelta()
    moment = datetime(day.year, day.month, day.day, hour % _HOURS if late else hour, minute, second) + late  # noqa: DTZ001 - its zone follows
    if not found[5]:
        return moment.replace(tzinfo=dates.zone).astimezone(UTC)
    zone = found[5].upper().replace("Z", "+00:00")
    return datetime.fromisoformat(f"{moment.isoformat()}{zone}").astimezone(UTC)


def read_cost(text: str, currency: str) -> int | None:
    """An amount in minor units of the currency, exactly as it is written; None when it is none, or not one of this currency.

    Nothing is rounded: 1.005 CNY is no amount.
    """
    said = unicodedata.normalize("NFKC", text).strip().upper()
    found = _AMOUNT.fullmatch(said) if len(said) <= _CHARS_MAX else None
    if found is None:
        return None
    signs = [sign for sign in (found["before"], found["after"]) if sign]
    if not all(_is_of(sign, currency) for sign in signs):
        return None
    digits = CURRENCY_DIGITS[currency]
    part = (found["part"] or "").rstrip("0")
    if len(part) > digits:
        return None
    minor = int(Decimal(f"{found['whole'].replace(',', '')}.{part or 0}").scaleb(digits))
    return minor if minor <= limits.AMOUNT_MAX_MINOR else None


def _is_of(sign: str, currency: str) -> bool:
    if sign == "元":
        return currency in {"CNY", "HKD", "TWD", "MOP"}
    return currency in _SYMBOLS.get(sign, {sign})
