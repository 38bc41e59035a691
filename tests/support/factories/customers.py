"""Buyers for tests, valid by default."""

from uuid import uuid4

from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import transaction
from fondaco_core.identity import BUYER_PERMISSIONS
from fondaco_core.ids import CustomerId, TenantId
from fondaco_tenants import customers
from tests.support.factories.identity import some_email


async def make_customer(
    tenant_id: TenantId, *, contact: str | None = None, password_hash: str | None = None
) -> CustomerId:
    """A registered buyer of the tenant."""
    ctx = Ctx(tenant_id=tenant_id, request_id=uuid4().hex)
    async with transaction(ctx) as tx:
        return await customers.register_customer(tx, ctx, contact=contact or some_email(), password_hash=password_hash)


async def make_customer_ctx(tenant_id: TenantId, *, contact: str | None = None) -> Ctx:
    """A registered buyer of the tenant asking."""
    customer_id = await make_customer(tenant_id, contact=contact)
    return customer_ctx(tenant_id, customer_id)


def customer_ctx(tenant_id: TenantId, customer_id: CustomerId) -> Ctx:
    """A buyer who exists asking."""
    return Ctx(
        actor=ActorKind.CUSTOMER, actor_id=customer_id, tenant_id=tenant_id, customer_id=customer_id,
        permissions=BUYER_PERMISSIONS, request_id=uuid4().hex,
    )  # fmt: skip
