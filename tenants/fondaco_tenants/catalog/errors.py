"""How the catalogue can refuse.

Conflict
├── SkuTaken              another entitlement has the stock keeping name
├── EntitlementRetired    the standard takes no new listings
└── ListingInWrongState   the listing is not in a state from which this may be done
"""

from fondaco_core.errors import Conflict


class SkuTaken(Conflict):
    """Another entitlement has this SKU already."""

    code = "SKU_TAKEN"

    def __init__(self, sku: str) -> None:
        super().__init__(
            f"The SKU {sku} is taken; choose another.", zh=f"SKU {sku} 已被占用，请换一个。", path=("sku",)
        )
        self.sku = sku


class EntitlementRetired(Conflict):
    """The platform retired this entitlement: nothing new is listed or published for it."""

    code = "ENTITLEMENT_RETIRED"

    def __init__(self, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            "The platform has retired this entitlement; list another one.",
            zh="平台已停用该权益，请选择其他权益。",
            path=path,
        )


# What is done to a listing to get it into a state, in English and in Chinese.
_DONE = {
    "ACTIVE": ("published", "上架"),
    "PAUSED": ("paused", "暂停"),
    "ARCHIVED": ("archived", "归档"),
    "changed": ("changed", "修改"),
}
_STATES = {
    "DRAFT": ("a draft", "草稿"), "ACTIVE": ("on sale", "在售"), "PAUSED": ("paused", "暂停销售"), "ARCHIVED": ("archived", "已归档"),
}  # fmt: skip


class ListingInWrongState(Conflict):
    """The listing is in a state from which this cannot be done."""

    code = "LISTING_IN_WRONG_STATE"

    def __init__(self, state: str, *, wanted: str) -> None:
        stands, state_zh = _STATES.get(state, (state, state))
        if state == wanted:
            super().__init__(f"This listing is {stands} already.", zh=f"商品当前状态已是“{state_zh}”。")
        else:
            done, done_zh = _DONE.get(wanted, (wanted, wanted))
            super().__init__(
                f"This listing is {stands}; it cannot be {done}.", zh=f"商品当前状态为“{state_zh}”，不能{done_zh}。"
            )
        self.state = state
        self.wanted = wanted
