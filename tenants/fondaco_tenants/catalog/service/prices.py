"""The use case of changing many prices at once, each by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fondaco_core import audit, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, Refusal, StaleVersion
from fondaco_core.ids import ListingId
from fondaco_core.money import Money
from fondaco_core.outbox import Event
from fondaco_tenants.catalog import store
from fondaco_tenants.catalog.errors import ListingInWrongState
from fondaco_tenants.catalog.events import ListingChanged, ListingRepriced
from fondaco_tenants.catalog.rules import Listing, ListingState, checked_terms


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A new price for one listing, made on the version that was read."""

    listing_id: ListingId
    version: int
    price: Money


async def update_prices(tx: Tx, ctx: Ctx, *, changes: Sequence[PriceChange]) -> list[Listing | Refusal]:
    """Changes the prices of listings in a few statements, however many; answers, in their order, each listing or why not.

    Raises Invalid when there are too many, or a listing comes twice: nothing is changed then.
    """
    ctx.require("catalog.edit")
    await tenancy.require_active(tx, ctx)
    ids = [change.listing_id for change in changes]
    if not 0 < len(ids) <= limits.PRICES_PER_REQUEST_MAX:
        raise Invalid(
            f"One request changes 1 to {limits.PRICES_PER_REQUEST_MAX} prices.",
            zh=f"一次请求可修改 1 至 {limits.PRICES_PER_REQUEST_MAX} 个价格。",
            path=("items",),
        )
    if len(set(ids)) < len(ids):
        raise Invalid("Name each listing once.", zh="每个商品只能出现一次。", path=("items",))
    found = {row["id"]: store.to_listing(row) for row in await tx.fetch(store.LOCK_LISTINGS, ids)}
    answers = [_repriced(found.get(change.listing_id), change) for change in changes]
    changed = [(found[after.id], after) for after in answers if isinstance(after, Listing) and after != found[after.id]]
    if changed:
        await _store(tx, ctx, changed)
    return answers


def _repriced(before: Listing | None, change: PriceChange) -> Listing | Refusal:
    if before is None:
        return NotFound("listing")
    if before.version != change.version:
        return StaleVersion("listing", current_version=before.version)
    if before.state is ListingState.ARCHIVED:
        return ListingInWrongState(before.state, wanted="changed")
    if before.terms.price == change.price:
        return before
    try:
        terms = checked_terms(replace(before.terms, price=change.price), currency=before.terms.price.currency)
    except Invalid as refusal:
        return refusal
    return replace(before, terms=terms, version=before.version + 1)


async def _store(tx: Tx, ctx: Ctx, changed: Sequence[tuple[Listing, Listing]]) -> None:
    await tx.execute(
        store.REPRICE_LISTINGS,
        [after.id for _, after in changed],
        [after.terms.price.amount_minor for _, after in changed],
    )
    details = [
        {
            "version": after.version,
            "changed": ["price"],
            "price_minor": [before.terms.price.amount_minor, after.terms.price.amount_minor],
        }
        for before, after in changed
    ]
    subjects = [(after.tenant_id, after.id, detail) for (_, after), detail in zip(changed, details, strict=True)]
    await audit.record_many(tx, ctx, "listing.changed", subject_kind="listing", subjects=subjects)
    events = list[Event]()
    for before, after in changed:
        was, now = before.terms.price, after.terms.price
        events += [
            ListingChanged(after.id, after.store_id, version=after.version),
            ListingRepriced(
                after.id, currency=now.currency, before_minor=was.amount_minor, after_minor=now.amount_minor
            ),
        ]
    await outbox.announce(tx, *((ctx.tenant, event) for event in events))
