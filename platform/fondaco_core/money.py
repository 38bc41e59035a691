"""Money in minor units of a currency (ISO 4217), never a float."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fondaco_core.errors import Invalid

# Minor-unit digits by ISO 4217 (list one). A currency that is not here is refused, not guessed.
CURRENCY_DIGITS = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "EUR": 2, "GBP": 2, "HKD": 2, "IDR": 2, "INR": 2, "JPY": 0,
    "KRW": 0, "KWD": 3, "MOP": 2, "MYR": 2, "NZD": 2, "PHP": 2, "SGD": 2, "THB": 2, "TRY": 2, "TWD": 2, "USD": 2,
    "VND": 0,
}  # fmt: skip


def checked_currency(code: str, *, path: tuple[str, ...] = ("currency",)) -> str:
    """The code itself, when it is a currency that is traded here; else Invalid."""
    if code not in CURRENCY_DIGITS:
        known = ", ".join(sorted(CURRENCY_DIGITS))
        raise Invalid(
            f"{code!r} is not a currency that is traded here; use one of {known}.",
            zh=f"不支持的货币 {code!r}；可用：{known}。",
            path=path,
        )
    return code


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units with its currency; sums across currencies are a programmer's error."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        assert self.currency in CURRENCY_DIGITS, self.currency

    def __add__(self, other: "Money") -> "Money":
        assert self.currency == other.currency
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        assert self.currency == other.currency
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, factor: int) -> "Money":
        return Money(self.amount_minor * factor, self.currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with exactly the currency's digits."""
        return Decimal(self.amount_minor).scaleb(-CURRENCY_DIGITS[self.currency])

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"


def split(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Splits an amount by whole-number weights and loses nothing: largest remainders first, ties to the earlier part."""
    assert weights
    assert all(weight >= 0 for weight in weights)
    total = sum(weights)
    assert total > 0
    sign, size = (-1, -amount_minor) if amount_minor < 0 else (1, amount_minor)
    parts = [size * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % total), i))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    assert sum(parts) == size
    return tuple(sign * part for part in parts)


def fee_of(amount_minor: int, rate_bps: int) -> int:
    """A fee in basis points of an amount, rounded half up to a minor unit, never more than the amount."""
    assert amount_minor >= 0
    assert 0 <= rate_bps <= 10_000  # noqa: PLR2004 - 10,000 basis points are the whole
    return (amount_minor * rate_bps + 5_000) // 10_000
