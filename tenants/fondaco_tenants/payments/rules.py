"""Pure decisions about payments: states, when to look again, what becomes of money that came in."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from uuid import UUID

from fondaco_core import limits
from fondaco_core.ids import CustomerId, PaymentId, PaymentRefundId, TenantId
from fondaco_core.money import Money, checked_currency
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.payments.errors import InvalidAmount, InvalidGateway

# The kinds of gateways that there are adapters for.
KINDS = frozenset({"SANDBOX"})


class PaymentPurpose(StrEnum):
    """What a payment is for."""

    ORDER = "ORDER"
    TOP_UP = "TOP_UP"


class PaymentState(StrEnum):
    """Where a payment is. UNKNOWN is not failed: the gateway has not said whether it took the payment."""

    CREATING = "CREATING"
    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    CAPTURED = "CAPTURED"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


OPEN = frozenset({PaymentState.CREATING, PaymentState.UNKNOWN, PaymentState.PENDING})
# Money that arrives is there, whatever was thought of the payment before: everything leads to CAPTURED, nothing from it.
NEXT_STATES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.CREATING: frozenset(
        {
            PaymentState.UNKNOWN,
            PaymentState.PENDING,
            PaymentState.CAPTURED,
            PaymentState.CLOSED,
            PaymentState.FAILED,
        }
    ),
    PaymentState.UNKNOWN: frozenset(
        {PaymentState.PENDING, PaymentState.CAPTURED, PaymentState.CLOSED, PaymentState.FAILED}
    ),
    PaymentState.PENDING: frozenset({PaymentState.CAPTURED, PaymentState.CLOSED}),
    PaymentState.CLOSED: frozenset({PaymentState.CAPTURED}),
    PaymentState.FAILED: frozenset({PaymentState.CAPTURED}),
    PaymentState.CAPTURED: frozenset(),
}


class PaymentFound(StrEnum):
    """Where a payment stands at the gateway. MISSING: the gateway knows no such payment (yet)."""

    MISSING = "MISSING"
    PENDING = "PENDING"
    PAID = "PAID"
    CLOSED = "CLOSED"


class RefundStanding(StrEnum):
    """Where a refund stands at the gateway. REFUSED is for good: no money moves under this refund id."""

    MISSING = "MISSING"
    PENDING = "PENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"


class BackTo(StrEnum):
    """Where money goes that is given back: to where it was paid from, or into the buyer's wallet."""

    SOURCE = "SOURCE"
    WALLET = "WALLET"


class Outcome(StrEnum):
    """What became of captured money. Only of the first two was an order paid; the last five gave all of it back."""

    ORDER_PAID = "ORDER_PAID"
    ORDER_PAID_LATE = "ORDER_PAID_LATE"
    TOPPED_UP = "TOPPED_UP"
    UNDERPAID = "UNDERPAID"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    DUPLICATE = "DUPLICATE"
    TOO_LATE = "TOO_LATE"
    NOT_SERVED = "NOT_SERVED"


PAYING = frozenset({Outcome.ORDER_PAID, Outcome.ORDER_PAID_LATE})


class Standing(StrEnum):
    """How the order of a payment stands when the money is there."""

    HELD = "HELD"
    EXPIRED = "EXPIRED"
    PAID = "PAID"
    OVER = "OVER"
    NOT_SERVED = "NOT_SERVED"


class RefundState(StrEnum):
    """Where money on its way back to its source is. UNKNOWN stays so until the gateway says what became of it.

    What was REFUSED and came into no wallet is sent again, or PAID_OUT by hand.
    """

    REQUESTED = "REQUESTED"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    PAID_OUT = "PAID_OUT"


class RefundReason(StrEnum):
    """Why money goes back to its source."""

    ORDER_REFUNDED = "ORDER_REFUNDED"
    OVERPAID = "OVERPAID"
    UNDERPAID = "UNDERPAID"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    DUPLICATE = "DUPLICATE"
    TOO_LATE = "TOO_LATE"
    NOT_SERVED = "NOT_SERVED"


class Verdict(StrEnum):
    """What a notification is: a gateway's, a forgery, of no payment of ours, or of another gateway's payment."""

    GENUINE = "GENUINE"
    FORGED = "FORGED"
    STRANGE = "STRANGE"
    MISDIRECTED = "MISDIRECTED"


