"""How offers and their prices refuse.

Conflict
├── OfferInWrongState   the offer is not in a state in which this can be done
├── PricesSetAlready    the tier's prices from that moment on are set already
├── TooManyOffers       the merchant has as many offers published as it may have
└── TooManyPrices       as many changes of the tier's prices are to come as may
"""

from fondaco_core import limits
from fondaco_core.errors import Conflict

# How an offer stands, and what is done to it to get it into a state, in English and in Chinese.
_STANDS = {"DRAFT": ("a draft", "草稿"), "PUBLISHED": ("published", "已发布"), "WITHDRAWN": ("withdrawn", "已撤回")}
_DONE = {"PUBLISHED": ("published", "发布"), "WITHDRAWN": ("withdrawn", "撤回")}


class OfferInWrongState(Conflict):
    """The offer is in a state from which this cannot be done."""

    code = "OFFER_IN_WRONG_STATE"

    def __init__(self, state: str, *, wanted: str) -> None:
        stands, state_zh = _STANDS[state]
        if state == wanted:
            super().__init__(f"This offer is {stands} already.", zh=f"该供货项当前状态已是“{state_zh}”。")
        else:
            done, done_zh = _DONE[wanted]
            super().__init__(
                f"This offer is {stands}; it cannot be {done}.",
                zh=f"该供货项当前状态为“{state_zh}”，不能{done_zh}。",
            )
        self.state = state
        self.wanted = wanted


class PricesSetAlready(Conflict):
    """The tier's prices from that moment on are set already, and what is set is never changed; choose a later moment."""

    code = "PRICES_SET_ALREADY"

    def __init__(self) -> None:
        super().__init__(
            "The prices of this tier from that moment on are set already; choose a moment after it.",
            zh="该等级在此时间点的价格已设定，请选择更晚的时间。",
            path=("starts_at",),
        )


class TooManyOffers(Conflict):
    """The merchant has as many offers published as it may have; withdraw some first."""

    code = "TOO_MANY_OFFERS"

    def __init__(self) -> None:
        super().__init__(
            f"A merchant has at most {limits.OFFERS_MAX} published offers; withdraw some first.",
            zh=f"每个商户最多可同时发布 {limits.OFFERS_MAX} 个供货项，请先撤回部分供货项。",
        )


class TooManyPrices(Conflict):
    """As many changes of the tier's prices are to come as may; wait until some have begun."""

    code = "TOO_MANY_PRICES"

    def __init__(self) -> None:
        super().__init__(
            f"At most {limits.PRICES_COMING_MAX} price changes of a tier may be to come; wait until some have begun.",
            zh=f"每个等级最多可有 {limits.PRICES_COMING_MAX} 个待生效的调价，请待部分生效后再设定。",
            path=("starts_at",),
        )
