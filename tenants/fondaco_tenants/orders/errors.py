"""How orders can fail.

Refusal
├── Invalid
│   └── InvalidOrder         lines, quantities or contact make no sense
├── NotFound                 (core) a listing, store or order that the asker may not see
└── Conflict
    ├── OutOfStock           fewer units than asked for can be had from any source
    ├── PriceChanged         the price is not the one that the buyer agreed to
    ├── LimitExceeded        more than the listing allows in an order, or to one customer
    ├── HoldBudgetExceeded   as much is held unpaid as may be: by the buyer, the device, the address, or guests together
    ├── GuestsNotServed      the store sells to registered buyers only
    ├── OrderNotOpen         the order is in a state that does not allow this
    ├── HoldExpired          the order was not paid in time; its stock is free again
    ├── TooManyExports       as many files are kept as may be
    ├── ExportNotReady       a file is not written yet, or deleted by now
    ├── NoLetters            nothing can be sent to this contact from here
    ├── GiftSealed           the codes of a gift are its recipient's to see
    ├── GiftOpened           the recipient has seen the codes: it cannot be taken back
    ├── GiftTakenBack        the buyer took the gift back
    ├── NotOwnCode           the code is another merchant's, who alone can say that it is bad
    ├── ReplacementLimit     the unit or the order had as many codes replaced as may be
    ├── CodeAlreadyRevealed  somebody has seen the code: it cannot go back to stock
    └── CodeAlreadyRedeemed  the code was redeemed: the unit is neither refunded nor replaced by itself
"""

from datetime import datetime

from fondaco_core.errors import Conflict, Invalid
from fondaco_core.ids import AllocationId, ListingId, OrderId
from fondaco_core.money import Money


class InvalidOrder(Invalid):
    """The order makes no sense as it was asked."""

    code = "INVALID_ORDER"


class OutOfStock(Conflict):
    """Fewer units than asked for can be had; how many, is told of the merchant's own stock alone."""

    code = "OUT_OF_STOCK"

    def __init__(self, listing_id: ListingId, *, asked: int, available: int | None, path: tuple[str, ...] = ()) -> None:
        super().__init__(
            f"{asked} were asked for, {'fewer' if available is None else available} can be had now.",
            zh=f"需要 {asked} 件，目前可售{'不足' if available is None else f' {available} 件'}。",
            path=path,
        )
        self.listing_id = listing_id
        self.asked = asked
        self.available = available


class PriceChanged(Conflict):
    """The price is not the one that the buyer agreed to."""

    code = "PRICE_CHANGED"

    def __init__(self, *, agreed: Money, total: Money) -> None:
        super().__init__(
            f"The total is {total} now, not {agreed}; agree to it to go on.",
            zh=f"总价现为 {total}，而非 {agreed}；请确认新价格后继续。",
            path=("expectedTotal",),
        )
        self.agreed = agreed
        self.total = total


class LimitExceeded(Conflict):
    """More than the listing allows in one order, or to one customer within its period."""

    code = "LIMIT_EXCEEDED"

    def __init__(
        self,
        listing_id: ListingId,
        *,
        limit: int,
        remaining: int,
        period_days: int | None,
        per_order: bool,
        path: tuple[str, ...] = (),
    ) -> None:
        whom, whom_zh = ("one order", "每单") if per_order else ("one customer", "每位顾客")
        span = f" within {period_days} days" if period_days else ""
        span_zh = f"{period_days} 天内" if period_days else ""
        super().__init__(
            f"At most {limit} go to {whom}{span}; {remaining} may still be bought.",
            zh=f"{span_zh}{whom_zh}最多 {limit} 件，还可购买 {remaining} 件。",
            path=path,
        )
        self.listing_id = listing_id
        self.limit = limit
        self.remaining = remaining
        self.period_days = period_days
        self.per_order = per_order


