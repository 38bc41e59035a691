"""What time does to codes, uploads and reports, over all tenants."""

from dataclasses import replace

from fondaco_core import limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, transaction
from fondaco_core.ids import PoolId
from fondaco_tenants.codes.service import lines, uploads, vault, watch


async def expire_codes(ctx: Ctx) -> int:
    """Takes the codes of all tenants whose time is over out of stock, and says how many."""
    ctx.require("system.run")
    expired = 0
    for _ in range(limits.CLEAN_UP_ROUNDS_MAX):
        async with governing(ctx) as tx:
            due = await vault.pools_with_expired(tx, ctx, count=limits.PAGE_MAX)
        for tenant_id, pool_id in due:
            acting = replace(ctx, tenant_id=tenant_id)
            async with transaction(acting) as tx:
                expired += await vault.expire_codes(tx, acting, pool_id=pool_id)
        if not due:
            break
    return expired


async def forget_uploads(ctx: Ctx) -> int:
    """Drops uploads of all tenants that nobody imported in time, and says how many."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        stale = await uploads.stale_uploads(tx, ctx, count=limits.CLEAN_UP_ROWS)
    for tenant_id, upload_id in stale:
        acting = system_ctx("codes.forget_uploads", tenant_id=tenant_id, permissions=frozenset({"codes.import"}))
        async with transaction(acting) as tx:
            await uploads.drop_upload(tx, acting, upload_id=upload_id)
    return len(stale)


async def forget_lines(ctx: Ctx) -> int:
    """Forgets what lines of old imports said that were not accepted, and says of how many imports."""
    ctx.require("system.run")
    forgotten = 0
    while True:
        async with governing(ctx) as tx:
            due = await lines.imports_to_forget(tx, ctx, count=limits.PAGE_MAX)
        for tenant_id, batch_id in due:
            acting = system_ctx("codes.forget_lines", tenant_id=tenant_id, permissions=frozenset({"system.run"}))
            more = True
            while more:
                async with transaction(acting) as tx:
                    more = await lines.forget_lines(tx, acting, batch_id=batch_id)
        forgotten += len(due)
        if len(due) < limits.PAGE_MAX:
            return forgotten


async def watch_stock(ctx: Ctx) -> int:
    """Announces which pools of all tenants have little, nothing, or something again, and says how many crossed."""
    ctx.require("system.run")
    announced, after = 0, None
    while True:
        async with governing(ctx) as tx:
            looked = await watch.look_at_stock(tx, ctx, after=after, count=limits.WATCH_POOLS)
            announced += await watch.announce_stock(tx, ctx, looked)
        if len(looked) < limits.WATCH_POOLS:
            return announced
        after = looked[-1].pool_id


async def watch_expiry(ctx: Ctx) -> int:
    """Announces which imports of all tenants have units near their expiry, and says how many."""
    ctx.require("system.run")
    announced = 0
    after: PoolId | None = None
    while True:
        async with governing(ctx) as tx:
            pools = await watch.pools_after(tx, ctx, after=after, count=limits.PAGE_MAX)
            found = await watch.look_at_expiry(tx, ctx, pool_ids=pools)
        for expiring in found:
            acting = system_ctx("codes.watch", tenant_id=expiring.tenant_id, permissions=frozenset({"system.run"}))
            async with transaction(acting) as tx:
                announced += await watch.announce_expiry(tx, acting, expiring)
        if len(pools) < limits.PAGE_MAX:
            return announced
        after = pools[-1]
