"""The mailbox's pages: a list, one mail, its HTML in a frame that can do nothing, and a door for text messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import jinja2
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from fondaco_ops.mailbox.kept import Kept

_SMS_BYTES_MAX: Final = 16_384
_SMS_FIELDS: Final = frozenset({"id", "to", "text"})
# A mail's own HTML runs no script and loads nothing; its style is its own.
_MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
)

_PAGE: Final = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string("""\
<!doctype html>
<html lang="{{ locale }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ t.title }}</title><style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem; }
a { color: inherit; } h1 { font-size: 1.4rem; margin: 0 0 1rem; }
ul { list-style: none; padding: 0; } li a { display: grid; grid-template-columns: 4rem 1fr auto; gap: 1rem; padding: .7rem .5rem;
  border-top: 1px solid #8884; text-decoration: none; } li a:hover { background: #8881; }
.soft { opacity: .7; font-size: .9rem; } .cut { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
iframe { width: 100%; height: 70vh; border: 1px solid #8884; border-radius: 8px; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid #8884; border-radius: 8px; }
</style></head><body>
{% if shown is none %}
<h1>{{ t.title }} <span class="soft">{{ t.about }}</span></h1>
{% if not entries %}<p>{{ t.empty }}</p>{% endif %}
<ul>{% for entry in entries %}<li><a href="/{{ entry.name }}"><span class="soft">{{ t[entry.kind] }}</span>
<span class="cut"><strong>{{ entry.to }}</strong><br>{{ entry.subject }}</span><time class="soft">{{ when(entry.arrived_at) }}</time></a></li>{% endfor %}</ul>
{% else %}
<p><a href="/">← {{ t.all }}</a></p><h1>{{ shown.subject or t.message }}</h1>
<p class="soft">{{ shown.sender }} → {{ shown.to }} · <a href="/{{ shown.name }}/raw">{{ t.raw }}</a>
{% for file in shown.files %} · <a href="/{{ shown.name }}/file/{{ loop.index0 }}">{{ file }}</a>{% endfor %}</p>
{% if shown.html %}<iframe src="/{{ shown.name }}/html" sandbox="allow-popups allow-popups-to-escape-sandbox" title="{{ t.mail }}"></iframe>{% endif %}
<pre>{{ shown.text }}</pre>
{% endif %}
</body></html>
""")


_TEXTS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Mailbox", "about": "what Fondaco would have sent; nothing leaves this machine",
        "empty": "Nothing has come yet. Buy something as a guest with an e-mail address.", "all": "All", "raw": "as it came",
        "mail": "Mail", "sms": "SMS", "message": "Text message",
    },
    "zh-CN": {
        "title": "邮箱", "about": "Fondaco 本应发出的邮件和短信，均不会离开本机",
        "empty": "暂无内容。可用电子邮箱以游客身份下单试试。", "all": "全部", "raw": "原始内容",
        "mail": "邮件", "sms": "短信", "message": "短信",
    },
}  # fmt: skip


def make_pages(kept: Kept) -> Starlette:
    """The pages over a folder of mails."""

    async def show_list(request: Request) -> Response:
        return _page(request, entries=list(kept.entries()), shown=None)

    async def show_one(request: Request) -> Response:
        return _page(request, entries=[], shown=_shown(kept, request.path_params["name"]))

    async def show_html(request: Request) -> Response:
        body = kept.mail(request.path_params["name"]).get_body(("html",))
        text = "" if body is None else body.get_content()
        return HTMLResponse(text, headers={"content-security-policy": _MAIL_POLICY, "referrer-policy": "no-referrer"})

    async def show_raw(request: Request) -> Response:
        return Response(kept.raw(request.path_params["name"]), media_type="text/plain; charset=utf-8")

    async def show_file(request: Request) -> Response:
        files = list(kept.mail(request.path_params["name"]).iter_attachments())
        number = int(request.path_params["number"])
        if number >= len(files):
            raise FileNotFoundError
        name = files[number].get_filename() or "file"
        safe = "".join(char for char in name if char.isalnum() or char in "-._")
        headers = {"content-disposition": f'attachment; filename="{safe}"'}
        return Response(files[number].get_content(), media_type="application/octet-stream", headers=headers)

    async def take_sms(request: Request) -> Response:
        """The door that fondaco_tenants.delivery.adapters.http_messenger knocks at."""
        content = await request.body()
        if not _is_message(content):
            return JSONResponse({"error": "id, to and text, as JSON"}, status_code=400)
        return JSONResponse({"name": kept.add(content, "json")}, status_code=202)

    async def not_there(_: Request, __: Exception) -> Response:
        return Response("There is nothing here.", status_code=404, media_type="text/plain")

    return Starlette(
        routes=[
            Route("/", show_list),
            Route("/sms", take_sms, methods=["POST"]),
            Route("/{name}", show_one),
            Route("/{name}/html", show_html),
            Route("/{name}/raw", show_raw),
            Route("/{name}/file/{number:int}", show_file),
        ],
        exception_handlers={FileNotFoundError: not_there},
    )


def _is_message(content: bytes) -> bool:
    try:
        read: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return len(content) <= _SMS_BYTES_MAX and isinstance(read, dict) and read.keys() == _SMS_FIELDS


def _shown(kept: Kept, name: str) -> Mapping[str, Any]:
    if name.endswith(".json"):
        message = kept.message(name)
        return {"name": name, "subject": "", "sender": "Fondaco", "to": message.get("to"), "html": False,
                "text": message.get("text"), "files": []}  # fmt: skip
    mail = kept.mail(name)
    plain = mail.get_body(("plain",))
    return {
        "name": name, "subject": mail["subject"], "sender": mail["from"], "to": mail["to"],
        "html": mail.get_body(("html",)) is not None, "text": "" if plain is None else plain.get_content(),
        "files": [each.get_filename() or "file" for each in mail.iter_attachments()],
    }  # fmt: skip


def _page(request: Request, **values: Any) -> Response:
    def when(moment: float) -> str:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

    locale = "zh-CN" if request.headers.get("accept-language", "").strip().lower().startswith("zh") else "en"
    headers = {
        "content-security-policy": _PAGE_POLICY, "cache-control": "no-store", "referrer-policy": "no-referrer",
        "vary": "accept-language",
    }  # fmt: skip
    return HTMLResponse(_PAGE.render(when=when, locale=locale, t=_TEXTS[locale], **values), headers=headers)
