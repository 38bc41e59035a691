"""Use cases of the platform's standards: made, changed and retired by its admins, read by everybody."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypedDict, Unpack

from fondaco_core import audit, clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import EntitlementId, new_id
from fondaco_core.money import Money
from fondaco_tenants.catalog import store
from fondaco_tenants.catalog.errors import EntitlementRetired, SkuTaken
from fondaco_tenants.catalog.events import EntitlementChanged
from fondaco_tenants.catalog.rules import (
    Entitlement,
    EntitlementDetails,
    EntitlementState,
    FulfilmentKind,
    changed_names,
    checked_details,
    checked_sku,
)


class EntitlementChanges(TypedDict, total=False):
    """What may be changed of a standard; what is left out stays as it is."""

    brand: str
    name: str
    name_zh: str
    category: str
    face_value: Money | None
    region: str
    validity_days: int | None
    redemption: str
    redemption_zh: str
    restrictions: str | None
    restrictions_zh: str | None


async def create_entitlement(
    tx: Tx,
    ctx: Ctx,
    *,
    sku: str,
    fulfilment_kind: FulfilmentKind,
    details: EntitlementDetails,
    case_sensitive: bool = False,
) -> Entitlement:
    """Makes a standard; needs a transaction as fondaco_platform. Raises SkuTaken.

    Kind and case sensitivity decide when two codes are one, so that they are said once and never changed.
    """
    ctx.require("platform.catalog")
    entitlement = Entitlement(
        id=EntitlementId(new_id()),
        sku=checked_sku(sku),
        fulfilment_kind=fulfilment_kind,
        case_sensitive=case_sensitive,
        details=checked_details(details),
        state=EntitlementState.ACTIVE,
        created_at=clock.now(),
        version=1,
    )
    if await tx.execute(store.ADD_ENTITLEMENT, *store.entitlement_values(entitlement)) == 0:
        raise SkuTaken(entitlement.sku)
    await _told(tx, ctx, "entitlement.created", entitlement, changed=["sku"])
    return entitlement


async def update_entitlement(
    tx: Tx, ctx: Ctx, *, entitlement_id: EntitlementId, version: int, **changes: Unpack[EntitlementChanges]
) -> Entitlement:
    """Changes what the platform says of a standard; raises StaleVersion when somebody was faster."""
    ctx.require("platform.catalog")
    before = await _locked(tx, entitlement_id, version)
    if before.state is EntitlementState.RETIRED:
        raise EntitlementRetired
    after = replace(before, details=checked_details(replace(before.details, **changes)), version=version + 1)
    changed = changed_names(before.details, after.details, (field.name for field in fields(EntitlementDetails)))
    return await _changed(tx, ctx, "entitlement.changed", before, after, changed=changed)


async def retire_entitlement(tx: Tx, ctx: Ctx, *, entitlement_id: EntitlementId, version: int) -> Entitlement:
    """Takes a standard out of the catalogue: what is listed goes on being sold, nothing new is listed or published."""
    ctx.require("platform.catalog")
    before = await _locked(tx, entitlement_id, version)
    if before.state is EntitlementState.RETIRED:
        return before
    after = replace(before, state=EntitlementState.RETIRED, version=version + 1)
    return await _changed(tx, ctx, "entitlement.retired", before, after, changed=["state"])


async def get_entitlement(tx: Tx, entitlement_id: EntitlementId) -> Entitlement:
    """One standard; anybody may read it. Raises NotFound."""
    found = await entitlements_by_ids(tx, [entitlement_id])
    if entitlement_id not in found:
        raise NotFound("entitlement")
    return found[entitlement_id]


async def entitlements_by_ids(tx: Tx, ids: Sequence[EntitlementId]) -> dict[EntitlementId, Entitlement]:
    """Those of the standards that exist, by their ids; anybody may read them."""
    rows = await tx.fetch(store.FIND_ENTITLEMENTS, ids)
    return {found.id: found for found in map(store.to_entitlement, rows)}


async def list_entitlements(
    tx: Tx,
    *,
    search: str | None = None,
    category: str | None = None,
    kind: FulfilmentKind | None = None,
    state: EntitlementState | None = EntitlementState.ACTIVE,
    after: str | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[Entitlement]:
    """A page of the standards by SKU, on the far side of `after`; anybody may read them."""
    assert 0 <= count <= limits.PAGE_MAX + 1
    sql = store.LIST_ENTITLEMENTS_BACKWARD if backward else store.LIST_ENTITLEMENTS
    rows = await tx.fetch(sql, search, category, kind and kind.value, state and state.value, after, count)
    return [store.to_entitlement(row) for row in rows]


async def _locked(tx: Tx, entitlement_id: EntitlementId, version: int) -> Entitlement:
    row = await tx.fetchrow(store.LOCK_ENTITLEMENT, entitlement_id)
    if row is None:
        raise NotFound("entitlement")
    found = store.to_entitlement(row)
    if found.version != version:
        raise StaleVersion("entitlement", current_version=found.version)
    return found


async def _changed(
    tx: Tx, ctx: Ctx, action: str, before: Entitlement, after: Entitlement, *, changed: list[str]
) -> Entitlement:
    details, face = after.details, after.details.face_value
    await tx.execute(
        store.CHANGE_ENTITLEMENT, after.id, before.version, details.brand, details.name, details.name_zh,
        details.category, face and face.amount_minor, face and face.currency, details.region, details.validity_days,
        details.redemption, details.redemption_zh, details.restrictions, details.restrictions_zh, after.state.value,
    )  # fmt: skip
    await _told(tx, ctx, action, after, changed=changed)
    return after


async def _told(tx: Tx, ctx: Ctx, action: str, entitlement: Entitlement, *, changed: list[str]) -> None:
    await audit.record(
        tx, ctx, action, subject_kind="entitlement", subject_id=entitlement.id,
        detail={"sku": entitlement.sku, "version": entitlement.version, "changed": changed},
    )  # fmt: skip
    await outbox.announce(
        tx, (None, EntitlementChanged(entitlement.id, state=entitlement.state.value, version=entitlement.version))
    )
