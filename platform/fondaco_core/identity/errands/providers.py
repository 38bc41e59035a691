"""Signing in by an OpenID provider (OpenID Connect, authorization code with PKCE).

What an answer must fit is derived from the one challenge it belongs to: state, nonce, verifier, and the browser that began.
Nobody is found by an address alone: the provider must say that it verified it, it must be of a domain that the provider is
believed about, and the person must work there already, unless the tenant lets newcomers in. A tenant's provider opens that
tenant and nothing else, whatever it says.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from authlib.common.urls import add_params_to_uri
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from fondaco_core import audit, clock, http, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx, governing, reading
from fondaco_core.errors import NotFound, Refusal
from fondaco_core.identity import store
from fondaco_core.identity.derived import derived_bytes, derived_token, read_derived
from fondaco_core.identity.errands.attempts import count_beginning
from fondaco_core.identity.errands.begin import SignedIn, begin, begin_for_member, seat_at
from fondaco_core.identity.errors import BadEmail, ProviderRefused, WrongCredentials
from fondaco_core.identity.events import MemberJoined
from fondaco_core.identity.rules import normalised_email
from fondaco_core.identity.service.providers import Provider, provider_of
from fondaco_core.identity.ways import ways
from fondaco_core.ids import MemberId, TenantId, UserId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret

# What an ID token may be signed with: keys that only the provider holds. No secret of ours, and never nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
_LEEWAY_S = 60


def callback_of(provider_id: UUID) -> str:
    """The path that a provider's answer comes to, each at its own.

    A provider that leads browsers on to another one would otherwise be handed what that one answers (RFC 9700, 4.4).
    """
    return f"/account/oidc/{provider_id}/callback"


@dataclass(frozen=True, slots=True)
class Started:
    """Where the browser is to go, and what it must bring back beside the provider's answer."""

    url: str
    browser: Secret[str]


async def offered_providers(tenant: str | None) -> list[Provider]:
    """The providers by which one may sign in for the tenant with a short name, and the platform's; for anybody."""
    async with reading(Ctx()) as tx:
        tenant_id = None if tenant is None else await tenancy.find_door(tx, tenancy.DoorKind.TENANT, tenant)
    async with governing(Ctx()) as tx:
        rows = await tx.fetch(store.PROVIDERS_OFFERED, tenant_id)
    return [provider_of(row) for row in rows]


async def begin_with_provider(stranger: Ctx, *, provider_id: UUID, tenant: str | None = None) -> Started:
    """Begins to sign in by a provider; by the platform's for the tenant that is named. Raises NotFound, TooManyAttempts, ProviderRefused, Unanswered."""
    await count_beginning(stranger)
    provider, _ = await _provider(provider_id)
    about = await _discover(provider)
    challenge_id, now, tenant_id = new_id(), clock.now(), provider.tenant_id
    async with governing(stranger.visiting(None)) as tx:
        if tenant_id is None and tenant is not None:
            tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.TENANT, tenant)
        await tx.execute(
            store.ADD_CHALLENGE, challenge_id, "PROVIDER", None, tenant_id, provider_id, now,
            now + timedelta(seconds=limits.CHALLENGE_S),
        )  # fmt: skip
    asked = {
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": ways().public_url + callback_of(provider_id),
        "scope": "openid email profile", "state": derived_token("state", challenge_id).reveal(),
        "nonce": _nonce(challenge_id), "code_challenge": _hashed(_verifier(challenge_id)), "code_challenge_method": "S256",
    }  # fmt: skip
    url: str = add_params_to_uri(_text(about, "authorization_endpoint"), list(asked.items()))
    return Started(url, derived_token("browser", challenge_id))


