"""The catalogue's use cases on the restricted roles."""

import pytest

from fondaco_core import audit, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Refusal, StaleVersion, Unauthenticated
from fondaco_core.identity import MemberRole
from fondaco_core.ids import EntitlementId, ListingId, StoreId, new_id
from fondaco_core.money import Money
from fondaco_tenants import catalog
from fondaco_tenants.catalog import EntitlementState, FulfilmentKind, Listing, ListingState, PriceChange
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("database")


async def make_ctx(role: MemberRole = MemberRole.OWNER) -> Ctx:
    return await make_member_ctx(await make_tenant(), role=role)


async def actions_of(ctx: Ctx, subject_id: object) -> list[str]:
    async with reading(ctx) as tx:
        return [entry["action"] for entry in await audit.list_entries(tx, ctx, subject_id=subject_id)]  # type: ignore[arg-type]


async def test_a_sku_is_taken_once() -> None:
    first = await make_entitlement()

    with pytest.raises(catalog.SkuTaken):
        await make_entitlement(sku=first.sku)


async def test_a_standard_changes_by_version_and_is_retired_once() -> None:
    ctx, made = admin_ctx(), await make_entitlement(kind=FulfilmentKind.LINK)

    async with governing(ctx) as tx:
        changed = await catalog.update_entitlement(
            tx, ctx, entitlement_id=made.id, version=1, name="Another", restrictions=None
        )
        retired = await catalog.retire_entitlement(tx, ctx, entitlement_id=made.id, version=2)
        again = await catalog.retire_entitlement(tx, ctx, entitlement_id=made.id, version=3)

    assert (changed.details.name, changed.details.restrictions, changed.details.brand) == ("Another", None, "Steam")
    assert retired.state is EntitlementState.RETIRED
    assert again == retired
    async with governing(ctx) as tx:
        assert await catalog.get_entitlement(tx, made.id) == retired
        with pytest.raises(catalog.EntitlementRetired):
            await catalog.update_entitlement(tx, ctx, entitlement_id=made.id, version=3, name="Late")
        with pytest.raises(StaleVersion) as stale:
            await catalog.update_entitlement(tx, ctx, entitlement_id=made.id, version=2, name="Late")
    assert stale.value.current_version == 3


async def test_no_merchant_keeps_standards() -> None:
    ctx, made = await make_ctx(), await make_entitlement()

    async with transaction(ctx) as tx:
        with pytest.raises(NotAllowed):
            await catalog.retire_entitlement(tx, ctx, entitlement_id=made.id, version=1)


async def test_a_listing_is_drafted_published_paused_and_archived_on_the_record() -> None:
    ctx = await make_ctx()
    draft = await make_listing(ctx, published=False, customer_max=3, customer_period_days=30)

    async with transaction(ctx) as tx:
        active = await catalog.publish_listing(tx, ctx, listing_id=draft.id, version=1)
        paused = await catalog.pause_listing(tx, ctx, listing_id=draft.id, version=2)
        archived = await catalog.archive_listing(tx, ctx, listing_id=draft.id, version=3)

    states = [listing.state for listing in (draft, active, paused, archived)]
    assert states == [ListingState.DRAFT, ListingState.ACTIVE, ListingState.PAUSED, ListingState.ARCHIVED]
    assert await actions_of(ctx, draft.id) == ["listing.moved"] * 3 + ["listing.created"]
    async with transaction(ctx) as tx:
        assert await catalog.get_listing(tx, ctx, draft.id) == archived
        with pytest.raises(catalog.ListingInWrongState):
            await catalog.publish_listing(tx, ctx, listing_id=draft.id, version=4)
        with pytest.raises(catalog.ListingInWrongState):
            await catalog.update_listing(tx, ctx, listing_id=draft.id, version=4, title="Late")
    await assert_invariants()


async def test_a_change_on_an_outdated_version_is_refused_and_changes_nothing() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)

    async with transaction(ctx) as tx:
        with pytest.raises(StaleVersion) as stale:
            await catalog.update_listing(tx, ctx, listing_id=listing.id, version=1, title="Lost")

    assert stale.value.current_version == 2
    async with reading(ctx) as tx:
        assert await catalog.get_listing(tx, ctx, listing.id) == listing


async def test_what_is_left_out_of_a_change_stays() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx, customer_max=3, customer_period_days=30)

    async with transaction(ctx) as tx:
        cleared = await catalog.update_listing(
            tx, ctx, listing_id=listing.id, version=2, customer_max=None, customer_period_days=None
        )
        same = await catalog.update_listing(tx, ctx, listing_id=listing.id, version=3, title=listing.terms.title)

    assert (cleared.terms.customer_max, cleared.terms.title, cleared.terms.price) == (
        None,
        "Steam 50",
        Money(4_800, "CNY"),
    )
    assert same.version == 3


async def test_nothing_is_listed_of_a_retired_standard_in_a_strange_store_or_in_another_currency() -> None:
    ctx, admin = await make_ctx(), admin_ctx()
    store, retired = await make_store(ctx), await make_entitlement()
    strange = await make_store(await make_ctx())
    async with governing(admin) as tx:
        await catalog.retire_entitlement(tx, admin, entitlement_id=retired.id, version=1)

    with pytest.raises(catalog.EntitlementRetired):
        await make_listing(ctx, store_id=store.id, entitlement_id=retired.id)
    with pytest.raises(NotFound):
        await make_listing(ctx, store_id=strange.id)
    with pytest.raises(NotFound):
        await make_listing(ctx, store_id=StoreId(new_id()))
    with pytest.raises(NotFound):
        await make_listing(ctx, store_id=store.id, entitlement_id=EntitlementId(new_id()))
    with pytest.raises(Invalid):
        await make_listing(ctx, store_id=store.id, price=Money(100, "USD"))


