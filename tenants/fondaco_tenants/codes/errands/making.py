"""Make codes that were asked for: drawn and sealed between transactions, stored chunk by chunk, once."""

import asyncio

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.ids import BatchId
from fondaco_core.keyring import keyring
from fondaco_tenants.codes.errors import PoolArchived
from fondaco_tenants.codes.rules import BatchState
from fondaco_tenants.codes.service import batches, generate, imports
from fondaco_tenants.codes.store import imports as import_store


async def make_codes(ctx: Ctx, *, batch_id: BatchId) -> None:
    """Makes the codes of a batch from wherever it stands to its end, however often this is run or cut off."""
    ctx.require("codes.import")
    async with reading(ctx) as tx:
        batch = await batches.get_batch(tx, ctx, batch_id=batch_id)
        making = (await generate.makings_by_ids(tx, ctx, batch_ids=[batch_id]))[batch_id]
    if batch.state is not BatchState.IMPORTING:
        return
    try:
        async with reading(ctx) as tx:
            shape = await imports.shape_of(tx, ctx, pool_id=batch.pool_id, expires_at=batch.expires_at)
        while batch.state is BatchState.IMPORTING:
            count = min(limits.IMPORT_CHUNK_LINES, making.wanted - batch.accepted)
            key = await keyring().sealing_key(shape.tenant_id)
            sealed = await asyncio.to_thread(
                generate.seal_fresh, key, shape, making.form, count=count, first=batch.bytes_done + 1
            )
            async with transaction(ctx) as tx:
                stored = await generate.store_made(tx, ctx, batch=batch, sealed=sealed)
            if stored is None:
                # Somebody else is at it.
                return
            batch = stored
    except PoolArchived:
        # What was made by then stays, as it does when an import is given up.
        async with transaction(ctx) as tx:
            await tx.execute(import_store.FAIL, batch_id, clock.now(), "POOL_ARCHIVED")
