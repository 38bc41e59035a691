"""Refusals of the doors that are plain HTTP: `{"code", "message"}`, in the language that the reader asked for.

A person reads them, in a script's output or a browser. What machines alone read stays as their protocols have it: the texts of
/oauth/token are ASCII (RFC 6749, 5.2), and gateways are told nothing but a status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from fondaco_api.http import pages
from fondaco_api.http.body import BodyError
from fondaco_api.http.middleware import locale_of
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Refusal, Unauthenticated


@dataclass(frozen=True, slots=True)
class Said:
    """A refusal that is of a door alone, in both languages."""

    status: int
    code: str
    message: str
    message_zh: str


FOREIGN: Final = Said(403, "FORBIDDEN", "Pages of other sites may not ask here.", "不接受来自其他网站页面的请求。")
STRANGER: Final = Said(
    401, "UNAUTHENTICATED", "Sign in first, or send valid credentials.", "请先登录，或提供有效的凭证。"
)
NOWHERE: Final = Said(404, "NOT_FOUND", "There is nothing at this address.", "此地址没有内容。")
NOT_SO: Final = Said(405, "METHOD_NOT_ALLOWED", "This address is not asked in that way.", "此地址不接受这种请求方法。")
# The first that fits counts; what is none of them made sense a moment ago.
_STATUSES: Final[Mapping[type[Refusal], int]] = MappingProxyType({NotAllowed: 403, NotFound: 404, Invalid: 400})
_CONFLICT: Final = 409


def refuse(
    connection: HTTPConnection,
    reason: Said | Refusal | Unauthenticated | BodyError,
    *,
    statuses: Mapping[type[Refusal], int] = _STATUSES,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """The answer to who is refused; `statuses` are looked through for the first class that the refusal is of."""
    said = _said(reason, statuses)
    chinese = locale_of(connection.headers.get("accept-language") or "") == "zh-CN"
    body = orjson.dumps({"code": said.code, "message": said.message_zh if chinese else said.message})
    told = {**headers, "vary": "accept-language"}
    if said is STRANGER:
        told["www-authenticate"] = 'Bearer realm="fondaco"'
    return Response(body, said.status, headers=told, media_type="application/json")


async def refuse_astray(request: Request, error: Exception) -> Response:
    """The answer at an address that no door has, or to a method that its door has not; a page to who opens it in a browser."""
    assert isinstance(error, HTTPException)
    if error.status_code == NOWHERE.status and "text/html" in request.headers.get("accept", ""):
        return pages.nothing_here(locale_of(request.headers.get("accept-language") or ""))
    return refuse(request, NOWHERE if error.status_code == NOWHERE.status else NOT_SO, headers=error.headers or {})


def _said(reason: Said | Refusal | Unauthenticated | BodyError, statuses: Mapping[type[Refusal], int]) -> Said:
    match reason:
        case Said():
            return reason
        case Unauthenticated():
            return STRANGER
        case BodyError():
            return Said(reason.status, "BAD_REQUEST", reason.message, reason.message_zh)
        case _:
            status = next((status for kind, status in statuses.items() if isinstance(reason, kind)), _CONFLICT)
            return Said(status, reason.code, reason.message, reason.message_zh)
