"""How identity refuses.

Invalid
├── WeakPassword          too short or too common to keep anybody out
├── BadEmail              not an e-mail address
├── UnknownScope          no permission of that side has the name
├── WrongCredentials      name or password are wrong; which of them is not told
├── InvitationInvalid     unknown, used, expired: which of them is not told
├── ResetInvalid          the same, for a new password
└── RoleTooHigh           nobody hands out more than they hold
Conflict
├── TooManyAttempts       signing in was tried too often
├── TenantChoiceNeeded    the person belongs to several tenants
├── EmailTaken            the address has an account
├── AlreadyMember         the person is one already
├── LastOwner             a tenant keeps at least one owner
└── LimitReached               the tenant has as many as one may have
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid
from fondaco_core.secret import Secret


class WeakPassword(Invalid):
    """The password is too short to keep anybody out."""

    code = "WEAK_PASSWORD"

    def __init__(self, *, common: bool = False) -> None:
        super().__init__(
            "This password is among the first that anybody tries; a sentence is a good one."
            if common
            else f"A password has at least {limits.PASSWORD_CHARS_MIN} characters; a sentence is a good one.",
            zh="该密码过于常见，容易被猜中，建议使用一句话。"
            if common
            else f"密码至少需要 {limits.PASSWORD_CHARS_MIN} 个字符，建议使用一句话。",
            path=("password",),
        )


class BadEmail(Invalid):
    """This is not an e-mail address."""

    code = "BAD_EMAIL"

    def __init__(self) -> None:
        super().__init__("This is not an e-mail address.", zh="电子邮箱格式不正确。", path=("email",))


class UnknownScope(Invalid):
    """No permission that this client could have has this name."""

    code = "UNKNOWN_SCOPE"

    def __init__(self, scope: str) -> None:
        shown = scope[:100]
        super().__init__(
            f"There is no scope {shown!r} for such a client.",
            zh=f"此类客户端没有权限范围 {shown!r}。",
            path=("scopes",),
        )
        self.scope = shown


class WrongCredentials(Invalid):
    """The name or the password is wrong; which of them is not told."""

    code = "WRONG_CREDENTIALS"

    def __init__(self, *, signed_in: bool = False) -> None:
        # Who is signed in gave no name that could be wrong.
        super().__init__(
            "The password is wrong." if signed_in else "The name or the password is wrong.",
            zh="密码错误。" if signed_in else "账号或密码错误。",
        )


class InvitationInvalid(Invalid):
    """The invitation is unknown, was used, or has expired; which of them is not told."""

    code = "INVITATION_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "This invitation does not hold any more; ask for a new one.",
            zh="该邀请已失效，请联系对方重新邀请。",
            path=("token",),
        )


class ResetInvalid(Invalid):
    """The token for a new password is unknown, was used, or has expired; which of them is not told."""

    code = "RESET_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "This token does not hold any more; ask for a new one.", zh="该令牌已失效，请重新申请。", path=("token",)
        )


class RoleTooHigh(Invalid):
    """Nobody hands out, changes or takes away more rights than they hold themselves."""

    code = "ROLE_TOO_HIGH"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} goes beyond what you may do yourself.", zh=f"{name} 超出了您自身的权限。")
        self.role = name


class TooManyAttempts(Conflict):
    """Signing in was tried too often; it holds for anybody, whether the account exists or not."""

    code = "TOO_MANY_ATTEMPTS"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"Too many attempts; try again in {retry_after_s} seconds.",
            zh=f"尝试次数过多，请在 {retry_after_s} 秒后重试。",
        )
        self.retry_after_s = retry_after_s


class TenantChoiceNeeded(Conflict):
    """The credentials are right, and the person belongs to several merchants: say for which to sign in."""

    code = "TENANT_CHOICE_NEEDED"

    def __init__(self, tenants: Sequence[str]) -> None:
        super().__init__("Say for which merchant you sign in.", zh="请选择要登录的商户。", path=("tenant",))
        self.tenants = list(tenants)


class EmailTaken(Conflict):
    """An account with this address exists already."""

    code = "EMAIL_TAKEN"

    def __init__(self) -> None:
        super().__init__("An account with this address exists already.", zh="该邮箱已有账号。", path=("email",))


class AlreadyMember(Conflict):
    """The person works here already, or has an invitation."""

    code = "ALREADY_MEMBER"

    def __init__(self) -> None:
        super().__init__(
            "This person works here already, or has an invitation.", zh="此人已是成员或已收到邀请。", path=("email",)
        )


class LastOwner(Conflict):
    """A merchant keeps at least one owner."""

    code = "LAST_OWNER"

    def __init__(self) -> None:
        super().__init__(
            "This is the last owner; make somebody else an owner first.", zh="这是最后一位所有者，请先指定其他所有者。"
        )


class LimitReached(Conflict):
    """The merchant has as many of them as one may have."""

    code = "LIMIT_REACHED"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"A merchant has at most {most} of these; remove one first.", zh=f"每个商户最多 {most} 个，请先删除一个。"
        )
        self.most = most


class FactorKind(StrEnum):
    """What somebody may show beside a password."""

    APP = "APP"
    PASSKEY = "PASSKEY"
    RECOVERY_CODE = "RECOVERY_CODE"


class SecondFactorRequired(Conflict):
    """The password is right, and the account has a second factor: show it to go on."""

    code = "SECOND_FACTOR_REQUIRED"

    def __init__(self, challenge: Secret[str], kinds: Sequence[FactorKind], expires_at: datetime) -> None:
        super().__init__("Show your second factor to go on.", zh="请完成双重验证后继续登录。")
        self.challenge = challenge
        self.kinds = list(kinds)
        self.expires_at = expires_at


class ChallengeInvalid(Invalid):
    """The challenge is unknown, was used, was tried too often, or has expired; which of them is not told."""

    code = "CHALLENGE_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "This step does not hold any more; begin again.", zh="该步骤已失效，请重新开始。", path=("challenge",)
        )


class WrongCode(Invalid):
    """The code is wrong, was used already, or its time is over."""

    code = "WRONG_CODE"

    def __init__(self) -> None:
        super().__init__(
            "This code is wrong or was used already; wait for the next one.",
            zh="验证码错误或已使用，请等待新的验证码。",
            path=("code",),
        )


class SecondFactorExists(Conflict):
    """There is a second factor of this kind; remove it first."""

    code = "SECOND_FACTOR_EXISTS"

    def __init__(self) -> None:
        super().__init__(
            "The account has an app of codes already; remove that one first.", zh="该账号已绑定验证器，请先移除。"
        )


class PasskeyInvalid(Invalid):
    """What the device answered does not prove anything here; why is not told."""

    code = "PASSKEY_INVALID"

    def __init__(self) -> None:
        super().__init__("This passkey does not fit; try again.", zh="通行密钥验证失败，请重试。", path=("credential",))


class ProviderRefused(Invalid):
    """Signing in by the provider did not work; what exactly was wrong with its answer is not told."""

    code = "PROVIDER_REFUSED"

    def __init__(self) -> None:
        super().__init__(
            "Signing in by this provider did not work; begin again, or ask who keeps it.",
            zh="通过该身份提供方登录失败，请重新开始或联系管理员。",
        )


class BadProvider(Invalid):
    """A provider cannot be set up like this."""

    code = "BAD_PROVIDER"

    def __init__(self, field: str, message: str, zh: str) -> None:
        super().__init__(message, zh=zh, path=(field,))


class BadNetwork(Invalid):
    """This is not a network, or there are too many."""

    code = "BAD_NETWORK"

    def __init__(self, text: str) -> None:
        # Escaped: whatever somebody sent turns no line and no direction of the sentence that it is shown in.
        shown = repr(text[:100])[1:-1]
        super().__init__(
            f"“{shown}” is no network such as 203.0.113.0/24 or 2001:db8::/32 (at most {limits.CLIENT_NETWORKS_MAX}).",
            zh=f"“{shown}”不是有效的网段，例如 203.0.113.0/24 或 2001:db8::/32（最多 {limits.CLIENT_NETWORKS_MAX} 个）。",
            path=("networks",),
        )


class BadMoment(Invalid):
    """A moment or a span of time that does not do here."""

    code = "BAD_MOMENT"

    def __init__(self, field: str, message: str, zh: str) -> None:
        super().__init__(message, zh=zh, path=(field,))
