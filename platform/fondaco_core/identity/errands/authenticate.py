"""What a token is worth: from a bearer token or a session cookie to a Ctx.

Two short transactions: the session is found before its tenant is known; then, within that tenant, whether its owner may
still act. A process believes what it read for limits.CREDENTIAL_CACHE_S: so long a revoked token still works at most.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token, is_token
from fondaco_core.db import reading, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.errands.tokens import ORDER_TOKEN, read_order_token
from fondaco_core.identity.rules import (
    BUYER_PERMISSIONS,
    PLATFORM_ROLE_PERMISSIONS,
    ROLE_PERMISSIONS,
    MemberRole,
    PlatformRole,
    SessionKind,
    permissions_in_state,
    permissions_of_scopes,
    session_ends_at,
)
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import state_of

# By the hash of the token: the asker, and until when to believe it.
_believed: dict[bytes, tuple[Ctx, datetime]] = {}


async def authenticate_bearer(token: Secret[str], stranger: Ctx) -> Ctx:
    """Who shows this token: a person, a buyer, a machine, or a guest with an order's token.

    `stranger` is the request before anybody asked: its id, address, agent and language are kept. Raises Unauthenticated
    for anything else; why is not told.
    """
    text = token.reveal()
    if text.startswith(ORDER_TOKEN):
        return read_order_token(token, stranger)
    if not (is_token(text, "session") or is_token(text, "access")):
        raise Unauthenticated
    return await _asker(hash_token(token), stranger)


async def authenticate_session(token: Secret[str], stranger: Ctx) -> Ctx | None:
    """Who shows this session cookie, or None when it is worth nothing any more: a browser sends old ones, too."""
    if not is_token(token.reveal(), "session"):
        return None
    try:
        return await _asker(hash_token(token), stranger)
    except Unauthenticated:
        return None


def forget(token_hash: bytes) -> None:
    """Makes this process look again, for a token that it has just ended."""
    _believed.pop(token_hash, None)


async def _asker(token_hash: bytes, stranger: Ctx) -> Ctx:
    now = clock.now()
    believed = _believed.get(token_hash)
    if believed is None or believed[1] <= now:
        believed = await _look(token_hash, now)
        if len(_believed) >= limits.CREDENTIALS_CACHED_MAX:
            _believed.clear()
        _believed[token_hash] = believed
    return replace(
        believed[0],
        request_id=stranger.request_id, ip=stranger.ip, user_agent=stranger.user_agent, locale=stranger.locale,
    )  # fmt: skip


async def _look(token_hash: bytes, now: datetime) -> tuple[Ctx, datetime]:
    async with reading(Ctx()) as tx:
        session = await tx.fetchrow(store.FIND_SESSION, token_hash)
    if session is None:
        raise Unauthenticated
    kind = SessionKind(session["kind"])
    ends = session_ends_at(kind, used_at=session["used_at"], expires_at=session["expires_at"])
    if ends <= now:
        raise Unauthenticated
    asker = await _standing(kind, session)
    if not asker.permissions:
        raise Unauthenticated
    if session["used_at"] < now - timedelta(seconds=limits.SESSION_TOUCH_S):
        async with transaction(Ctx()) as tx:
            await tx.execute(store.TOUCH_SESSION, session["id"], now, now)
    return asker, min(ends, now + timedelta(seconds=limits.CREDENTIAL_CACHE_S))


async def _standing(kind: SessionKind, session: Any) -> Ctx:
    """The asker with what they may do now; Unauthenticated when they are gone."""
    tenant_id = None if session["tenant_id"] is None else TenantId(session["tenant_id"])
    base = Ctx(tenant_id=tenant_id, session_id=session["id"])
    async with reading(base) as tx:
        match kind:
            case SessionKind.PLATFORM_ADMIN:
                row = await tx.fetchrow(store.USER_BY_ID, session["user_id"])
                if row is None or row["disabled_at"] is not None or row["platform_role"] is None:
                    raise Unauthenticated
                permissions = PLATFORM_ROLE_PERMISSIONS[PlatformRole(row["platform_role"])]
                return replace(
                    base, actor=ActorKind.PLATFORM_ADMIN, actor_id=session["user_id"], permissions=permissions
                )
            case SessionKind.MEMBER:
                row = await tx.fetchrow(store.MEMBER_STANDING, session["member_id"])
                if row is None:
                    raise Unauthenticated
                return member_ctx(base, session["user_id"], MemberRole(row["role"]), row["state"])
            case SessionKind.CUSTOMER:
                assert tenant_id is not None
                state = await state_of(tx, tenant_id)
                if state is None:
                    raise Unauthenticated
                buyer = replace(
                    base, actor=ActorKind.CUSTOMER, actor_id=session["customer_id"],
                    customer_id=CustomerId(session["customer_id"]),
                )  # fmt: skip
                return _with(buyer, BUYER_PERMISSIONS, state)
            case SessionKind.API_CLIENT:
                row = await tx.fetchrow(store.CLIENT_STANDING, session["api_client_id"])
                if row is None:
                    raise Unauthenticated
                customer_id = row["customer_id"]
                scoped = permissions_of_scopes(session["scopes"], for_customer=customer_id is not None)
                machine = replace(
                    base, actor=ActorKind.API_CLIENT, actor_id=session["api_client_id"],
                    customer_id=None if customer_id is None else CustomerId(customer_id),
                )  # fmt: skip
                return _with(machine, scoped, row["state"])


def member_ctx(base: Ctx, user_id: Any, role: MemberRole, state: str) -> Ctx:
    """A member of a tenant in that state as an asker."""
    return _with(replace(base, actor=ActorKind.MEMBER, actor_id=user_id), ROLE_PERMISSIONS[role], state)


def _with(asker: Ctx, permissions: frozenset[str], state: str) -> Ctx:
    """The asker with what is left of their permissions in a tenant of that state, and what comes back when it trades."""
    left = permissions_in_state(permissions, state)
    return replace(asker, permissions=left, withheld=permissions - left)
