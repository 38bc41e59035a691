"""How withdrawals and statements refuse.

Refusal
├── Invalid
│   ├── TooLittleToWithdraw      less than is worth a transfer
│   └── PeriodTooLong            a statement of a period that is none, or too long
└── Conflict
    ├── DestinationTooNew        nobody is paid there yet
    ├── TooManyDestinations      the merchant has as many as it may have
    ├── TooManyWithdrawals       as many of them wait as may
    ├── WithdrawalInWrongState   it is not in a state in which this can be done
    └── OwnWithdrawal            nobody decides about what they asked for
"""

from datetime import datetime

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid
from fondaco_core.money import Money

_STANDS = {
    "REQUESTED": ("waits for an answer", "正在等待审批"),
    "APPROVED": ("is approved and not paid yet", "已批准但尚未付款"),
    "PAID": ("is paid", "已付款"),
    "REFUSED": ("was refused", "已被拒绝"),
    "CANCELLED": ("was cancelled", "已取消"),
}


class TooLittleToWithdraw(Invalid):
    """Less than is worth a transfer."""

    code = "TOO_LITTLE_TO_WITHDRAW"

    def __init__(self, least: Money) -> None:
        super().__init__(f"Ask for {least} or more.", zh=f"单次提现不得少于 {least}。", path=("amount",))
        self.least = least


class PeriodTooLong(Invalid):
    """A statement's period begins before it ends, and is not too long."""

    code = "PERIOD_TOO_LONG"

    def __init__(self) -> None:
        most = limits.STATEMENT_DAYS_MAX
        super().__init__(
            f"A period begins before it ends, and has at most {most} days.", zh=f"时间段须先始后终，且最长 {most} 天。",
            path=("to",),
        )  # fmt: skip


class DestinationTooNew(Conflict):
    """A destination may be used only some time after it was added, so that its owners can object."""

    code = "DESTINATION_TOO_NEW"

    def __init__(self, usable_from: datetime) -> None:
        moment = f"{usable_from:%Y-%m-%d %H:%M}"
        super().__init__(
            f"This destination was added lately; it may be used from {moment} (UTC).",
            zh=f"该收款账户为新添加，{moment}（UTC）后方可使用。",
        )
        self.usable_from = usable_from


class TooManyDestinations(Conflict):
    """The merchant has as many destinations as it may have."""

    code = "TOO_MANY_DESTINATIONS"

    def __init__(self) -> None:
        most = limits.DESTINATIONS_MAX
        super().__init__(
            f"There are {most} destinations already; remove one first.",
            zh=f"收款账户已达 {most} 个，请先删除不用的账户。",
        )


class TooManyWithdrawals(Conflict):
    """As many withdrawals wait as may."""

    code = "TOO_MANY_WITHDRAWALS"

    def __init__(self) -> None:
        most = limits.WITHDRAWALS_OPEN_MAX
        super().__init__(
            f"{most} withdrawals wait already; let them end first.", zh=f"已有 {most} 笔提现待处理，请等待其完成。"
        )


class WithdrawalInWrongState(Conflict):
    """The withdrawal is not in a state in which this can be done."""

    code = "WITHDRAWAL_IN_WRONG_STATE"

    def __init__(self, state: str) -> None:
        english, chinese = _STANDS[state]
        super().__init__(
            f"This withdrawal {english}, so that this cannot be done.", zh=f"该提现{chinese}，无法执行此操作。"
        )
        self.state = state


class OwnWithdrawal(Conflict):
    """Nobody decides about what they asked for themselves."""

    code = "OWN_WITHDRAWAL"

    def __init__(self) -> None:
        super().__init__(
            "You asked for this withdrawal yourself; somebody else has to decide about it.",
            zh="该提现由您本人申请，须由他人审批。",
        )
