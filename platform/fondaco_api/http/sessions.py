"""The session cookie of people and buyers: set when they sign in, cleared when they sign out.

It is HttpOnly, so that no script reads it; SameSite=Lax, so that no foreign page's form carries it; over TLS its name
begins with `__Host-`, so that a browser takes it from this very host alone. When it counts says origins.cookie_counts.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from fondaco_api.http.middleware import SECURE_SESSION_COOKIE, SESSION_COOKIE
from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.identity import Started
from fondaco_core.secret import Secret


def cookie_name(settings: Settings) -> str:
    """The cookie's name: on plain http, as on one's own machine, browsers refuse the prefix."""
    return SECURE_SESSION_COOKIE if _secure(settings) else SESSION_COOKIE


def set_cookie(settings: Settings, session: Started) -> tuple[str, str]:
    """The header that makes a browser carry the session until its last moment."""
    seconds = max(0, int((session.expires_at - clock.now()).total_seconds()))
    return _header(settings, session.token.reveal(), seconds)


def clear_cookie(settings: Settings) -> tuple[str, str]:
    """The header that makes a browser forget the session."""
    return _header(settings, "", 0)


def shown_session(connection: HTTPConnection) -> Secret[str] | None:
    """The session token that a request shows, as a bearer token or as the cookie."""
    kind, _, given = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and given:
        return Secret(given.strip())
    cookie = connection.cookies.get(SECURE_SESSION_COOKIE) or connection.cookies.get(SESSION_COOKIE)
    return Secret(cookie) if cookie else None


def _secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")


def _header(settings: Settings, value: str, seconds: int) -> tuple[str, str]:
    response = Response()
    response.set_cookie(
        cookie_name(settings), value, max_age=seconds, path="/", secure=_secure(settings), httponly=True, samesite="lax"
    )
    return "set-cookie", response.headers["set-cookie"]