class HoldBudgetExceeded(Conflict):
    """As much is held unpaid as may be: pay or cancel an order, or wait until one runs out.

    `budget` is BUYER, DEVICE, ADDRESS or GUESTS; `frees_at` is when the first of what is held runs out by itself.
    """

    code = "HOLD_BUDGET_EXCEEDED"

    def __init__(
        self, budget: str, *, orders_max: int | None, units_max: int, orders_left: int | None, units_left: int,
        frees_at: datetime | None,
    ) -> None:  # fmt: skip
        whose, whose_zh = {
            "BUYER": ("for you", "您的"), "DEVICE": ("for this device", "此设备的"), "ADDRESS": ("for this address", "此网络地址的"),
            "GUESTS": ("of this item for guests together", "该商品全部访客合计的"),
        }[budget]  # fmt: skip
        orders_ = "" if orders_max is None else f"{orders_max} orders with "
        orders_zh = "" if orders_max is None else f"{orders_max} 个未付款订单、"
        super().__init__(
            f"At most {orders_}{units_max} units are held unpaid {whose}, {units_left} more are possible now; "
            "pay or cancel an order first, or pay at once.",
            zh=f"{whose_zh}未付款保留上限为{orders_zh}合计 {units_max} 件，目前还可保留 {units_left} 件；请先付款或取消，或立即付款。",
        )
        self.budget = budget
        self.orders_max = orders_max
        self.units_max = units_max
        self.orders_left = orders_left
        self.units_left = units_left
        self.frees_at = frees_at


class GuestsNotServed(Conflict):
    """The store sells to registered buyers only."""

    code = "GUESTS_NOT_SERVED"

    def __init__(self) -> None:
        super().__init__(
            "This store sells to registered buyers only; sign in or register.",
            zh="本店仅向注册用户销售，请登录或注册。",
            path=("guest",),
        )


_STATES = {
    "PENDING_PAYMENT": ("waits to be paid", "待付款"), "PAID": ("is paid", "已付款"), "FULFILLED": ("is fulfilled", "已交付"),
    "EXPIRED": ("was not paid in time", "已过期"), "CANCELLED": ("is cancelled", "已取消"),
    "HELD_FOR_REVIEW": ("is being reviewed", "审核中"), "REJECTED": ("was rejected", "已拒绝"),
    "PARTIALLY_REFUNDED": ("is refunded in part", "部分退款"), "REFUNDED": ("is refunded", "已退款"),
}  # fmt: skip


class OrderNotOpen(Conflict):
    """The order is in a state that does not allow this."""

    code = "ORDER_NOT_OPEN"

    def __init__(self, order_id: OrderId, *, state: str, units: bool = False) -> None:
        if units:
            super().__init__(
                "These units were refunded or replaced already, or have no code.",
                zh="这些卡密已退款或已更换，或尚未交付。",
            )
        else:
            stands, stands_zh = _STATES.get(state, (f"is {state}", state))
            super().__init__(
                f"The order {stands}, which does not allow this.", zh=f"订单当前状态为“{stands_zh}”，不允许此操作。"
            )
        self.order_id = order_id
        self.state = state


class HoldExpired(Conflict):
    """The order was not paid in time, and its stock is free for others again."""

    code = "HOLD_EXPIRED"

    def __init__(self, order_id: OrderId, *, expired_at: datetime) -> None:
        super().__init__(
            f"The order was held until {expired_at:%Y-%m-%dT%H:%M:%SZ}; place it again.",
            zh=f"订单保留至 {expired_at:%Y-%m-%dT%H:%M:%SZ}，已过期；请重新下单。",
        )
        self.order_id = order_id
        self.expired_at = expired_at


class TooManyExports(Conflict):
    """As many files are kept as may be."""

    code = "TOO_MANY_EXPORTS"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} files are kept already; fetch them, and wait until the oldest is deleted.",
            zh=f"已保留 {most} 个导出文件；请下载后等待最早的文件过期。",
        )


class ExportNotReady(Conflict):
    """The file is not written yet, or deleted by now."""

    code = "EXPORT_NOT_READY"

    def __init__(self, state: str) -> None:
        if state == "EXPIRED":
            super().__init__(
                "The file was kept for a while and is deleted by now; ask for it anew.",
                zh="文件已过期删除，请重新导出。",
            )
        else:
            super().__init__("The file is being written; try again in a few minutes.", zh="文件正在生成，请稍后再试。")
        self.state = state


