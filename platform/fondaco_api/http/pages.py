"""The pages that buyers open: one template, texts in two languages, scripts and styles of our own, a strict policy.

Nothing comes from elsewhere and nothing is inline, so that the policy needs no exception.
"""

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Final

import jinja2
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

_FOLDER = resources.files("fondaco_api") / "pages"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_ASSETS: Final[Mapping[str, bytes]] = {
    entry.name: entry.read_bytes() for entry in _FOLDER.iterdir() if entry.name.rpartition(".")[2] in _TYPES
}
# Part of every asset's address, so that a browser may keep one for ever and still gets the next release's.
VERSION: Final = hashlib.sha256(b"".join(name.encode() + _ASSETS[name] for name in sorted(_ASSETS))).hexdigest()[:12]
TEXTS: Final[dict[str, dict[str, str]]] = orjson.loads((_FOLDER / "texts.json").read_bytes())
_TEMPLATE: Final = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
    (_FOLDER / "page.html").read_text(encoding="utf-8")
)

# A QR code is an image made of data; everything else is a file of this very host.
PAGE_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "vary": "accept-language",
    "x-robots-tag": "noindex, nofollow, noarchive",
}


def page(locale: str, *, title: str, script: str, store: str, support: str | None = None) -> Response:
    """One of our pages, in the reader's language; `title` names a text, `script` one of our scripts."""
    return _render(locale, title=title, script=script, store=store, support=support or "", status=200)


def nothing_here(locale: str) -> Response:
    """The page for an address that leads nowhere."""
    return _render(locale, title="notFoundTitle", script="", store="", support="", status=404)


def _render(locale: str, *, title: str, script: str, store: str, support: str, status: int) -> Response:
    html = _TEMPLATE.render(
        locale=locale if locale in TEXTS else "en",
        texts=TEXTS,
        title=title,
        script=script,
        store=store,
        support=support,
        assets=f"/assets/{VERSION}",
    )
    return HTMLResponse(html, status_code=status, headers=dict(PAGE_HEADERS))


async def asset(request: Request) -> Response:
    """A script or a style of ours."""
    name = request.path_params["name"]
    content = _ASSETS.get(name)
    if content is None:
        raise HTTPException(404)
    kept = "public, max-age=31536000, immutable" if request.path_params["version"] == VERSION else "no-store"
    return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers={"cache-control": kept})


routes: list[BaseRoute] = [Route("/assets/{version}/{name}", asset, methods=["GET"])]
