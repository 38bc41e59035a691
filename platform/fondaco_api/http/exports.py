"""`GET /exports/{id}`: a file of orders that was asked for by `exportOrders`, piece by piece.

    curl https://…/exports/0190… -H "Authorization: Bearer …" -o orders.csv

Whoever fetches it needs the permission orders.export, and customers.contacts when contacts stand in it; each time is on
record before the first piece leaves. Between two pieces no transaction is held.
"""

from collections.abc import AsyncIterator
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fondaco_api.http.middleware import locale_of
from fondaco_api.http.origins import is_foreign
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import NotAllowed, NotFound, Refusal, Unauthenticated
from fondaco_tenants import orders

_STATUS: dict[type[Refusal], int] = {NotAllowed: 403, NotFound: 404}
_MEDIA_TYPES = {
    orders.ExportFormat.CSV: "text/csv; charset=utf-8",
    orders.ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def serve(request: Request) -> Response:
    """Hands out one file."""
    process = request.app.state.process
    if is_foreign(request.headers, process.settings.allowed_origins):
        return _told(403, "FORBIDDEN", "Pages of other sites may not ask here.")
    chinese = locale_of(request.headers.get("accept-language") or "") == "zh-CN"
    try:
        ctx: Ctx = await process.authenticate(request)
        export_id = _key(request.path_params["export_id"])
        async with transaction(ctx) as tx:
            export = await orders.fetch_export(tx, ctx, export_id=export_id)
    except Unauthenticated:
        told = _told(401, "UNAUTHENTICATED", "Sign in first, or send valid credentials.")
        told.headers["www-authenticate"] = 'Bearer realm="fondaco"'
        return told
    except Refusal as refusal:
        return _told(_STATUS.get(type(refusal), 409), refusal.code, refusal.message_zh if chinese else refusal.message)
    name = f"orders-{export.placed_from:%Y%m%d}-{export.placed_to:%Y%m%d}.{export.format.value.lower()}"
    return StreamingResponse(
        _pieces(ctx, export_id),
        media_type=_MEDIA_TYPES[export.format],
        headers={
            "content-disposition": f'attachment; filename="{name}"', "content-length": str(export.size),
            "cache-control": "no-store", "x-content-type-options": "nosniff",
        },
    )  # fmt: skip


async def _pieces(ctx: Ctx, export_id: UUID) -> AsyncIterator[bytes]:
    number = 0
    while True:
        async with reading(ctx) as tx:
            piece = await orders.read_export_piece(tx, ctx, export_id=export_id, number=number)
        if piece is None:
            return
        yield piece.reveal()
        number += 1


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("export") from None


def _told(status: int, code: str, message: str) -> Response:
    return Response(orjson.dumps({"code": code, "message": message}), status, media_type="application/json")


routes: list[BaseRoute] = [Route("/exports/{export_id}", serve, methods=["GET"])]
