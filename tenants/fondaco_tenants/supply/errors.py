"""How tiers, agreements and invitations refuse.

Refusal
├── Invalid
│   ├── WithItself             a merchant cannot be its own supplier
│   └── InvitationNotGood      nobody joins by this: it is none, is over, used up or revoked
└── Conflict
    ├── PartnerNameTaken       another merchant's name looks like it
    ├── NameTaken              another tier of the merchant has the name
    ├── TooManyTiers           the merchant has as many tiers as it may have
    ├── TierInUse              agreements stand in the tier
    ├── TierArchived           nobody begins in a tier that was put away
    ├── TermsSetAlready        the tier's terms from that moment on are set already
    ├── CreditCurrencyFixed    a tier's credit stays in one currency
    ├── AlreadyAgreed          the two have an agreement, or one of them waits for an answer
    ├── ByInvitationOnly       the supplier takes no requests
    ├── SupplierNotTrading     the supplier waits for the platform, or was stopped by it
    ├── AskedTooSoon           the supplier has declined lately
    ├── TooManyRequests        as many requests wait for an answer as may
    ├── AgreementInWrongState  it is not in a state in which this can be done
    ├── SuppliersChoice        only the supplier decides it
    ├── CreditStillOwed        the reseller owes the supplier something
    └── TooManyInvitations     as many invitations hold as may
"""

from datetime import datetime

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid


class WithItself(Invalid):
    """A merchant cannot be its own supplier."""

    code = "WITH_ITSELF"

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            "This is your own: agreements are with other merchants.", zh="不能与自己建立供货协议。", path=path
        )


class InvitationNotGood(Invalid):
    """Nobody joins by this code: there is none, or it is over, used up, revoked, or older than the end of your last agreement."""

    code = "INVITATION_NOT_GOOD"

    def __init__(self) -> None:
        super().__init__(
            "This invitation does not hold (any more); ask the supplier for another one.",
            zh="该邀请码无效或已失效，请向供货商索取新的邀请码。",
            path=("token",),
        )


class NameTaken(Conflict):
    """Another tier of yours has the name already."""

    code = "NAME_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "Another tier of yours has this name; choose another one.",
            zh="已有同名的等级，请换一个名称。",
            path=("name",),
        )


class PartnerNameTaken(Conflict):
    """Another merchant has a name that people would take for this one."""

    code = "PARTNER_NAME_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "Another merchant has this name, or one that looks like it; choose another one.",
            zh="该名称与其他商户相同或过于相似，请换一个名称。",
            path=("name",),
        )


class TooManyTiers(Conflict):
    """The merchant has as many tiers as it may have."""

    code = "TOO_MANY_TIERS"

    def __init__(self) -> None:
        super().__init__(
            f"A merchant has at most {limits.TIERS_MAX} tiers.", zh=f"每个商户最多 {limits.TIERS_MAX} 个等级。"
        )


class TierInUse(Conflict):
    """Agreements stand in the tier; move them to another one first."""

    code = "TIER_IN_USE"

    def __init__(self, agreements: int) -> None:
        super().__init__(
            f"Agreements that have not ended stand in this tier ({agreements}); move them to another one first.",
            zh=f"该等级下还有 {agreements} 份未结束的协议，请先将其移至其他等级。",
        )
        self.agreements = agreements


class TierArchived(Conflict):
    """Nobody begins in a tier that was put away."""

    code = "TIER_ARCHIVED"

    def __init__(self) -> None:
        super().__init__(
            "This tier was archived; restore it, or choose another one.", zh="该等级已归档，请恢复或选择其他等级。"
        )


class TermsSetAlready(Conflict):
    """The tier's terms from that moment on are set already, and what is set is never changed; choose another moment."""

    code = "TERMS_SET_ALREADY"

    def __init__(self) -> None:
        super().__init__(
            "The terms of this tier from that moment on are set already; choose another moment.",
            zh="该等级在此时间点的条款已设定，请选择其他时间。",
            path=("starts_at",),
        )


