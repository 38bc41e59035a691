"""What an importer says of a whole import: where its codes came from, what they cost, how its file is written."""

from dataclasses import dataclass
from datetime import datetime

from fondaco_core import clock, limits
from fondaco_core.errors import Invalid
from fondaco_core.money import Money
from fondaco_tenants.codes.rules import COLUMNS_MAX, DELIMITERS, NEVER, ColumnRole, Mapping, zone_named


@dataclass(frozen=True, slots=True)
class Terms:
    """What an import says of all its codes."""

    origin: str
    unit_cost: Money
    expires_at: datetime


def checked_terms(origin: str, unit_cost: Money, expires_at: datetime | None) -> Terms:
    """The terms of an import, when they make sense; Invalid otherwise."""
    said = " ".join(origin.split())
    if len(said) > limits.NAME_MAX or "\0" in said:
        raise Invalid(
            f"An origin has at most {limits.NAME_MAX} characters.",
            zh=f"来源不能超过 {limits.NAME_MAX} 个字符。",
            path=("origin",),
        )
    if not 0 <= unit_cost.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid("A unit cost is not negative.", zh="单位成本不能为负数。", path=("unit_cost",))
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("These codes would have expired already.", zh="过期时间必须晚于当前时间。", path=("expires_at",))
    return Terms(said, unit_cost, expires_at or NEVER)


def checked_mapping(mapping: Mapping | None) -> Mapping:
    """What is said of the columns, when it makes sense; Invalid otherwise."""
    if mapping is None:
        return Mapping()
    if zone_named(mapping.time_zone) is None:
        raise Invalid(
            "This is no time zone; write one such as Asia/Shanghai or UTC.",
            zh="未知的时区；请填写如 Asia/Shanghai 或 UTC 的时区名称。",
            path=("mapping", "time_zone"),
        )
    if mapping.delimiter is not None and mapping.delimiter not in DELIMITERS:
        raise Invalid(
            "Columns are separated by a comma, a tab, a semicolon, a bar, spaces or four hyphens.",
            zh="列分隔符可以是逗号、制表符、分号、竖线、空格或四个连字符（----）。",
            path=("mapping", "delimiter"),
        )
    if mapping.columns is not None:
        roles, places = {role for role, _ in mapping.columns}, [place for _, place in mapping.columns]
        if ColumnRole.CODE not in roles or len(set(places)) != len(places):
            raise Invalid(
                "Say which column holds the code, and name each column once.",
                zh="请指定卡密所在的列，且每列只能指定一次。",
                path=("mapping", "columns"),
            )
        if not all(0 <= place < COLUMNS_MAX for place in places):
            raise Invalid(
                f"Columns count from 1 to {COLUMNS_MAX}.",
                zh=f"列号为 1 至 {COLUMNS_MAX}。",
                path=("mapping", "columns"),
            )
    return mapping
