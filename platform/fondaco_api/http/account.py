"""The pages that identity's mails lead to, and signing in by a provider: there and back again.

A token of a mail stands behind the # of the address, which browsers never send. A provider sends its answer in the address;
it counts once, only beside the cookie of the browser that began, and the answer to it leads elsewhere at once.
"""

from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fondaco_api.http import pages
from fondaco_api.http.middleware import stranger
from fondaco_api.http.sessions import set_cookie
from fondaco_core import identity, limits
from fondaco_core.errors import NotFound, Outage, Refusal
from fondaco_core.logs import get_logger
from fondaco_core.secret import Secret

log = get_logger(__name__)

PAGES = frozenset(
    {"invitation", "password", "forgotten", "buyer-password", "verify", "second-factor", "trouble", "welcome"}
)
_BROWSER = "fondaco_oidc"
_PATH = "/account/oidc"
_ANSWER_CHARS_MAX = 4_096


async def page(request: Request) -> Response:
    """One of identity's pages; the same for everybody, whatever stands behind the #."""
    locale = stranger(request).locale
    if request.path_params["page"] not in PAGES:
        return pages.nothing_here(locale)
    return pages.page(locale, title="accountTitle", script="account.js", store="")


async def begin(request: Request) -> Response:
    """Sends the browser to a provider."""
    ctx = stranger(request)
    try:
        provider_id = UUID(request.path_params["provider_id"])
        tenant = request.query_params.get("tenant")
        started = await identity.begin_with_provider(ctx, provider_id=provider_id, tenant=tenant)
    except (ValueError, NotFound):
        return pages.nothing_here(ctx.locale)
    except (Refusal, Outage) as failure:
        return _trouble(failure)
    answer = RedirectResponse(started.url, status_code=303)
    _set_browser(request, answer, started.browser.reveal(), limits.CHALLENGE_S)
    return answer


async def callback(request: Request) -> Response:
    """Signs in by a provider's answer, or says that it did not work."""
    given = {name: request.query_params.get(name, "") for name in ("state", "code", "iss")}
    browser = request.cookies.get(_BROWSER, "")
    if any(len(value) > _ANSWER_CHARS_MAX for value in (*given.values(), browser)):
        return _trouble(identity.ProviderRefused())
    settings = request.app.state.process.settings
    try:
        provider_id = UUID(request.path_params["provider_id"])
    except ValueError:
        return _trouble(identity.ProviderRefused())
    try:
        result = await identity.sign_in_with_provider(
            stranger(request), provider_id=provider_id, state=Secret(given["state"]), code=Secret(given["code"]), issuer=given["iss"] or None,
            browser=Secret(browser),
        )  # fmt: skip
    except identity.SecondFactorRequired as needed:
        answer: Response = _to("second-factor", needed.challenge.reveal())
    except (Refusal, Outage) as failure:
        answer = _trouble(failure)
    else:
        answer = _to("welcome", "")
        name, value = set_cookie(settings, result.session)
        answer.headers.append(name, value)
    _set_browser(request, answer, "", 0)
    return answer


def _trouble(failure: Refusal | Outage) -> Response:
    log.info("oidc.refused", failure=type(failure).__name__)
    return _to("trouble", failure.code if isinstance(failure, Refusal) else "PROVIDER_AWAY")


def _to(name: str, behind: str) -> Response:
    return RedirectResponse(f"/account/{name}#{quote(behind, safe='')}", status_code=303)


def _set_browser(request: Request, answer: Response, value: str, seconds: int) -> None:
    """Lax, because the provider's answer is a link from its page to ours."""
    secure = request.app.state.process.settings.public_url.startswith("https://")
    answer.set_cookie(_BROWSER, value, max_age=seconds, path=_PATH, secure=secure, httponly=True, samesite="lax")


routes: list[BaseRoute] = [
    Route(_PATH + "/{provider_id}/callback", callback, methods=["GET"]),
    Route(_PATH + "/{provider_id}", begin, methods=["GET"]),
    Route("/account/{page}", page, methods=["GET"]),
]
