"""How delivery refuses.

Refusal
├── NotFound
│   └── LinkUnknown     no such link here, or not its secret: which of these is not told
└── Conflict
    ├── LinkClosed      told only to who holds the secret
    │   ├── LinkExpired
    │   ├── LinkSpent
    │   └── LinkRevoked
    ├── NotDelivered    there is no code to show (yet, or any more)
    ├── TooManyLinks    the order has as many open links as it may have
    ├── TooManyResends  the order was sent again as often as it may be within an hour
    ├── PlainRefused    a machine with a key is shown nothing in the open
    ├── CodesOfOthers   another merchant's codes go to their buyer, and nowhere that the store's people say
    └── NotResendable   there is nothing to send again, or no way to send it
├── Invalid
│   ├── TemplateInvalid where a template is wrong, and why
│   └── KeyRefused      no public key to which codes could be encrypted
"""

from datetime import datetime
from uuid import UUID

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid, NotFound


class LinkUnknown(NotFound):
    """There is no such link here, or this is not its secret; which of these is not told."""

    code = "LINK_UNKNOWN"

    def __init__(self) -> None:
        super().__init__("link")
        self.message = "This link is not valid. Check that it was copied whole, to its last character."
        self.message_zh = "此链接无效。请确认链接已完整复制，包括末尾的每一个字符。"


class LinkClosed(Conflict):
    """The link is right and does not open; its holder may know which order to name when asking for help."""

    order_code: str | None = None


class LinkExpired(LinkClosed):
    """The link was open for a limited time, which is over."""

    code = "LINK_EXPIRED"

    def __init__(self, expired_at: datetime) -> None:
        super().__init__(
            "This link has expired. Ask the seller for a new one, or open your order.",
            zh="此链接已过期。请联系卖家重新获取，或直接打开您的订单。",
        )
        self.expired_at = expired_at


class LinkSpent(LinkClosed):
    """The link was opened as often as it may be."""

    code = "LINK_SPENT"

    def __init__(self, opens_max: int) -> None:
        super().__init__(
            "This link has already been opened as often as it may be. If that was not you, tell the seller now.",
            zh="此链接的查看次数已用完。如果不是您本人打开的，请立即联系卖家。",
        )
        self.opens_max = opens_max


class LinkRevoked(LinkClosed):
    """Who made the link has withdrawn it."""

    code = "LINK_REVOKED"

    def __init__(self) -> None:
        super().__init__(
            "This link was withdrawn by the person who made it. Ask them for a new one.",
            zh="此链接已被创建者撤销。请向对方重新获取。",
        )


class NotDelivered(Conflict):
    """There is no code to show: it is still on its way, or the purchase was undone."""

    code = "NOT_DELIVERED"

    def __init__(self, *, pending: bool) -> None:
        super().__init__(
            "This purchase is not delivered yet. Nothing was used up; try again in a moment."
            if pending
            else "There is nothing to show: this purchase was not delivered, or it was refunded.",
            zh="此商品尚未发货。链接未被消耗，请稍后再试。"
            if pending
            else "没有可显示的内容：此商品未发货，或已退款。",
        )
        self.pending = pending


class TooManyLinks(Conflict):
    """The order has as many open links as it may have; revoke one first."""

    code = "TOO_MANY_LINKS"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(
            f"An order may have {limits.LINKS_PER_ORDER_MAX} open links; revoke one first.",
            zh=f"每个订单最多可有 {limits.LINKS_PER_ORDER_MAX} 个有效链接，请先撤销一个。",
        )
        self.order_id = order_id


class TooManyResends(Conflict):
    """The order was sent again as often as it may be within an hour."""

    code = "TOO_MANY_RESENDS"

    def __init__(self) -> None:
        super().__init__(
            f"This order was sent again {limits.RESENDS_PER_HOUR_MAX} times within an hour; wait a while, and look into spam.",
            zh=f"此订单一小时内已重新发送 {limits.RESENDS_PER_HOUR_MAX} 次，请稍后再试，并检查垃圾邮件。",
        )
        self.resends_max = limits.RESENDS_PER_HOUR_MAX


class NotResendable(Conflict):
    """A delivery by account or API is not sent anywhere, and an order that was undone has nothing to send."""

    code = "NOT_RESENDABLE"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing to send again: the order was undone, or this delivery does not go to a contact.",
            zh="无法重新发送：订单已取消或退款，或该交付方式不发往联系方式。",
        )


class PlainRefused(Conflict):
    """A machine with a public key is shown nothing in the open."""

    code = "PLAIN_REFUSED"

    def __init__(self) -> None:
        super().__init__(
            "This API client has a public key: its codes leave encrypted to that key (revealCode), and in no other way.",
            zh="该 API 客户端已登记公钥：其卡密仅以该公钥加密后提供（revealCode），不以其他方式提供。",
        )


class CodesOfOthers(Conflict):
    """Another merchant's codes go to their buyer, and nowhere that the store's people say."""

    code = "CODES_OF_OTHERS"

    def __init__(self) -> None:
        super().__init__(
            "These codes are a supplier's: they go to their buyer alone, who can make a link to hand them on. You can send the "
            "order again to the contact that it was bought with, or refund what nobody has seen.",
            zh="此订单的卡密来自供应商，仅可交付买家本人；如需转交，由买家自行创建链接。您可以向下单时的联系方式重新发送，或退款未查看的卡密。",
        )


class TemplateInvalid(Invalid):
    """Where a template is wrong, and why."""

    code = "TEMPLATE_INVALID"

    def __init__(self, part: str, line: int, why: str, why_zh: str) -> None:
        super().__init__(
            f"The template cannot be used: {part}, line {line}: {why}.",
            zh=f"模板无法使用：{part} 第 {line} 行：{why_zh}。",
            path=(part,),
        )
        self.part = part
        self.line = line


class KeyRefused(Invalid):
    """This is no public key to which codes could be encrypted."""

    code = "KEY_REFUSED"

    def __init__(self) -> None:
        super().__init__(
            "Give the public half of a key as a JWK: RSA of 2048 bits or more, or EC on P-256, P-384 or P-521.",
            zh="请以 JWK 格式提供公钥：RSA（至少 2048 位）或 EC（P-256、P-384、P-521）。",
            path=("jwk",),
        )
