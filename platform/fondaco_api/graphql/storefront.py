"""Stores in the schema: a merchant's sales front, as visitors and as its merchant see it."""

from collections import OrderedDict, defaultdict
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.catalog import given, words
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.payments import StorePayments
from fondaco_api.graphql.scalars import CurrencyCode
from fondaco_api.graphql.stock import over_others
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx, reading
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import StoreId, TenantId
from fondaco_tenants import storefront
from fondaco_tenants.catalog import ListingState
from fondaco_tenants.storefront import StoreState

described(
    StoreState,
    "Whether visitors find a store.",
    OPEN="Visitors find it and may order.",
    CLOSED="Visitors do not find it; placed orders go on.",
)


async def load_stores(context: Context, ids: list[StoreId]) -> "list[Store | None]":
    """Stores by their ids, each as the asker may see it: one's own in any state, others' when they are open."""
    ctx = context.ctx
    found: dict[StoreId, storefront.Store] = {}
    if ctx.tenant_id is not None and ctx.has("merchant.read"):
        async with context.reading() as tx:
            found = await storefront.stores_by_ids(tx, ids)
    strange = [id_ for id_ in ids if id_ not in found]
    if strange:
        nobody = ctx.visiting(None)
        async with reading(nobody) as tx:
            tenants = await storefront.tenants_of_stores(tx, strange)
        by_tenant: dict[TenantId, list[StoreId]] = defaultdict(list)
        for id_, tenant_id in tenants.items():
            by_tenant[tenant_id].append(id_)
        for tenant_id, theirs in by_tenant.items():
            context.visited.add(tenant_id)
            async with reading(nobody.visiting(tenant_id)) as tx:
                found |= await storefront.visit_stores(tx, theirs)
    return [Store.of(found[id_]) if id_ in found else None for id_ in ids]


