"""How payments can fail.

Refusal
└── Invalid
    └── InvalidAmount   an amount of money that makes no sense here
"""

from fondaco_core import limits
from fondaco_core.errors import Invalid


class InvalidAmount(Invalid):
    """An amount is positive and not beyond any real sale."""

    code = "INVALID_AMOUNT"

    def __init__(self, *, path: tuple[str, ...] = ("amount",)) -> None:
        super().__init__(
            f"An amount is from 1 to {limits.AMOUNT_MAX_MINOR} minor units.",
            zh=f"金额须为 1 至 {limits.AMOUNT_MAX_MINOR}(最小货币单位)。",
            path=path,
        )
