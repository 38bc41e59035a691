"""Use cases on the way of an order: pick, allocate, deliver and release codes.

They are called by orders, which has asked for permission and says for whom; `tx` is a trading transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from fondaco_core import clock, custody
from fondaco_core.db import Tx
from fondaco_core.errors import Bug
from fondaco_core.ids import AllocationId, CodeId, PoolId, TenantId
from fondaco_tenants.codes.rules import CodeState
from fondaco_tenants.codes.service.names import name_of_code
from fondaco_tenants.codes.store import hold as store

# The mark of a pool is raised by whoever picks a code whose position is a multiple of this: so often that picking never
# walks far, so seldom that orders do not meet at the pool's row.
MARK_EVERY = 128


@dataclass(frozen=True, slots=True)
class Picked:
    """A code that is locked for this transaction and still AVAILABLE."""

    code_id: CodeId
    pool_id: PoolId
    owner_id: TenantId
    position: int
    masked: str

    def named_to(self, tenant_id: TenantId) -> UUID:
        """By which number a merchant's log names it."""
        return name_of_code(self.code_id, owner_id=self.owner_id, seen_by=tenant_id)


async def pick_codes(tx: Tx, units: Mapping[PoolId, int]) -> dict[PoolId, list[Picked]]:
    """Locks up to so many codes of each pool, first expiring first, and changes nothing; fewer when a pool is short."""
    assert all(count > 0 for count in units.values())
    pools = sorted(units)
    rows = await tx.fetch(store.PICK, pools, [units[pool] for pool in pools], clock.now())
    if len(rows) < sum(units.values()):
        # Codes that are being re-sealed just now were passed by, and they are there again in a moment.
        owners = [TenantId(row["tenant_id"]) for row in await tx.fetch(store.OWNERS, pools)]
        if await custody.stand_aside(tx, owners):
            rows = await tx.fetch(store.PICK, pools, [units[pool] for pool in pools], clock.now())
    picked: dict[PoolId, list[Picked]] = {pool: [] for pool in pools}
    for row in rows:
        pool = PoolId(row["pool_id"])
        picked[pool].append(Picked(CodeId(row["id"]), pool, TenantId(row["tenant_id"]), row["position"], row["masked"]))
    return picked


async def allocate_codes(tx: Tx, codes: Sequence[tuple[AllocationId, Picked]], *, delivered: bool) -> None:
    """Binds picked codes to allocations: HELD, or DELIVERED at once when the order is paid in the same transaction."""
    assert codes
    state = "DELIVERED" if delivered else "HELD"
    await tx.later(
        store.ALLOCATE,
        [picked.code_id for _, picked in codes],
        [allocation for allocation, _ in codes],
        state,
        clock.now(),
        rows=len(codes),
    )
    for pool in sorted({picked.pool_id for _, picked in codes if picked.position % MARK_EVERY == 0}):
        await _raise_mark(tx, pool)


async def deliver_codes(tx: Tx, allocations: Sequence[AllocationId]) -> None:
    """Marks held codes DELIVERED: their order is paid."""
    _all(await tx.execute(store.DELIVER, list(allocations), clock.now()), len(allocations))


async def redeemed_among(tx: Tx, allocations: Sequence[AllocationId], *, releasing: bool) -> list[AllocationId]:
    """Those of the units whose codes were redeemed; until the transaction ends nobody redeems the others.

    `releasing` says that release_codes follows, which locks pools before codes.
    """
    if releasing:
        await tx.fetch(store.LOCK_POOLS_OF, list(allocations))
    rows = await tx.fetch(store.LOCK_CODES_OF, list(allocations))
    return [AllocationId(row["allocation_id"]) for row in rows if row["state"] == CodeState.REDEEMED.value]


async def release_codes(tx: Tx, allocations: Sequence[AllocationId]) -> None:
    """Gives codes that nobody has seen back to stock, at their old place in the picking order; expired ones expire."""
    await tx.fetch(store.LOCK_POOLS_OF, list(allocations))
    _all(await tx.fetchval(store.RELEASE, list(allocations), clock.now()), len(allocations))


async def condemn_codes(tx: Tx, allocations: Sequence[AllocationId], *, reason: str) -> None:
    """Takes codes that turned out bad from their allocations into quarantine; nobody gets them from there but by a person."""
    _all(await tx.execute(store.CONDEMN, list(allocations), reason, clock.now()), len(allocations))


async def _raise_mark(tx: Tx, pool: PoolId) -> None:
    # Whoever holds the row is raising or lowering the mark just now; ours can wait for the next multiple.
    if await tx.fetchval(store.LOCK_POOL_IF_FREE, pool) is not None:
        await tx.execute(store.RAISE_MARK, pool)


def _all(done: int, wanted: int) -> None:
    if done != wanted:
        msg = f"{done} of {wanted} codes were in the state that their allocations say."
        raise Bug(msg)
