"""Origins: whether a request comes from a page of ours, of a friend's, or of a stranger's.

A browser sends a simple cross-site request without asking, with the session cookie. So: nothing runs from a foreign
page, and the cookie counts only when the request could not have been simple or is provably from the same origin.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers


def is_foreign(headers: Headers, allowed: tuple[str, ...]) -> bool:
    """Whether a page that is neither ours nor allowed made this request; programs that are no browsers are not pages."""
    origin = headers.get("origin")
    if origin is not None:
        return not (_is_own(origin, headers.get("host")) or origin.lower().rstrip("/") in allowed)
    return headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def is_same_origin(headers: Headers) -> bool:
    """Whether the request is provably from a page of the very host it is sent to."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and _is_own(origin, headers.get("host"))


def cookie_counts(headers: Headers, method: str) -> bool:
    """Whether a session cookie may speak for this request."""
    if is_same_origin(headers):
        return True
    # A page of another site cannot send these without asking first, and then it is told no.
    content_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    simple = content_type in {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}
    if method == "GET" or simple:
        return headers.get("x-requested-with") is not None
    return True


def cors_headers(headers: Headers, allowed: tuple[str, ...]) -> Mapping[str, str]:
    """What an allowed page's browser must be told, for the answer itself."""
    origin = headers.get("origin")
    if origin is None or origin.lower().rstrip("/") not in allowed:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-request-id, retry-after",
        "vary": "origin",
    }


PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "content-type, authorization, idempotency-key, x-requested-with, x-request-id, last-event-id",
    "access-control-max-age": "600",
}


def _is_own(origin: str, host: str | None) -> bool:
    """By host and port; the scheme is not compared, because a proxy in front of us ends TLS."""
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()