async def test_a_paused_listing_of_a_retired_standard_is_not_published_again() -> None:
    ctx, admin = await make_ctx(), admin_ctx()
    made = await make_entitlement()
    listing = await make_listing(ctx, entitlement_id=made.id)
    async with governing(admin) as tx:
        await catalog.retire_entitlement(tx, admin, entitlement_id=made.id, version=1)

    async with transaction(ctx) as tx:
        await catalog.pause_listing(tx, ctx, listing_id=listing.id, version=2)
        with pytest.raises(catalog.EntitlementRetired):
            await catalog.publish_listing(tx, ctx, listing_id=listing.id, version=3)


async def test_a_listing_does_not_exist_for_another_tenant() -> None:
    owner, stranger = await make_ctx(), await make_ctx()
    listing = await make_listing(owner)

    async with transaction(stranger) as tx:
        assert await catalog.listings_by_ids(tx, [listing.id]) == {}
        assert await catalog.list_listings(tx, stranger) == []
        with pytest.raises(NotFound):
            await catalog.get_listing(tx, stranger, listing.id)
        with pytest.raises(NotFound):
            await catalog.update_listing(tx, stranger, listing_id=listing.id, version=2, title="Mine")
        with pytest.raises(NotFound):
            await catalog.pause_listing(tx, stranger, listing_id=listing.id, version=2)


async def test_a_suspended_merchant_looks_and_changes_nothing() -> None:
    ctx, admin = await make_ctx(), admin_ctx()
    listing = await make_listing(ctx)
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, ctx.tenant, reason="test")

    async with transaction(ctx) as tx:
        assert await catalog.get_listing(tx, ctx, listing.id) == listing
        with pytest.raises(tenancy.TenantNotActive):
            await catalog.update_listing(tx, ctx, listing_id=listing.id, version=2, title="Late")


async def test_support_reads_listings_and_changes_none_and_visitors_do_neither() -> None:
    owner = await make_ctx()
    support, listing = await make_member_ctx(owner.tenant, role=MemberRole.SUPPORT), await make_listing(owner)
    visitor = Ctx(tenant_id=owner.tenant_id)

    async with transaction(support) as tx:
        assert await catalog.get_listing(tx, support, listing.id) == listing
        with pytest.raises(NotAllowed):
            await catalog.pause_listing(tx, support, listing_id=listing.id, version=2)
        with pytest.raises(Unauthenticated):
            await catalog.get_listing(tx, visitor, listing.id)


async def test_listings_are_paged_by_position_both_ways() -> None:
    ctx = await make_ctx()
    store, standard = await make_store(ctx), await make_entitlement()
    made = [
        await make_listing(ctx, store_id=store.id, entitlement_id=standard.id, position=position)
        for position in (3, 1, 1, 2)
    ]
    ordered = sorted(made, key=lambda listing: (listing.terms.position, listing.id))

    async with reading(ctx) as tx:
        first = await catalog.list_listings(tx, ctx, store_id=store.id, count=2)
        rest = await catalog.list_listings(tx, ctx, after=(first[-1].terms.position, first[-1].id))
        last = await catalog.list_listings(tx, ctx, backward=True, count=1)

    assert [*first, *rest] == ordered
    assert last == ordered[-1:]


async def test_many_prices_change_in_a_few_statements_each_by_itself() -> None:
    ctx = await make_ctx()
    store, standard = await make_store(ctx), await make_entitlement()
    made = [await make_listing(ctx, store_id=store.id, entitlement_id=standard.id) for _ in range(20)]
    good = [PriceChange(listing.id, listing.version, Money(5_000, "CNY")) for listing in made[3:]]
    bad = [
        PriceChange(made[0].id, 1, Money(5_000, "CNY")),
        PriceChange(ListingId(new_id()), 1, Money(5_000, "CNY")),
        PriceChange(made[1].id, 2, Money(5_000, "USD")),
        PriceChange(made[2].id, 2, made[2].terms.price),
    ]

    async with transaction(ctx) as tx:
        with counted() as statements:
            answers = await catalog.update_prices(tx, ctx, changes=[*bad, *good])

    assert len(statements) <= 5
    assert [type(answer) for answer in answers[:4]] == [StaleVersion, NotFound, Invalid, Listing]
    async with reading(ctx) as tx:
        found = await catalog.listings_by_ids(tx, [listing.id for listing in made])
    assert {listing.terms.price.amount_minor for listing in found.values()} == {4_800, 5_000}
    assert all(answer == found[answer.id] for answer in answers if not isinstance(answer, Refusal))
    assert await actions_of(ctx, made[3].id) == ["listing.changed", "listing.moved", "listing.created"]


async def test_one_request_names_each_listing_once() -> None:
    ctx = await make_ctx()
    listing = await make_listing(ctx)
    change = PriceChange(listing.id, 2, Money(1, "CNY"))

    async with transaction(ctx) as tx:
        for changes in ([], [change, change], [PriceChange(ListingId(new_id()), 1, change.price) for _ in range(201)]):
            with pytest.raises(Invalid):
                await catalog.update_prices(tx, ctx, changes=changes)


async def test_standards_are_found_by_anybody() -> None:
    brand = f"Brand {new_id().hex}"
    made = [await make_entitlement(brand=brand, kind=kind) for kind in (FulfilmentKind.CODE, FulfilmentKind.QR)]

    async with reading(Ctx()) as tx:
        found = await catalog.list_entitlements(tx, search=brand.upper())
        codes = await catalog.list_entitlements(tx, search=brand, kind=FulfilmentKind.CODE)
        literal = await catalog.list_entitlements(tx, search="%")

    assert {each.id for each in found} == {each.id for each in made}
    assert [each.id for each in codes] == [made[0].id]
    assert literal == []
