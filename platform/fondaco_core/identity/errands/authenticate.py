"""What a token is worth: from a bearer token or a session cookie to a Ctx.

Two short transactions: the session is found before its tenant is known; then, within that tenant, whether its owner may
still act. A process believes what it read for limits.CREDENTIAL_CACHE_S: so long a revoked token still works at most.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_token, is_token
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity import store
from fondaco_core.identity.errands.tokens import ORDER_TOKEN, read_order_token
from fondaco_core.identity.rules import (
    BREAK_GLASS_PERMISSIONS,
    BUYER_PERMISSIONS,
    PLATFORM_ROLE_PERMISSIONS,
    ROLE_PERMISSIONS,
    MemberRole,
    PlatformRole,
    SessionKind,
    guarded_permissions,
    may_ask_from,
    permissions_in_state,
    permissions_of_scopes,
    session_ends_at,
)
from fondaco_core.identity.ways import ways
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import state_of

# By the hash of the token: the asker, until when to believe it, and the networks it may be shown from.
_believed: dict[bytes, tuple[Ctx, datetime, tuple[str, ...]]] = {}


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


def forget_session(session_id: UUID | None) -> None:
    """Makes this process look again, for a session that it has just changed."""
    for token_hash in [known for known, (ctx, *_) in _believed.items() if ctx.session_id == session_id]:
        _believed.pop(token_hash, None)


async def _asker(token_hash: bytes, stranger: Ctx) -> Ctx:
    now = clock.now()
    believed = _believed.get(token_hash)
    if believed is None or believed[1] <= now:
        believed = await _look(token_hash, now)
        if len(_believed) >= limits.CREDENTIALS_CACHED_MAX:
            _believed.clear()
        _believed[token_hash] = believed
    if believed[2] and not may_ask_from(stranger.ip, believed[2]):
        raise Unauthenticated
    return replace(
        believed[0],
        request_id=stranger.request_id, ip=stranger.ip, user_agent=stranger.user_agent, locale=stranger.locale,
    )  # fmt: skip


async def _look(token_hash: bytes, now: datetime) -> tuple[Ctx, datetime, tuple[str, ...]]:
    async with reading(Ctx()) as tx:
        await tx.fetchval(store.SHOW_TOKEN, token_hash.hex())
        session = await tx.fetchrow(store.FIND_SESSION, token_hash)
    if session is None:
        raise Unauthenticated
    kind = SessionKind(session["kind"])
    ends = session_ends_at(kind, used_at=session["used_at"], expires_at=session["expires_at"])
    if ends <= now:
        raise Unauthenticated
    asker, networks = await _standing(kind, session)
    if not asker.permissions:
        raise Unauthenticated
    if session["used_at"] < now - timedelta(seconds=limits.SESSION_TOUCH_S):
        async with transaction(asker) as tx:
            await tx.execute(store.TOUCH_SESSION, session["id"], now, now)
    return asker, min(ends, now + timedelta(seconds=limits.CREDENTIAL_CACHE_S)), networks


async def _standing(kind: SessionKind, session: Any) -> tuple[Ctx, tuple[str, ...]]:
    """The asker with what they may do now, and the networks they may ask from; Unauthenticated when they are gone."""
    tenant_id = None if session["tenant_id"] is None else TenantId(session["tenant_id"])
    base = Ctx(tenant_id=tenant_id, session_id=session["id"])
    if kind in {SessionKind.PLATFORM_ADMIN, SessionKind.MEMBER, SessionKind.BREAK_GLASS}:
        return await _standing_of_person(base, kind, session), ()
    async with reading(base) as tx:
        match kind:
            case SessionKind.CUSTOMER:
                assert tenant_id is not None
                state = await state_of(tx, tenant_id)
                if state is None:
                    raise Unauthenticated
                buyer = replace(
                    base, actor=ActorKind.CUSTOMER, actor_id=session["customer_id"],
                    customer_id=CustomerId(session["customer_id"]),
                )  # fmt: skip
                return _with(buyer, BUYER_PERMISSIONS, state), ()
            case _:
                row = await tx.fetchrow(store.CLIENT_STANDING, session["api_client_id"], clock.now())
                if row is None:
                    raise Unauthenticated
                customer_id = row["customer_id"]
                scoped = permissions_of_scopes(session["scopes"], for_customer=customer_id is not None)
                machine = replace(
                    base, actor=ActorKind.API_CLIENT, actor_id=session["api_client_id"],
                    customer_id=None if customer_id is None else CustomerId(customer_id),
                )  # fmt: skip
                return _with(machine, scoped, row["state"]), tuple(row["networks"])


async def _standing_of_person(base: Ctx, kind: SessionKind, session: Any) -> Ctx:
    """The same for people, read as the platform: who they are is nothing that a merchant's transaction reads."""
    user_id, verified_at = session["user_id"], session["verified_at"]
    async with governing(replace(base, actor_id=user_id)) as tx:
        if kind is SessionKind.MEMBER:
            row = await tx.fetchrow(store.MEMBER_STANDING, session["member_id"])
        elif kind is SessionKind.PLATFORM_ADMIN:
            row = await tx.fetchrow(store.USER_STANDING, user_id)
        else:
            row = await tx.fetchrow(store.GLASS_STANDING, session["break_glass_id"], user_id, clock.now())
    if row is None or (kind is not SessionKind.MEMBER and row["platform_role"] is None):
        raise Unauthenticated
    match kind:
        case SessionKind.MEMBER:
            return member_ctx(
                base, user_id, MemberRole(row["role"]), row["state"], has_factor=row["has_factor"],
                required=row["second_factor_required"], verified_at=verified_at,
            )  # fmt: skip
        case SessionKind.PLATFORM_ADMIN:
            role = PlatformRole(row["platform_role"])
            return person_ctx(base, user_id, role, has_factor=row["has_factor"], verified_at=verified_at)
        case _:
            return replace(base, actor=ActorKind.BREAK_GLASS, actor_id=user_id, permissions=BREAK_GLASS_PERMISSIONS)


def person_ctx(base: Ctx, user_id: UUID, role: PlatformRole, *, has_factor: bool, verified_at: datetime | None) -> Ctx:
    """One of the platform's own people as an asker; but on one's own machine they need a second factor."""
    permissions, required = PLATFORM_ROLE_PERMISSIONS[role], ways().platform_needs_factor
    guarded = guarded_permissions(
        permissions, has_factor=has_factor, required=required, verified_at=verified_at, now=clock.now()
    )
    return replace(
        base, actor=ActorKind.PLATFORM_ADMIN, actor_id=user_id, permissions=permissions, guarded=guarded,
        enrol=required and not has_factor,
    )  # fmt: skip


def member_ctx(
    base: Ctx,
    user_id: UUID,
    role: MemberRole,
    state: str,
    *,
    has_factor: bool = False,
    required: bool = False,
    verified_at: datetime | None = None,
) -> Ctx:
    """A member of a tenant in that state as an asker."""
    found = _with(replace(base, actor=ActorKind.MEMBER, actor_id=user_id), ROLE_PERMISSIONS[role], state)
    guarded = guarded_permissions(
        found.permissions, has_factor=has_factor, required=required, verified_at=verified_at, now=clock.now()
    )
    return replace(found, guarded=guarded, enrol=required and not has_factor)


def _with(asker: Ctx, permissions: frozenset[str], state: str) -> Ctx:
    """The asker with what is left of their permissions in a tenant of that state, and what comes back when it trades."""
    left = permissions_in_state(permissions, state)
    return replace(asker, permissions=left, withheld=permissions - left)
