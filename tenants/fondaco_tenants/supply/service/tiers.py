"""Use cases of tiers: make and change them, and set what they grant from a moment on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Conflict, NotFound, StaleVersion
from fondaco_core.ids import TenantId, TierId, new_id
from fondaco_core.money import Money
from fondaco_tenants.supply import rules, store
from fondaco_tenants.supply.errors import (
    CreditCurrencyFixed,
    NameTaken,
    TermsSetAlready,
    TierArchived,
    TierInUse,
    TooManyTiers,
)
from fondaco_tenants.supply.events import TermsSet, TierChanged
from fondaco_tenants.supply.rules import StockView, Terms
from fondaco_tenants.supply.service.partners import begin_partner


@dataclass(frozen=True, slots=True)
class Tier:
    """A supplier's level for its resellers; `entry` is where those begin who ask without an invitation."""

    id: TierId
    tenant_id: TenantId
    name: str
    entry: bool
    created_at: datetime
    archived_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class SetTerms:
    """What a tier grants from `starts_at` on, until later ones begin."""

    id: UUID
    tier_id: TierId
    starts_at: datetime
    created_at: datetime
    terms: Terms


def _tier(row: Any) -> Tier:
    fields: dict[str, Any] = {**row, "id": TierId(row["id"]), "tenant_id": TenantId(row["tenant_id"])}
    return Tier(**fields)


def _set_terms(row: Any) -> SetTerms:
    credit = None if row["currency"] is None else Money(row["credit_minor"], row["currency"])
    return SetTerms(
        id=row["id"], tier_id=TierId(row["tier_id"]), starts_at=row["starts_at"], created_at=row["created_at"],
        terms=Terms(
            stock_view=StockView(row["stock_view"]), day_units_max=row["day_units_max"],
            month_units_max=row["month_units_max"], hold_units_max=row["hold_units_max"], credit=credit,
            settle_days=row["settle_days"], commissions=tuple(row["commissions"]),
        ),
    )  # fmt: skip


async def create_tier(tx: Tx, ctx: Ctx, *, name: str, entry: bool, terms: Terms) -> Tier:
    """Makes a tier that grants these terms from now on; as the one for newcomers it takes the place of any other.

    Raises NameTaken, TooManyTiers, Invalid, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    checked, granted = tenancy.checked_name(name), rules.checked_terms(terms)
    await begin_partner(tx, ctx)
    await tx.execute(store.LOCK_TIERS, ctx.tenant)
    if await tx.fetchval(store.COUNT_TIERS, ctx.tenant) >= limits.TIERS_MAX:
        raise TooManyTiers
    id_, now = TierId(new_id()), clock.now()
    if entry:
        await _make_room(tx, ctx, id_)
    row = await tx.fetchrow(store.ADD_TIER, id_, ctx.tenant, checked, entry, now)
    if row is None:
        raise NameTaken
    await _changed(tx, ctx, "tier.created", _tier(row), {"entry": entry})
    await _add_terms(tx, ctx, id_, granted, now)
    return _tier(row)


async def update_tier(
    tx: Tx,
    ctx: Ctx,
    *,
    tier_id: TierId,
    version: int,
    name: str | None = None,
    entry: bool | None = None,
    archived: bool | None = None,
) -> Tier:
    """Renames a tier, makes it the one for newcomers, puts it away or brings it back; what is None stays.

    Raises NotFound, StaleVersion, NameTaken, TierInUse, TierArchived for one that is put away and to be for newcomers.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    await tx.execute(store.LOCK_TIERS, ctx.tenant)
    found = await _locked(tx, ctx, tier_id)
    if found.version != version:
        raise StaleVersion("tier", current_version=found.version)
    checked = found.name if name is None else tenancy.checked_name(name)
    if await tx.fetchval(store.NAME_IS_TAKEN, ctx.tenant, checked, tier_id):
        raise NameTaken
    away = found.archived_at is not None if archived is None else archived
    begins = found.entry if entry is None else entry
    if away and entry:
        raise TierArchived
    if away and found.archived_at is None and (live := await tx.fetchval(store.LIVE_IN_TIER, tier_id)):
        raise TierInUse(live)
    if begins and not away and not found.entry:
        await _make_room(tx, ctx, tier_id)
    archived_at = (found.archived_at or clock.now()) if away else None
    row = await tx.fetchrow(store.UPDATE_TIER, tier_id, checked, begins and not away, archived_at)
    tier = _tier(row)
    detail = {"renamed": checked != found.name, "entry": tier.entry, "archived": away}
    await _changed(tx, ctx, "tier.changed", tier, detail)
    return tier


