"""Codes of a merchant's own making, sold to somebody."""

from dataclasses import dataclass

from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import transaction
from fondaco_core.ids import AllocationId, CodeId, PoolId, new_id
from fondaco_core.money import Money
from fondaco_tenants import codes
from fondaco_tenants.codes import CodeForm
from tests.support.factories.orders import Shop, make_buyer, make_shop, place


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
