"""Pure decisions of tiers and agreements: what is granted when, who may do what in which state."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.money import Money
from fondaco_tenants.supply.errors import AgreementInWrongState, SuppliersChoice

# Letters of other scripts that nobody tells from a Latin one at a glance, and what is alike in Latin itself.
_LOOKS = str.maketrans(
    "\u0430\u0432\u0435\u0451\u0437\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u04cf"
    "\u0501\u051b\u051d\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131",
    "abee3kmhopctyxsijldqwabeznikmvoptuxi",
) | str.maketrans("01i", "oll")


def look_of(name: str) -> str:
    """A name as it looks: equal for two that people would take for the same.

    Case, accents, widths, blanks and signs do not matter, nor letters that other scripts draw alike. A name of signs alone is
    what it is.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold()).translate(_LOOKS)
    return "".join(char for char in plain if char.isalnum()).translate(_LOOKS) or plain


class StockView(StrEnum):
    """How much of the stock behind an offer its resellers are told."""

    EXACT = "EXACT"
    BANDED = "BANDED"
    HIDDEN = "HIDDEN"


class AgreementState(StrEnum):
    """Where an agreement stands."""

    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    ENDED = "ENDED"
    DECLINED = "DECLINED"


class AgreementRole(StrEnum):
    """Which of the two ends of an agreement a merchant is."""

    SUPPLIER = "SUPPLIER"
    RESELLER = "RESELLER"


class AgreementStep(StrEnum):
    """What can be done to an agreement that there is; as its events say that it was."""

    ACCEPT = "ACCEPTED"
    DECLINE = "DECLINED"
    SUSPEND = "SUSPENDED"
    RESUME = "RESUMED"
    END = "ENDED"
    CHANGE = "MOVED"


# The states of an agreement that has not ended: two merchants have one of these, in a direction.
LIVE = (AgreementState.REQUESTED, AgreementState.ACTIVE, AgreementState.SUSPENDED)

