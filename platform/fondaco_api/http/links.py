"""The pages of delivery: a link's, which opens at a press and never by being looked at, and an order's.

What opens them (a link's secret, an order's token) stands behind the # of the address, which browsers never send: it is
in no access log, no referrer and no link preview. A GET or HEAD shows a sealed page, whatever the link's state.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
import segno
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fondaco_api.http import pages
from fondaco_api.http.body import BodyError, read_body
from fondaco_api.http.middleware import stranger
from fondaco_api.http.misses import Misses
from fondaco_api.http.origins import is_foreign
from fondaco_core import limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, Unauthenticated
from fondaco_core.ids import AllocationId, DeliveryId, LinkId, OrderId
from fondaco_core.logs import get_logger
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import delivery, orders

log = get_logger(__name__)

# The largest body of these requests, in bytes: a secret or an id in JSON.
_BODY_BYTES_MAX = 4_096
_misses = Misses()

Handler = Callable[[Request], Awaitable[Response]]


class _Throttled(Refusal):
    """Too many wrong secrets came from this address."""

    code = "THROTTLED"

    def __init__(self) -> None:
        super().__init__("Too many attempts; wait a while.", zh="尝试次数过多，请稍后再试。")


async def _at_store(request: Request, ctx: Ctx) -> Ctx:
    """The same asker at the store of the address; NotFound when there is none."""
    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.STORE, request.path_params["slug"])
    if tenant_id is None:
        raise NotFound("store")
    return ctx.for_tenant(tenant_id)


async def _store_face(request: Request, ctx: Ctx) -> delivery.StoreFace:
    at = replace(await _at_store(request, ctx), permissions=frozenset({"buyer.open"}))
    async with reading(at) as tx:
        return await delivery.get_store_face(tx, at, store_slug=request.path_params["slug"])


def _page(title: str, script: str) -> Handler:
    async def show(request: Request) -> Response:
        """A sealed page: the same for every link and every order, known or not."""
        ctx = stranger(request)
        try:
            store = await _store_face(request, ctx)
        except NotFound:
            return pages.nothing_here(ctx.locale)
        return pages.page(ctx.locale, title=title, script=script, store=store.name, support=store.support)

    return show


def _json(answer: Callable[[Request], Awaitable[dict[str, Any]]]) -> Handler:
    """A JSON endpoint: refuses what a foreign page could send, and tells every refusal by its code."""

    async def respond(request: Request) -> Response:
        ctx = stranger(request)
        try:
            if is_foreign(request.headers, request.app.state.process.settings.allowed_origins):
                raise NotAllowed("same-origin")
            if request.headers.get("x-requested-with") is None:
                raise Invalid("The header X-Requested-With is missing.", zh="缺少请求头 X-Requested-With。")
            return _answered(await answer(request))
        except Unauthenticated:
            return _answered({"error": {"code": "NOT_FOUND", "message": _told(NotFound("order"), ctx)}}, status=404)
        except Refusal as refusal:
            body = {"error": {"code": refusal.code, "message": _told(refusal, ctx)}}
            if isinstance(refusal, delivery.LinkClosed) and refusal.order_code is not None:
                body["error"]["orderCode"] = refusal.order_code
            return _answered(body, status=_status(refusal))

    return respond


def _answered(body: Mapping[str, Any], *, status: int = 200) -> Response:
    headers = {"cache-control": "no-store", "x-robots-tag": "noindex, nofollow, noarchive"}
    if status == 429:  # noqa: PLR2004 - too many requests
        headers["retry-after"] = str(limits.LINK_MISSES_S)
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=headers)


def _told(refusal: Refusal, ctx: Ctx) -> str:
    return refusal.message_zh if ctx.locale == "zh-CN" else refusal.message


def _status(refusal: Refusal) -> int:
    match refusal:
        case _Throttled() | delivery.TooManyResends():
            return 429
        case NotFound():
            return 404
        case NotAllowed():
            return 403
        case delivery.NotDelivered() | delivery.NotResendable():
            return 409
        case Conflict():
            return 410
        case _:
            return 400


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Invalid("The body is JSON.", zh="请求体须为 JSON。")
    try:
        read = orjson.loads(await read_body(request.scope, request.receive, most=_BODY_BYTES_MAX))
    except (BodyError, orjson.JSONDecodeError):
        read = None
    if not isinstance(read, dict):
        raise Invalid("The body is a small JSON object.", zh="请求体须为一个较小的 JSON 对象。")
    return read


async def open_link(request: Request) -> dict[str, Any]:
    """Opens a link and answers its codes; the one request that uses a link up."""
    ctx, valkey = stranger(request), request.app.state.process.valkey
    link = _link_of(request)
    secret = (await _body(request)).get("secret")
    if await _misses.too_many(valkey, ip=ctx.ip, link=link):
        raise _Throttled
    try:
        if not isinstance(secret, str):
            raise delivery.LinkUnknown
        at = replace(await _at_store(request, ctx), permissions=frozenset({"buyer.open"}))
        async with transaction(at) as tx:
            opened = await delivery.open_link(
                tx, at, store_slug=request.path_params["slug"], link_id=LinkId(UUID(link)), secret=Secret(secret)
            )
    except NotFound:
        await _misses.count(valkey, ip=ctx.ip, link=link)
        log.warning("links.wrong_secret", link=link, ip=ctx.ip)
        raise delivery.LinkUnknown from None
    return {
        "store": opened.store_name,
        "orderCode": opened.order_code,
        "opensLeft": opened.link.opens_max - opened.link.opens,
        "said": _said(opened.gift_name, opened.gift_message),
        "units": _units(opened.units),
    }


def _said(name: str | None, message: str | None) -> dict[str, str | None] | None:
    """What whoever gives it says to whom it is for, for a page to show as text."""
    return None if name is None and message is None else {"name": name, "message": message}


def _link_of(request: Request) -> str:
    """The link's id in its one spelling: it is counted and logged under it, and what is no id is kept nowhere."""
    try:
        return str(_uuid(request.path_params["link_id"]))
    except NotFound:
        raise delivery.LinkUnknown from None


