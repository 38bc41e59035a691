"""`POST /uploads`: a file of codes as the body, sealed piece by piece as it arrives; answers with the upload's id.

    curl -X POST https://…/uploads -H "Authorization: Bearer …" -H "X-Filename: codes.txt" --data-binary @codes.txt
    → 201 {"uploadId": "…", "size": 170000}

The body is the file itself, whatever its content type says, and no form: a form's own lines would be sold as codes. How
the file is written is said when it is imported (`importCodes`).
Its announced length is not believed, only counted. Nothing of it is ever on a disk in the open, nor in a log.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fondaco_api.http.origins import is_foreign
from fondaco_api.http.refusing import FOREIGN, Said, refuse
from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.errors import Invalid, NotAllowed, Refusal, Unauthenticated
from fondaco_core.logs import get_logger
from fondaco_tenants import codes

log = get_logger(__name__)
Name = Callable[[UUID], str]


class _Stalled(Exception):
    """The client sends nothing any more."""


class _NotForms(Invalid):
    """The file is wrapped in a form."""

    def __init__(self) -> None:
        super().__init__(
            "Send the file itself as the body, not in a form: `curl --data-binary @codes.txt`, not `-F`.",
            zh="请直接以文件内容作为请求体，不要使用表单：用 curl --data-binary @codes.txt，而不是 -F。",
        )


_STATUS: Mapping[type[Refusal], int] = {
    codes.UploadTooLarge: 413,
    codes.FileEmpty: 400,
    NotAllowed: 403,
    _NotForms: 415,
    Invalid: 400,
}
_SECONDS = f"{limits.UPLOAD_STALL_S:.0f}"
_STALLED = Said(408, "BAD_REQUEST", f"Nothing arrived for {_SECONDS} seconds.", f"已有 {_SECONDS} 秒未收到数据。")
_CUT_OFF = Said(400, "BAD_REQUEST", "The client went away.", "客户端已断开连接。")


class _Receiver:
    """The endpoint; `name` makes an upload's id what the schema knows it by."""

    def __init__(self, name: Name) -> None:
        self.name = name

    async def receive(self, request: Request) -> Response:
        """Receives one file and answers with its id."""
        return await _receive(request, self.name)


async def _receive(request: Request, name: Name) -> Response:
    process = request.app.state.process
    if is_foreign(request.headers, process.settings.allowed_origins):
        return _refused(request, FOREIGN)
    try:
        ctx: Ctx = await process.authenticate(request)
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise _NotForms
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared[:18]) > limits.UPLOAD_BYTES_MAX:
            raise codes.UploadTooLarge
        received = await codes.receive_upload(ctx, filename=_filename(request.headers), stream=_body(request))
    except (Unauthenticated, Refusal) as reason:
        return _refused(request, reason)
    except _Stalled:
        return _refused(request, _STALLED)
    except ClientDisconnect:
        log.info("upload.cut_off")
        return _refused(request, _CUT_OFF)
    return _json(201, {"uploadId": name(received.id), "size": received.size})


async def _body(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; gives up on a client that sends nothing for a while."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(limits.UPLOAD_STALL_S):
                data = await anext(stream, None)
        except TimeoutError:
            raise _Stalled from None
        if data is None:
            return
        yield data


def _filename(headers: Mapping[str, str]) -> str:
    return unquote(headers.get("x-filename", ""))


def _refused(request: Request, reason: Said | Refusal | Unauthenticated) -> Response:
    # The rest of the body may still be on its way, and nobody will read it.
    return refuse(request, reason, statuses=_STATUS, headers={"connection": "close"})


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def routes(name: Name) -> list[BaseRoute]:
    """The route; `name` is given by the application, since the schema is not this file's business."""
    return [Route("/uploads", _Receiver(name).receive, methods=["POST"])]
