"""`GET /statements/{id}`: a file of a statement that was asked for by `requestStatement`, piece by piece.

    curl https://…/statements/0190… -H "Authorization: Bearer …" -o statement.csv

Whoever fetches it needs the permission wallets.export; each time is on record before the first piece leaves. Between two pieces
no transaction is held.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fondaco_api.http.origins import is_foreign
from fondaco_api.http.refusing import FOREIGN, refuse
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import NotFound, Refusal, Unauthenticated
from fondaco_tenants import orders, settlement

_MEDIA_TYPES = {
    orders.ExportFormat.CSV: "text/csv; charset=utf-8",
    orders.ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def serve(request: Request) -> Response:
    """Hands out one file."""
    process = request.app.state.process
    if is_foreign(request.headers, process.settings.allowed_origins):
        return refuse(request, FOREIGN)
    try:
        ctx: Ctx = await process.authenticate(request)
        ctx.require("wallets.export")
        export_id = _key(request.path_params["export_id"])
        async with transaction(ctx) as tx:
            export = await settlement.fetch_statement_file(tx, ctx, export_id=export_id)
    except (Unauthenticated, Refusal) as reason:
        return refuse(request, reason)
    name = f"statement-{export.period.currency}-{export.period.since:%Y%m%d}-{export.period.until:%Y%m%d}.{export.format.value.lower()}"
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
            piece = await settlement.read_statement_piece(tx, ctx, export_id=export_id, number=number)
        if piece is None:
            return
        yield piece.reveal()
        number += 1


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("export") from None


routes: list[BaseRoute] = [Route("/statements/{export_id}", serve, methods=["GET"])]
