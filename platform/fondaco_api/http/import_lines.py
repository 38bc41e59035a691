r"""`POST /imports/{id}/lines`: the lines of an import that were not accepted, as they came, as a CSV file.

    curl -X POST https://…/imports/…/lines -H "Authorization: Bearer …" -H "Content-Type: application/json" \
      -d '{"reason": "The supplier sends them again."}'
    → 200 line,outcome,reason,text

They may hold codes, so this is a reveal: it needs codes.reveal and a reason, and is in the audit log before the first line
leaves. The file does nothing in a spreadsheet but show what it holds.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fondaco_api.http.body import BodyError, read_body
from fondaco_api.http.origins import is_foreign
from fondaco_api.http.refusing import FOREIGN, refuse
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Invalid, NotFound, Refusal, Unauthenticated
from fondaco_core.ids import BatchId
from fondaco_core.sheets import csv_line
from fondaco_tenants import codes

# Reads the schema's id of an import; None when it is none.
ReadId = Callable[[str], UUID | None]

_HEADER = ("line", "outcome", "reason", "text")
_PAGE_LINES = 2_000


class _Lines:
    """The endpoint; `read_id` knows how the schema names imports."""

    def __init__(self, read_id: ReadId) -> None:
        self.read_id = read_id

    async def serve(self, request: Request) -> Response:
        """Hands out the lines of one import."""
        process = request.app.state.process
        if is_foreign(request.headers, process.settings.allowed_origins):
            return refuse(request, FOREIGN)
        try:
            reason = _reason(await read_body(request.scope, request.receive))
            ctx: Ctx = await process.authenticate(request)
            ctx.require("codes.reveal")
            key = self.read_id(request.path_params["batch_id"])
            if key is None:
                raise NotFound("batch")
            batch_id = BatchId(key)
            async with transaction(ctx) as tx:
                await codes.open_lines(tx, ctx, batch_id=batch_id, reason=reason)
        except (BodyError, Unauthenticated, Refusal) as reason:
            return refuse(request, reason)
        return StreamingResponse(
            _file(ctx, batch_id),
            media_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="import-{batch_id.hex[-12:]}-lines.csv"'},
        )


def _reason(body: bytes) -> str:
    try:
        said: Any = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        said = None
    reason = said.get("reason", "") if isinstance(said, dict) else None
    if not isinstance(reason, str):
        raise Invalid(
            'Send a JSON object with a reason: {"reason": "…"}.', zh='请发送包含原因的 JSON 对象：{"reason": "…"}。'
        )
    return reason


async def _file(ctx: Ctx, batch_id: BatchId) -> AsyncIterator[bytes]:
    # The mark lets spreadsheets read it as UTF-8.
    yield ("\ufeff" + csv_line(_HEADER)).encode()
    after = 0
    while True:
        async with reading(ctx) as tx:
            lines = await codes.kept_lines(tx, ctx, batch_id=batch_id, after=after, count=_PAGE_LINES)
        if lines:
            yield "".join(
                csv_line((line.line, line.outcome, line.reason, "" if line.text is None else line.text.reveal()))
                for line in lines
            ).encode("utf-8", "replace")
        if len(lines) < _PAGE_LINES:
            return
        after = lines[-1].line


def routes(read_id: ReadId) -> list[BaseRoute]:
    """The route; `read_id` is given by the application, since the schema is not this file's business."""
    return [Route("/imports/{batch_id}/lines", _Lines(read_id).serve, methods=["POST"])]
