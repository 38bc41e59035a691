"""`GET /stock-exports/{id}`: the file of an export of unsold stock, encrypted to its owner's key as it leaves.

    curl -OJ https://…/stock-exports/… -H "Authorization: Bearer …"      age -d -i key.txt stock-….csv.age

It is written while it is sent, and a few pages of it are in memory: nothing rests anywhere. A line that is cut leaves a file
that age refuses to open.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fondaco_api.http.origins import is_foreign
from fondaco_api.http.refusing import FOREIGN, refuse
from fondaco_core.errors import Refusal, Unauthenticated
from fondaco_tenants import codes

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


async def fetch(request: Request) -> Response:
    """Sends the file of an export to who may have it, and counts that it was fetched."""
    process = request.app.state.process
    if is_foreign(request.headers, process.settings.allowed_origins):
        return refuse(request, FOREIGN, headers=_HEADERS)
    try:
        ctx = await process.authenticate(request)
        found = await codes.begin_download(ctx, export_id=_id(request.path_params["export_id"]))
    except (Unauthenticated, Refusal) as reason:
        return refuse(request, reason, headers=_HEADERS)
    name = f'attachment; filename="stock-{found.id}.csv.age"'
    return StreamingResponse(
        codes.stream_export(ctx, found=found), media_type="application/octet-stream",
        headers={**_HEADERS, "content-disposition": name},
    )  # fmt: skip


def _id(text: str) -> UUID:
    """What is no id is nobody's, and refused as such: who may not ask at all is told that first."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


routes: list[BaseRoute] = [Route("/stock-exports/{export_id}", fetch, methods=["GET"])]
