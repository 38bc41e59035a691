"""The session cookie, over TLS and without."""

from datetime import timedelta
from uuid import uuid4

import pytest
from starlette.requests import HTTPConnection

from fondaco_api.http.sessions import clear_cookie, cookie_name, set_cookie, shown_session
from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.identity import Started
from fondaco_core.ids import SessionId
from fondaco_core.secret import Secret


def some_session() -> Started:
    return Started(SessionId(uuid4()), Secret("fd_session_x"), clock.now() + timedelta(hours=1))


def connection(**headers: str) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


def test_over_tls_a_browser_takes_it_from_this_very_host_alone() -> None:
    settings = Settings(public_url="https://shop.example")

    name, value = set_cookie(settings, some_session())

    parts = {part.strip() for part in value.split(";")}
    assert name == "set-cookie"
    assert {"__Host-fondaco_session=fd_session_x", "HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= parts
    assert not any(part.startswith("Domain") for part in parts)


def test_on_plain_http_it_has_a_plain_name() -> None:
    settings = Settings()

    _, value = set_cookie(settings, some_session())

    assert cookie_name(settings) == "fondaco_session"
    assert "Secure" not in value


def test_signing_out_makes_a_browser_forget_it() -> None:
    _, value = clear_cookie(Settings())

    assert "Max-Age=0" in value
    assert "fd_session" not in value


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, None),
        ({"authorization": "Bearer fd_session_a"}, "fd_session_a"),
        ({"cookie": "fondaco_session=fd_session_b"}, "fd_session_b"),
        ({"cookie": "__Host-fondaco_session=fd_session_c"}, "fd_session_c"),
        ({"authorization": "Basic abc", "cookie": "fondaco_session=fd_session_d"}, "fd_session_d"),
    ],
)
def test_a_request_shows_its_session_as_token_or_cookie(headers: dict[str, str], shown: str | None) -> None:
    found = shown_session(connection(**headers))

    assert (None if found is None else found.reveal()) == shown