async def sign_in_with_provider(
    stranger: Ctx, *, provider_id: UUID, state: Secret[str], code: Secret[str], issuer: str | None, browser: Secret[str]
) -> SignedIn:
    """Signs in whom a provider vouches for, with what it sent the browser back with; each answer counts once.

    `provider_id` is whose address the answer came to.

    Raises ProviderRefused for everything that does not fit, TenantChoiceNeeded, TenantNotActive, SecondFactorRequired,
    Unanswered when the provider is away.
    """
    challenge_id, stranger = read_derived("state", state), stranger.visiting(None)
    if challenge_id is None or read_derived("browser", browser) != challenge_id:
        raise ProviderRefused
    async with governing(stranger) as tx:
        found = await tx.fetchrow(store.USE_CHALLENGE, challenge_id, "PROVIDER", clock.now())
    if found is None or found["provider_id"] != provider_id:
        raise ProviderRefused
    try:
        provider, client_secret = await _provider(found["provider_id"])
    except NotFound:
        raise ProviderRefused from None
    if issuer is not None and issuer.rstrip("/") != provider.issuer:
        # The answer is another provider's (RFC 9207).
        raise ProviderRefused
    about = await _discover(provider)
    id_token = await _exchange(provider, about, client_secret, code, _verifier(challenge_id))
    claims = await _claims(provider, about, id_token, _nonce(challenge_id))
    user_id, role = await _person(stranger, provider, claims)
    if found["tenant_id"] is None:
        return await begin(stranger, user_id, role, None)
    try:
        return await begin_for_member(stranger, user_id, await seat_at(stranger, user_id, TenantId(found["tenant_id"])))
    except WrongCredentials:
        raise ProviderRefused from None


async def _provider(provider_id: UUID) -> tuple[Provider, Secret[str]]:
    async with governing(Ctx()) as tx:
        row = await tx.fetchrow(store.PROVIDER_TO_USE, provider_id)
    if row is None:
        raise NotFound("provider")
    opened = await keyring().open(row["client_secret_sealed"], aad=bound_to("identity_provider", provider_id, None))
    shown = {name: value for name, value in row.items() if name != "client_secret_sealed"}
    return provider_of(shown), Secret(opened.reveal().decode())


async def _discover(provider: Provider) -> Mapping[str, Any]:
    about = await _get(provider, f"{provider.issuer}/.well-known/openid-configuration")
    if str(about.get("issuer", "")).rstrip("/") != provider.issuer:
        raise ProviderRefused
    return about


async def _exchange(
    provider: Provider, about: Mapping[str, Any], client_secret: Secret[str], code: Secret[str], verifier: str
) -> str:
    form = {
        "grant_type": "authorization_code", "code": code.reveal(), "redirect_uri": ways().public_url + callback_of(provider.id),
        "code_verifier": verifier,
    }  # fmt: skip
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    ways_in = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" in ways_in:
        pair = urlencode({provider.client_id: client_secret.reveal()}).replace("=", ":", 1)
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= {"client_id": provider.client_id, "client_secret": client_secret.reveal()}
    url = _text(about, "token_endpoint")
    answer = await _send(provider, http.Request("POST", url, headers=headers, body=urlencode(form).encode()))
    return _text(answer, "id_token")


async def _claims(provider: Provider, about: Mapping[str, Any], id_token: str, nonce: str) -> Mapping[str, Any]:
    """What an ID token says, if its provider signed it, for us, for this sign-in, and now."""
    keys = await _get(provider, _text(about, "jwks_uri"))
    try:
        claims = jwt.decode(id_token, KeySet.import_key_set(dict(keys)), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError):
        raise ProviderRefused from None
    now, audience = clock.now().timestamp(), claims.get("aud")
    ours = audience == provider.client_id or (isinstance(audience, list) and provider.client_id in audience)
    several = isinstance(audience, list) and len(audience) > 1
    ends, made = claims.get("exp"), claims.get("iat")
    fits = (
        str(claims.get("iss", "")).rstrip("/") == provider.issuer
        and ours
        and (not several or claims.get("azp") == provider.client_id)
        and isinstance(ends, int | float)
        and now < ends + _LEEWAY_S
        and isinstance(made, int | float)
        and made - _LEEWAY_S < now
        and claims.get("nonce") == nonce
        and isinstance(claims.get("sub"), str)
        and bool(claims["sub"])
    )
    if not fits:
        raise ProviderRefused
    return claims


