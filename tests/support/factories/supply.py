"""Tiers, invitations and agreements for tests, valid by default."""

from uuid import uuid4

from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import TenantId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import supply
from fondaco_tenants.supply import Agreement, Invitation, StockView, Terms, Tier


def make_terms(
    *,
    stock_view: StockView = StockView.EXACT,
    day_units_max: int | None = None,
    month_units_max: int | None = None,
    hold_units_max: int | None = None,
    credit: Money | None = None,
    settle_days: int = 0,
    commissions: tuple[int, ...] = (),
) -> Terms:
    """Terms that bound nothing and grant no credit."""
    return Terms(
        stock_view=stock_view, day_units_max=day_units_max, month_units_max=month_units_max, hold_units_max=hold_units_max,
        credit=credit, settle_days=settle_days, commissions=commissions,
    )  # fmt: skip


async def make_tier(supplier: Ctx, *, name: str | None = None, entry: bool = False, terms: Terms | None = None) -> Tier:
    """A tier of a supplier."""
    async with transaction(supplier) as tx:
        return await supply.create_tier(
            tx, supplier, name=name or f"Tier {uuid4().hex[:8]}", entry=entry, terms=terms or make_terms()
        )


async def make_invitation(
    supplier: Ctx, tier: Tier, *, label: str = "", uses_max: int = 1, referrer_id: TenantId | None = None
) -> tuple[Invitation, Secret[str]]:
    """An invitation to a tier, and its code."""
    async with transaction(supplier) as tx:
        return await supply.create_invitation(
            tx, supplier, tier_id=tier.id, label=label, uses_max=uses_max, referrer_id=referrer_id
        )


async def make_agreement(
    supplier: Ctx,
    reseller: Ctx,
    *,
    tier: Tier | None = None,
    terms: Terms | None = None,
    referrer_id: TenantId | None = None,
) -> Agreement:
    """An agreement in force between two merchants, in the tier or in one of its own."""
    _, token = await make_invitation(supplier, tier or await make_tier(supplier, terms=terms), referrer_id=referrer_id)
    async with transaction(reseller) as tx:
        return await supply.join_supplier(tx, reseller, token=token)
