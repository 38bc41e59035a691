"""Decisions about payments: every state leads to an end, and every amount that comes in goes somewhere."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.ids import CustomerId, PaymentId, PaymentRefundId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner
from fondaco_tenants.payments import InvalidAmount, InvalidGateway
from fondaco_tenants.payments.adapters import FACTORIES
from fondaco_tenants.payments.rules import (
    KINDS,
    NEXT_STATES,
    OPEN,
    PAYING,
    GatewayDetails,
    Outcome,
    Payer,
    PaymentFound,
    PaymentPurpose,
    PaymentState,
    RefundReason,
    Standing,
    Step,
    checked_amount,
    checked_details,
    checked_key,
    checked_url,
    leftover_of,
    look_after_s,
    money_gone,
    money_in,
    money_leaving,
    money_returned,
    next_step,
    outcome_of,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AMOUNTS = st.integers(1, limits.AMOUNT_MAX_MINOR)
MONEY = st.builds(Money, AMOUNTS, st.sampled_from(["CNY", "USD"]))


def test_there_is_an_adapter_for_no_kind_that_cannot_be_entered() -> None:
    assert set(FACTORIES) <= KINDS


@given(
    state=st.sampled_from(PaymentState),
    found=st.sampled_from(PaymentFound),
    unwanted=st.booleans(),
    left_s=st.integers(-9_999, 9_999),
)
def test_what_is_done_about_a_payment_leads_where_its_state_may_go(
    *, state: PaymentState, found: PaymentFound, unwanted: bool, left_s: int
) -> None:
    step = next_step(state, found, unwanted=unwanted, expires_at=NOW + timedelta(seconds=left_s), now=NOW)

    leads = {Step.CAPTURE: PaymentState.CAPTURED, Step.END: PaymentState.CLOSED, Step.OPEN: PaymentState.PENDING}
    if step in leads:
        assert leads[step] in NEXT_STATES[state]
    # Money that is there is taken, whatever was thought of the payment before, and nothing else makes a capture.
    assert (step is Step.CAPTURE) == (found is PaymentFound.PAID and state is not PaymentState.CAPTURED)


@pytest.mark.parametrize(("state", "found"), list(product(sorted(OPEN), PaymentFound)))
def test_a_payment_whose_time_is_over_comes_to_its_end(state: PaymentState, found: PaymentFound) -> None:
    over = NOW - timedelta(seconds=limits.PAYMENT_GRACE_S)

    step = next_step(state, found, unwanted=False, expires_at=over, now=NOW)

    assert step in {Step.CAPTURE, Step.STOP, Step.END}


def test_a_payment_that_the_gateway_has_not_is_opened_while_somebody_wants_it() -> None:
    later = NOW + timedelta(hours=1)

    wanted = next_step(PaymentState.UNKNOWN, PaymentFound.MISSING, unwanted=False, expires_at=later, now=NOW)
    unwanted = next_step(PaymentState.UNKNOWN, PaymentFound.MISSING, unwanted=True, expires_at=later, now=NOW)

    assert (wanted, unwanted) == (Step.OPEN, Step.WAIT)


def test_everything_but_captured_money_may_still_be_captured() -> None:
    assert {state for state, nexts in NEXT_STATES.items() if PaymentState.CAPTURED not in nexts} == {
        PaymentState.CAPTURED
    }


@given(st.integers(0, 100))
def test_a_gateway_is_asked_ever_more_seldom_up_to_a_bound(looks: int) -> None:
    assert limits.PAYMENT_LOOK_S <= look_after_s(looks) <= look_after_s(looks + 1) <= limits.PAYMENT_LOOK_MAX_S


@given(MONEY, MONEY, st.sampled_from(Standing))
def test_an_order_is_paid_by_enough_of_its_own_currency_and_by_nothing_else(
    total: Money, captured: Money, standing: Standing
) -> None:
    outcome = outcome_of(total=total, captured=captured, standing=standing)

    enough = captured.currency == total.currency and captured.amount_minor >= total.amount_minor
    assert (outcome in PAYING) == (enough and standing in {Standing.HELD, Standing.EXPIRED})


def moved(transfers: list[NewTransfer], account: Owner) -> int:
    """What transfers bring into an account."""
    return sum(t.amount_minor * ((t.credit == account) - (t.debit == account)) for t in transfers)


@given(total=AMOUNTS, captured=AMOUNTS, standing=st.sampled_from(Standing), refused=st.booleans())
def test_all_that_comes_in_pays_or_goes_back_and_the_wallet_is_as_it_was(
    *, total: int, captured: int, standing: Standing, refused: bool
) -> None:
    payer = Payer(TenantId(uuid4()), CustomerId(uuid4()))
    wallet, shop = payer.wallet("CNY"), Owner(payer.tenant_id, None, AccountKind.RECEIVABLE, "CNY")
    payment_id, refund_id = PaymentId(uuid4()), PaymentRefundId(uuid4())
    outcome = outcome_of(total=Money(total, "CNY"), captured=Money(captured, "CNY"), standing=standing)

    rest, reason = leftover_of(outcome, total_minor=total, captured_minor=captured)
    transfers = [money_in(payer, Money(captured, "CNY"), purpose=PaymentPurpose.ORDER, payment_id=payment_id)]
    if rest:
        transfers.append(money_leaving(payer, Money(rest, "CNY"), refund_id=refund_id))
        back = Money(rest, "CNY")
        transfers.append(
            money_returned(payer, back, refund_id=refund_id) if refused else money_gone(back, refund_id=refund_id)
        )
    paid = total if outcome in PAYING else 0

    assert (reason is None) == (rest == 0)
    assert moved(transfers, wallet) - paid == (rest if refused else 0)
    assert moved(transfers, Owner(None, None, AccountKind.REFUNDS, "CNY")) == 0
    assert moved(transfers, Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")) == -captured + (
        0 if refused else rest
    )
    assert moved(transfers, shop) == 0


def test_every_outcome_that_gives_all_back_has_a_reason_to() -> None:
    back = set(Outcome) - PAYING - {Outcome.TOPPED_UP}

    reasons = {leftover_of(outcome, total_minor=1, captured_minor=2) for outcome in back}

    assert {reason for _, reason in reasons} == {RefundReason(outcome.value) for outcome in back}
    assert {rest for rest, _ in reasons} == {2}


@pytest.mark.parametrize("minor", [0, -1, limits.AMOUNT_MAX_MINOR + 1])
def test_an_amount_that_makes_no_sense_is_refused(minor: int) -> None:
    with pytest.raises(InvalidAmount):
        checked_amount(Money(minor, "CNY"))


@pytest.mark.parametrize(
    "url",
    [
        "", "gateway.example", "http://gateway.example", "https://", "https://a:b@gateway.example", "https://x.example/ y",
        "javascript:alert(1)", "https://x.example:99999", "https://x.example/" + "x" * limits.URL_CHARS_MAX, "https://例.example",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidGateway):
        checked_url(url, path=("returnUrl",))


def test_details_are_tidied() -> None:
    details = GatewayDetails(" 沙箱 ", "Sandbox", ("USD", "CNY", "USD"), "http://127.0.0.1:9/api/", ((" a ", " b "),))

    assert checked_details(details) == GatewayDetails(
        "沙箱", "Sandbox", ("CNY", "USD"), "http://127.0.0.1:9/api", (("a", "b"),)
    )


@pytest.mark.parametrize("key", ["", "a", "-ab", "ab-", "AB1", "a" * 41, "a/b"])
def test_a_key_that_cannot_stand_in_an_address_is_refused(key: str) -> None:
    with pytest.raises(InvalidGateway):
        checked_key(key)
