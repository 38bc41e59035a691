"""Refusals of the audit log."""

from fondaco_core import limits
from fondaco_core.errors import Invalid


class ReasonNeeded(Invalid):
    """The act needs a reason that is kept with it, and there is none that says anything."""

    def __init__(self) -> None:
        super().__init__(
            f"Say why, in {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters; it is kept in the audit log.",
            zh=f"请填写原因（{limits.REASON_CHARS_MIN} 至 {limits.NOTE_MAX} 个字符），原因将记入审计日志。",
            path=("reason",),
        )
