"""How tenancy refuses.

Invalid
└── BadSlug            the name cannot be part of an address
Conflict
├── NameTaken          another one has the name
├── PlanNameTaken      another plan has the name
├── TooManyPlans       there are as many plans as there may be
├── TenantNotActive    the tenant may not trade now
└── WrongTenantState   the tenant cannot get from its state to that one
"""

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid


class BadSlug(Invalid):
    """The name cannot be part of an address."""

    code = "BAD_SLUG"

    def __init__(self) -> None:
        super().__init__(
            f"A short name has {limits.SLUG_CHARS_MIN} to {limits.SLUG_CHARS_MAX} small letters, digits and hyphens, with no "
            "hyphen at either end.",
            zh=f"短名称须为 {limits.SLUG_CHARS_MIN} 至 {limits.SLUG_CHARS_MAX} 个小写字母、数字或连字符，且首尾不能是连字符。",
            path=("slug",),
        )


class NameTaken(Conflict):
    """Another one has the name already."""

    code = "NAME_TAKEN"

    def __init__(self) -> None:
        super().__init__("This name is taken; choose another one.", zh="该名称已被占用，请换一个。", path=("slug",))


class PlanNameTaken(Conflict):
    """Another plan has the name already."""

    code = "PLAN_NAME_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "Another plan has this name; choose another one.", zh="已有同名套餐，请换一个名称。", path=("name",)
        )


class TooManyPlans(Conflict):
    """There are as many plans as there may be; change one that nobody is on."""

    code = "TOO_MANY_PLANS"

    def __init__(self) -> None:
        super().__init__(
            f"There are {limits.PLANS_MAX} plans already; change one of them instead.",
            zh=f"套餐已达上限 {limits.PLANS_MAX} 个，请修改现有套餐。",
        )


# How a merchant that does not trade stands, in English and in Chinese.
_STANDS = {
    "APPLIED": ("waits for the platform's approval", "正在等待平台审核"),
    "SUSPENDED": ("is suspended by the platform", "已被平台暂停"),
    "CLOSED": ("has left the platform", "已退出平台"),
}
# What leads to a state from another one than was expected.
_STATES = {
    "APPLIED": ("waits for approval", "待审核"), "ACTIVE": ("trades", "营业中"), "SUSPENDED": ("is suspended", "已暂停"),
    "CLOSED": ("is closed", "已关闭"),
}  # fmt: skip
_WANTED = {"ACTIVE": "trade", "SUSPENDED": "be suspended", "CLOSED": "be closed"}
_INSTEAD = {
    ("SUSPENDED", "ACTIVE"): (" Resume it instead.", "请改用恢复操作。"),
    ("APPLIED", "ACTIVE"): (" Approve it instead.", "请改用批准操作。"),
}


class TenantNotActive(Conflict):
    """The tenant may not trade now: it waits for approval, is suspended, or is closed."""

    code = "TENANT_NOT_ACTIVE"

    def __init__(self, state: str) -> None:
        stands, stands_zh = _STANDS.get(state, (f"is {state}", f"当前状态为 {state}"))
        super().__init__(
            f"This merchant {stands}; it cannot do this now.", zh=f"该商户{stands_zh}，暂时无法执行此操作。"
        )
        self.state = state


class WrongTenantState(Conflict):
    """The tenant cannot get from the state it is in to the one that was asked for."""

    code = "WRONG_TENANT_STATE"

    def __init__(self, state: str, wanted: str) -> None:
        stands, stands_zh = _STATES.get(state, (f"is {state}", state))
        instead, instead_zh = _INSTEAD.get((state, wanted), ("", ""))
        if state == wanted:
            super().__init__(f"This merchant {stands} already.", zh=f"该商户已处于“{stands_zh}”状态。")
        else:
            super().__init__(
                f"A merchant that {stands} cannot {_WANTED.get(wanted, wanted)} in this way.{instead}",
                zh=f"{stands_zh}的商户不能以此方式变为{_STATES.get(wanted, (wanted, wanted))[1]}。{instead_zh}",
            )
        self.state = state
