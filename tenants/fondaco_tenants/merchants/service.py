"""Use cases of merchants: read and change what a merchant says of itself."""

from dataclasses import dataclass
from typing import Any

from fondaco_core import audit, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import TenantId
from fondaco_core.money import checked_currency
from fondaco_tenants.merchants import store
from fondaco_tenants.merchants.events import MerchantProfileChanged


@dataclass(frozen=True, slots=True)
class MerchantProfile:
    """A merchant's names, the contact that buyers see, and the currency it counts in; version 0 until it is written."""

    tenant_id: TenantId
    display_name: str
    legal_name: str | None
    support_contact: str | None
    currency: str
    version: int


async def get_profile(tx: Tx, ctx: Ctx) -> MerchantProfile:
    """The profile of the tenant one acts for."""
    ctx.require("merchant.read")
    return await _load(tx, ctx.tenant)


async def update_profile(
    tx: Tx,
    ctx: Ctx,
    *,
    version: int,
    display_name: str,
    legal_name: str | None,
    support_contact: str | None,
    currency: str,
) -> MerchantProfile:
    """Writes the profile whole, if it is still at `version`. Raises StaleVersion, Invalid, TenantNotActive."""
    ctx.require("merchant.edit")
    await tenancy.require_active(tx, ctx)
    written: Any = await tx.fetchval(
        store.PUT, ctx.tenant, tenancy.checked_name(display_name, field="display_name"),
        _optional(legal_name, "legal_name"), _optional(support_contact, "support_contact"), checked_currency(currency), version,
    )  # fmt: skip
    if written is None:
        raise StaleVersion("profile", current_version=(await _load(tx, ctx.tenant)).version)
    await audit.record(
        tx, ctx, "merchant.profile_changed", subject_kind="tenant", subject_id=ctx.tenant, detail={"version": written}
    )
    await outbox.announce(tx, (ctx.tenant, MerchantProfileChanged(ctx.tenant, written)))
    return await _load(tx, ctx.tenant)


async def _load(tx: Tx, tenant_id: TenantId) -> MerchantProfile:
    row = await tx.fetchrow(store.GET, tenant_id)
    if row is None:
        raise NotFound("merchant")
    return MerchantProfile(**row)


def _optional(text: str | None, field: str) -> str | None:
    if text is None or not text.strip():
        return None
    if len(text) > limits.NAME_MAX or "\0" in text:
        raise Invalid(
            f"This has at most {limits.NAME_MAX} characters.", zh=f"最多 {limits.NAME_MAX} 个字符。", path=(field,)
        )
    return text.strip()