async def show_order(request: Request) -> dict[str, Any]:
    """An order for its page: where it stands, what is in it, no code."""
    at = await _buyer(request)
    async with reading(at) as tx:
        found = await _order_page(tx, at, request)
        sent = (await delivery.list_deliveries(tx, at, [found.order.id]))[found.order.id]
        gift = (await orders.find_gifts(tx, at, [found.order.id])).get(found.order.id)
    order = found.order
    titles = {line.id: line.title for line in found.lines}
    return {
        "code": order.code,
        "state": order.state.value,
        "total": _money(order.total),
        "refunded": _money(order.refunded) if order.refunded.amount_minor else None,
        "holdExpiresAt": order.hold_expires_at,
        "placedAt": order.placed_at,
        "paidAt": order.paid_at,
        "fulfilledAt": order.fulfilled_at,
        "closedAt": order.closed_at,
        "gift": None
        if gift is None
        else {
            "contact": gift.contact_masked,
            "opened": gift.opened_at is not None,
            "takenBack": gift.taken_back_at is not None,
            "said": _said(gift.name, gift.message),
        },
        "deliveries": _deliveries(sent),
        "passphrase": _passphrase(order.id, sent, ctx=at),
        "lines": [
            {
                "title": line.title,
                "quantity": line.quantity,
                "amount": _money(Money(line.unit_price_minor * line.quantity, order.total.currency)),
            }
            for line in found.lines
        ],
        "units": [
            {
                "id": str(unit.id),
                "title": titles[unit.line_id],
                "state": unit.state.value,
                "masked": unit.masked if unit.state is orders.AllocationState.FULFILLED else None,
                "refunded": unit.refunded_at is not None,
                "revealedAt": unit.revealed_at,
            }
            for unit in found.units
        ],
    }


async def reveal(request: Request) -> dict[str, Any]:
    """Shows one unit's code, or all of the order's, to its buyer."""
    wanted = (await _body(request)).get("allocationId")
    at = await _buyer(request)
    async with transaction(at) as tx:
        order_id = (await _order_page(tx, at, request)).order.id
        if wanted is None:
            units = await delivery.reveal_order(tx, at, order_id=order_id)
        else:
            units = [await delivery.reveal_code(tx, at, allocation_id=AllocationId(_uuid(wanted)))]
    return {"units": _units(units)}