async def _person(stranger: Ctx, provider: Provider, claims: Mapping[str, Any]) -> tuple[UserId, str | None]:
    """Whom the provider vouches for: known by its subject, else by an address that it verified."""
    async with governing(stranger) as tx:
        row = await tx.fetchrow(store.USER_BY_SUBJECT, provider.id, claims["sub"])
        if row is None:
            row = await _by_address(tx, stranger, provider, claims)
            await tx.execute(store.ADD_SUBJECT, provider.id, claims["sub"], row["id"], clock.now())
    if row["disabled_at"] is not None:
        raise ProviderRefused
    return UserId(row["id"]), row["platform_role"]


async def _by_address(tx: Tx, stranger: Ctx, provider: Provider, claims: Mapping[str, Any]) -> Any:
    try:
        email = normalised_email(str(claims.get("email", "")))
    except BadEmail:
        raise ProviderRefused from None
    if claims.get("email_verified") is not True or email.rpartition("@")[2] not in provider.domains:
        raise ProviderRefused
    row = await tx.fetchrow(store.USER_BY_EMAIL, email)
    if provider.tenant_id is None:
        if row is None:
            raise ProviderRefused
        return row
    member = None if row is None else await tx.fetchrow(store.SEAT_OF, provider.tenant_id, row["id"])
    if member is not None:
        return row
    if provider.join_role is None:
        raise ProviderRefused
    return await _join(tx, stranger, provider, email, str(claims.get("name") or email))


async def _join(tx: Tx, stranger: Ctx, provider: Provider, email: str, name: str) -> Any:
    assert provider.tenant_id is not None
    assert provider.join_role is not None
    user_id, member_id, now = UserId(new_id()), MemberId(new_id()), clock.now()
    if len(await tx.fetch(store.LOCK_MEMBERS, provider.tenant_id)) >= limits.MEMBERS_MAX:
        raise ProviderRefused
    try:
        called = tenancy.checked_name(name[: limits.NAME_MAX])
    except Refusal:
        called = email
    # A tenant's provider proves the address to its tenant alone: nobody else takes its word, and so it is not written down.
    if await tx.execute(store.INVITE_USER, user_id, email, called, stranger.locale, now) == 0:
        # Somebody known elsewhere joins by an invitation alone: a tenant's provider says nothing about other tenants' people.
        # An account that another tenant's invitation made, and nobody ever came in by, is nobody's.
        claimed = await tx.fetchval(store.JOIN_NOBODYS, email, provider.tenant_id, called, now)
        if claimed is None:
            raise ProviderRefused
        user_id = UserId(claimed)
    ctx = replace(stranger, actor=ActorKind.MEMBER, actor_id=user_id, tenant_id=TenantId(provider.tenant_id))
    await tx.execute(store.ADD_MEMBER, member_id, provider.tenant_id, user_id, provider.join_role.value, now, now)
    await audit.record(
        tx, ctx, "member.joined", subject_kind="member", subject_id=member_id,
        detail={"role": provider.join_role.value, "provider_id": provider.id},
    )  # fmt: skip
    await outbox.announce(tx, (provider.tenant_id, MemberJoined(member_id, provider.join_role.value)))
    return await tx.fetchrow(store.USER_BY_ID, user_id)


async def _get(provider: Provider, url: str) -> Mapping[str, Any]:
    return await _send(provider, http.Request("GET", url, headers={"accept": "application/json"}))


async def _send(provider: Provider, request: http.Request) -> Mapping[str, Any]:
    """The provider's answer; a tenant's lies on the public net, the platform's wherever its operator says."""
    reach = http.Reach.PUBLIC if provider.tenant_id is not None else http.Reach.CONFIGURED
    try:
        answer = await http.send(replace(request, reach=reach))
    except http.ForbiddenAddress:
        raise ProviderRefused from None
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise ProviderRefused
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise ProviderRefused from None
    if not isinstance(found, dict):
        raise ProviderRefused
    return found


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderRefused
    return value


def _nonce(challenge_id: UUID) -> str:
    return derived_bytes("nonce", challenge_id).hex()


def _verifier(challenge_id: UUID) -> str:
    return _base64url(derived_bytes("pkce", challenge_id))


def _hashed(verifier: str) -> str:
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
