"""What a statement adds up. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from fondaco_core import limits
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants.settlement.errors_withdrawals import PeriodTooLong

# The merchant's own accounts that a statement is of, in its order.
ACCOUNTS: Final = (AccountKind.WALLET, AccountKind.RECEIVABLE, AccountKind.CREDIT_USED)


@dataclass(frozen=True, slots=True)
class Movement:
    """Everything of one purpose that came into an account in a period, or went out of it; the amount is never negative."""

    account: AccountKind
    purpose: Purpose
    incoming: bool
    count: int
    amount_minor: int

    @property
    def signed_minor(self) -> int:
        """Positive for money in, negative for money out."""
        return self.amount_minor if self.incoming else -self.amount_minor


@dataclass(frozen=True, slots=True)
class AccountTotals:
    """An account over a period."""

    account: AccountKind
    opening_minor: int
    in_minor: int
    out_minor: int

    @property
    def closing_minor(self) -> int:
        """What it holds at the end."""
        return self.opening_minor + self.in_minor - self.out_minor


def check_period(since: datetime, until: datetime) -> None:
    """Raises PeriodTooLong for a period that is none, or too long."""
    if not since < until <= since + timedelta(days=limits.STATEMENT_DAYS_MAX):
        raise PeriodTooLong


def totals_of(openings: Mapping[AccountKind, int], movements: Sequence[Movement]) -> tuple[AccountTotals, ...]:
    """Each account with what it began with, and what came and went."""
    return tuple(
        AccountTotals(
            account, openings.get(account, 0),
            _sum(each for each in movements if each.account is account and each.incoming),
            _sum(each for each in movements if each.account is account and not each.incoming),
        )
        for account in ACCOUNTS
    )  # fmt: skip


def _sum(movements: Iterable[Movement]) -> int:
    return sum(each.amount_minor for each in movements)