class CreditCurrencyFixed(Conflict):
    """A tier's credit stays in the currency that it began in; make another tier for another currency."""

    code = "CREDIT_CURRENCY_FIXED"

    def __init__(self, currency: str) -> None:
        super().__init__(
            f"The credit of this tier is in {currency}; another currency takes another tier.",
            zh=f"该等级的信用额度以 {currency} 计价；其他货币请使用其他等级。",
            path=("credit",),
        )
        self.currency = currency


class AlreadyAgreed(Conflict):
    """The two have an agreement already, or a request waits for its answer."""

    code = "ALREADY_AGREED"

    def __init__(self) -> None:
        super().__init__(
            "There is an agreement with this supplier already, or a request that waits for its answer.",
            zh="与该供货商已有协议，或已有待处理的申请。",
        )


class ByInvitationOnly(Conflict):
    """The supplier takes no requests: whom it wants, it sends an invitation."""

    code = "BY_INVITATION_ONLY"

    def __init__(self) -> None:
        super().__init__("This supplier takes resellers by invitation only.", zh="该供货商仅接受受邀商户。")


class SupplierNotTrading(Conflict):
    """The supplier does not trade now."""

    code = "SUPPLIER_NOT_TRADING"

    def __init__(self) -> None:
        super().__init__("This supplier does not trade now.", zh="该供货商目前不能交易。")


class AskedTooSoon(Conflict):
    """The supplier has declined lately; ask again later."""

    code = "ASKED_TOO_SOON"

    def __init__(self, again_at: datetime) -> None:
        super().__init__(
            f"This supplier has declined lately; it may be asked again from {again_at:%Y-%m-%d %H:%M} (UTC) on.",
            zh=f"该供货商近期已拒绝您的申请；{again_at:%Y-%m-%d %H:%M}（UTC）之后可再次申请。",
        )
        self.again_at = again_at


class TooManyRequests(Conflict):
    """As many of your requests wait for an answer as may, with those of the last day that came to nothing."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self) -> None:
        super().__init__(
            f"At most {limits.AGREEMENT_REQUESTS_MAX} requests may wait for an answer, with those that came to nothing within "
            "the last day; wait a while.",
            zh=f"待处理的申请与近一天内未成的申请合计最多 {limits.AGREEMENT_REQUESTS_MAX} 个，请稍后再试。",
        )


# How an agreement stands, in English and in Chinese.
_STANDS = {
    "REQUESTED": ("waits for the supplier's answer", "正在等待供货商答复"),
    "ACTIVE": ("is in force", "正在生效"),
    "SUSPENDED": ("is suspended", "已暂停"),
    "ENDED": ("has ended", "已终止"),
    "DECLINED": ("was declined", "已被拒绝"),
}


class AgreementInWrongState(Conflict):
    """The agreement is not in a state in which this can be done."""

    code = "AGREEMENT_IN_WRONG_STATE"

    def __init__(self, state: str) -> None:
        english, chinese = _STANDS[state]
        super().__init__(
            f"This agreement {english}, so that this cannot be done.", zh=f"该协议{chinese}，无法执行此操作。"
        )
        self.state = state


class SuppliersChoice(Conflict):
    """Only the supplier of an agreement decides this; the reseller may withdraw its request, or end the agreement."""

    code = "SUPPLIERS_CHOICE"

    def __init__(self) -> None:
        super().__init__("Only the supplier decides this.", zh="只有供货商可以执行此操作。")


class CreditStillOwed(Conflict):
    """The reseller owes the supplier something that has to be paid first."""

    code = "CREDIT_STILL_OWED"

    def __init__(self) -> None:
        super().__init__(
            "The reseller still owes the supplier credit that has to be paid first.",
            zh="分销商尚有未结清的赊账，须先结清。",
        )


class TooManyInvitations(Conflict):
    """As many invitations hold as may; revoke some first."""

    code = "TOO_MANY_INVITATIONS"

    def __init__(self) -> None:
        super().__init__(
            f"At most {limits.SUPPLY_INVITATIONS_MAX} invitations may hold at once; revoke some first.",
            zh=f"最多可同时有 {limits.SUPPLY_INVITATIONS_MAX} 个有效邀请，请先撤销一些。",
        )
