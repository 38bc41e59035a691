"""How payments can fail.

FondacoError
├── Refusal
│   ├── Invalid
│   │   ├── InvalidAmount        an amount of money that makes no sense here
│   │   ├── InvalidDay           a day that has not begun
│   │   └── InvalidGateway       what was entered for a gateway makes no sense
│   └── Conflict
│       ├── DifferenceResolved   a difference of two books is off the list already
│       ├── GatewayExists        there is a gateway of that key
│       ├── GatewayUnavailable   this way to pay cannot be used for this
│       ├── PaymentNotOpened     the gateway did not take the payment
│       ├── RefundNotRefused     a refund does not wait for a person
│       └── TooManyPayments      too many payments wait to be paid already
├── GatewayRefused               a gateway says no for good; the next step is ours
└── ForgedNotification           a notification is not from the gateway it names
"""

from fondaco_core import limits
from fondaco_core.errors import Conflict, FondacoError, Invalid


class InvalidAmount(Invalid):
    """An amount is positive and not beyond any real sale."""

    code = "INVALID_AMOUNT"

    def __init__(self, *, path: tuple[str, ...] = ("amount",)) -> None:
        super().__init__(
            f"An amount is from 1 to {limits.AMOUNT_MAX_MINOR} minor units.",
            zh=f"金额须为 1 至 {limits.AMOUNT_MAX_MINOR} 个最小货币单位（如分）。",
            path=path,
        )


class InvalidGateway(Invalid):
    """What was entered for a gateway makes no sense; `path` says where."""

    code = "INVALID_GATEWAY"


class GatewayExists(Conflict):
    """There is a gateway of that key, or there are as many as there may be."""

    code = "GATEWAY_EXISTS"

    def __init__(self, *, full: bool = False) -> None:
        if full:
            super().__init__(
                f"There are {limits.GATEWAYS_MAX} gateways already.", zh=f"支付通道已达上限 {limits.GATEWAYS_MAX} 个。"
            )
        else:
            super().__init__("There is a gateway of that key already.", zh="该标识的支付通道已存在。", path=("key",))


class GatewayUnavailable(Conflict):
    """This way to pay cannot be used here: it is switched off, or does not take this currency."""

    code = "GATEWAY_UNAVAILABLE"

    def __init__(self, key: str) -> None:
        super().__init__(
            "This way to pay cannot be used for this; choose another one.",
            zh="该支付方式目前不可用于此笔付款，请选择其他方式。",
            path=("gateway",),
        )
        self.key = key


class PaymentNotOpened(Conflict):
    """The gateway did not take the payment; nothing was paid."""

    code = "PAYMENT_NOT_OPENED"

    def __init__(self) -> None:
        super().__init__(
            "The gateway did not take this payment, and nothing was paid; choose another way to pay.",
            zh="支付通道未受理此笔付款，未发生扣款；请选择其他支付方式。",
            path=("gateway",),
        )


class TooManyPayments(Conflict):
    """Too many payments of this kind wait to be paid already."""

    code = "TOO_MANY_PAYMENTS"

    def __init__(self, *, payments_max: int) -> None:
        super().__init__(
            f"At most {payments_max} payments wait at once; use one of them, or wait until it has expired.",
            zh=f"最多同时保留 {payments_max} 笔待付款；请使用其中一笔，或等待其过期。",
        )
        self.payments_max = payments_max


class InvalidDay(Invalid):
    """A day whose books are compared has begun."""

    code = "INVALID_DAY"

    def __init__(self) -> None:
        super().__init__("This day has not begun yet.", zh="该日期尚未开始。", path=("day",))


class DifferenceResolved(Conflict):
    """Somebody has said already what became of this difference, or it is gone."""

    code = "DIFFERENCE_RESOLVED"

    def __init__(self) -> None:
        super().__init__("This difference is resolved already.", zh="该差异已处理。")


_REFUND_STATES = {
    "REQUESTED": ("is on its way", "正在处理"), "UNKNOWN": ("is on its way, and its gateway is being asked", "正在处理，等待支付通道确认"),
    "DONE": ("has arrived", "已完成"), "PAID_OUT": ("was paid out by a person", "已由人工支付"),
    "REFUSED": ("went to the buyer's wallet", "已退至买家钱包"),
}  # fmt: skip


class RefundNotRefused(Conflict):
    """This refund does not wait for a person: it is on its way, at its end, or in the buyer's wallet."""

    code = "REFUND_NOT_REFUSED"

    def __init__(self, state: str) -> None:
        stands, stands_zh = _REFUND_STATES.get(state, (f"is {state}", state))
        super().__init__(
            f"This refund {stands}; it does not wait for anybody to do something about it.",
            zh=f"该退款{stands_zh}，无需人工处理。",
        )
        self.state = state


class GatewayRefused(FondacoError):
    """A gateway says no for good to what it was asked; `reason` is its own word for why, and holds no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ForgedNotification(FondacoError):
    """A notification is not from the gateway it names: its signature is missing, wrong or too old."""
