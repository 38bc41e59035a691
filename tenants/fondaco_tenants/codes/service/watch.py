"""Use cases of watching stock: what is low, out or back, what expires when; each crossing is announced once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import BatchId, EntitlementId, PoolId, TenantId
from fondaco_tenants.codes.events import BatchExpiring, StockBack, StockLow, StockOut
from fondaco_tenants.codes.rules import Crossing, StockBand, band_after, crossing
from fondaco_tenants.codes.store import watch as store


@dataclass(frozen=True, slots=True)
class Looked:
    """A pool as the watch found it: the band that was last announced, and how much there is as far as its alarm goes."""

    pool_id: PoolId
    tenant_id: TenantId
    entitlement_id: EntitlementId
    before: StockBand | None
    available: int
    low_stock_at: int | None

    @property
    def after(self) -> StockBand:
        """The band it is in now."""
        return band_after(self.before, self.available, self.low_stock_at)


@dataclass(frozen=True, slots=True)
class Expiring:
    """Units of one import that are near their expiry, by the nearest alarm that they have passed."""

    pool_id: PoolId
    tenant_id: TenantId
    batch_id: BatchId
    days: int
    expires_at: datetime
    codes: int


@dataclass(frozen=True, slots=True)
class ExpiryDay:
    """How many units of a pool expire on a day, the last one that they are good on."""

    day: date
    pool_id: PoolId
    codes: int


async def look_at_stock(tx: Tx, ctx: Ctx, *, after: PoolId | None, count: int) -> list[Looked]:
    """The next pools of all tenants with what they have; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.LOOK_AT_STOCK, after, count, clock.now())
    return [
        Looked(
            PoolId(row["id"]), TenantId(row["tenant_id"]), EntitlementId(row["entitlement_id"]),
            None if row["band"] is None else StockBand(row["band"]), row["available"], row["low_stock_at"],
        )
        for row in rows
    ]  # fmt: skip


async def announce_stock(tx: Tx, ctx: Ctx, looked: Sequence[Looked]) -> int:
    """Announces which of these pools crossed from one band into another, unless somebody has; says how many did.

    In the transaction in which they were looked at.
    """
    ctx.require("system.run")
    crossed = [pool for pool in looked if pool.after is not pool.before]
    rows = await tx.fetch(
        store.SET_BANDS, [pool.pool_id for pool in crossed], [pool.tenant_id for pool in crossed],
        [pool.before for pool in crossed], [pool.after for pool in crossed], clock.now(),
    )  # fmt: skip
    ours = {row["pool_id"] for row in rows}
    told = [(pool.tenant_id, news) for pool in crossed if pool.pool_id in ours and (news := _news(pool)) is not None]
    await outbox.announce(tx, *told)
    return len(told)


def _news(pool: Looked) -> outbox.Event | None:
    names = {"pool_id": pool.pool_id, "entitlement_id": pool.entitlement_id}
    match crossing(pool.before, pool.after):
        case Crossing.OUT:
            return StockOut(**names)
        case Crossing.LOW:
            return StockLow(**names, available=pool.available, low_stock_at=pool.low_stock_at or 0)
        case Crossing.BACK:
            return StockBack(**names, band=pool.after.value)
        case None:
            return None


async def pools_after(tx: Tx, ctx: Ctx, *, after: PoolId | None, count: int) -> list[PoolId]:
    """The next pools of all tenants; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    return [PoolId(row["id"]) for row in await tx.fetch(store.POOLS_AFTER, after, count)]


async def look_at_expiry(tx: Tx, ctx: Ctx, *, pool_ids: Sequence[PoolId]) -> list[Expiring]:
    """What of these pools is near its expiry; in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.LOOK_AT_EXPIRY, list(pool_ids), clock.now(), limits.STOCK_COUNTED_MAX)
    return [Expiring(**row) for row in rows]


async def announce_expiry(tx: Tx, ctx: Ctx, expiring: Expiring) -> bool:
    """Announces that units of an import have only so many days left, once for each alarm; says whether it did.

    Alarms that were passed before anybody looked are not made up for: one event tells the nearest.
    """
    ctx.require("system.run")
    alarms: list[int] = await tx.fetchval(store.ALARM_DAYS, expiring.pool_id)
    passed = [days for days in alarms if days >= expiring.days]
    added = await tx.fetch(store.ADD_ALARMS, expiring.batch_id, ctx.tenant, passed, clock.now())
    if expiring.days not in {row["days"] for row in added}:
        return False
    told = BatchExpiring(expiring.batch_id, expiring.pool_id, expiring.days, expiring.codes, expiring.expires_at)
    await outbox.announce(tx, (ctx.tenant, told))
    return True


async def expiring_units(
    tx: Tx, ctx: Ctx, *, asked: Sequence[tuple[PoolId, int]], up_to: int = limits.STOCK_COUNTED_MAX
) -> dict[tuple[PoolId, int], int]:
    """How many units of each pool expire within so many days from now, counted up to a bound."""
    ctx.require("codes.read")
    pools, days = [pool for pool, _ in asked], [within for _, within in asked]
    rows = await tx.fetch(store.EXPIRING, pools, days, clock.now(), up_to)
    return {(PoolId(row["pool_id"]), row["days"]): row["codes"] for row in rows}


async def expiry_calendar(tx: Tx, ctx: Ctx, *, days: int) -> list[ExpiryDay]:
    """Which units of the tenant's pools expire on which day within so many days; days are those of UTC."""
    ctx.require("codes.read")
    assert 0 < days <= limits.CALENDAR_DAYS_MAX
    rows = await tx.fetch(
        store.CALENDAR, clock.now(), days, limits.STOCK_COUNTED_MAX, limits.CALENDAR_ENTRIES_MAX, limits.WATCH_POOLS
    )
    return [ExpiryDay(row["day"], PoolId(row["pool_id"]), row["codes"]) for row in rows]
