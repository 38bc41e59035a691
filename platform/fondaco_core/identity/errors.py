"""How identity refuses.

Invalid
├── WeakPassword          too short to keep anybody out
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

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid


class WeakPassword(Invalid):
    """The password is too short to keep anybody out."""

    code = "WEAK_PASSWORD"

    def __init__(self) -> None:
        super().__init__(
            f"A password has at least {limits.PASSWORD_CHARS_MIN} characters; a sentence is a good one.",
            zh=f"密码至少需要 {limits.PASSWORD_CHARS_MIN} 个字符，建议使用一句话。",
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

    def __init__(self) -> None:
        super().__init__("The name or the password is wrong.", zh="账号或密码错误。")


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
        super().__init__("This person works here already.", zh="此人已是成员。", path=("email",))


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
