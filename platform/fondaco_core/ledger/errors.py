"""How the ledger can fail.

Refusal
└── Conflict
    └── InsufficientFunds   a wallet would go below its floor
"""

from fondaco_core.errors import Conflict
from fondaco_core.money import Money


class InsufficientFunds(Conflict):
    """A wallet has less than what is asked of it; its credit line counts as money it has."""

    code = "INSUFFICIENT_FUNDS"

    def __init__(self, *, asked: Money, available: Money, advice: str = "", advice_zh: str = "") -> None:
        super().__init__(
            f"The wallet has {available} available; {asked} is needed.{advice and ' '}{advice}",
            zh=f"钱包可用余额为 {available}，需要 {asked}。{advice_zh}",
        )
        self.asked = asked
        self.available = available