class Step(StrEnum):
    """What to do about a payment after the gateway was asked."""

    NOTHING = "NOTHING"
    WAIT = "WAIT"
    OPEN = "OPEN"
    CAPTURE = "CAPTURE"
    STOP = "STOP"
    END = "END"


def next_step(state: PaymentState, found: PaymentFound, *, unwanted: bool, expires_at: datetime, now: datetime) -> Step:
    """What to do about a payment in a state, once the gateway has said where it stands."""
    if found is PaymentFound.PAID:
        return Step.NOTHING if state is PaymentState.CAPTURED else Step.CAPTURE
    if state not in OPEN:
        return Step.NOTHING
    over = unwanted or expires_at <= now
    match found:
        case PaymentFound.CLOSED:
            return Step.END
        case PaymentFound.PENDING:
            # One that the gateway took and whose answer was lost is opened once more, which says where to pay.
            opened = state is PaymentState.PENDING
            return Step.STOP if over else Step.WAIT if opened else Step.OPEN
        case PaymentFound.MISSING:
            # Some gateways know of a payment only when somebody looks at it: it may still be paid until its time is over.
            if expires_at + timedelta(seconds=limits.PAYMENT_GRACE_S) <= now:
                return Step.END
            return Step.WAIT if over or state is PaymentState.PENDING else Step.OPEN


def look_after_s(looks: int) -> float:
    """How long to wait before the gateway is asked again, after so many times."""
    return float(min(limits.PAYMENT_LOOK_S * 2 ** min(looks, 16), limits.PAYMENT_LOOK_MAX_S))


def outcome_of(*, total: Money, captured: Money, standing: Standing) -> Outcome:
    """What becomes of money that was captured for an order; ORDER_PAID_LATE holds if its stock can be had again."""
    if captured.currency != total.currency:
        return Outcome.WRONG_CURRENCY
    match standing:
        case Standing.PAID:
            return Outcome.DUPLICATE
        case Standing.OVER:
            return Outcome.TOO_LATE
        case Standing.NOT_SERVED:
            return Outcome.NOT_SERVED
        case _:
            pass
    if captured.amount_minor < total.amount_minor:
        return Outcome.UNDERPAID
    return Outcome.ORDER_PAID if standing is Standing.HELD else Outcome.ORDER_PAID_LATE


def leftover_of(outcome: Outcome, *, total_minor: int, captured_minor: int) -> tuple[int, RefundReason | None]:
    """How much of captured money was not needed, and why it goes back."""
    if outcome is Outcome.TOPPED_UP:
        return 0, None
    if outcome in PAYING:
        rest = captured_minor - total_minor
        assert rest >= 0
        return rest, RefundReason.OVERPAID if rest else None
    return captured_minor, RefundReason(outcome.value)


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose wallet money goes through: a customer's of a tenant, or the tenant's own."""

    tenant_id: TenantId
    customer_id: CustomerId | None

    def wallet(self, currency: str) -> Owner:
        """The wallet."""
        return Owner(self.tenant_id, self.customer_id, AccountKind.WALLET, currency)


def money_in(payer: Payer, captured: Money, *, purpose: PaymentPurpose, payment_id: PaymentId) -> NewTransfer:
    """The transfer that books captured money into the payer's wallet."""
    return NewTransfer(
        _platform(AccountKind.GATEWAY_CLEARING, captured.currency), payer.wallet(captured.currency), captured.amount_minor,
        Purpose.PAYMENT if purpose is PaymentPurpose.ORDER else Purpose.TOP_UP, payment_id,
    )  # fmt: skip


def money_leaving(payer: Payer, amount: Money, *, refund_id: UUID) -> NewTransfer:
    """The transfer that takes money out of the payer's wallet, on its way back to its source."""
    return NewTransfer(
        payer.wallet(amount.currency), _platform(AccountKind.REFUNDS, amount.currency), amount.amount_minor,
        Purpose.PAY_BACK, refund_id,
    )  # fmt: skip


def money_gone(amount: Money, *, refund_id: PaymentRefundId) -> NewTransfer:
    """The transfer that books what the gateway has given back."""
    return NewTransfer(
        _platform(AccountKind.REFUNDS, amount.currency), _platform(AccountKind.GATEWAY_CLEARING, amount.currency),
        amount.amount_minor, Purpose.PAY_BACK, refund_id,
    )  # fmt: skip


