"""Errands of delivery: claim an attempt, send outside of any transaction, write down how it ended."""

import asyncio
from dataclasses import dataclass

from fondaco_core import identity, limits, mail
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import DeliveryId
from fondaco_core.mail import Attachment, Mail, Refused, Undelivered
from fondaco_tenants.delivery import service
from fondaco_tenants.delivery.adapters.http_messenger import HttpMessenger
from fondaco_tenants.delivery.ports import Message, Messenger
from fondaco_tenants.delivery.rules import Channel, Enclosed, Form, Outcome, make_pdf, make_zip
from fondaco_tenants.delivery.service import Enclosure, Sending

_MEDIA_TYPES = {Form.ZIP: "application/zip", Form.PDF: "application/pdf"}


@dataclass(frozen=True, slots=True)
class _Ways:
    public_url: str
    messenger: Messenger | None


_ways: _Ways | None = None


def open_ways(settings: Settings) -> None:
    """Reads, once at the door of a process, where links lead and how text messages leave."""
    global _ways  # noqa: PLW0603 - one way out a process, opened at its door
    messenger = None if settings.sms_url is None else HttpMessenger(settings.sms_url.reveal(), settings.sms_token)
    _ways = _Ways(settings.public_url, messenger)


def ways_out() -> frozenset[Channel]:
    """By which channels anything leaves this installation, as far as this process was told."""
    found = set[Channel]()
    if mail.configured():
        found.add(Channel.EMAIL)
    if _ways is not None and _ways.messenger is not None:
        found.add(Channel.SMS)
    return frozenset(found)


async def send_delivery(ctx: Ctx, *, delivery_id: DeliveryId) -> None:
    """Makes the attempt of a delivery that is due, if no other worker is at it.

    It is claimed before and completed after. Should this process die in between, it may have been sent and may not: then the
    delivery is UNKNOWN, and is sent again under the same Message-ID, to the same link.
    """
    ways = _ways
    assert ways is not None, "open_ways() comes first"
    async with transaction(ctx) as tx:
        sending = await service.begin_attempt(tx, ctx, delivery_id=delivery_id, public_url=ways.public_url)
    if sending is None:
        return
    outcome, status = await _send(sending, ways)
    async with transaction(ctx) as tx:
        await service.end_attempt(
            tx, ctx, delivery_id=delivery_id, number=sending.number, outcome=outcome, status=status
        )


async def _send(sending: Sending, ways: _Ways) -> tuple[Outcome, int | None]:
    if sending.gift and not await identity.may_write_to(sending.to, most=limits.LETTERS_OF_GIFTS_MAX):
        return Outcome.LATER, None
    try:
        if sending.channel is Channel.SMS:
            if ways.messenger is None:
                return Outcome.NO_WAY_OUT, None
            await ways.messenger.send(Message(str(sending.delivery_id), sending.to, sending.letter.message))
        else:
            if not mail.configured():
                return Outcome.NO_WAY_OUT, None
            await mail.send_mail(await _mail(sending))
    except Undelivered as lost:
        return Outcome.UNKNOWN if lost.sent else Outcome.LATER, lost.status
    except Refused as refused:
        return Outcome.REFUSED, refused.status
    return Outcome.SENT, None


async def _mail(sending: Sending) -> Mail:
    letter = sending.letter
    enclosed = () if letter.enclosure is None else (await _attachment(letter.enclosure),)
    return Mail(
        to=sending.to, subject=letter.written.subject, text=letter.written.text, html=letter.written.html,
        message_id=mail.message_id_of("delivery", sending.delivery_id), attachments=enclosed,
        sender_name=letter.sender_name, reply_to=letter.reply_to,
    )  # fmt: skip


async def _attachment(enclosure: Enclosure) -> Attachment:
    chinese = enclosure.locale == "zh-CN"
    units = [
        Enclosed(
            title=unit.title,
            redemption=unit.redemption_zh if chinese else unit.redemption,
            restrictions=(unit.restrictions_zh or unit.restrictions) if chinese else unit.restrictions,
            code=unit.code.reveal(),
            pin=None if unit.pin is None else unit.pin.reveal(),
        )
        for unit in enclosure.units
    ]
    # Deriving keys and packing takes a while: the other work of this process goes on meanwhile.
    if enclosure.form is Form.ZIP:
        made = await asyncio.to_thread(make_zip, units, passphrase=enclosure.passphrase, chinese=chinese)
    else:
        made = await asyncio.to_thread(
            make_pdf, units, passphrase=enclosure.passphrase, title=enclosure.name.removesuffix(".pdf"), chinese=chinese
        )
    return Attachment(enclosure.name, made, _MEDIA_TYPES[enclosure.form])
