"""What a delivery says: the link or the enclosed codes, in the merchant's words or ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any, Final
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token
from fondaco_core.db import Tx
from fondaco_core.ids import LinkId, OrderId, new_id
from fondaco_core.keyring import derived
from fondaco_core.logs import get_logger
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.errors import TemplateInvalid
from fondaco_tenants.delivery.rules import Facts, Form, Item, Link, Words, Written, fill
from fondaco_tenants.delivery.service.links import secret_of, show_units
from fondaco_tenants.delivery.service.shown import RevealedUnit

log = get_logger(__name__)

LOCALES: Final = ("zh-CN", "en")
_SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FOLDER: Final = resources.files("fondaco_tenants.delivery") / "letters"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """Codes that go out in an encrypted file, and its passphrase; both print as nothing."""

    form: Form
    name: str
    passphrase: Secret[str]
    locale: str
    units: Sequence[RevealedUnit] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes out: a mail's words, or a message's, and what is enclosed."""

    order_id: OrderId
    written: Written
    message: str = field(repr=False)
    sender_name: str
    reply_to: str | None
    enclosure: Enclosure | None


@cache
def default_words(locale: str) -> Words:
    """Our own words for a mail, in one of LOCALES."""
    spoken = locale if locale in LOCALES else "en"
    subject, text, html = (
        (_FOLDER / f"{spoken}.{part}").read_text(encoding="utf-8") for part in ("subject", "txt", "html")
    )
    return Words(subject.strip(), text, html)


def passphrase_of(order_id: OrderId) -> Secret[str]:
    """What opens an order's enclosures: 80 bits that its buyer reads on the order's page, and that no mail carries.

    Derived under the platform's look-up key and stored nowhere, as a link's secret is.
    """
    raw = int.from_bytes(derived("delivery-passphrase", str(order_id)).reveal()[:10], "big")
    symbols = "".join(_SYMBOLS[raw >> shift & 31] for shift in range(0, 80, 5))
    return Secret("-".join(symbols[place : place + 4] for place in range(0, 16, 4)))


async def write_letter(tx: Tx, ctx: Ctx, *, delivery: Mapping[str, Any], public_url: str) -> Letter:
    """Writes one delivery, in the transaction that claims the attempt: a new link is stored, enclosed codes count as shown."""
    ctx.require("system.run")
    order = await tx.fetchrow(
        store.LETTER, delivery["order_id"], limits.MAILED_LINK_OPENS, limits.MAILED_LINK_HOURS
    )  # fmt: skip
    assert order is not None
    rows = await tx.fetch(store.LETTER_ITEMS, delivery["order_id"], delivery["allocation_id"])
    chinese = delivery["locale"] == "zh-CN"
    # A gift's recipient is told no price, in whosoever's words and also at an address that somebody corrected.
    gift = delivery["addressee"] == "RECIPIENT" or (delivery["addressee"] == "CORRECTED" and order["gift"])
    facts: dict[str, Any] = {
        "order_code": order["code"],
        "total": "" if gift else str(Money(order["total_minor"], order["currency"])),
        "units": sum(row["quantity"] for row in rows),
        "store_name": order["store_name"],
        "support": order["support_contact"],
        "items": [_item(row, chinese=chinese) for row in rows],
        "gift": gift,
        "replacement": delivery["allocation_id"] is not None,
    }
    if facts["gift"] and not facts["replacement"]:
        facts |= {"gift_name": order["gift_name"] or "", "gift_message": order["gift_message"] or ""}
    enclosure, url = None, Secret("")
    form = Form(delivery["form"])
    if form is Form.LINK:
        link = await _link(tx, ctx, delivery, order)
        url = Secret(f"{public_url}/s/{order['slug']}/r/{link.id}#{secret_of(link.id).reveal()}")
        facts |= {
            "link_url": url,
            "link_opens": link.opens_max,
            "link_expires": link.expires_at.date().isoformat(),
        }
    else:
        enclosure = await _enclose(tx, ctx, delivery, order, form)
        facts["attachment_name"] = enclosure.name
    words = await _words(tx, delivery["locale"], order["store_id"], {row["listing_id"] for row in rows})
    written = _fill(words, Facts(**facts), delivery["locale"])
    support = order["support_contact"]
    return Letter(
        order_id=delivery["order_id"], written=written, message=_message(facts, url, chinese=chinese),
        sender_name=order["store_name"], reply_to=support if support and "@" in support else None, enclosure=enclosure,
    )  # fmt: skip