class NoLetters(Conflict):
    """Nothing can be sent to this contact from here; whether there is such an order is another matter."""

    code = "NO_LETTERS"

    def __init__(self) -> None:
        super().__init__(
            "Orders are found again by e-mail, and from here none is sent to this contact; ask the merchant.",
            zh="订单查询结果通过电子邮件发送，目前无法向该联系方式发送；请联系商户。",
            path=("contact",),
        )


class GiftSealed(Conflict):
    """The codes of a gift are its recipient's to see, by the link that was sent to them."""

    code = "GIFT_SEALED"

    def __init__(self) -> None:
        super().__init__(
            "This order is a gift: only its recipient sees the codes. Take it back while it is unopened to see them yourself.",
            zh="该订单为赠礼，仅收礼人可查看卡密；在对方打开之前，您可以收回赠礼后自行查看。",
        )


class GiftOpened(Conflict):
    """The recipient has seen the codes: the gift cannot be taken back."""

    code = "GIFT_OPENED"

    def __init__(self, opened_at: datetime) -> None:
        super().__init__(
            f"The recipient opened it at {opened_at:%Y-%m-%dT%H:%M:%SZ}; it cannot be taken back.",
            zh=f"收礼人已于 {opened_at:%Y-%m-%dT%H:%M:%SZ} 打开，无法收回。",
        )
        self.opened_at = opened_at


class GiftTakenBack(Conflict):
    """The buyer took the gift back."""

    code = "GIFT_TAKEN_BACK"

    def __init__(self) -> None:
        super().__init__("This gift was taken back by whoever gave it.", zh="该赠礼已被赠送人收回。")


class NotOwnCode(Conflict):
    """The unit's code is another merchant's: only its owner says that it is bad, or others would empty its stock by saying so."""

    code = "NOT_OWN_CODE"

    def __init__(self) -> None:
        super().__init__(
            "This unit's code is a supplier's, who alone can say that it is bad; a unit that nobody has seen can be refunded.",
            zh="该卡密来自供应商，只有供应商可以判定其无效；尚未查看的卡密可以退款。",
        )


class ReplacementLimit(Conflict):
    """As many codes were replaced as may be: refund the unit, or ask the supplier what is wrong with the batch."""

    code = "REPLACEMENT_LIMIT"

    def __init__(self, most: int, *, per_unit: bool) -> None:
        whose, whose_zh = ("one unit", "每件") if per_unit else ("one order", "每单")
        super().__init__(
            f"At most {most} codes of {whose} are replaced; refund what is still bad.",
            zh=f"{whose_zh}最多更换 {most} 次卡密；仍有问题请退款。",
        )
        self.most = most
        self.per_unit = per_unit


class CodeAlreadyRevealed(Conflict):
    """Somebody has seen the code: it cannot go back to stock, so this cannot be refunded by itself."""

    code = "CODE_ALREADY_REVEALED"

    def __init__(self, allocation_ids: list[AllocationId]) -> None:
        super().__init__(
            f"{len(allocation_ids)} of these codes {'was' if len(allocation_ids) == 1 else 'were'} seen already and cannot "
            "go back to stock.",
            zh=f"其中 {len(allocation_ids)} 个卡密已被查看，无法退回库存。",
        )
        self.allocation_ids = allocation_ids


class CodeAlreadyRedeemed(Conflict):
    """The code was redeemed, seen or not: its unit is neither refunded nor replaced unless the redemption is taken back."""

    code = "CODE_ALREADY_REDEEMED"

    def __init__(self, allocation_ids: list[AllocationId]) -> None:
        super().__init__(
            f"{len(allocation_ids)} of these codes {'was' if len(allocation_ids) == 1 else 'were'} redeemed already; "
            "take the redemption back first (reverseRedemption).",
            zh=f"其中 {len(allocation_ids)} 个卡密已核销，请先撤销核销（reverseRedemption）。",
        )
        self.allocation_ids = allocation_ids
