"""What two merchants sold to each other's customers, committed: routes, lots, units given back and units held."""

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import trading, transaction
from fondaco_core.ids import ListingId, OfferId, PoolId
from fondaco_tenants import aftersales, codes, orders, routing
from fondaco_tenants.codes import CodeState
from fondaco_tenants.orders import OrderRequest, PayBy
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.orders import fund

_ROUTER = system_ctx("routing.rebuild", permissions=frozenset({"system.run"}))


async def fill_from_pool(supplier: Ctx, *, offer_id: OfferId, pool_id: PoolId) -> None:
    """Lets an offer be filled from a pool, and works out what stands on it."""
    async with transaction(supplier) as tx:
        await routing.add_source(tx, supplier, offer_id=offer_id, pool_id=pool_id)
    await routing.rebuild_routes(_ROUTER)


async def make_traded(reseller: Ctx, *, listing_id: ListingId) -> None:
    """A reseller's customer buys two units of a listing that a supplier fills, gives one of them back, and holds another."""
    await fund(reseller.tenant, None, 100_000)
    buyer = await make_customer_ctx(reseller.tenant)
    assert buyer.customer_id is not None
    await fund(reseller.tenant, buyer.customer_id, 100_000)
    for units, pay_by in ((2, PayBy.WALLET), (1, PayBy.LATER)):
        request = OrderRequest(lines=((listing_id, units),), pay_by=pay_by, channel="WEB")
        async with trading(buyer) as tx:
            placed = await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
        if pay_by is PayBy.WALLET:
            async with trading(reseller) as tx:
                unit = (await orders.list_allocations(tx, reseller, order_id=placed.order_id))[0].id
                await orders.refund_order(
                    tx, reseller, order_id=placed.order_id, reason="one too many", allocation_ids=[unit]
                )


async def report_sold(owner: Ctx, *, pool_id: PoolId, place: str) -> None:
    """A code out of a pool that a reseller's customer has turned up somewhere."""
    async with transaction(owner) as tx:
        (code, *_) = await codes.list_codes(tx, owner, pool_id=pool_id, state=CodeState.DELIVERED)
    async with trading(owner) as tx:
        await aftersales.report_leak(tx, owner, code_id=code.id, place=place)
