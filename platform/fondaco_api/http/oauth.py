"""POST /oauth/token: access tokens of API clients by client credentials (RFC 6749, 4.4).

A client shows its secret by HTTP Basic or in the form, not both. Why the answers come from Authlib's error types and the
rest is written here: DECISIONS.md, "The token endpoint".
"""

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    UnsupportedGrantTypeError,
)
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from fondaco_api.http.body import read_body
from fondaco_api.http.middleware import stranger
from fondaco_core import clock, identity, limits
from fondaco_core.identity import KnownClient
from fondaco_core.secret import Secret

_FORM = "application/x-www-form-urlencoded"
_CLIENT_ID_CHARS_MAX = 200
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def token(request: Request) -> JSONResponse:
    """Answers with an access token, or with one of the errors of RFC 6749, 5.2; each request costs its address points."""
    budgets = request.app.state.process.engine.budgets
    taken = await budgets.take(budgets.allowance(stranger(request)), limits.MUTATION_COST)
    if not taken.given:
        told = {"error": "temporarily_unavailable", "error_description": "Too much at once; ask again later."}
        return JSONResponse(told, status_code=429, headers={**_HEADERS, "Retry-After": str(taken.retry_after_s)})
    try:
        form = await _form(request)
        client = await _client(request, form)
        if "grant_type" not in form:
            raise InvalidRequestError("The form has no grant_type.")
        if form["grant_type"] != "client_credentials":
            raise UnsupportedGrantTypeError(form["grant_type"])
        scopes = _scopes(form.get("scope"), client)
        if not client.may_ask_from(stranger(request).ip):
            raise _wrong_client()
        started = await identity.start_access(stranger(request), client, scopes=scopes)
    except OAuth2Error as error:
        status, body, headers = error()
        return JSONResponse(body, status_code=status, headers={**dict(headers), **_HEADERS})
    answer = {
        "access_token": started.token.reveal(),
        "token_type": "Bearer",
        "expires_in": _lasts_s(client),
        "scope": " ".join(scopes),
    }
    return JSONResponse(answer, headers=_HEADERS)


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        raise InvalidRequestError(f"The body is a form, {_FORM}.")
    body = await read_body(request.scope, request.receive)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20, errors="strict"
        )
    except ValueError:
        raise InvalidRequestError("The body is not a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidRequestError("A field is there more than once.")
    # A field without a value is as good as none (RFC 6749, 3.2).
    return {name: value for name, value in form.items() if value}


async def _client(request: Request, form: dict[str, str]) -> KnownClient:
    """The client whose secret was right; that it is unknown or that the secret is wrong is one answer."""
    given = request.headers.get("authorization")
    if given is not None and "client_secret" in form:
        raise InvalidRequestError("The client shows its secret in two places.")
    client_id, secret = (form.get("client_id"), form.get("client_secret")) if given is None else _basic(given)
    if not client_id or not secret or len(client_id) > _CLIENT_ID_CHARS_MAX or "\0" in client_id:
        raise _wrong_client()
    client = await identity.find_api_client(client_id)
    if client is None or not client.has_secret(Secret(secret)):
        raise _wrong_client()
    return client


def _basic(header: str) -> tuple[str | None, str | None]:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None, None
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, None
    # Both are form-encoded before they are joined (RFC 6749, 2.3.1).
    return unquote_plus(name), unquote_plus(secret)


def _lasts_s(client: KnownClient) -> int:
    """For how many seconds its token is good: no longer than the client itself."""
    if client.expires_at is None:
        return limits.ACCESS_TOKEN_S
    return max(0, min(limits.ACCESS_TOKEN_S, int((client.expires_at - clock.now()).total_seconds())))


def _wrong_client() -> Any:
    # One text for all of it: who only guesses learns nothing, and who runs the client knows what to look at.
    told = "The client is unknown, has ended, was not agreed to yet or may not ask from here, or its secret is wrong."
    return InvalidClientError(description=told, status_code=401)


def _scopes(asked: str | None, client: KnownClient) -> tuple[str, ...]:
    """The scopes that were asked for, all of the client's own when none were."""
    if asked is None:
        return client.scopes
    wanted = tuple(sorted(set(asked.split(" "))))
    if not set(wanted) <= set(client.scopes):
        raise InvalidScopeError("The client does not have every one of these scopes.")
    return wanted


routes: list[BaseRoute] = [Route("/oauth/token", token, methods=["POST"])]