def _deliveries(sent: Sequence[delivery.Delivery]) -> list[dict[str, Any]]:
    """What went to a contact, newest first; the newest may be sent again."""
    out = [each for each in sent if each.form is not delivery.Form.PAGE]
    return [
        {
            "id": str(each.id),
            "contact": each.contact_masked,
            "toRecipient": each.addressee == "RECIPIENT",
            "state": each.state.value,
            "failure": each.failure,
            "sentAt": each.sent_at,
            "canResend": each is out[0],
        }
        for each in out
    ]


def _passphrase(order_id: OrderId, sent: Sequence[delivery.Delivery], *, ctx: Ctx) -> str | None:
    """What opens the mailed file: for who may see the codes anyhow, and for who gives them away."""
    enclosed = any(each.form in {delivery.Form.ZIP, delivery.Form.PDF} for each in sent)
    return delivery.passphrase_of(order_id).reveal() if enclosed and ctx.has("buyer.reveal") else None


async def resend(request: Request) -> dict[str, Any]:
    """Sends the order once more to the contact it went to."""
    wanted = (await _body(request)).get("deliveryId")
    at = await _buyer(request)
    async with transaction(at) as tx:
        order_id = (await _order_page(tx, at, request)).order.id
        delivery_id = DeliveryId(_uuid(wanted))
        found = (await delivery.find_deliveries(tx, at, [delivery_id])).get(delivery_id)
        if found is None or found.order_id != order_id:
            raise NotFound("delivery")
        made = await delivery.resend_delivery(tx, at, delivery_id=delivery_id)
    return {"id": str(made.id)}


async def _buyer(request: Request) -> Ctx:
    """Who asks, when it is a buyer of the store in the address; NotFound for everybody else."""
    ctx: Ctx = await request.app.state.process.authenticate(request)
    if ctx.tenant_id is None or (await _at_store(request, stranger(request))).tenant_id != ctx.tenant_id:
        raise NotFound("order")
    return ctx


async def _order_page(tx: Any, ctx: Ctx, request: Request) -> delivery.OrderPage:
    return await delivery.get_order_page(
        tx, ctx, store_slug=request.path_params["slug"], order_code=request.path_params["code"]
    )


def _units(units: Sequence[delivery.RevealedUnit]) -> list[dict[str, Any]]:
    return [_unit(unit, drawn=place < limits.QR_UNITS_MAX) for place, unit in enumerate(units)]


def _unit(unit: delivery.RevealedUnit, *, drawn: bool) -> dict[str, Any]:
    code = unit.code.reveal()
    return {
        "allocationId": str(unit.allocation_id),
        "title": unit.title,
        "kind": unit.kind,
        "code": code,
        "pin": unit.pin.reveal() if unit.pin is not None else None,
        "jwe": unit.jwe,
        "masked": unit.masked,
        "redemption": {"en": unit.redemption, "zh-CN": unit.redemption_zh},
        "restrictions": {"en": unit.restrictions, "zh-CN": unit.restrictions_zh or unit.restrictions}
        if unit.restrictions
        else None,
        "qr": qr_image(code) if drawn and unit.jwe is None else None,
    }


def qr_image(text: str) -> str | None:
    """A QR code as the address of an image that is its own content; None for a text that is too long for one."""
    try:
        return segno.make(text, error="m", micro=False).svg_data_uri(scale=4, border=2, xmldecl=False, nl=False)
    except segno.DataOverflowError:
        return None


def _money(value: Money) -> dict[str, str]:
    return {"amount": str(value.decimal), "currency": value.currency}


def _uuid(text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise NotFound("id") from None


routes: list[BaseRoute] = [
    *pages.routes,
    Route("/s/{slug}/r/{link_id}", _page("linkTitle", "link.js"), methods=["GET"]),
    Route("/s/{slug}/r/{link_id}/open", _json(open_link), methods=["POST"]),
    Route("/s/{slug}/o/{code}", _page("orderTitle", "order.js"), methods=["GET"]),
    Route("/s/{slug}/o/{code}/state", _json(show_order), methods=["GET"]),
    Route("/s/{slug}/o/{code}/reveal", _json(reveal), methods=["POST"]),
    Route("/s/{slug}/o/{code}/resend", _json(resend), methods=["POST"]),
]
