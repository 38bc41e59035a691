"""Pools and codes that are valid by default, committed."""

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import transaction
from fondaco_core.ids import EntitlementId, PoolId, TenantId, UploadId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.catalog import FulfilmentKind
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

_SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True)
class MadePool:
    """A pool with the owner of its tenant, who may do anything with it."""

    id: PoolId
    tenant_id: TenantId
    entitlement_id: EntitlementId
    ctx: Ctx


def some_codes(count: int) -> list[str]:
    """Codes of 16 characters that nobody else has."""
    return ["".join(secrets.choice(_SYMBOLS) for _ in range(16)) for _ in range(count)]


async def make_pool(
    ctx: Ctx | None = None,
    *,
    entitlement_id: EntitlementId | None = None,
    kind: FulfilmentKind = FulfilmentKind.CODE,
    name: str = "Some pool",
) -> MadePool:
    """An empty pool, of the tenant that `ctx` acts for or of a new one."""
    if ctx is None:
        ctx = await make_member_ctx(await make_tenant())
    if entitlement_id is None:
        entitlement_id = (await make_entitlement(kind=kind)).id
    async with transaction(ctx) as tx:
        pool = await codes.create_pool(tx, ctx, entitlement_id=entitlement_id, name=name)
    return MadePool(pool.id, ctx.tenant, entitlement_id, ctx)


async def make_codes(
    pool: MadePool,
    count: int,
    *,
    unit_cost_minor: int = 3_000,
    texts: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> list[str]:
    """Available codes in the pool, all of them new; gives their plaintexts in the order in which they will be picked."""
    wanted = some_codes(count) if texts is None else list(texts)
    for start in range(0, len(wanted), 1_000):
        async with codes.sealing(pool.ctx) as tx:
            batch = await codes.import_codes(
                tx,
                pool.ctx,
                pool_id=pool.id,
                text=Secret("\n".join(wanted[start : start + 1_000])),
                unit_cost=Money(unit_cost_minor, "CNY"),
                origin="a supplier",
                expires_at=expires_at,
            )
        assert batch.accepted == len(wanted[start : start + 1_000])
    return wanted


async def pieces(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """A file as a client sends it."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def make_upload(ctx: Ctx, data: bytes) -> UploadId:
    """A complete upload of these bytes."""
    return (await codes.receive_upload(ctx, filename="codes.txt", stream=pieces(data))).id


async def make_requested_import(
    pool: MadePool,
    data: bytes,
    *,
    form: codes.ImportFormat = codes.ImportFormat.TXT,
    mapping: codes.Mapping | None = None,
) -> codes.Batch:
    """An upload whose import was asked for, and which no worker has begun."""
    upload_id = await make_upload(pool.ctx, data)
    async with transaction(pool.ctx) as tx:
        return await codes.request_import(
            tx,
            pool.ctx,
            pool_id=pool.id,
            upload_id=upload_id,
            unit_cost=Money(3_000, "CNY"),
            format=form,
            mapping=mapping,
        )


def importer_ctx(pool: MadePool) -> Ctx:
    """The system importing for the pool's tenant, as a worker does."""
    return system_ctx("test", tenant_id=pool.tenant_id, permissions=frozenset({"codes.import", "codes.read"}))
