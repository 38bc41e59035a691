"""Sales over a chain, committed: the buyer is C's, the codes are A's, and B stands between them."""

from dataclasses import dataclass

from fondaco_core.db import trading, transaction
from fondaco_core.ids import CodeId
from fondaco_core.secret import Secret
from fondaco_tenants import catalog, codes, orders, storefront
from fondaco_tenants.catalog import FulfilmentKind
from fondaco_tenants.orders import OrderRequest, PayBy
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Chain, make_chain_for
from tests.support.factories.codes import MadePool, make_codes
from tests.support.factories.customers import make_customer_ctx
from tests.support.factories.delivery import Sale, fund


@dataclass(frozen=True, slots=True)
class ChainSale:
    """One order over three merchants: `sale` is what C and its buyer have of it, `code_ids` are A's codes, unit by unit."""

    chain: Chain
    sale: Sale
    code_ids: tuple[CodeId, ...]


async def make_chain_sale(
    *,
    units: int = 1,
    spare: int = 0,
    paid: bool = True,
    texts: tuple[str, ...] | None = None,
    kind: FulfilmentKind = FulfilmentKind.CODE,
) -> ChainSale:
    """An order of `units` codes of A's in C's shop; A has `spare` more of them."""
    chain = await make_chain_for(await make_entitlement(kind=kind), codes=0)
    async with transaction(chain.a.owner) as tx:
        (pool,) = await codes.list_pools(tx, chain.a.owner)
    made = MadePool(pool.id, chain.a.tenant_id, chain.entitlement_id, chain.a.owner)
    plain = await make_codes(made, units + spare, texts=texts)
    return await sell_over(chain, made, plain[:units], paid=paid)


async def sell_over(chain: Chain, pool: MadePool, plain: list[str], *, paid: bool = True) -> ChainSale:
    """An order in C's shop that gets the next codes of A's, which are `plain`."""
    shop = chain.shop
    buyer = await make_customer_ctx(shop.tenant_id)
    assert buyer.customer_id is not None
    await fund(shop.tenant_id, buyer.customer_id)
    request = OrderRequest(
        lines=((shop.listing_id, len(plain)),), pay_by=PayBy.WALLET if paid else PayBy.LATER, channel="WEB"
    )
    async with trading(buyer) as tx:
        placed = await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
    async with transaction(shop.owner) as tx:
        units = await orders.list_allocations(tx, shop.owner, order_id=placed.order_id)
        store = (await storefront.stores_by_ids(tx, [shop.store_id]))[shop.store_id]
        listing = (await catalog.listings_by_ids(tx, [shop.listing_id]))[shop.listing_id]
    code_ids: list[CodeId] = []
    async with transaction(chain.a.owner) as tx:
        for text in plain:
            (found,) = await codes.find_codes(tx, chain.a.owner, text=Secret(text))
            code_ids.append(found.id)
    by_code = {unit.code_id: unit.id for unit in units}
    sale = Sale(
        shop.tenant_id, shop.owner, buyer, store, listing, pool, placed.order_id, placed.code,
        tuple(by_code[code_id] for code_id in code_ids), tuple(plain),
    )  # fmt: skip
    return ChainSale(chain, sale, tuple(code_ids))
