"""Use cases of partners: how a merchant presents itself to those that it deals with."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, StaleVersion
from fondaco_core.ids import TenantId
from fondaco_tenants.supply import store
from fondaco_tenants.supply.errors import PartnerNameTaken
from fondaco_tenants.supply.events import PartnerChanged
from fondaco_tenants.supply.rules import look_of

# What follows a company's name that another one's looks like: a blank and so many signs.
_SIGNS = 8


@dataclass(frozen=True, slots=True)
class Partner:
    """What partners know of a merchant: its name, and what it says of itself."""

    tenant_id: TenantId
    name: str
    about: str | None
    changed_at: datetime
    version: int


def _partner(row: Any) -> Partner:
    fields: dict[str, Any] = {**row, "tenant_id": TenantId(row["tenant_id"])}
    return Partner(**fields)


async def begin_partner(tx: Tx, ctx: Ctx) -> None:
    """Gives the merchant a name that its partners see, its company's, unless it has one; before others hear of it.

    Where another's looks like it, signs follow that tell them apart, until the merchant chooses another one.
    """
    ctx.require("supply.edit")
    company = await tx.fetchrow(store.COMPANY, ctx.tenant)
    if company is None or company["begun"]:
        return
    name = str(company["name"])
    if await _is_taken(tx, look_of(name)):
        name = f"{name[: limits.NAME_MAX - _SIGNS - 1]} {secrets.token_hex(_SIGNS // 2)}"
    await tx.execute(store.BEGIN_PARTNER, ctx.tenant, name, look_of(name), clock.now())


async def _is_taken(tx: Tx, look: str) -> bool:
    await tx.execute(store.LOCK_LOOK, look)
    return bool(await tx.fetchval(store.LOOK_IS_TAKEN, look))


async def get_partner(tx: Tx, ctx: Ctx) -> Partner | None:
    """How the merchant that is acted for presents itself; None as long as no other has heard of it."""
    ctx.require("supply.read")
    return (await partners_by_ids(tx, ctx, [ctx.tenant])).get(ctx.tenant)


async def partners_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[TenantId]) -> dict[TenantId, Partner]:
    """Several merchants at once, those that the asking one may know: itself, its partners, and who offers in the market."""
    if not ctx.has("supply.edit"):
        ctx.require("supply.read")
    return {TenantId(row["tenant_id"]): _partner(row) for row in await tx.fetch(store.PARTNERS_BY_IDS, list(ids))}


async def update_partner(tx: Tx, ctx: Ctx, *, version: int, name: str, about: str | None) -> Partner:
    """Writes whole how the merchant presents itself, if it is still at `version`, 0 before it began.

    Raises StaleVersion, Invalid, PartnerNameTaken, TenantNotActive.
    """
    ctx.require("supply.edit")
    await tenancy.require_active(tx, ctx)
    checked, said = tenancy.checked_name(name), _checked_about(about)
    look, now = look_of(checked), clock.now()
    if await _is_taken(tx, look):
        raise PartnerNameTaken
    # Whoever writes it first begins it.
    begun = version == 0 and await tx.execute(store.BEGIN_PARTNER, ctx.tenant, checked, look, now) == 1
    row = await tx.fetchrow(store.UPDATE_PARTNER, ctx.tenant, checked, said, now, 1 if begun else version, look)
    if row is None:
        found = await partners_by_ids(tx, ctx, [ctx.tenant])
        raise StaleVersion("partner", current_version=found[ctx.tenant].version if found else 0)
    partner = _partner(row)
    await audit.record(
        tx, ctx, "partner.changed", subject_kind="partner", subject_id=ctx.tenant, detail={"version": partner.version}
    )
    await outbox.announce(tx, (ctx.tenant, PartnerChanged(partner.version)))
    return partner


def _checked_about(text: str | None) -> str | None:
    if text is None or not text.strip():
        return None
    if len(text) > limits.NOTE_MAX or "\0" in text:
        raise Invalid(
            f"This has at most {limits.NOTE_MAX} characters.", zh=f"最多 {limits.NOTE_MAX} 个字符。", path=("about",)
        )
    return text.strip()
