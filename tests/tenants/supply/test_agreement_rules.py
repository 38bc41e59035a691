"""What may be done to agreements in which state, by which end, and what they grant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.money import Money
from fondaco_tenants.supply import (
    AgreementInWrongState,
    AgreementRole,
    AgreementState,
    AgreementStep,
    Overrides,
    SuppliersChoice,
    granted,
    may,
    rules,
)
from tests.support.factories.supply import make_terms

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SUPPLIER, RESELLER = AgreementRole.SUPPLIER, AgreementRole.RESELLER
REQUESTED, ACTIVE, SUSPENDED = AgreementState.REQUESTED, AgreementState.ACTIVE, AgreementState.SUSPENDED


def test_a_supplier_decides_what_is_asked_and_stops_resumes_and_ends_what_is_agreed() -> None:
    allowed = {(step, state) for step in AgreementStep for state in AgreementState if may(step, state, SUPPLIER)}

    assert allowed == {
        (AgreementStep.ACCEPT, REQUESTED), (AgreementStep.DECLINE, REQUESTED), (AgreementStep.SUSPEND, ACTIVE),
        (AgreementStep.RESUME, SUSPENDED), (AgreementStep.END, ACTIVE), (AgreementStep.END, SUSPENDED),
        (AgreementStep.CHANGE, ACTIVE), (AgreementStep.CHANGE, SUSPENDED),
    }  # fmt: skip


def test_a_reseller_only_leaves() -> None:
    allowed = {(step, state) for step in AgreementStep for state in AgreementState if may(step, state, RESELLER)}

    assert allowed == {(AgreementStep.END, state) for state in (REQUESTED, ACTIVE, SUSPENDED)}


@given(st.sampled_from(AgreementStep), st.sampled_from(AgreementState), st.sampled_from(AgreementRole))
def test_what_may_not_be_done_is_refused_with_its_reason(
    step: AgreementStep, state: AgreementState, role: AgreementRole
) -> None:
    choice = role is RESELLER and step is not AgreementStep.END

    if may(step, state, role):
        rules.check_step(step, state, role)
        return
    with pytest.raises(SuppliersChoice if choice else AgreementInWrongState):
        rules.check_step(step, state, role)


@given(st.sampled_from(AgreementStep), st.sampled_from(AgreementState))
def test_what_has_ended_stays_so(step: AgreementStep, state: AgreementState) -> None:
    ended = (AgreementState.ENDED, AgreementState.DECLINED)

    assert not any(may(step, each, role) for each in ended for role in AgreementRole)
    assert rules.state_after(step, state) is not AgreementState.REQUESTED or state is AgreementState.REQUESTED


def test_an_agreement_grants_its_own_line_and_quota_and_else_what_its_tier_does() -> None:
    terms = make_terms(credit=Money(500, "CNY"), day_units_max=10, month_units_max=100, settle_days=3)

    plain = granted(terms, Overrides())
    own = granted(terms, Overrides(credit=Money(0, "CNY"), day_units_max=99))

    assert plain == terms
    assert (own.credit, own.day_units_max, own.month_units_max, own.settle_days) == (Money(0, "CNY"), 99, 100, 3)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"day_units_max": 0}, "day_units_max"),
        ({"month_units_max": -1}, "month_units_max"),
        ({"hold_units_max": -1}, "hold_units_max"),
        ({"day_units_max": limits.SUPPLY_UNITS_MAX + 1}, "day_units_max"),
        ({"settle_days": -1}, "settle_days"),
        ({"settle_days": limits.SETTLE_DAYS_MAX + 1}, "settle_days"),
        ({"credit": Money(-1, "CNY")}, "credit"),
        ({"credit": Money(limits.AMOUNT_MAX_MINOR + 1, "CNY")}, "credit"),
    ],
)
def test_terms_that_cannot_be_are_refused_at_their_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.checked_terms(make_terms(**given))

    assert refused.value.path == ("terms", field)


def test_terms_at_their_bounds_are_terms() -> None:
    terms = make_terms(day_units_max=1, hold_units_max=0, credit=Money(0, "CNY"), settle_days=limits.SETTLE_DAYS_MAX)

    assert rules.checked_terms(terms) == terms


def test_terms_begin_now_or_within_a_year() -> None:
    ahead = NOON + timedelta(days=limits.TERMS_AHEAD_DAYS_MAX)

    assert rules.checked_start(None, NOON) == NOON
    assert rules.checked_start(ahead, NOON) == ahead
    for moment in (NOON - timedelta(seconds=1), ahead + timedelta(seconds=1)):
        with pytest.raises(Invalid):
            rules.checked_start(moment, NOON)


def test_units_of_a_day_that_is_over_count_no_more() -> None:
    assert rules.counted(units=7, since=date(2026, 11, 23), now_since=date(2026, 11, 23)) == 7
    assert rules.counted(units=7, since=date(2026, 11, 22), now_since=date(2026, 11, 23)) == 0
    assert rules.month_of(date(2026, 11, 23)) == date(2026, 11, 1)