async def change_terms(
    tx: Tx, ctx: Ctx, *, tier_id: TierId, terms: Terms, starts_at: datetime | None = None
) -> SetTerms:
    """Sets what a tier grants from a moment on, now when none is given; its resellers hear of it at once.

    Raises NotFound, Invalid, TermsSetAlready, CreditCurrencyFixed, Conflict when too many changes are to come.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    now = clock.now()
    granted, begins = rules.checked_terms(terms), rules.checked_start(starts_at, now)
    await _locked(tx, ctx, tier_id)
    if begins > now and await tx.fetchval(store.COUNT_COMING, tier_id, now) >= limits.TERMS_COMING_MAX:
        raise Conflict(
            f"At most {limits.TERMS_COMING_MAX} changes of a tier's terms may be to come.",
            zh=f"每个等级最多可有 {limits.TERMS_COMING_MAX} 个待生效的条款变更。",
        )
    made = await _add_terms(tx, ctx, tier_id, granted, begins)
    await outbox.announce(tx, (ctx.tenant, TermsSet(tier_id, made.id, made.created_at, begins)))
    return made


async def list_tiers(
    tx: Tx, ctx: Ctx, *, archived: bool = False, after: TierId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Tier]:
    """A page of the merchant's own tiers, newest first; those that were put away when asked for."""
    ctx.require("supply.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_tier(row) for row in await tx.fetch(store.LIST_TIERS, ctx.tenant, archived, after, count)]


async def tiers_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[TierId]) -> dict[TierId, Tier]:
    """Several tiers at once, those that the merchant may see: its own, those it is in, and those for newcomers."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    return {TierId(row["id"]): _tier(row) for row in await tx.fetch(store.TIERS_BY_IDS, list(ids))}


async def terms_of_tiers(tx: Tx, ctx: Ctx, ids: Sequence[TierId]) -> Mapping[TierId, list[SetTerms]]:
    """What each tier grants now, first, and what it is going to grant, earliest first; nothing to who has left it."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    found: dict[TierId, list[SetTerms]] = {id_: [] for id_ in ids}
    for row in await tx.fetch(store.TERMS_OF_TIERS, list(ids), clock.now()):
        found[TierId(row["tier_id"])].append(_set_terms(row))
    return found


async def list_terms(
    tx: Tx, ctx: Ctx, *, tier_id: TierId, after: datetime | None = None, count: int = limits.PAGE_DEFAULT
) -> list[SetTerms]:
    """A page of all that a tier ever granted or is going to, latest first."""
    ctx.require("supply.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_set_terms(row) for row in await tx.fetch(store.LIST_TERMS, tier_id, after, count)]


async def _locked(tx: Tx, ctx: Ctx, tier_id: TierId) -> Tier:
    row = await tx.fetchrow(store.LOCK_TIER, tier_id, ctx.tenant)
    if row is None:
        raise NotFound("tier")
    return _tier(row)


async def open_tier(tx: Tx, ctx: Ctx, *, tier_id: TierId) -> Tier:
    """One of the merchant's own tiers, in which somebody is to begin: nobody puts it away meanwhile. Raises NotFound, TierArchived."""
    ctx.require("supply.edit")
    row = await tx.fetchrow(store.LOCK_TIER_AS_IT_IS, tier_id, ctx.tenant)
    if row is None:
        raise NotFound("tier")
    if row["archived_at"] is not None:
        raise TierArchived
    return _tier(row)


async def _make_room(tx: Tx, ctx: Ctx, tier_id: TierId) -> None:
    for row in await tx.fetch(store.NO_OTHER_ENTRY, ctx.tenant, tier_id):
        await audit.record(tx, ctx, "tier.changed", subject_kind="tier", subject_id=row["id"], detail={"entry": False})
        await outbox.announce(tx, (ctx.tenant, TierChanged(row["id"], row["version"])))


async def _add_terms(tx: Tx, ctx: Ctx, tier_id: TierId, terms: Terms, starts_at: datetime) -> SetTerms:
    fixed = await tx.fetchval(store.CURRENCY_OF_TIER, tier_id)
    if terms.credit is not None and fixed not in {None, terms.credit.currency}:
        raise CreditCurrencyFixed(fixed)
    # A line that is taken away is one of nothing: what is owed stays owed in its currency.
    credit, currency = (0, fixed) if terms.credit is None else (terms.credit.amount_minor, terms.credit.currency)
    row = await tx.fetchrow(
        store.ADD_TERMS, new_id(), ctx.tenant, tier_id, starts_at, terms.stock_view.value, terms.day_units_max,
        terms.month_units_max, terms.hold_units_max, credit, currency, terms.settle_days, list(terms.commissions), clock.now(),
    )  # fmt: skip
    if row is None:
        raise TermsSetAlready
    made = _set_terms(row)
    await audit.record(
        tx, ctx, "tier.terms_set", subject_kind="tier", subject_id=tier_id,
        detail={"terms_id": made.id, "starts_at": starts_at, "credit_minor": credit, "currency": currency,
                "settle_days": terms.settle_days, "commissions": terms.commissions, "stock_view": terms.stock_view.value},
    )  # fmt: skip
    return made


async def _changed(tx: Tx, ctx: Ctx, action: str, tier: Tier, detail: Mapping[str, object]) -> None:
    await audit.record(tx, ctx, action, subject_kind="tier", subject_id=tier.id, detail=detail)
    await outbox.announce(tx, (ctx.tenant, TierChanged(tier.id, tier.version)))
