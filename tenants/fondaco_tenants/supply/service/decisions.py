"""Use cases of agreements that there are: accept, decline, suspend, resume, end, and what one of them grants."""

from collections.abc import Mapping
from dataclasses import replace

from fondaco_core import clock, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import AgreementId, TierId
from fondaco_tenants.supply import rules, store
from fondaco_tenants.supply.errors import CreditCurrencyFixed, CreditStillOwed
from fondaco_tenants.supply.rules import AgreementState, AgreementStep, Overrides
from fondaco_tenants.supply.service.agreements import Agreement, begin_use, noted, to_agreement
from fondaco_tenants.supply.service.tiers import open_tier


async def accept_agreement(
    tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, version: int, tier_id: TierId | None = None
) -> Agreement:
    """Lets a reseller that asked buy, in the tier it asked for or another one; the supplier's to decide.

    Raises NotFound, StaleVersion, SuppliersChoice, AgreementInWrongState, TierArchived, CreditStillOwed, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    chosen = None if tier_id is None else await open_tier(tx, ctx, tier_id=tier_id)
    found = await _locked(tx, ctx, agreement_id, version, AgreementStep.ACCEPT)
    tier = chosen or await open_tier(tx, ctx, tier_id=found.tier_id)
    await _write(tx, found, AgreementState.ACTIVE, tier_id=tier.id)
    await begin_use(tx, ctx, replace(found, tier_id=tier.id))
    return await noted(
        tx, ctx, agreement_id, "agreement.accepted", change=AgreementStep.ACCEPT, detail={"tier_id": tier.id}
    )


async def decline_agreement(tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, version: int, reason: str) -> Agreement:
    """Refuses a reseller that asked; it reads the reason. Raises NotFound, StaleVersion, SuppliersChoice, AgreementInWrongState."""
    ctx.require("supply.edit")
    return await _refuse(
        tx, ctx, AgreementStep.DECLINE, "agreement.declined", agreement_id=agreement_id, version=version, reason=reason
    )


async def suspend_agreement(tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, version: int, reason: str) -> Agreement:
    """Stops a reseller from buying for now; it reads the reason. Raises NotFound, StaleVersion, SuppliersChoice, AgreementInWrongState."""
    ctx.require("supply.edit")
    return await _refuse(
        tx, ctx, AgreementStep.SUSPEND, "agreement.suspended", agreement_id=agreement_id, version=version, reason=reason
    )


async def end_agreement(tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, version: int, reason: str) -> Agreement:
    """Ends an agreement for good, from either side; the reseller also takes back what it asked for.

    What was bought stays bought, and what is owed stays owed. Raises NotFound, StaleVersion, AgreementInWrongState.
    """
    ctx.require("supply.edit")
    return await _refuse(
        tx, ctx, AgreementStep.END, "agreement.ended", agreement_id=agreement_id, version=version, reason=reason
    )


async def resume_agreement(tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, version: int) -> Agreement:
    """Lets a suspended reseller buy again. Raises NotFound, StaleVersion, SuppliersChoice, AgreementInWrongState, TenantNotActive."""
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    found = await _locked(tx, ctx, agreement_id, version, AgreementStep.RESUME)
    await _write(tx, found, AgreementState.ACTIVE)
    return await noted(tx, ctx, agreement_id, "agreement.resumed", change=AgreementStep.RESUME, detail={})


async def change_agreement(
    tx: Tx,
    ctx: Ctx,
    *,
    agreement_id: AgreementId,
    version: int,
    tier_id: TierId | None = None,
    overrides: Overrides | None = None,
) -> Agreement:
    """Moves a reseller to another tier, and writes whole what it is granted in the place of its tier; None stays.

    Raises NotFound, StaleVersion, SuppliersChoice, AgreementInWrongState, TierArchived, CreditCurrencyFixed, CreditStillOwed
    when it would owe in one currency and be granted credit in another, Invalid, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    chosen = None if tier_id is None else await open_tier(tx, ctx, tier_id=tier_id)
    found = await _locked(tx, ctx, agreement_id, version, AgreementStep.CHANGE)
    tier = found.tier_id if chosen is None else chosen.id
    currency = await tx.fetchval(store.CURRENCY_OF_TIER, tier)
    owed = None if found.used is None else found.used.credit
    if owed is not None and owed.amount_minor and currency != owed.currency:
        raise CreditStillOwed
    granted = _checked_overrides(found.overrides if overrides is None else overrides, currency)
    await _write(tx, found, found.state, tier_id=tier, overrides=granted, reason=found.reason)
    detail: Mapping[str, object] = {
        "tier_id": tier, "tier_before": found.tier_id, "day_units_max": granted.day_units_max,
        "credit_minor": None if granted.credit is None else granted.credit.amount_minor, "currency": currency,
    }  # fmt: skip
    return await noted(tx, ctx, agreement_id, "agreement.moved", change=AgreementStep.CHANGE, detail=detail)


def _checked_overrides(overrides: Overrides, currency: str | None) -> Overrides:
    rules.check_credit(overrides.credit, path=("overrides", "credit"))
    rules.check_units(overrides.day_units_max, least=1, path=("overrides", "day_units_max"))
    if overrides.credit is None or overrides.credit.currency == currency:
        return overrides
    if currency is None:
        raise Invalid(
            "This tier grants no credit, and so has no currency: give it a line first, of nothing if you like.",
            zh="该等级未设信用额度，因此没有货币：请先为其设置额度（可以为零）。",
            path=("overrides", "credit"),
        )
    raise CreditCurrencyFixed(currency)


async def _refuse(
    tx: Tx, ctx: Ctx, step: AgreementStep, action: str, *, agreement_id: AgreementId, version: int, reason: str
) -> Agreement:
    checked = tenancy.checked_reason(reason)
    found = await _locked(tx, ctx, agreement_id, version, step)
    await _write(tx, found, rules.state_after(step, found.state), reason=checked)
    return await noted(tx, ctx, agreement_id, action, change=step, detail={"before": found.state}, reason=checked)


async def _locked(tx: Tx, ctx: Ctx, agreement_id: AgreementId, version: int, step: AgreementStep) -> Agreement:
    """The agreement, in a state in which the merchant may do this to it; nobody else changes it meanwhile."""
    row = await tx.fetchrow(store.LOCK_AGREEMENT, agreement_id)
    if row is None:
        raise NotFound("agreement")
    found = to_agreement(row)
    rules.check_step(step, found.state, found.role_of(ctx.tenant))
    if found.version != version:
        raise StaleVersion("agreement", current_version=found.version)
    return found


async def _write(
    tx: Tx,
    found: Agreement,
    state: AgreementState,
    *,
    tier_id: TierId | None = None,
    overrides: Overrides | None = None,
    reason: str | None = None,
) -> None:
    granted = found.overrides if overrides is None else overrides
    await tx.execute(
        store.CHANGE_AGREEMENT, found.id, state.value, tier_id or found.tier_id,
        None if granted.credit is None else granted.credit.amount_minor, granted.day_units_max, reason, clock.now(),
    )  # fmt: skip
