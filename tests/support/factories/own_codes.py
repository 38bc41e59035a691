"""Codes of a merchant's own making, sold to somebody."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import pyrage

from fondaco_core import custody
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import reading, sealed_columns, trading, transaction
from fondaco_core.ids import AllocationId, CodeId, EntitlementId, PoolId, new_id
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes, orders, registry
from fondaco_tenants.codes import CodeForm
from fondaco_tenants.orders import OrderRequest, PayBy
from tests.support.factories.catalog import make_listing
from tests.support.factories.codes import make_pool
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.factories.routing import make_source


@dataclass(frozen=True, slots=True)
class SoldCode:
    """A code of a merchant's own making that a buyer has, and everybody around it."""

    shop: Shop
    pool_id: PoolId
    buyer: Ctx
    till: Ctx
    code_id: CodeId
    allocation_id: AllocationId
    text: str


async def make_own_codes(ctx: Ctx, pool_id: PoolId, count: int, *, form: CodeForm | None = None) -> codes.Batch:
    """Codes of the merchant's own, made as a worker makes them."""
    async with transaction(ctx) as tx:
        batch = await codes.generate_codes(
            tx, ctx, pool_id=pool_id, count=count, form=form or CodeForm(), unit_cost=Money(0, "CNY")
        )
    maker = system_ctx("test", tenant_id=ctx.tenant, permissions=frozenset({"codes.import", "codes.read"}))
    await codes.make_codes(maker, batch_id=batch.id)
    async with transaction(ctx) as tx:
        return await codes.get_batch(tx, ctx, batch_id=batch.id)


def till_of(shop: Shop, *permissions: str) -> Ctx:
    """A machine of the merchant's, at a till."""
    return Ctx(
        actor=ActorKind.API_CLIENT, actor_id=new_id(), tenant_id=shop.owner.tenant, request_id="till", ip="192.0.2.7",
        permissions=frozenset(permissions or ("codes.redeem", "codes.verify")),
    )  # fmt: skip


async def sell_own_code() -> SoldCode:
    """A code of the merchant's own making, sold and shown to its buyer."""
    shop = await make_shop(stock=0)
    await make_own_codes(shop.owner, shop.pool_id, 3)
    buyer = await make_buyer(shop)
    await place(shop, buyer)
    async with transaction(buyer) as tx:
        row = await tx.fetchrow("SELECT id, allocation_id FROM code WHERE state = 'DELIVERED'")
    assert row is not None
    async with transaction(shop.owner) as tx:
        (shown,) = await codes.reveal_codes(
            tx, shop.owner, code_ids=[row["id"]], via="BACK_OFFICE", reason="what a buyer sees"
        )
    return SoldCode(
        shop, shop.pool_id, buyer, till_of(shop), CodeId(row["id"]), AllocationId(row["allocation_id"]),
        shown.code.reveal(),
    )  # fmt: skip


async def make_own_code_rows(
    owner: Ctx, *, listing_id: UUID, entitlement_id: UUID, buyer: Ctx, tag: str
) -> dict[str, str]:
    """Own codes of a merchant: one sold and redeemed, one shown that does not exist, the rest exported; and a key's rotation.

    Gives their plaintexts by a word for each.
    """
    pool = await make_pool(owner, entitlement_id=EntitlementId(entitlement_id), name=f"Own {tag}")
    await make_own_codes(owner, pool.id, 3)
    async with reading(owner) as tx:
        store_id = await tx.fetchval("SELECT store_id FROM listing WHERE id = $1", listing_id)
    listing = await make_listing(
        owner, store_id=store_id, entitlement_id=EntitlementId(entitlement_id), title=f"Own {tag}"
    )
    await make_source(owner, listing_id=listing.id, pool_id=pool.id)
    async with trading(buyer) as tx:
        assert buyer.customer_id is not None
        request = OrderRequest(lines=((listing.id, 1),), pay_by=PayBy.WALLET)
        await orders.place_order(tx, buyer, customer_id=buyer.customer_id, request=request)
    async with transaction(owner) as tx:
        rows = await tx.fetch("SELECT id, state FROM code WHERE pool_id = $1 ORDER BY position", pool.id)
        shown = await codes.reveal_codes(
            tx, owner, code_ids=[row["id"] for row in rows], via="BACK_OFFICE", reason=f"look {tag}"
        )
    texts = {row["state"]: each.code for row, each in zip(rows, shown, strict=True)}
    await codes.redeem_code(owner, text=texts["DELIVERED"], reference=f"receipt {tag}")
    with suppress(codes.UnknownCode):
        await codes.redeem_code(owner, text=Secret(f"NOBODYS-{tag}"))
    async with transaction(owner) as tx:
        await codes.export_stock(
            tx, owner, pool_id=pool.id, chosen=codes.Filter(), reason=f"export {tag}",
            recipient=str(pyrage.x25519.Identity.generate().to_public()),
        )  # fmt: skip
    keeper = system_ctx("test", permissions=frozenset({"platform.keys", "system.run"}))
    await custody.rotate_tenant_key(keeper, tenant_id=owner.tenant, columns=sealed_columns(registry.metadata()))
    return {f"own code {place}": each.code.reveal() for place, each in enumerate(shown)}
