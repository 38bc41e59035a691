"""Scalars and the one type for money.

Python types map as they are: `datetime` to DateTime, `Decimal` to Decimal, `BigInt` to BigInt, `CurrencyCode` to CurrencyCode.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from fondaco_core import limits, money
from fondaco_core.errors import Invalid
from fondaco_core.money import CURRENCY_DIGITS

BigInt = NewType("BigInt", int)
CurrencyCode = NewType("CurrencyCode", str)

_DECIMAL = re.compile(r"-?\d{1,19}(\.\d{1,9})?")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_INT64 = 2**63


def _parse_date_time(value: Any) -> datetime:
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper())).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    msg = "A DateTime is a text as in RFC 3339, for example 2026-11-22T08:30:00Z."
    raise GraphQLError(msg)


def _print_date_time(value: datetime) -> str:
    assert value.tzinfo is not None
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _parse_decimal(value: Any) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    msg = 'A Decimal is a text of digits, for example "19.90".'
    raise GraphQLError(msg)


def _parse_big_int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    msg = 'A BigInt is a whole number of 64 bits, for example 1990 or "1990".'
    raise GraphQLError(msg)


def _parse_currency(value: Any) -> str:
    if isinstance(value, str) and value in CURRENCY_DIGITS:
        return value
    msg = f"A CurrencyCode is one of {', '.join(sorted(CURRENCY_DIGITS))}."
    raise GraphQLError(msg)


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC as text, RFC 3339, to the millisecond: `2026-11-22T08:30:00.000Z`.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=_print_date_time,
        parse_value=_parse_date_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as text, so that nothing is rounded on the way: `"19.90"`.',
        serialize=str,
        parse_value=_parse_decimal,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number of up to 64 bits as text, since JavaScript's numbers hold only 53.",
        serialize=str,
        parse_value=_parse_big_int,
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="A currency's code of three letters by ISO 4217, for example `CNY`.",
        specified_by_url="https://en.wikipedia.org/wiki/ISO_4217",
        serialize=str,
        parse_value=_parse_currency,
    ),
}


@strawberry.type(description="An amount in a currency, exact. Amounts are never floating point numbers.")
class Money:
    """What the schema calls Money; made from the floor's by `Money.of`."""

    amount: Decimal = strawberry.field(
        description='The amount in whole units with exactly the currency\'s digits: `"19.90"`.'
    )
    currency: CurrencyCode = strawberry.field(description="The currency.")
    minor_units: BigInt = strawberry.field(description="The same amount in the currency's smallest unit: `1990`.")

    @classmethod
    def of(cls, value: money.Money) -> "Money":
        """The floor's money as the schema shows it."""
        return cls(amount=value.decimal, currency=CurrencyCode(value.currency), minor_units=BigInt(value.amount_minor))

    @classmethod
    def minor(cls, amount_minor: int, currency: str) -> "Money":
        """An amount of a table's columns as the schema shows it."""
        return cls.of(money.Money(amount_minor, currency))


@strawberry.input(description="An amount in a currency, exact.")
class MoneyInput:
    """Money as it is given."""

    amount: Decimal = strawberry.field(description='The amount in whole units: `"19.90"`.')
    currency: CurrencyCode = strawberry.field(description="The currency.")

    def read(self, *, path: tuple[str, ...]) -> money.Money:
        """The floor's money; Invalid when the currency has no such parts, or when it is more than any sale."""
        digits = CURRENCY_DIGITS[self.currency]
        minor = self.amount.scaleb(digits)
        if minor != minor.to_integral_value():
            raise Invalid(
                f"{self.currency} has {digits} digits after the point.",
                zh=f"{self.currency} 的小数位数为 {digits}。",
                path=(*path, "amount"),
            )
        if abs(minor) > limits.AMOUNT_MAX_MINOR:
            raise Invalid("This is more than any sale.", zh="金额超过上限。", path=(*path, "amount"))
        return money.Money(int(minor), self.currency)
