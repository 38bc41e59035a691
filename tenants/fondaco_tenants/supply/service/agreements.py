"""Use cases of agreements: read them, ask for one, join by an invitation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import AgreementId, TenantId, TierId, new_id
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants.supply import rules, store
from fondaco_tenants.supply.errors import (
    AlreadyAgreed,
    AskedTooSoon,
    ByInvitationOnly,
    CreditStillOwed,
    InvitationNotGood,
    SupplierNotTrading,
    TooManyRequests,
    WithItself,
)
from fondaco_tenants.supply.events import AgreementChanged
from fondaco_tenants.supply.rules import AgreementRole, AgreementState, Overrides, Used
from fondaco_tenants.supply.service.invitations import Invitation, show_invitation
from fondaco_tenants.supply.service.partners import begin_partner


@dataclass(frozen=True, slots=True)
class Agreement:
    """That a reseller may buy from a supplier, as both see it. `used` is None until it was first in force."""

    id: AgreementId
    supplier_tenant_id: TenantId
    reseller_tenant_id: TenantId
    tier_id: TierId
    state: AgreementState
    note: str | None
    reason: str | None
    overrides: Overrides
    used: Used | None
    created_at: datetime
    changed_at: datetime
    version: int
    # Who brought the reseller, who brought that one, and so on.
    referrers: tuple[TenantId, ...] = ()

    def role_of(self, tenant_id: TenantId) -> AgreementRole:
        """Which end a merchant is."""
        return AgreementRole.SUPPLIER if tenant_id == self.supplier_tenant_id else AgreementRole.RESELLER

    def partner_of(self, tenant_id: TenantId) -> TenantId:
        """The other end."""
        return self.reseller_tenant_id if tenant_id == self.supplier_tenant_id else self.supplier_tenant_id


def to_agreement(row: Any) -> Agreement:
    """An agreement as the database has it."""
    # Who has left a tier does not see any more in which currency it grants credit.
    known = row["credit_minor"] is not None and row["currency"] is not None
    credit = Money(row["credit_minor"], row["currency"]) if known else None
    return Agreement(
        id=AgreementId(row["id"]), supplier_tenant_id=TenantId(row["supplier_tenant_id"]),
        reseller_tenant_id=TenantId(row["reseller_tenant_id"]), tier_id=TierId(row["tier_id"]),
        state=AgreementState(row["state"]), note=row["note"], reason=row["reason"],
        overrides=Overrides(credit=credit, day_units_max=row["day_units_max"]), used=_used(row),
        created_at=row["created_at"], changed_at=row["changed_at"], version=row["version"],
        referrers=tuple(map(TenantId, row["referrers"])),
    )  # fmt: skip


def _used(row: Any) -> Used | None:
    if row["day"] is None:
        return None
    today = clock.now().date()
    # What is owed is in the currency it was borrowed in; nothing is owed in that of the tier.
    currency = row["used_currency"] if row["credit_used_minor"] else row["currency"]
    return Used(
        credit=None if currency is None else Money(row["credit_used_minor"], currency),
        day_units=rules.counted(units=row["day_units"], since=row["day"], now_since=today),
        month_units=rules.counted(units=row["month_units"], since=row["month"], now_since=rules.month_of(today)),
        held_units=row["held_units"],
    )


async def list_agreements(
    tx: Tx,
    ctx: Ctx,
    *,
    role: AgreementRole | None = None,
    states: Sequence[AgreementState] | None = None,
    after: AgreementId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Agreement]:
    """A page of the merchant's agreements, newest first: as the supplier, as the reseller, or both."""
    ctx.require("supply.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    wanted = None if states is None else [state.value for state in states]
    rows = await tx.fetch(
        store.LIST_AGREEMENTS, ctx.tenant, role is not AgreementRole.RESELLER, role is not AgreementRole.SUPPLIER, wanted,
        after, count,
    )  # fmt: skip
    return [to_agreement(row) for row in rows]


async def agreements_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[AgreementId]) -> dict[AgreementId, Agreement]:
    """Several of the merchant's agreements at once, those that exist."""
    ctx.require("supply.read")
    return {AgreementId(row["id"]): to_agreement(row) for row in await tx.fetch(store.AGREEMENTS_BY_IDS, list(ids))}


async def get_agreement(tx: Tx, ctx: Ctx, agreement_id: AgreementId) -> Agreement:
    """One of the merchant's agreements. Raises NotFound."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    row = await tx.fetchrow(store.AGREEMENTS_BY_IDS, [agreement_id])
    if row is None:
        raise NotFound("agreement")
    return to_agreement(row)


async def resellers_of_tier(
    tx: Tx, ctx: Ctx, *, tier_id: TierId, after: TenantId | None = None, count: int = limits.PAGE_MAX
) -> list[TenantId]:
    """A page of those whom the terms of one of the merchant's tiers concern, for who tells them."""
    ctx.require("system.run")
    rows = await tx.fetch(store.RESELLERS_OF_TIER, tier_id, ctx.tenant, after, count)
    return [TenantId(row["reseller_tenant_id"]) for row in rows]


