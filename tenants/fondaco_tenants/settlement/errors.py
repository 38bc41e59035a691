"""How settlement can fail.

Refusal
└── Conflict
    └── MoreThanOwed   a repayment is of more than is owed
"""

from fondaco_core.errors import Conflict
from fondaco_core.money import Money


class MoreThanOwed(Conflict):
    """A repayment is of more than is owed by the agreement, or of another currency."""

    code = "MORE_THAN_OWED"

    def __init__(self, owed: Money) -> None:
        super().__init__(
            f"By this agreement {owed} is owed; repay that at most.",
            zh=f"该供货协议下的欠款为 {owed}，还款不得超过该金额。",
            path=("amount",),
        )
        self.owed = owed
