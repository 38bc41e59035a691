"""A shop with stock and funded buyers, committed: what every test of an order begins with."""

from dataclasses import dataclass

from fondaco_core import ledger
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading
from fondaco_core.ids import CustomerId, ListingId, PoolId, StoreId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants import orders
from fondaco_tenants.orders import OrderRequest, PayBy, Placed
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.routing import make_source
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant

PRICE = 4_800


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant that sells one listing from pools of its own."""

    tenant_id: TenantId
    owner: Ctx
    store_id: StoreId
    listing_id: ListingId
    pools: tuple[MadePool, ...]

    @property
    def pool_id(self) -> PoolId:
        """The first pool."""
        return self.pools[0].id


async def make_shop(
    *,
    stock: int | tuple[int, ...] = 5,
    price_minor: int = PRICE,
    fee_bps: int = 0,
    order_max: int = 1_000,
    customer_max: int | None = None,
    customer_period_days: int | None = None,
    hold_s: int = 900,
    guest_checkout: bool = True,
) -> Shop:
    """A shop with one listing on sale; `stock` says how many codes each of its pools has."""
    tenant_id = await make_tenant(fee_bps=fee_bps)
    owner = await make_member_ctx(tenant_id)
    entitlement = await make_entitlement()
    store = await make_store(owner, hold_s=hold_s, guest_checkout=guest_checkout)
    listing = await make_listing(
        owner, store_id=store.id, entitlement_id=entitlement.id, price=Money(price_minor, "CNY"), order_max=order_max,
        customer_max=customer_max, customer_period_days=customer_period_days,
    )  # fmt: skip
    pools: list[MadePool] = []
    for place, count in enumerate((stock,) if isinstance(stock, int) else stock):
        pool = await make_pool(owner, entitlement_id=entitlement.id, name=f"Pool {place}")
        if count:
            await make_codes(pool, count)
        await make_source(owner, listing_id=listing.id, pool_id=pool.id, priority=place)
        pools.append(pool)
    return Shop(tenant_id, owner, store.id, listing.id, tuple(pools))


async def fund(tenant_id: TenantId, customer_id: CustomerId | None, amount_minor: int) -> None:
    """Money in a wallet, from outside."""
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, "CNY")
    wallet = Owner(tenant_id, customer_id, AccountKind.WALLET, "CNY")
    async with governing(system_ctx("factory")) as tx:
        await ledger.post(tx, [NewTransfer(clearing, wallet, amount_minor, Purpose.TOP_UP, None)])


async def make_buyer(shop: Shop, *, funds_minor: int = 1_000_000) -> Ctx:
    """A registered buyer of the shop with money in the wallet."""
    ctx = await make_customer_ctx(shop.tenant_id)
    assert ctx.customer_id is not None
    if funds_minor:
        await fund(shop.tenant_id, ctx.customer_id, funds_minor)
    return ctx


async def place(shop: Shop, buyer: Ctx, quantity: int = 1, *, pay_by: PayBy = PayBy.WALLET) -> Placed:
    """An order of the shop's listing, committed."""
    assert buyer.customer_id is not None
    async with trading(buyer) as tx:
        request = OrderRequest(lines=((shop.listing_id, quantity),), pay_by=pay_by)
        return await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)


async def balance(tenant_id: TenantId | None, customer_id: CustomerId | None, kind: AccountKind) -> int:
    """What an account holds."""
    async with governing(system_ctx("factory")) as tx:
        found = await ledger.balances(tx, tenant_id=tenant_id, customer_id=customer_id)
    return sum(each.posted_minor for each in found if each.kind is kind)
