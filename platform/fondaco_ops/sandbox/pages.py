"""What people see of the sandbox gateway: the page on which somebody pays, and the page with the switches.

HTML and forms, no scripts: nothing comes from elsewhere and nothing is inline. Every form is answered with a redirect.
"""

import io
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jinja2
import orjson
import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fondaco_core.money import CURRENCY_DIGITS, Money
from fondaco_ops.sandbox.api import read_body
from fondaco_ops.sandbox.book import Payment
from fondaco_ops.sandbox.switches import Fault, OddSwitch, Operation, checked
from fondaco_ops.sandbox.work import Press, Refused, Work

_FOLDER = resources.files("fondaco_ops") / "sandbox" / "pages"
TEXTS: Final[dict[str, dict[str, str]]] = orjson.loads((_FOLDER / "texts.json").read_bytes())
_TEMPLATES: Final = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    loader=jinja2.DictLoader({name: (_FOLDER / name).read_text("utf-8") for name in ("base.html", "pay.html", "control.html")}),
)  # fmt: skip
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    # Under no-referrer a browser would not say which site a form came from.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "vary": "accept-language",
}
# Pressing "pay less" pays this part of what is asked for, and at least one minor unit less.
LESS = 2


class Pages:
    """The pages over the gateway's work."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def routes(self) -> list[BaseRoute]:
        """What the server serves to people."""
        return [
            Route("/pay/{page}", self._pay, methods=["GET"]),
            Route("/pay/{page}", self._press, methods=["POST"]),
            Route("/pay/{page}/qr.svg", self._qr, methods=["GET"]),
            Route("/", self._control, methods=["GET"]),
            Route("/", self._turn, methods=["POST"]),
            Route("/page.css", _style, methods=["GET"]),
        ]

    async def _pay(self, request: Request) -> Response:
        payment = self._payment(request)
        locale = _locale(request, payment.locale if payment else None)
        if payment is None:
            return _render("pay.html", locale, request, 404, payment=None, amount="", less="", paid="", back="")
        return _render(
            "pay.html", locale, request, 200, payment=payment, amount=_shown(payment.amount_minor, payment.currency),
            less=_shown(_less(payment), payment.currency) if payment.amount_minor > 1 else "",
            paid=_shown(payment.paid_minor, payment.paid_currency), back=payment.return_url,
        )  # fmt: skip

    async def _press(self, request: Request) -> Response:
        payment = self._payment(request)
        given = await _form(request)
        if payment is None:
            return await self._pay(request)
        match given.get("press"):
            case "pay":
                self._work.pay(payment, Press(payment.amount_minor, payment.currency))
            case "less" if payment.amount_minor > 1:
                self._work.pay(payment, Press(_less(payment), payment.currency))
            case "decline":
                # Somebody may have paid it meanwhile: the page says so.
                with suppress(Refused):
                    self._work.close(payment.id)
            case _:
                pass
        return RedirectResponse(_self(request), status_code=303, headers=dict(HEADERS))

    async def _qr(self, request: Request) -> Response:
        payment = self._payment(request)
        if payment is None:
            return Response(status_code=404)
        drawn = io.BytesIO()
        text = f"{request.base_url}pay/{payment.page}"
        segno.make(text, micro=False, error="m").save(drawn, kind="svg", scale=6, border=2, light="#fff", xmldecl=False)
        return Response(drawn.getvalue(), media_type="image/svg+xml", headers=dict(HEADERS))

    def _payment(self, request: Request) -> Payment | None:
        found = self._work.book.payment_of_page(request.path_params["page"])
        return None if found is None else self._work.found(found.id)

    async def _control(self, request: Request, odd: str = "") -> Response:
        book = self._work.book
        rows = [(each, _shown(each.amount_minor, each.currency)) for each in book.latest_payments()]
        return _render(
            "control.html", _locale(request, None), request, 400 if odd else 200, rows=rows, switches=book.switches(),
            faults=list(Fault), operations=list(Operation), odd=odd,
        )  # fmt: skip

    async def _turn(self, request: Request) -> Response:
        """What a press on the page with the switches does."""
        given = await _form(request)
        book = self._work.book
        try:
            match given.get("do"):
                case "on":
                    book.add_switch(checked(dict(given)))
                case "off":
                    book.remove_switches(int(given["id"]) if given.get("id", "").isdigit() else None)
                case "again":
                    self._work.tell_again(given.get("payment_id", ""))
                case _:
                    pass
        except (OddSwitch, Refused) as odd:
            return await self._control(request, odd=str(odd))
        return RedirectResponse(_self(request), status_code=303, headers=dict(HEADERS))


def _less(payment: Payment) -> int:
    return max(1, payment.amount_minor // LESS)


def _shown(amount_minor: int | None, currency: str | None) -> str:
    """An amount for people; empty when there is none."""
    if amount_minor is None or currency not in CURRENCY_DIGITS:
        return ""
    return f"{Money(amount_minor, currency).decimal:,} {currency}"


def _locale(request: Request, of_payment: str | None) -> str:
    """The language: the one that was chosen on the page, the browser's, or else the payment's, which somebody else may have started."""
    chosen = request.query_params.get("lang")
    if chosen in TEXTS:
        return chosen
    first = request.headers.get("accept-language", "").strip().lower()
    if first.startswith(("zh", "en")):
        return "zh-CN" if first.startswith("zh") else "en"
    return of_payment if of_payment in TEXTS else "en"


def _self(request: Request) -> str:
    """The address of the very page, with the chosen language."""
    chosen = request.query_params.get("lang")
    return request.url.path + (f"?lang={chosen}" if chosen in TEXTS else "")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; none of one that another site had sent."""
    body = await read_body(request)
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=20))


def _render(template: str, locale: str, request: Request, status: int, **values: Any) -> Response:
    texts: Mapping[str, str] = TEXTS[locale]
    other = "en" if locale == "zh-CN" else "zh-CN"
    html = _TEMPLATES.get_template(template).render(
        t=texts,
        locale=locale,
        other=other,
        here=_self(request),
        other_here=f"{request.url.path}?lang={other}",
        **values,
    )
    return HTMLResponse(html, status_code=status, headers=dict(HEADERS))


async def _style(_: Request) -> Response:
    style = (_FOLDER / "page.css").read_bytes()
    return Response(style, media_type="text/css; charset=utf-8", headers={"cache-control": "no-cache"})
