"""GraphiQL, from our own files and under a policy that lets no other script run.

The published builds lie packed in static/graphiql (see LICENSE.txt there); they are sent as they lie.
"""

import gzip
import hashlib
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOLDER = files("fondaco_api") / "static" / "graphiql"
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_FILES = {
    "react.js": _SCRIPT,
    "react-dom.js": _SCRIPT,
    "graphiql.js": _SCRIPT,
    "graphiql.css": _STYLE,
    "start.js": _SCRIPT,
    "start.css": _STYLE,
    "LICENSE.txt": "text/plain; charset=utf-8",
}


async def page(_: Request) -> Response:
    """The page itself."""
    headers = {"content-security-policy": POLICY}
    return Response((_FOLDER / "index.html").read_bytes(), media_type="text/html", headers=headers)


async def part(request: Request) -> Response:
    """One of the page's files; browsers keep it as long as it does not change."""
    name = request.path_params["name"]
    media = _FILES.get(name)
    if media is None:
        raise HTTPException(404)
    packed = _FOLDER / f"{name}.gz"
    body = packed.read_bytes() if packed.is_file() else gzip.compress((_FOLDER / name).read_bytes(), mtime=0)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "no-cache", "content-encoding": "gzip", "content-type": media}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag, "cache-control": "no-cache"})
    return Response(body, headers=headers)


routes = [
    Route("/", RedirectResponse("/graphiql", status_code=303)),
    Route("/graphiql", page),
    Route("/graphiql/{name}", part),
]
