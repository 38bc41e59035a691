"""How customers refuses.

Invalid
├── BadContact          neither an e-mail address nor a phone number
└── ProofInvalid        a token that was sent to a contact does not hold
Conflict
├── ContactTaken        an account with this contact exists in this store
└── CustomerBlocked     the merchant does not sell to this buyer
"""

from fondaco_core.errors import Conflict, Invalid


class BadContact(Invalid):
    """The contact is neither an e-mail address nor a phone number with its country code."""

    code = "BAD_CONTACT"

    def __init__(self) -> None:
        super().__init__(
            "A contact is an e-mail address or a phone number with its country code, as +8613800138000.",
            zh="联系方式须为电子邮箱，或带国家代码的手机号，例如 +8613800138000。",
            path=("contact",),
        )


class ContactTaken(Conflict):
    """An account with this contact exists with this merchant; sign in instead."""

    code = "CONTACT_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "An account with this contact exists; sign in instead.",
            zh="该联系方式已注册，请直接登录。",
            path=("contact",),
        )


class CustomerBlocked(Conflict):
    """The merchant does not sell to this buyer."""

    code = "CUSTOMER_BLOCKED"

    def __init__(self) -> None:
        super().__init__("This merchant does not sell to this account.", zh="该商户已停止向此账号提供服务。")


class ProofInvalid(Invalid):
    """The token is unknown, was used, or has expired; which of them is not told."""

    code = "PROOF_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "This token does not hold any more; ask for a new one.", zh="该令牌已失效，请重新申请。", path=("token",)
        )