def _item(row: Mapping[str, Any], *, chinese: bool) -> Item:
    restrictions = (row["restrictions_zh"] or row["restrictions"]) if chinese else row["restrictions"]
    return Item(row["title"], row["quantity"], row["redemption_zh"] if chinese else row["redemption"], restrictions)


def _fill(words: Words, facts: Facts, locale: str) -> Written:
    try:
        return fill(words, facts)
    except TemplateInvalid as wrong:
        # A template that was right when it was saved and is not with this order: the buyer gets our words instead.
        log.warning("delivery.template_failed", part=wrong.part, line=wrong.line)
        return fill(default_words(locale), facts)


def _message(facts: Mapping[str, Any], url: Secret[str], *, chinese: bool) -> str:
    if chinese and facts["replacement"]:
        return f"【{facts['store_name']}】订单 {facts['order_code']} 中的卡密已更换，点此查看：{url.reveal()}"
    if facts["replacement"]:
        return f"{facts['store_name']}: a code of your order {facts['order_code']} was replaced: {url.reveal()}"
    if chinese:
        return f"【{facts['store_name']}】订单 {facts['order_code']} 已发货，点此查看：{url.reveal()}"
    return f"{facts['store_name']}: your order {facts['order_code']} is here: {url.reveal()}"


async def _link(tx: Tx, ctx: Ctx, delivery: Mapping[str, Any], order: Mapping[str, Any]) -> Link:
    """The link that this delivery sends: its own, one that went to the same contact before and still opens, or a new one."""
    now = clock.now()
    found = await tx.fetchrow(store.MAILED_LINK, order["id"], now, delivery["id"])
    if found is not None:
        await tx.execute(store.SET_LINK, delivery["id"], found["id"])
        return Link(**found)
    link = Link(
        id=LinkId(new_id()), order_id=order["id"], allocation_id=delivery["allocation_id"], opens_max=order["link_opens_max"], opens=0,
        expires_at=now + timedelta(hours=order["link_hours"]), created_by_kind=ActorKind.SYSTEM.value, created_at=now,
        revoked_at=None,
    )  # fmt: skip
    await tx.execute(
        store.ADD_LINK, link.id, ctx.tenant, link.order_id, link.allocation_id, hash_token(secret_of(link.id)), link.opens_max,
        link.expires_at, link.created_by_kind, None, now,
    )  # fmt: skip
    await tx.execute(store.SET_LINK, delivery["id"], link.id)
    return link


async def _enclose(tx: Tx, ctx: Ctx, delivery: Mapping[str, Any], order: Mapping[str, Any], form: Form) -> Enclosure:
    units = await show_units(
        tx, ctx, order_id=order["id"], allocation_id=delivery["allocation_id"], via="EMAIL", whole=True
    )
    name = f"{order['code']}.{form.value.lower()}"
    return Enclosure(form, name, passphrase_of(order["id"]), delivery["locale"], units)


async def _words(tx: Tx, locale: str, store_id: UUID, listing_ids: set[UUID]) -> Words:
    """The words of the one listing that was bought, else the store's, else ours."""
    listing_id = next(iter(listing_ids)) if len(listing_ids) == 1 else None
    row = await tx.fetchrow(store.WORDS, store_id, listing_id, locale)
    return default_words(locale) if row is None else Words(row["subject"], row["body_text"], row["body_html"])
