"""Use cases of OpenID providers: which a tenant's people, or the platform's, may sign in by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.identity import store
from fondaco_core.identity.errors import BadProvider, LimitReached, RoleTooHigh
from fondaco_core.identity.rules import MemberRole, checked_domains, checked_issuer, may_grant
from fondaco_core.ids import TenantId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider as it is set up; without a tenant it is the platform's own."""

    id: UUID
    tenant_id: TenantId | None
    title: str
    issuer: str
    client_id: str
    domains: tuple[str, ...]
    join_role: MemberRole | None
    enabled: bool
    created_at: datetime


def provider_of(row: Any) -> Provider:
    """A provider from its row."""
    role = None if row["join_role"] is None else MemberRole(row["join_role"])
    fields: dict[str, Any] = {**row, "domains": tuple(row["domains"]), "join_role": role}
    return Provider(**fields)


async def add_provider(
    tx: Tx,
    ctx: Ctx,
    *,
    title: str,
    issuer: str,
    client_id: str,
    client_secret: Secret[str],
    domains: Sequence[str],
    join_role: MemberRole | None = None,
) -> Provider:
    """Lets one's people sign in by a provider: the tenant's own, or, for the platform's admins, the platform's.

    It is believed about addresses of the domains alone. With a role, whom it vouches for and nobody invited becomes a
    member; a tenant's provider only. Raises BadProvider, RoleTooHigh, LimitReached.
    """
    _require_keeper(ctx)
    own = _owner(ctx)
    called, checked, hosts = (
        tenancy.checked_name(title, field="title"),
        checked_issuer(issuer, strict=own is not None),
        checked_domains(domains),
    )
    if not client_id.strip() or not client_secret.reveal() or len(client_id) > limits.NAME_MAX:
        raise BadProvider("client_id", "The client's id and secret are missing.", "缺少客户端 ID 或密钥。")
    if join_role is not None:
        if own is None or join_role is MemberRole.OWNER:
            raise BadProvider("join_role", "Nobody joins like that.", "不能以此方式加入。")
        if not may_grant(ctx.permissions, join_role):
            raise RoleTooHigh(join_role.value)
    if len(await tx.fetch(store.PROVIDERS, own)) >= limits.PROVIDERS_MAX:
        raise LimitReached(limits.PROVIDERS_MAX)
    provider_id = new_id()
    # Under the platform's key: who signs in is not known yet, and so is the tenant.
    sealed = (await keyring().sealing_key(None)).seal(
        client_secret.reveal().encode(), aad=bound_to("identity_provider", provider_id, None)
    )
    added = await tx.execute(
        store.ADD_PROVIDER, provider_id, own, called, checked, client_id.strip(), sealed, list(hosts),
        None if join_role is None else join_role.value, clock.now(),
    )  # fmt: skip
    if added == 0:
        raise BadProvider(
            "issuer", "This issuer is set up already; remove that one first.", "该签发者已配置，请先移除。"
        )
    await audit.record(
        tx, ctx, "provider.added", subject_kind="identity_provider", subject_id=provider_id,
        detail={"issuer": checked, "domains": list(hosts), "join_role": join_role},
    )  # fmt: skip
    return provider_of(await tx.fetchrow(store.PROVIDER, provider_id))


async def remove_provider(tx: Tx, ctx: Ctx, *, provider_id: UUID) -> None:
    """Nobody signs in by a provider any more; who is signed in stays so. Raises NotFound."""
    _require_keeper(ctx)
    if await tx.execute(store.REMOVE_PROVIDER, provider_id, _owner(ctx)) == 0:
        raise NotFound("provider")
    await audit.record(tx, ctx, "provider.removed", subject_kind="identity_provider", subject_id=provider_id)


async def list_providers(tx: Tx, ctx: Ctx) -> list[Provider]:
    """The providers of one's tenant, or of the platform for its people; a short list."""
    _require_keeper(ctx)
    return [provider_of(row) for row in await tx.fetch(store.PROVIDERS, _owner(ctx))]


def keeps_provider(ctx: Ctx, owner: TenantId | None) -> bool:
    """Whether somebody may remove a provider of a tenant, or the platform's when there is none."""
    own = None if ctx.actor is ActorKind.PLATFORM_ADMIN else ctx.tenant_id
    return ctx.has(_keepers(ctx)) and own == owner


def _require_keeper(ctx: Ctx) -> None:
    ctx.require(_keepers(ctx))


def _keepers(ctx: Ctx) -> str:
    return "platform.people" if ctx.actor is ActorKind.PLATFORM_ADMIN else "members.edit"


def _owner(ctx: Ctx) -> TenantId | None:
    return None if ctx.actor is ActorKind.PLATFORM_ADMIN else ctx.tenant
