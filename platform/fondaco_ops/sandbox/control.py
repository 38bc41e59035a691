"""The switches and the payer's presses for programs: tests and demos. JSON, for this machine only, unsigned.

GET    /control/switches                what is on
POST   /control/switches                turns one on: fault, payment_id, operation, count, seconds, times
DELETE /control/switches                turns all off
GET    /control/payments/{id}           a payment with what was told of it
POST   /control/payments/{id}/press     pays: amount_minor, currency, late; or {"press": "decline"}
POST   /control/payments/{id}/again     tells the shop once more, in a new notification
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fondaco_core.money import CURRENCY_DIGITS
from fondaco_ops.sandbox.api import payment_shown, read_body, read_object
from fondaco_ops.sandbox.switches import OddSwitch, checked
from fondaco_ops.sandbox.work import AMOUNT_MAX_MINOR, Press, Refused, Work

Serve = Callable[[Request, dict[str, Any]], Awaitable[dict[str, Any]]]


class Control:
    """The routes for programs over the gateway's work."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def routes(self) -> list[BaseRoute]:
        """What the server serves to tests and demos."""
        return [
            Route("/control/switches", _door(self._list), methods=["GET"]),
            Route("/control/switches", _door(self._on), methods=["POST"]),
            Route("/control/switches", _door(self._off), methods=["DELETE"]),
            Route("/control/payments/{id}", _door(self._show), methods=["GET"]),
            Route("/control/payments/{id}/press", _door(self._press), methods=["POST"]),
            Route("/control/payments/{id}/again", _door(self._again), methods=["POST"]),
        ]

    async def _list(self, _: Request, __: dict[str, Any]) -> dict[str, Any]:
        return {
            "switches": [
                {
                    "id": each.id, "fault": each.fault, "payment_id": each.payment_id, "operation": each.operation,
                    "left": each.left, "seconds": each.seconds, "times": each.times,
                }
                for each in self._work.book.switches()
            ]
        }  # fmt: skip

    async def _on(self, _: Request, given: dict[str, Any]) -> dict[str, Any]:
        return {"id": self._work.book.add_switch(checked(given))}

    async def _off(self, _: Request, __: dict[str, Any]) -> dict[str, Any]:
        self._work.book.remove_switches()
        return {}

    async def _show(self, request: Request, _: dict[str, Any]) -> dict[str, Any]:
        payment = self._work.found(request.path_params["id"])
        told = [
            {
                "notification_id": each.notification_id, "attempts": each.attempts, "answered": each.answered,
                "ended": each.ended_at is not None,
            }
            for each in self._work.book.callbacks_of(payment.id)
        ]  # fmt: skip
        return {**payment_shown(payment), "told": told}

    async def _press(self, request: Request, given: dict[str, Any]) -> dict[str, Any]:
        payment = self._work.found(request.path_params["id"])
        if given.get("press") == "decline":
            return payment_shown(self._work.close(payment.id))
        amount_minor = given.get("amount_minor", payment.amount_minor)
        currency = given.get("currency", payment.currency)
        if type(amount_minor) is not int or not 0 < amount_minor <= AMOUNT_MAX_MINOR or currency not in CURRENCY_DIGITS:
            raise Refused("BAD_AMOUNT", 400)
        taken = self._work.pay(payment, Press(amount_minor, currency, late=given.get("late") is True))
        return {**payment_shown(self._work.found(payment.id)), "taken": taken}

    async def _again(self, request: Request, _: dict[str, Any]) -> dict[str, Any]:
        self._work.tell_again(request.path_params["id"])
        return {}


def _door(serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """JSON in, JSON out. What a browser could send across sites without asking is refused."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await serve(request, await _given(request)))
        except Refused as refused:
            return JSONResponse({"code": refused.code}, status_code=refused.status)
        except OddSwitch as odd:
            return JSONResponse({"code": "ODD_SWITCH", "message": str(odd)}, status_code=400)

    return endpoint


async def _given(request: Request) -> dict[str, Any]:
    body = await read_body(request)
    if request.headers.get("origin") or (body and request.headers.get("content-type") != "application/json"):
        raise Refused("NOT_FOR_BROWSERS", 403)
    return read_object(body)
