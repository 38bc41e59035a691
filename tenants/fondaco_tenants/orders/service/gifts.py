"""Orders for somebody else: whom they are for, who may see the codes, and taking a gift back while nobody has.

A gift's codes are shown to its recipient alone, through the link that goes to the recipient's own contact: the buyer paid
for something that somebody else uses, and a code that two people have seen is worth nothing to either. While the gift is
unopened its buyer may take it back, and then it is an order like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import OrderId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from fondaco_tenants.orders import store
from fondaco_tenants.orders.errors import GiftOpened, GiftSealed, GiftTakenBack, InvalidOrder
from fondaco_tenants.orders.events import GiftReturned
from fondaco_tenants.orders.service.draft import Draft
from fondaco_tenants.orders.service.quote import NewGift
from fondaco_tenants.orders.service.read import find_orders, get_order

_LOCALES = ("en", "zh-CN")


@dataclass(frozen=True, slots=True)
class Gift:
    """For whom an order is, as its buyer and its merchant see it."""

    order_id: OrderId
    contact_masked: str
    name: str | None
    message: str | None
    locale: str
    opened_at: datetime | None
    taken_back_at: datetime | None


def checked_gift(gift: NewGift) -> NewGift:
    """A gift as it is kept: a normalised contact, plain bounded texts. Raises BadContact, InvalidOrder."""
    if gift.locale not in _LOCALES:
        raise InvalidOrder(
            "A language is `en` or `zh-CN`.", zh="语言须为 en 或 zh-CN。", path=("giftTo", "locale")
        )  # fmt: skip
    return NewGift(
        customers.normalised_contact(gift.contact),
        _plain(gift.name, limits.NAME_MAX, "name", lines=False),
        _plain(gift.message, limits.GIFT_MESSAGE_MAX, "message", lines=True),
        gift.locale,
    )


def _plain(text: str | None, most: int, field: str, *, lines: bool) -> str | None:
    if text is None or not text.strip():
        return None
    said = text.replace("\r\n", "\n").strip()
    # A line's end is all that may stand in it beside letters: the rest would be a header of a mail, or hide what is said.
    if len(said) > most or any(not char.isprintable() and not (lines and char == "\n") for char in said):
        raise InvalidOrder(
            f"This is plain text of at most {most} characters.", zh=f"须为不超过 {most} 个字符的纯文本。",
            path=("giftTo", field),
        )  # fmt: skip
    return said


async def add_gifts(tx: Tx, tenant_id: TenantId, drafts: Sequence[Draft]) -> None:
    """Writes down for whom orders are, with the orders; contacts are sealed."""
    given = [(draft.request.order_id, draft.gift) for draft in drafts if draft.gift is not None]
    if not given:
        return
    key = await keyring().sealing_key(tenant_id)
    await tx.later(
        store.ADD_GIFTS,
        [order_id for order_id, _ in given],
        [key.seal(gift.contact.encode(), aad=bound_to("gift", order_id, tenant_id)) for order_id, gift in given],
        [customers.masked_contact(gift.contact) for _, gift in given],
        [gift.name for _, gift in given],
        [gift.message for _, gift in given],
        [gift.locale for _, gift in given],
        tenant_id,
    )


async def recipient_of(tx: Tx, order_id: OrderId) -> Secret[str] | None:
    """The contact of whoever an order is for, in clear, for writing to it; None for the buyer's own, or taken back."""
    row = await tx.fetchrow(store.RECIPIENT, order_id)
    if row is None:
        return None
    opened = await keyring().open(row["contact_sealed"], aad=bound_to("gift", order_id, row["tenant_id"]))
    return Secret(opened.reveal().decode())


async def taken_back_at(tx: Tx, order_id: OrderId) -> datetime | None:
    """When an order that was a gift became its buyer's own again; until the transaction ends that does not change."""
    row = await tx.fetchrow(store.LOCK_GIFT, order_id)
    return None if row is None else row["taken_back_at"]


async def find_gifts(tx: Tx, ctx: Ctx, order_ids: Sequence[OrderId]) -> dict[OrderId, Gift]:
    """For whom those of the orders are that the asker may see and that are for somebody else."""
    visible = await find_orders(tx, ctx, order_ids)
    return {OrderId(row["order_id"]): Gift(**row) for row in await tx.fetch(store.GIFTS, list(visible))}


async def take_back_gift(tx: Tx, ctx: Ctx, *, order_id: OrderId) -> None:
    """Makes a gift the buyer's own again, while its recipient has not opened it; doing it again changes nothing.

    Raises NotFound for what is no gift of the asker's, GiftOpened.
    """
    ctx.require("buyer.order")
    order = await get_order(tx, ctx, order_id)
    row = await tx.fetchrow(store.LOCK_GIFT, order_id)
    if row is None:
        raise NotFound("gift", path=("order_id",))
    if row["opened_at"] is not None:
        raise GiftOpened(row["opened_at"])
    if row["taken_back_at"] is not None:
        return
    await tx.execute(store.TAKE_BACK_GIFT, order_id, clock.now())
    await audit.record(tx, ctx, "gift.taken_back", subject_kind="order", subject_id=order_id, tenant_id=order.tenant_id)
    await outbox.announce(tx, (order.tenant_id, GiftReturned(str(order_id))))


async def require_opener(tx: Tx, *, order_id: OrderId, by_recipient: bool, made_at: datetime | None = None) -> None:
    """Refuses to show a gift's codes to anybody but its recipient, and to the recipient once it was taken back.

    Called in the transaction that shows them, before: whoever has the gift's row first, this or taking it back, decides.
    `by_recipient` is whether the asker came by what was sent to the recipient, `made_at` when that was made. An order that
    is no gift is not asked about. Raises GiftSealed, GiftTakenBack.
    """
    row = await tx.fetchrow(store.LOCK_GIFT, order_id)
    if row is None:
        return
    taken_back_at = row["taken_back_at"]
    if taken_back_at is None and not by_recipient:
        raise GiftSealed
    if taken_back_at is not None:
        if by_recipient and made_at is not None and made_at <= taken_back_at:
            raise GiftTakenBack
        return
    if row["opened_at"] is None:
        await tx.execute(store.OPEN_GIFT, order_id, clock.now())
