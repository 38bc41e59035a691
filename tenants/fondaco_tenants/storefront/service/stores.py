"""Use cases of a merchant's stores: make, change, open, close, read."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypedDict, Unpack

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import StoreId, new_id
from fondaco_core.money import checked_currency
from fondaco_tenants.catalog import checked_text
from fondaco_tenants.storefront import store
from fondaco_tenants.storefront.events import StoreChanged
from fondaco_tenants.storefront.rules import Store, StoreDetails, StoreState, checked_hold, checked_locale


class StoreChanges(TypedDict, total=False):
    """What may be changed of a store; what is left out stays as it is."""

    name: str
    description: str
    locale: str
    state: StoreState
    guest_checkout: bool
    hold_s: int


async def create_store(
    tx: Tx,
    ctx: Ctx,
    *,
    slug: str,
    name: str,
    currency: str,
    locale: str = "zh-CN",
    description: str = "",
    guest_checkout: bool = True,
    hold_s: int = limits.HOLD_S,
) -> Store:
    """Opens a store under a short name of its own. Raises BadSlug, NameTaken, TenantNotActive.

    The short name stands in addresses and the currency in every price, so that both are said once and never changed.
    """
    ctx.require("merchant.edit")
    await tenancy.require_active(tx, ctx)
    if not tenancy.is_slug(slug):
        raise tenancy.BadSlug
    made = Store(
        id=StoreId(new_id()),
        tenant_id=ctx.tenant,
        slug=slug,
        currency=checked_currency(currency),
        details=_checked(
            StoreDetails(
                name=name, description=description, locale=locale, guest_checkout=guest_checkout, hold_s=hold_s
            )
        ),
        created_at=clock.now(),
        version=1,
    )
    details = made.details
    added = await tx.execute(
        store.ADD, made.id, made.tenant_id, made.slug, details.name, details.description, made.currency, details.locale,
        details.state.value, details.guest_checkout, details.hold_s, made.created_at, made.version,
    )  # fmt: skip
    if added == 0:
        raise tenancy.NameTaken
    await tenancy.add_door(tx, tenancy.DoorKind.STORE, slug, made.tenant_id)
    await _told(tx, ctx, "store.created", made, changed=["slug"])
    return made


async def update_store(tx: Tx, ctx: Ctx, *, store_id: StoreId, version: int, **changes: Unpack[StoreChanges]) -> Store:
    """Changes, opens or closes a store. Visitors do not find a closed one; placed orders are not touched."""
    ctx.require("merchant.edit")
    await tenancy.require_active(tx, ctx)
    row = await tx.fetchrow(store.LOCK, store_id)
    if row is None:
        raise NotFound("store")
    before = store.to_store(row)
    if before.version != version:
        raise StaleVersion("store", current_version=before.version)
    details = _checked(replace(before.details, **changes))
    names = (field.name for field in fields(StoreDetails))
    changed = [name for name in names if getattr(details, name) != getattr(before.details, name)]
    if not changed:
        return before
    after = replace(before, details=details, version=version + 1)
    await tx.execute(
        store.CHANGE, store_id, version, details.name, details.description, details.locale, details.state.value,
        details.guest_checkout, details.hold_s,
    )  # fmt: skip
    await _told(tx, ctx, "store.changed", after, changed=changed)
    return after


async def get_store(tx: Tx, ctx: Ctx, store_id: StoreId) -> Store:
    """One own store, open or closed. Raises NotFound."""
    ctx.require("merchant.read")
    found = await stores_by_ids(tx, [store_id])
    if store_id not in found:
        raise NotFound("store")
    return found[store_id]


async def list_stores(
    tx: Tx, ctx: Ctx, *, after: StoreId | None = None, backward: bool = False, count: int = limits.PAGE_DEFAULT
) -> list[Store]:
    """A page of the tenant's stores, oldest first, on the far side of `after`."""
    ctx.require("merchant.read")
    assert 0 <= count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store.LIST_BACKWARD if backward else store.LIST, ctx.tenant, after, count)
    return [store.to_store(row) for row in rows]


async def stores_by_ids(tx: Tx, ids: Sequence[StoreId]) -> dict[StoreId, Store]:
    """Those of the stores that the transaction's tenant has, by their ids; for other modules, which asked already."""
    return {found.id: found for found in map(store.to_store, await tx.fetch(store.FIND, ids))}


def _checked(details: StoreDetails) -> StoreDetails:
    return replace(
        details,
        name=checked_text(details.name, path=("name",)),
        description=checked_text(details.description, path=("description",), most=limits.NOTE_MAX, least=0),
        locale=checked_locale(details.locale),
        hold_s=checked_hold(details.hold_s),
    )


async def _told(tx: Tx, ctx: Ctx, action: str, changed_store: Store, *, changed: list[str]) -> None:
    state = changed_store.details.state.value
    await audit.record(
        tx, ctx, action, subject_kind="store", subject_id=changed_store.id,
        detail={"version": changed_store.version, "state": state, "changed": changed},
    )  # fmt: skip
    await outbox.announce(
        tx, (changed_store.tenant_id, StoreChanged(changed_store.id, state=state, version=changed_store.version))
    )