class Doors:
    """Which tenant a store's slug leads to, as this process has seen it; the store itself is always asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, TenantId] = OrderedDict()

    async def visit(self, ctx: Ctx, slug: str) -> storefront.Store | None:
        """The open store with a slug, or None."""
        nobody = ctx.visiting(None)
        tenant_id = self._known.get(slug)
        if tenant_id is not None:
            async with reading(nobody.visiting(tenant_id)) as tx:
                found = await storefront.visit_store(tx, slug)
            if found is not None:
                return found
            del self._known[slug]
        async with reading(nobody) as tx:
            tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.STORE, slug)
        if tenant_id is None:
            return None
        self._known[slug] = tenant_id
        if len(self._known) > limits.DOORS_KNOWN_MAX:
            self._known.popitem(last=False)
        async with reading(nobody.visiting(tenant_id)) as tx:
            return await storefront.visit_store(tx, slug)


_doors = Doors()


@strawberry.type(description="A merchant's sales front.")
class Store(Node, StorePayments):
    """A store; its fields are read when they are asked for."""

    row: strawberry.Private[storefront.Store]

    @classmethod
    def of(cls, row: storefront.Store) -> "Store":
        """The schema's form of a store."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Store | None":
        """The store, for its owner in any state, for others while it is open."""
        return await context.loaders.load(load_stores, StoreId(key))

    @strawberry.field(description="Its short name in addresses; unique over the platform, and never changed.")
    def slug(self) -> str:
        """The slug."""
        return self.row.slug

    @strawberry.field(description="Its name.")
    def name(self) -> str:
        """The name."""
        return self.row.details.name

    @strawberry.field(description="What it says of itself; may be empty.")
    def description(self) -> str:
        """The description."""
        return self.row.details.description

    @strawberry.field(description="The currency of all its prices; never changed.")
    def currency(self) -> CurrencyCode:
        """The currency."""
        return CurrencyCode(self.row.currency)

    @strawberry.field(description="The language it speaks: `zh-CN` or `en`.")
    def locale(self) -> str:
        """The language."""
        return self.row.details.locale

    @strawberry.field(description="Whether visitors find it.")
    def state(self) -> StoreState:
        """The state."""
        return self.row.details.state

    @strawberry.field(description="Whether one may buy without an account.")
    def guest_checkout(self) -> bool:
        """Guest checkout."""
        return self.row.details.guest_checkout

    @strawberry.field(description="How long an unpaid order holds its stock, in seconds.")
    def hold_seconds(self) -> int:
        """The hold time."""
        return self.row.details.hold_s

    @strawberry.field(description="Counts its changes; a change names the version it was made on.")
    def version(self) -> int:
        """The version."""
        return self.row.version

    @strawberry.field(description="Whether you may change, open and close it.")
    def viewer_can_edit(self, info: Info) -> bool:
        """The merchant's people may, by their role."""
        ctx = info.context.ctx
        return ctx.tenant_id == self.row.tenant_id and ctx.has("merchant.edit")

    @strawberry.field(description="What it sells, in the merchant's order.")
    async def listings(
        self,
        info: Info,
        *,
        search: Annotated[str | None, strawberry.argument(description="Part of a title, brand or name.")] = None,
        category: Annotated[str | None, strawberry.argument(description="Only of this category.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Listing]:
        """A page of what is on sale."""
        page = read_page(first, after, last, before, keys=(int, UUID))
        position, listing_id = page.bound(2)
        ctx = info.context.ctx.visiting(self.row.tenant_id)
        async with reading(ctx) as tx:
            found = await storefront.list_shown(
                tx,
                self.row.id,
                search=words(search),
                category=words(category),
                after=(position, listing_id),
                backward=page.backward,
                count=page.limit,
            )
        shown = await over_others(ctx, found)
        return connect(page, shown, key=lambda row: (row.position, row.id), make=Listing.of)


@strawberry.input(description="A new store. Its slug and currency never change afterwards.")
class CreateStoreInput:
    """All of a store."""

    slug: str = strawberry.field(description="Its short name in addresses: small letters, digits, hyphens.")
    name: str = strawberry.field(description="Its name.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its prices.")
    locale: str = strawberry.field(default="zh-CN", description="The language it speaks: `zh-CN` or `en`.")
    description: str = strawberry.field(default="", description="What it says of itself.")
    guest_checkout: bool = strawberry.field(default=True, description="Whether one may buy without an account.")
    hold_seconds: int = strawberry.field(
        default=limits.HOLD_S, description="How long an unpaid order holds its stock, in seconds: 30 to 86,400."
    )


@strawberry.input(description="Changes to a store. What is left out stays.")
class UpdateStoreInput:
    """What may change of a store."""

    id: strawberry.ID = strawberry.field(description="The store.")
    version: int = strawberry.field(
        description="The version that was read; the change is refused when it is not the latest."
    )
    name: str | None = strawberry.field(default=UNSET, description="Its name.")
    description: str | None = strawberry.field(default=UNSET, description="What it says of itself.")
    locale: str | None = strawberry.field(default=UNSET, description="The language it speaks: `zh-CN` or `en`.")
    state: StoreState | None = strawberry.field(default=UNSET, description="Whether visitors find it.")
    guest_checkout: bool | None = strawberry.field(default=UNSET, description="Whether one may buy without an account.")
    hold_seconds: int | None = strawberry.field(
        default=UNSET, description="How long an unpaid order holds its stock, in seconds: 30 to 86,400."
    )


@strawberry.type(description="The store is open.")
class CreateStoreSuccess:
    """The result."""

    store: Store = strawberry.field(description="The new store.")


@strawberry.type(description="The store was changed.")
class UpdateStoreSuccess:
    """The result."""

    store: Store = strawberry.field(description="The store as it is now.")


@strawberry.type
class Query:
    """A store by its slug."""

    @strawberry.field(description="An open store by its short name, for anybody; null when there is none.")
    async def store(
        self, info: Info, slug: Annotated[str, strawberry.argument(description="The store's short name.")]
    ) -> Store | None:
        """The store a visitor finds."""
        found = await _doors.visit(info.context.ctx, slug) if tenancy.is_slug(slug) else None
        if found is None:
            return None
        info.context.visited.add(found.tenant_id)
        return Store.of(found)


@strawberry.type
class MerchantFields:
    """The merchant's own stores and listings."""

    @strawberry.field(description="Your listings in the order of their positions, on sale or not.")
    async def listings(
        self,
        info: Info,
        *,
        store_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only this store's.")] = None,
        state: Annotated[ListingState | None, strawberry.argument(description="Only those in this state.")] = None,
        search: Annotated[str | None, strawberry.argument(description="Part of a title, brand or name.")] = None,
        category: Annotated[str | None, strawberry.argument(description="Only of this category.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Listing]:
        """A page of the merchant's own listings."""
        page = read_page(first, after, last, before, keys=(int, UUID))
        position, listing_id = page.bound(2)
        async with info.context.reading() as tx:
            found = await storefront.list_own_shown(
                tx,
                info.context.ctx,
                store_id=None if store_id is None else StoreId(key_of(store_id, Store, path=("store_id",))),
                state=state,
                search=words(search),
                category=words(category),
                after=(position, listing_id),
                backward=page.backward,
                count=page.limit,
            )
        shown = await over_others(info.context.ctx, found)
        return connect(page, shown, key=lambda row: (row.position, row.id), make=Listing.of)

    @strawberry.field(description="Your stores, oldest first, open or closed.")
    async def stores(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Store]:
        """A page of the merchant's own stores."""
        page = read_page(first, after, last, before, keys=(UUID,))
        async with info.context.reading() as tx:
            found = await storefront.list_stores(
                tx, info.context.ctx, after=page.bound(1)[0], backward=page.backward, count=page.limit
            )
        return connect(page, found, key=lambda row: (row.id,), make=Store.of)


@strawberry.type
class Mutation:
    """A merchant's stores."""

    @mutation(refusals=[tenancy.BadSlug, tenancy.NameTaken, tenancy.TenantNotActive])
    async def create_store(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[CreateStoreInput, strawberry.argument(description="The store.")],
    ) -> CreateStoreSuccess:
        """Opens a store of the merchant you act for. It sells nothing until listings are published in it."""
        made = await storefront.create_store(
            tx,
            info.context.ctx,
            slug=input.slug,
            name=input.name,
            currency=input.currency,
            locale=input.locale,
            description=input.description,
            guest_checkout=input.guest_checkout,
            hold_s=input.hold_seconds,
        )
        return CreateStoreSuccess(store=Store.of(made))

    @mutation(refusals=[StaleVersion, tenancy.TenantNotActive])
    async def update_store(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[UpdateStoreInput, strawberry.argument(description="The changes.")],
    ) -> UpdateStoreSuccess:
        """Changes, opens or closes a store. Visitors do not find a closed one; placed orders are not touched."""
        changes = given(input)
        if "hold_seconds" in changes:
            changes["hold_s"] = changes.pop("hold_seconds")
        store_id = StoreId(key_of(input.id, Store))
        changed = await storefront.update_store(
            tx, info.context.ctx, store_id=store_id, version=input.version, **changes
        )
        return UpdateStoreSuccess(store=Store.of(changed))
