"""What takes transactions of its own: mending units that wait, telling of resold codes and of stock, writing to guests, writing files."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from fondaco_core import clock, identity, limits, mail, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import NotFound
from fondaco_core.ids import CodeId, OrderId, TenantId
from fondaco_core.logs import get_logger
from fondaco_core.mail import Mail
from fondaco_tenants import customers
from fondaco_tenants.orders.errors import NoLetters
from fondaco_tenants.orders.rules import AllocationState
from fondaco_tenants.orders.service import change, exports, look_up, resales, stock, swap
from fondaco_tenants.orders.service.resales import Resale
from fondaco_tenants.orders.service.sheets import Sheet

log = get_logger(__name__)
# What the buyer reads of a unit whose code failed while nobody had another.
_NO_STOCK = "The code failed, and no other came in time. 卡密失效，且未能及时补货。"


async def mend_waiting(ctx: Ctx) -> tuple[int, int]:
    """Gives units that wait their codes, where there are some by now, and refunds those whose time is over.

    Says how many it served and how many it refunded. Cut off anywhere, the next run goes on. A unit that cannot be mended does
    not keep the others: all are tried, and the first one's error is raised after the last.
    """
    ctx.require("system.run")
    served = refunded = 0
    broken: Exception | None = None
    after = None
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            found = await swap.list_waiting(tx, ctx, after=after)
        for each in found:
            try:
                became = await _mend(ctx, each)
            except Exception as error:  # the edge of one order: whatever it is, the next one is another
                log.warning("orders.not_mended", order_id=each.order_id, exc_info=error)
                broken = broken or error
                continue
            served += became is AllocationState.FULFILLED
            refunded += became is AllocationState.RELEASED
        if len(found) < limits.EXPIRE_BATCH:
            break
        after = (found[-1].wait_until, found[-1].allocation_id)
    if broken is not None:
        raise broken
    return served, refunded


async def tell_stock(ctx: Ctx, merchants: Sequence[TenantId]) -> int:
    """Announces to merchants what has changed of the stock of their listings and of their suppliers' offers; says how much."""
    ctx.require("system.run")
    told = 0
    for tenant_id in merchants:
        for tell in (stock.tell_of_listings, stock.tell_of_offers):
            after = None
            while True:
                async with governing(ctx) as tx:
                    page = await tell(tx, ctx, tenant_id=tenant_id, after=after)
                told += page.told
                if (after := page.last) is None:
                    break
    return told


async def _mend(ctx: Ctx, waiting: swap.Waiting) -> AllocationState:
    acting = swap.acting_for(ctx, waiting.tenant_id)
    async with trading(acting) as tx:
        if await swap.serve_waiting(tx, acting, waiting=waiting):
            return AllocationState.FULFILLED
        if waiting.wait_until > clock.now():
            return AllocationState.WAITING
        await change.refund_order(
            tx, acting, order_id=waiting.order_id, reason=_NO_STOCK, allocation_ids=[waiting.allocation_id]
        )
        return AllocationState.RELEASED


async def find_resales(ctx: Ctx, code_ids: Sequence[CodeId]) -> dict[CodeId, Resale]:
    """Those of the asker's own codes that went to resellers: to whom, and when; in a transaction of its own, over tenants."""
    ctx.require("codes.read")
    async with trading(ctx) as tx:
        return await resales.resales_of(tx, ctx, code_ids=code_ids)


_SUBJECT = "Your order {code} at {store}"
_TEXT = """Somebody asked for your order {code} at {store}.

This link opens it, and whoever has the link has its codes:
{url}

If it was not you, do nothing: nobody but you was told anything.
"""
_SUBJECT_ZH = "您在 {store} 的订单 {code}"
_TEXT_ZH = """有人查询您在 {store} 的订单 {code}。

点击以下链接打开订单，持有此链接者即可查看卡密：
{url}

若非您本人操作，请忽略本邮件；除您以外无人获知任何信息。
"""


async def look_up_order(stranger: Ctx, *, store_slug: str, order_code: str, contact: str) -> None:
    """Has a link to a guest's order sent to the contact that it was placed with; whether there is one shows in nothing.

    Raises NotFound for the store, BadContact, NoLetters where nothing is sent to such a contact, TooManyAttempts.
    """
    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.STORE, store_slug)
    if tenant_id is None:
        raise NotFound("store", path=("store",))
    address = customers.normalised_contact(contact)
    if "@" not in address or not mail.configured():
        raise NoLetters
    ctx = stranger.visiting(tenant_id)
    await identity.count_attempt(ctx, account=f"order of {tenant_id} {address}")
    async with transaction(ctx) as tx:
        await look_up.ask_look_up(tx, ctx, order_code=order_code, contact=address)


async def send_look_up(ctx: Ctx, *, order_id: OrderId, locale: str) -> None:
    """Writes to a guest where their order is. Raises Undelivered; an address that takes no mail is left alone."""
    ctx.require("system.run")
    if not mail.configured():
        return
    async with reading(ctx) as tx:
        found = await look_up.read_look_up(tx, ctx, order_id=order_id)
    if not await identity.may_write_to(found.contact):
        return
    token = identity.new_order_token(tenant_id=ctx.tenant, order_id=order_id, version=found.token_version)
    url = f"{identity.ways().public_url}/s/{found.store_slug}/o/{found.code}#{token.reveal()}"
    subject, text = (_SUBJECT_ZH, _TEXT_ZH) if locale == "zh-CN" else (_SUBJECT, _TEXT)
    words = {"code": found.code, "store": found.store_name}
    minute = int(clock.now().timestamp()) // 60
    letter = Mail(
        to=found.contact, subject=subject.format(**words), text=text.format(**words, url=url),
        message_id=mail.message_id_of("order", f"{order_id}.{minute}"), sender_name=found.store_name,
    )  # fmt: skip
    try:
        await mail.send_mail(letter)
    except mail.Undelivered as lost:
        if not lost.sent:
            await identity.take_letter_back(found.contact)
        raise
    except mail.Refused:
        return


async def write_export(ctx: Ctx, *, export_id: UUID) -> None:
    """Writes a file of orders that was asked for, page by page, each read in a transaction of its own; once."""
    ctx.require("system.run")
    async with reading(ctx) as tx:
        export = await exports.find_export(tx, ctx, export_id=export_id)
    if export is None:
        return
    rows, after = 0, None
    # Nothing of it has a name on the disk, and only so much of it is in memory as fits a page.
    with tempfile.TemporaryFile() as file:
        sheet = Sheet(file, export.format)
        sheet.add(exports.COLUMNS)
        while True:
            async with reading(ctx) as tx:
                cells, after = await exports.read_rows(tx, ctx, export=export, after=after)
            if after is None:
                break
            rows += len(cells)
            await asyncio.to_thread(sheet.add_all, cells)
        size = await asyncio.to_thread(sheet.close)
        async with transaction(ctx) as tx:
            if await exports.finish_export(tx, ctx, export_id=export_id, rows=rows, size=size):
                for number, data in enumerate(iter(lambda: file.read(limits.UPLOAD_CHUNK_BYTES), b"")):
                    await exports.store_piece(tx, ctx, export_id=export_id, number=number, data=data)


async def forget_exports(ctx: Ctx) -> int:
    """Deletes files of all tenants whose time is over, and says how many."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        stale = await exports.stale_exports(tx, ctx, count=limits.CLEAN_UP_ROWS)
    for tenant_id, export_id in stale:
        acting = replace(ctx, tenant_id=tenant_id)
        async with transaction(acting) as tx:
            await exports.drop_export(tx, acting, export_id=export_id)
    return len(stale)