def money_paid_out(amount: Money, *, refund_id: PaymentRefundId) -> NewTransfer:
    """The transfer that books what somebody paid out by hand, outside of any gateway."""
    return NewTransfer(
        _platform(AccountKind.REFUNDS, amount.currency), _platform(AccountKind.GATEWAY_CLEARING, amount.currency),
        amount.amount_minor, Purpose.PAY_OUT, refund_id,
    )  # fmt: skip


def money_returned(payer: Payer, amount: Money, *, refund_id: PaymentRefundId) -> NewTransfer:
    """The transfer that puts into the wallet what the source did not take back."""
    return NewTransfer(
        _platform(AccountKind.REFUNDS, amount.currency), payer.wallet(amount.currency), amount.amount_minor,
        Purpose.PAY_BACK, refund_id,
    )  # fmt: skip


def _platform(kind: AccountKind, currency: str) -> Owner:
    return Owner(None, None, kind, currency)


def checked_amount(amount: Money) -> Money:
    """The amount itself; InvalidAmount when it is nothing or beyond any real sale."""
    if not 0 < amount.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise InvalidAmount
    return amount


def checked_url(text: str, *, path: tuple[str, ...], local: bool = False) -> str:
    """An address that one may be sent to, or that a gateway may be asked at; InvalidGateway names what is wrong.

    It is https; with `local` also http, for a gateway on the operator's own machine.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ({"http", "https"} if local else {"https"}) and bool(parts.hostname)
        sound = sound and parts.username is None and parts.password is None and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or len(url) > limits.URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidGateway(
            "This is not an address that can be used: it begins with https:// and names a host.",
            zh="该地址不可用：须以 https:// 开头并包含主机名。",
            path=path,
        )
    return url


@dataclass(frozen=True, slots=True)
class GatewayDetails:
    """What an operator enters of a gateway, its secret apart."""

    title_zh: str
    title_en: str
    currencies: tuple[str, ...]
    base_url: str
    options: tuple[tuple[str, str], ...] = ()


_KEY = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]")


def checked_key(key: str) -> str:
    """The short name of a gateway in addresses; InvalidGateway when it is none."""
    if _KEY.fullmatch(key) is None:
        raise InvalidGateway(
            "A gateway's key has 3 to 40 small letters, digits and dashes, and no dash at its ends.",
            zh="支付通道的标识须为 3 至 40 个小写字母、数字或连字符，且首尾不能是连字符。",
            path=("key",),
        )
    return key


def checked_kind(kind: str) -> str:
    """The kind of a gateway; InvalidGateway when there is no adapter for it."""
    if kind not in KINDS:
        raise InvalidGateway(
            f"There are these kinds of gateways: {', '.join(sorted(KINDS))}.",
            zh=f"可用的支付通道类型：{'、'.join(sorted(KINDS))}。",
            path=("kind",),
        )
    return kind


def checked_details(details: GatewayDetails) -> GatewayDetails:
    """The details, tidied; InvalidGateway names the field that makes no sense."""
    titles = [details.title_zh.strip(), details.title_en.strip()]
    for title, path in zip(titles, ("titleZh", "titleEn"), strict=True):
        if not 0 < len(title) <= limits.NAME_MAX or not title.isprintable():
            raise InvalidGateway(
                f"A title has 1 to {limits.NAME_MAX} characters.",
                zh=f"名称须为 1 至 {limits.NAME_MAX} 个字符。",
                path=(path,),
            )
    currencies = tuple(sorted({checked_currency(code, path=("currencies",)) for code in details.currencies}))
    if not currencies:
        raise InvalidGateway("Name one currency at least.", zh="请至少填写一种货币。", path=("currencies",))
    options = {name.strip(): value.strip() for name, value in details.options}
    if len(options) > limits.GATEWAY_OPTIONS_MAX or any(
        not 0 < len(text) <= limits.NAME_MAX or not text.isprintable() for pair in options.items() for text in pair
    ):
        raise InvalidGateway(
            f"There are at most {limits.GATEWAY_OPTIONS_MAX} options, each a name and a value of 1 to {limits.NAME_MAX} characters.",
            zh=f"最多 {limits.GATEWAY_OPTIONS_MAX} 个选项，名称与取值均为 1 至 {limits.NAME_MAX} 个字符。",
            path=("options",),
        )
    url = checked_url(details.base_url, path=("baseUrl",), local=True).rstrip("/")
    return GatewayDetails(titles[0], titles[1], currencies, url, tuple(sorted(options.items())))