async def request_agreement(tx: Tx, ctx: Ctx, *, supplier_id: TenantId, note: str | None = None) -> Agreement:
    """Asks a supplier for an agreement, in the tier that it lets newcomers begin in; it decides.

    Raises NotFound, WithItself, ByInvitationOnly, SupplierNotTrading, AlreadyAgreed, AskedTooSoon, TooManyRequests,
    TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    said = _checked_note(note)
    if supplier_id == ctx.tenant:
        raise WithItself(path=("supplier_id",))
    tier_id = await tx.fetchval(store.ENTRY_TIER, supplier_id)
    if tier_id is None:
        # Who has shown itself, in the market or to an old partner, may say no; of all others nothing is told.
        if await tx.fetchrow(store.PARTNERS_BY_IDS, [supplier_id]) is None:
            raise NotFound("partner", path=("supplier_id",))
        raise ByInvitationOnly
    if not await tx.fetchval(store.SUPPLIER_TRADES, supplier_id):
        raise SupplierNotTrading
    await begin_partner(tx, ctx)
    await tx.execute(store.LOCK_RESELLER, ctx.tenant)
    now = clock.now()
    last = await tx.fetchrow(store.LAST_ENDED, supplier_id, ctx.tenant)
    if last is not None and AgreementState(last["state"]) is AgreementState.DECLINED:
        again_at = last["changed_at"] + timedelta(days=limits.AGREEMENT_ASK_AGAIN_DAYS)
        if now < again_at:
            raise AskedTooSoon(again_at)
    if await tx.fetchval(store.COUNT_REQUESTS, ctx.tenant, now - timedelta(days=1)) >= limits.AGREEMENT_REQUESTS_MAX:
        raise TooManyRequests
    id_ = AgreementId(new_id())
    state = AgreementState.REQUESTED
    if not await tx.execute(store.ADD_AGREEMENT, id_, supplier_id, ctx.tenant, tier_id, state.value, said, now):
        raise AlreadyAgreed
    return await noted(tx, ctx, id_, "agreement.requested", change="REQUESTED", detail={"tier_id": tier_id})


async def join_supplier(tx: Tx, ctx: Ctx, *, token: Secret[str]) -> Agreement:
    """Begins an agreement at once, in the tier that a supplier's invitation is to; a request that waits is answered by it.

    Raises InvitationNotGood, WithItself, SupplierNotTrading, AlreadyAgreed, CreditStillOwed, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    invitation = await show_invitation(tx, ctx, token=token)
    if invitation.tenant_id == ctx.tenant:
        raise WithItself(path=("token",))
    if not await tx.fetchval(store.SUPPLIER_TRADES, invitation.tenant_id):
        raise SupplierNotTrading
    await begin_partner(tx, ctx)
    id_ = await _taken_up(tx, ctx, invitation)
    # Now that it is the merchant's tier it is seen: one that was put away lets nobody in.
    if await tx.fetchval(store.ARCHIVED_AT, invitation.tier_id) is not None:
        raise InvitationNotGood
    await begin_use(tx, ctx, await get_agreement(tx, ctx, id_))
    await tx.execute(store.USE_INVITATION, invitation.id)
    if invitation.referrers:
        await tx.execute(store.REFERRED, id_, list(invitation.referrers))
    return await noted(tx, ctx, id_, "agreement.joined", change="JOINED", detail={"tier_id": invitation.tier_id})


async def _taken_up(tx: Tx, ctx: Ctx, invitation: Invitation) -> AgreementId:
    """The agreement that the invitation begins, in force."""
    now = clock.now()
    live = await tx.fetchrow(store.LOCK_LIVE, invitation.tenant_id, ctx.tenant)
    if live is not None:
        if AgreementState(live["state"]) is not AgreementState.REQUESTED:
            raise AlreadyAgreed
        await tx.execute(
            store.CHANGE_AGREEMENT, live["id"], AgreementState.ACTIVE.value, invitation.tier_id, None, None, None, now
        )
        return AgreementId(live["id"])
    last = await tx.fetchrow(store.LAST_ENDED, invitation.tenant_id, ctx.tenant)
    if last is not None and last["changed_at"] >= invitation.created_at:
        # Whom a supplier parted with does not come back by a code that went round before.
        raise InvitationNotGood
    id_ = AgreementId(new_id())
    added = await tx.execute(
        store.ADD_AGREEMENT,
        id_,
        invitation.tenant_id,
        ctx.tenant,
        invitation.tier_id,
        AgreementState.ACTIVE.value,
        None,
        now,
    )
    if not added:
        raise AlreadyAgreed
    return id_


async def begin_use(tx: Tx, ctx: Ctx, agreement: Agreement) -> None:
    """Begins to count what is used of an agreement that comes into force. Raises CreditStillOwed for an old debt."""
    ctx.require("supply.edit")
    two = agreement.supplier_tenant_id, agreement.reseller_tenant_id
    if await tx.fetchval(store.STILL_OWED, *two):
        raise CreditStillOwed
    today = clock.now().date()
    currency = await tx.fetchval(store.CURRENCY_OF_TIER, agreement.tier_id)
    await tx.execute(store.BEGIN_USE, agreement.id, *two, currency, today, rules.month_of(today))


async def noted(
    tx: Tx,
    ctx: Ctx,
    agreement_id: AgreementId,
    action: str,
    *,
    change: str,
    detail: Mapping[str, object],
    reason: str | None = None,
) -> Agreement:
    """Writes a change of an agreement down, announces it, and answers the agreement as it is now."""
    ctx.require("supply.edit")
    made = await get_agreement(tx, ctx, agreement_id)
    supplier, reseller = made.supplier_tenant_id, made.reseller_tenant_id
    await audit.record(
        tx, ctx, action, subject_kind="agreement", subject_id=agreement_id, reason=reason,
        detail={"supplier_tenant_id": supplier, "reseller_tenant_id": reseller, **detail},
    )  # fmt: skip
    told = AgreementChanged(agreement_id, supplier, reseller, made.state.value, change, made.changed_at, made.version)
    await outbox.announce(tx, (ctx.tenant, told))
    return made


def _checked_note(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    if len(text) > limits.NOTE_MAX or "\0" in text:
        raise Invalid(
            f"This has at most {limits.NOTE_MAX} characters.", zh=f"最多 {limits.NOTE_MAX} 个字符。", path=("note",)
        )
    return text.strip()
