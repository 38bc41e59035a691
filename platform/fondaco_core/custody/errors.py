"""How custody refuses.

Refusal
└── Conflict
    └── KeysStillNeeded   the merchant's keys may not be destroyed yet
"""

from datetime import datetime

from fondaco_core import limits
from fondaco_core.errors import Conflict


class KeysStillNeeded(Conflict):
    """The merchant has not left, or not for long enough: its keys are not destroyed yet."""

    code = "KEYS_STILL_NEEDED"

    def __init__(self, until: datetime | None) -> None:
        super().__init__(
            "Only the keys of a closed merchant are destroyed; this one is not closed."
            if until is None
            else f"A closed merchant's keys are kept for {limits.KEYS_KEPT_DAYS} days; these may be destroyed from {until:%Y-%m-%d %H:%M} UTC on.",
            zh="只能销毁已关闭商户的密钥；该商户尚未关闭。"
            if until is None
            else f"已关闭商户的密钥须保留 {limits.KEYS_KEPT_DAYS} 天；{until:%Y-%m-%d %H:%M} UTC 之后方可销毁。",
            path=("tenant_id",),
        )
        self.until = until
