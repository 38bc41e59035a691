"""Use cases of invitations: codes by which merchants join a tier without being asked about.

A code has 256 bits of chance and is looked up by its hash, so that nobody guesses one, however often they try: no count of
attempts is kept. What is no code of ours is refused before anything is looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import hash_token, is_token, new_token
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import SupplyInvitationId, TenantId, TierId, new_id
from fondaco_core.secret import Secret
from fondaco_tenants.supply import store
from fondaco_tenants.supply.errors import InvitationNotGood, TooManyInvitations
from fondaco_tenants.supply.events import InvitationCreated, InvitationRevoked
from fondaco_tenants.supply.service.tiers import open_tier

_KIND = "supply"


@dataclass(frozen=True, slots=True)
class Invitation:
    """That a code lets merchants join a tier; not the code."""

    id: SupplyInvitationId
    tenant_id: TenantId
    tier_id: TierId
    label: str
    referrers: tuple[TenantId, ...]
    uses_max: int
    uses: int
    expires_at: datetime
    created_at: datetime
    revoked_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether somebody may still join by it."""
        return self.revoked_at is None and self.uses < self.uses_max and clock.now() < self.expires_at


def _invitation(row: Any) -> Invitation:
    fields: dict[str, Any] = {
        **row, "id": SupplyInvitationId(row["id"]), "tenant_id": TenantId(row["tenant_id"]), "tier_id": TierId(row["tier_id"]),
        "referrers": tuple(map(TenantId, row["referrers"])),
    }  # fmt: skip
    return Invitation(**fields)


async def create_invitation(
    tx: Tx,
    ctx: Ctx,
    *,
    tier_id: TierId,
    label: str = "",
    uses_max: int = 1,
    days: int = limits.SUPPLY_INVITATION_DAYS,
    referrer_id: TenantId | None = None,
) -> tuple[Invitation, Secret[str]]:
    """Lets so many merchants join a tier within so many days; the code is shown once.

    `referrer_id` is the reseller that hands it on, and gets commission of what they buy. Raises NotFound, TierArchived, TooManyInvitations, Invalid, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    said = _checked(label, uses_max, days)
    await open_tier(tx, ctx, tier_id=tier_id)
    referrers: Sequence[TenantId] = ()
    if referrer_id is not None:
        found = await tx.fetchval(store.REFERRED_BY, ctx.tenant, referrer_id, limits.COMMISSION_LEVELS_MAX - 1)
        if found is None:
            raise NotFound("partner", path=("referrer_id",))
        referrers = [TenantId(each) for each in found]
    await tx.execute(store.LOCK_INVITATIONS, ctx.tenant)
    now = clock.now()
    if await tx.fetchval(store.COUNT_INVITATIONS, ctx.tenant, now) >= limits.SUPPLY_INVITATIONS_MAX:
        raise TooManyInvitations
    token, id_ = new_token(_KIND), SupplyInvitationId(new_id())
    row = await tx.fetchrow(
        store.ADD_INVITATION,
        id_,
        ctx.tenant,
        tier_id,
        hash_token(token),
        said,
        uses_max,
        now + timedelta(days=days),
        now,
        list(referrers),
    )
    await audit.record(
        tx, ctx, "supply_invitation.created", subject_kind="supply_invitation", subject_id=id_,
        detail={"tier_id": tier_id, "uses_max": uses_max, "days": days, "referrer_id": referrer_id},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, InvitationCreated(id_, tier_id)))
    return _invitation(row), token


async def revoke_invitation(tx: Tx, ctx: Ctx, *, invitation_id: SupplyInvitationId, reason: str) -> Invitation:
    """Has nobody join by a code any more; who has joined stays. Raises NotFound, ReasonNeeded."""
    ctx.require("supply.edit")
    checked = tenancy.checked_reason(reason)
    row = await tx.fetchrow(store.REVOKE_INVITATION, invitation_id, ctx.tenant, clock.now())
    if row is None:
        # Revoked before: it stays as it is.
        return await get_invitation(tx, ctx, invitation_id)
    await audit.record(
        tx, ctx, "supply_invitation.revoked", subject_kind="supply_invitation", subject_id=invitation_id, reason=checked
    )
    await outbox.announce(tx, (ctx.tenant, InvitationRevoked(invitation_id)))
    return _invitation(row)


async def list_invitations(
    tx: Tx,
    ctx: Ctx,
    *,
    only_open: bool = False,
    after: SupplyInvitationId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Invitation]:
    """A page of the merchant's invitations, newest first."""
    ctx.require("supply.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store.LIST_INVITATIONS, ctx.tenant, only_open, clock.now(), after, count)
    return [_invitation(row) for row in rows]


async def invitations_by_ids(
    tx: Tx, ctx: Ctx, ids: Sequence[SupplyInvitationId]
) -> dict[SupplyInvitationId, Invitation]:
    """Several of the merchant's own invitations at once, those that exist."""
    ctx.require("supply.read")
    rows = await tx.fetch(store.INVITATIONS_BY_IDS, list(ids), ctx.tenant)
    return {SupplyInvitationId(row["id"]): _invitation(row) for row in rows}


async def get_invitation(tx: Tx, ctx: Ctx, invitation_id: SupplyInvitationId) -> Invitation:
    """One of the merchant's own invitations. Raises NotFound."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    rows = await tx.fetch(store.INVITATIONS_BY_IDS, [invitation_id], ctx.tenant)
    if not rows:
        raise NotFound("supply invitation")
    return _invitation(rows[0])


async def show_invitation(tx: Tx, ctx: Ctx, *, token: Secret[str]) -> Invitation:
    """The open invitation that a code is of; nobody else uses it meanwhile. Raises InvitationNotGood."""
    ctx.require("supply.edit")
    text = token.reveal().strip()
    if not is_token(text, _KIND):
        raise InvitationNotGood
    shown = hash_token(Secret(text))
    await tx.fetchval(store.SHOW_TOKEN, shown.hex())
    row = await tx.fetchrow(store.LOCK_SHOWN, shown)
    found = None if row is None else _invitation(row)
    if found is None or not found.open:
        raise InvitationNotGood
    return found


def _checked(label: str, uses_max: int, days: int) -> str:
    said = " ".join(label.split())
    if len(said) > limits.NAME_MAX or "\0" in said:
        raise Invalid(
            f"A label has at most {limits.NAME_MAX} characters.",
            zh=f"备注最多 {limits.NAME_MAX} 个字符。",
            path=("label",),
        )
    for field, number, most in (
        ("uses_max", uses_max, limits.SUPPLY_INVITATION_USES_MAX), ("days", days, limits.SUPPLY_INVITATION_DAYS_MAX),
    ):  # fmt: skip
        if not 1 <= number <= most:
            raise Invalid(f"This is from 1 to {most}.", zh=f"须为 1 至 {most}。", path=(field,))
    return said
