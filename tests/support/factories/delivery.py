"""A sale that is delivered: a store, its buyer, and an order whose codes are known to the test."""

from dataclasses import dataclass
from uuid import uuid4

from fondaco_core import ledger
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.identity import BUYER_PERMISSIONS, GUEST_PERMISSIONS, MemberRole, new_order_token
from fondaco_core.ids import AllocationId, CustomerId, OrderId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_core.secret import Secret
from fondaco_tenants import codes, delivery, orders
from fondaco_tenants.catalog import FulfilmentKind, Listing
from fondaco_tenants.storefront import Store
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant


@dataclass(frozen=True, slots=True)
class Sale:
    """One order with everybody around it; `codes` are the plaintexts in the order of the units."""

    tenant_id: TenantId
    owner: Ctx
    buyer: Ctx
    store: Store
    listing: Listing
    pool: MadePool
    order_id: OrderId
    order_code: str
    allocations: tuple[AllocationId, ...]
    codes: tuple[str, ...]

    @property
    def guest(self) -> Ctx:
        """Who holds the order's token."""
        return Ctx(
            actor=ActorKind.GUEST, actor_id=self.order_id, tenant_id=self.tenant_id, order_id=self.order_id,
            order_token_version=1, permissions=GUEST_PERMISSIONS, request_id=uuid4().hex, ip="203.0.113.7",
        )  # fmt: skip

    @property
    def machine(self) -> Ctx:
        """An API client of the buyer."""
        return Ctx(
            actor=ActorKind.API_CLIENT, actor_id=uuid4(), tenant_id=self.tenant_id, customer_id=self.buyer.customer_id,
            permissions=BUYER_PERMISSIONS, request_id=uuid4().hex, ip="203.0.113.9",
        )  # fmt: skip

    @property
    def token(self) -> Secret[str]:
        """The order's token, as a guest holds it."""
        return new_order_token(tenant_id=self.tenant_id, order_id=self.order_id, version=1)

    async def support(self) -> Ctx:
        """Somebody of the merchant's support."""
        return await make_member_ctx(self.tenant_id, role=MemberRole.SUPPORT)


def opener(sale: Sale, *, ip: str = "198.51.100.4") -> Ctx:
    """A stranger at the sale's store who holds a link."""
    return Ctx(
        tenant_id=sale.tenant_id,
        permissions=frozenset({"buyer.open"}),
        request_id=uuid4().hex,
        ip=ip,
        user_agent="a browser",
    )


async def fund(tenant_id: TenantId, customer_id: CustomerId, amount_minor: int = 1_000_000) -> None:
    """Money in a buyer's wallet."""
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")
    wallet = Owner(tenant_id, customer_id, AccountKind.WALLET, "CNY")
    async with governing(admin_ctx()) as tx:
        await ledger.post(tx, [NewTransfer(clearing, wallet, amount_minor, Purpose.TOP_UP, None)])


async def make_sale(
    *,
    units: int = 1,
    kind: FulfilmentKind = FulfilmentKind.CODE,
    texts: tuple[str, ...] | None = None,
    pin: str | None = None,
    paid: bool = True,
    title: str = "Steam 50",
    store_name: str = "Card Corner",
) -> Sale:
    """An order of `units` codes, paid and delivered unless `paid` says otherwise, at a merchant of its own."""
    tenant_id = await make_tenant()
    owner = await make_member_ctx(tenant_id)
    store = await make_store(owner, name=store_name)
    entitlement = await make_entitlement(kind=kind)
    listing = await make_listing(
        owner, store_id=store.id, entitlement_id=entitlement.id, title=title, price=Money(4_800, "CNY"), order_max=100
    )
    pool = await make_pool(owner, entitlement_id=entitlement.id, kind=kind)
    plaintexts = await make_codes(pool, units, texts=texts) if pin is None else await _make_cards(pool, units, pin)
    await make_source(owner, listing_id=listing.id, pool_id=pool.id)
    buyer = await make_customer_ctx(tenant_id)
    assert buyer.customer_id is not None
    await fund(tenant_id, buyer.customer_id)
    request = orders.OrderRequest(
        lines=((listing.id, units),), pay_by=orders.PayBy.WALLET if paid else orders.PayBy.LATER, channel="WEB"
    )
    async with trading(buyer) as tx:
        placed = await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
    async with transaction(buyer) as tx:
        made = await orders.list_allocations(tx, buyer, order_id=placed.order_id)
    allocations = tuple(unit.id for unit in sorted(made, key=lambda unit: unit.unit))
    return Sale(
        tenant_id, owner, buyer, store, listing, pool, placed.order_id, placed.code, allocations, tuple(plaintexts)
    )


async def sell_again(sale: Sale) -> OrderId:
    """One more order of the same buyer, delivered, one unit."""
    assert sale.buyer.customer_id is not None
    await make_codes(sale.pool, 1)
    request = orders.OrderRequest(lines=((sale.listing.id, 1),))
    async with trading(sale.buyer) as tx:
        placed = await orders.place_order(tx, sale.buyer, customer_id=sale.buyer.customer_id, request=request)
    return placed.order_id


async def _make_cards(pool: MadePool, count: int, pin: str) -> list[str]:
    """Cards that all have the same PIN."""
    numbers = [f"6222{uuid4().int % 10**12:012}" for _ in range(count)]
    text = "\n".join(["code,pin", *(f"{number},{pin}" for number in numbers)])
    async with codes.sealing(pool.ctx) as tx:
        batch = await codes.import_codes(
            tx,
            pool.ctx,
            pool_id=pool.id,
            text=Secret(text),
            unit_cost=Money(3_000, "CNY"),
            format=codes.ImportFormat.CSV,
        )
    assert batch.accepted == count
    return numbers


async def make_link(
    sale: Sale,
    ctx: Ctx | None = None,
    *,
    allocation_id: AllocationId | None = None,
    opens_max: int = 1,
    hours: int = 24,
) -> tuple[delivery.Link, Secret[str]]:
    """A link to the sale's codes, made by its buyer, with its secret."""
    ctx = ctx or sale.buyer
    async with transaction(ctx) as tx:
        link = await delivery.create_link(
            tx, ctx, order_id=sale.order_id, allocation_id=allocation_id, opens_max=opens_max, expires_in_hours=hours,
            reason=None if ctx.customer_id is not None or ctx.order_id is not None else "the buyer asked for one",
        )  # fmt: skip
    return link, delivery.secret_of(link.id)
