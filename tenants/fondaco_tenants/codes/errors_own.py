"""How codes of one's own making, their redemption and the export of stock refuse.

Refusal
├── Invalid
│   ├── BadCodeForm         the form of codes makes no sense
│   ├── CodeFormGuessable   codes of this form could be guessed
│   ├── CodeMistyped        a slip: the check symbols do not fit
│   └── BadRecipientKey     what is exported is encrypted to an age key
├── NotFound
│   └── UnknownCode         no code of this merchant, as far as the asker may know
└── Conflict
    ├── CodeNotRedeemable   it is not sold, expired, void, or out of use for now
    ├── CodeRedeemed        it was redeemed before
    ├── CodeLocked          somebody else is about to redeem it
    ├── LockLost            the lock ended before the code was redeemed
    ├── ReversalTooLate     a redemption is taken back within a bound
    ├── TooManyWrongCodes   the asker has shown too many codes that do not exist
    ├── NothingToExport     no unsold code is as the filter says
    └── ExportOver          the file was fetched, or kept for too long
"""

from datetime import datetime

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid, NotFound

_FORM = {
    "PREFIX": ("A prefix has at most 6 of the symbols 2-9 and A-Z without I, L and O.", "前缀最多 6 个字符，只能使用 2-9 与除 I、L、O 以外的大写字母。"),
    "GROUPS": ("A code has 1 to 10 groups of at least one symbol.", "卡密须有 1 至 10 组，每组至少 1 个字符。"),
    "CHECK": ("A code has one or two check symbols.", "校验字符须为 1 或 2 个。"),
    "TOO_LONG": ("A code has at most 30 symbols, its prefix counted: two places further apart would be checked alike.", "卡密（含前缀）最多 30 个字符，更长则校验失效。"),
}  # fmt: skip
_STATUS = {
    "NOT_SOLD": ("This code was not sold.", "该卡密尚未售出。"),
    "VOID": ("This code was taken out of use.", "该卡密已作废。"),
    "EXPIRED": ("This code has expired.", "该卡密已过期。"),
    "QUARANTINED": ("This code is out of use until somebody has looked into it.", "该卡密已被隔离，待核查。"),
}


class BadCodeForm(Invalid):
    """The form of codes makes no sense."""

    code = "BAD_CODE_FORM"

    def __init__(self, fault: str) -> None:
        english, chinese = _FORM[fault]
        super().__init__(english, zh=chinese, path=("form",))
        self.fault = fault


class CodeFormGuessable(Invalid):
    """Codes of this form could be guessed."""

    code = "CODE_FORM_GUESSABLE"

    def __init__(self, bits: float, needed: float) -> None:
        super().__init__(
            f"Codes of this form have {bits:.1f} random bits; they need {needed:.0f}, so that nobody guesses one among millions. Add symbols.",
            zh=f"该格式的随机强度仅 {bits:.1f} 位，至少需要 {needed:.0f} 位才能防止被猜中；请增加字符。",
            path=("form",),
        )
        self.bits = bits
        self.bits_min = needed


class CodeMistyped(Invalid):
    """A slip in a code: its check symbols do not fit; `places` are surely wrong, counted from 1 without hyphens."""

    code = "CODE_MISTYPED"

    def __init__(self, places: tuple[int, ...]) -> None:
        where = f" Look at symbol {', '.join(map(str, places))}." if places else ""
        where_zh = f"请检查第 {'、'.join(map(str, places))} 个字符。" if places else ""
        super().__init__(
            f"This code is mistyped: its check symbols do not fit.{where}",
            zh=f"卡密输入有误：校验字符不匹配。{where_zh}",
            path=("text",),
        )
        self.places = places


class BadRecipientKey(Invalid):
    """What is exported is encrypted to the public half of an age key."""

    code = "BAD_RECIPIENT_KEY"

    def __init__(self) -> None:
        super().__init__(
            "Give the public half of an age key of yours (X25519), which begins with age1; `age-keygen` makes one.",
            zh="请提供您的 age 公钥（X25519，以 age1 开头）；可用 age-keygen 生成。",
            path=("recipient_key",),
        )


class UnknownCode(NotFound):
    """No code of this merchant, as far as the asker may know."""

    code = "UNKNOWN_CODE"

    def __init__(self) -> None:
        super().__init__("code", path=("text",))


class CodeNotRedeemable(Conflict):
    """The code is not sold, expired, void, or out of use for now."""

    code = "CODE_NOT_REDEEMABLE"

    def __init__(self, status: str) -> None:
        english, chinese = _STATUS[status]
        super().__init__(english, zh=chinese, path=("text",))
        self.status = status


class CodeRedeemed(Conflict):
    """The code was redeemed before."""

    code = "CODE_REDEEMED"

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"This code was redeemed on {at:%Y-%m-%d %H:%M} UTC.",
            zh=f"该卡密已于 {at:%Y-%m-%d %H:%M}（UTC）核销。",
            path=("text",),
        )
        self.redeemed_at = at


class CodeLocked(Conflict):
    """Somebody else is about to redeem the code."""

    code = "CODE_LOCKED"

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"Somebody else has locked this code until {until:%Y-%m-%d %H:%M:%S} UTC.",
            zh=f"该卡密已被锁定至 {until:%Y-%m-%d %H:%M:%S}（UTC）。",
            path=("text",),
        )
        self.locked_until = until


class LockLost(Conflict):
    """The lock ended before this: it was released, used, or its time was over."""

    code = "LOCK_LOST"

    def __init__(self) -> None:
        super().__init__(
            "This lock has ended: it was released, used, or its time was over.",
            zh="该锁定已结束（已释放、已使用或已超时）。",
            path=("redemption_id",),
        )


class ReversalTooLate(Conflict):
    """A redemption is taken back within a bound, and this one is not redeemed any more or was too long ago."""

    code = "REVERSAL_TOO_LATE"

    def __init__(self) -> None:
        super().__init__(
            f"Only a redemption of the last {limits.REDEMPTION_REVERSAL_HOURS} hours that stands is taken back.",
            zh=f"只能撤销最近 {limits.REDEMPTION_REVERSAL_HOURS} 小时内仍有效的核销。",
            path=("redemption_id",),
        )


class TooManyWrongCodes(Conflict):
    """The asker, or its address, has shown too many codes that do not exist."""

    code = "TOO_MANY_WRONG_CODES"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"Too many codes that do not exist were shown; try again in {retry_after_s} seconds.",
            zh=f"出示的无效卡密过多，请在 {retry_after_s} 秒后重试。",
        )
        self.retry_after_s = retry_after_s


class NothingToExport(Conflict):
    """No unsold code is as the filter says."""

    code = "NOTHING_TO_EXPORT"

    def __init__(self) -> None:
        super().__init__("No unsold code of this pool is as you say.", zh="该卡池中没有符合条件的未售卡密。")


class ExportOver(Conflict):
    """The file was fetched as often as it may be, or kept for too long."""

    code = "EXPORT_OVER"

    def __init__(self) -> None:
        super().__init__(
            f"This file can be fetched {limits.EXPORT_DOWNLOADS_MAX} times within {limits.EXPORT_HOURS} hours, and that is over.",
            zh=f"该文件在 {limits.EXPORT_HOURS} 小时内最多可下载 {limits.EXPORT_DOWNLOADS_MAX} 次，现已失效。",
        )