_FROM = {
    AgreementStep.ACCEPT: frozenset({AgreementState.REQUESTED}),
    AgreementStep.DECLINE: frozenset({AgreementState.REQUESTED}),
    AgreementStep.SUSPEND: frozenset({AgreementState.ACTIVE}),
    AgreementStep.RESUME: frozenset({AgreementState.SUSPENDED}),
    AgreementStep.END: frozenset({AgreementState.ACTIVE, AgreementState.SUSPENDED}),
    AgreementStep.CHANGE: frozenset({AgreementState.ACTIVE, AgreementState.SUSPENDED}),
}
_TO = {
    AgreementStep.ACCEPT: AgreementState.ACTIVE,
    AgreementStep.DECLINE: AgreementState.DECLINED,
    AgreementStep.SUSPEND: AgreementState.SUSPENDED,
    AgreementStep.RESUME: AgreementState.ACTIVE,
    AgreementStep.END: AgreementState.ENDED,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tier grants; None is no bound, and of credit none. `settle_days` after a sale its money is the supplier's own."""

    stock_view: StockView
    day_units_max: int | None
    month_units_max: int | None
    hold_units_max: int | None
    credit: Money | None
    settle_days: int
    # What of a sale goes to who brought the reseller, to who brought that one, and so on, in basis points.
    commissions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrides:
    """What an agreement grants in the place of its tier; None is what the tier grants."""

    credit: Money | None = None
    day_units_max: int | None = None


@dataclass(frozen=True, slots=True)
class Used:
    """What a reseller has used of an agreement: what it owes, units of today and of this month, units held."""

    credit: Money | None
    day_units: int
    month_units: int
    held_units: int


def may(step: AgreementStep, state: AgreementState, role: AgreementRole) -> bool:
    """Whether one end of an agreement may do this in this state."""
    if role is AgreementRole.RESELLER:
        # It may leave, and take back what it asked for; all else is the supplier's to decide.
        return step is AgreementStep.END and state in LIVE
    return state in _FROM[step]


def check_step(step: AgreementStep, state: AgreementState, role: AgreementRole) -> None:
    """Raises SuppliersChoice or AgreementInWrongState unless this end may do this in this state."""
    if may(step, state, role):
        return
    if role is AgreementRole.RESELLER and step is not AgreementStep.END:
        raise SuppliersChoice
    raise AgreementInWrongState(state)


def state_after(step: AgreementStep, state: AgreementState) -> AgreementState:
    """The state that a step leads to; a change of the terms leaves it."""
    return _TO.get(step, state)


def checked_terms(terms: Terms) -> Terms:
    """The terms themselves; Invalid when one of them is none."""
    for field, least in (("day_units_max", 1), ("month_units_max", 1), ("hold_units_max", 0)):
        check_units(getattr(terms, field), least=least, path=("terms", field))
    if not 0 <= terms.settle_days <= limits.SETTLE_DAYS_MAX:
        raise Invalid(
            f"Money settles after 0 to {limits.SETTLE_DAYS_MAX} days.",
            zh=f"结算天数须为 0 至 {limits.SETTLE_DAYS_MAX}。",
            path=("terms", "settle_days"),
        )
    check_credit(terms.credit, path=("terms", "credit"))
    levels, whole = len(terms.commissions), sum(terms.commissions)
    if (
        levels > limits.COMMISSION_LEVELS_MAX
        or min(terms.commissions, default=0) < 0
        or whole > limits.COMMISSION_BPS_MAX
    ):
        raise Invalid(
            f"Commission goes over at most {limits.COMMISSION_LEVELS_MAX} levels, of 0 to {limits.COMMISSION_BPS_MAX} basis points together.",
            zh=f"佣金最多 {limits.COMMISSION_LEVELS_MAX} 级，合计 0 至 {limits.COMMISSION_BPS_MAX} 个基点。",
            path=("terms", "commissions"),
        )
    return terms


def check_units(units: int | None, *, least: int, path: tuple[str, ...]) -> None:
    """Raises Invalid for a number of units that cannot be a bound."""
    if units is not None and not least <= units <= limits.SUPPLY_UNITS_MAX:
        raise Invalid(
            f"A bound is from {least} to {limits.SUPPLY_UNITS_MAX} units; leave it out for none.",
            zh=f"数量上限须为 {least} 至 {limits.SUPPLY_UNITS_MAX}；不填表示不限。",
            path=path,
        )


def check_credit(credit: Money | None, *, path: tuple[str, ...]) -> None:
    """Raises Invalid for a credit line below nothing, or beyond any sale."""
    if credit is not None and not 0 <= credit.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid("A credit line is not below zero.", zh="信用额度不能为负数。", path=path)


def checked_start(starts_at: datetime | None, now: datetime) -> datetime:
    """The moment from which terms hold: now when none is given; Invalid for one that is over or too far away."""
    if starts_at is None:
        return now
    if not now <= starts_at <= now + timedelta(days=limits.TERMS_AHEAD_DAYS_MAX):
        raise Invalid(
            f"Terms begin from now on, at most {limits.TERMS_AHEAD_DAYS_MAX} days ahead.",
            zh=f"生效时间不能早于当前时间，且最多提前 {limits.TERMS_AHEAD_DAYS_MAX} 天。",
            path=("starts_at",),
        )
    return starts_at


def granted(terms: Terms, overrides: Overrides) -> Terms:
    """What an agreement grants: its tier's terms, and what it has in their place."""
    return Terms(
        stock_view=terms.stock_view,
        day_units_max=terms.day_units_max if overrides.day_units_max is None else overrides.day_units_max,
        month_units_max=terms.month_units_max,
        hold_units_max=terms.hold_units_max,
        credit=terms.credit if overrides.credit is None else overrides.credit,
        settle_days=terms.settle_days,
    )


def month_of(day: date) -> date:
    """The first day of a day's month, by which units of a month are counted."""
    return day.replace(day=1)


def counted(*, units: int, since: date, now_since: date) -> int:
    """Units that were counted for a day or a month, as they stand now: a day that is over counts nothing any more."""
    return units if since == now_since else 0
