"""Binding a locked code to every unit of orders: over the first routes that bring them, and over the next where these fall short."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fondaco_core import limits
from fondaco_core.db import Tx
from fondaco_core.errors import Refusal
from fondaco_core.ids import AllocationId, CodeId, OrderId, PoolId, new_id
from fondaco_tenants import codes
from fondaco_tenants.codes import Picked
from fondaco_tenants.orders import rules
from fondaco_tenants.orders.errors import OutOfStock
from fondaco_tenants.orders.rules import PricedOrder, Quote, Route, Spare
from fondaco_tenants.orders.service import chain
from fondaco_tenants.orders.service.draft import Draft, Unit
from fondaco_tenants.orders.service.quote import with_all_routes

# More than all orders of a request ask for together: what a pool has that was not asked yet.
_UNSEEN = limits.HOLD_CODES_MAX * limits.HOLD_CODES_MAX
_Plan = list[tuple[Route, int]]
_Plans = list[tuple[Quote, _Plan]]


class _Stock:
    """The codes that this transaction has locked: what is left of them, and which pools have no more."""

    def __init__(self) -> None:
        self._locked: dict[PoolId, set[CodeId]] = {}
        self._dry: set[PoolId] = set()
        self.left: dict[PoolId, list[Picked]] = {}

    def hoped(self, pools: Iterable[PoolId]) -> dict[PoolId, int]:
        """How much pools have as far as is known: what is locked of those that have no more, and plenty of any other."""
        return {pool: len(self.left.get(pool, ())) if pool in self._dry else _UNSEEN for pool in pools}

    async def lock(self, tx: Tx, wants: Mapping[PoolId, int]) -> None:
        """Locks so many further codes of each pool. Those locked before are found again first, and known."""
        totals = {pool: units + len(self._locked.get(pool, ())) for pool, units in wants.items()}
        for pool, picked in (await codes.pick_codes(tx, totals)).items():
            locked = self._locked.setdefault(pool, set())
            self.left.setdefault(pool, []).extend(code for code in picked if code.code_id not in locked)
            locked |= {code.code_id for code in picked}
            if len(picked) < totals[pool]:
                self._dry.add(pool)


@dataclass(slots=True)
class _Round:
    """One look at the orders that have no codes yet, and what came of it."""

    spare: Spare
    wants: Counter[PoolId] = field(default_factory=Counter)
    # What of the locked codes is promised to orders that wait for others.
    promised: Counter[PoolId] = field(default_factory=Counter)
    waiting: list[Draft] = field(default_factory=list)
    look_further: bool = False


async def bind_codes(tx: Tx, drafts: list[Draft], refused: dict[OrderId, Refusal], now: datetime) -> list[Draft]:
    """Binds a locked code to every unit, and answers the orders that have theirs.

    Each round plans the orders as if pools had whatever they have not said that they lack, and asks them for it, all in one
    statement; so it ends when they have it, or have said so.
    """
    stock, all_routes = _Stock(), False
    left = Spare(Counter(), await chain.lock_sources(tx, drafts, now))
    pending, bound = drafts, set[OrderId]()
    while pending:
        now_ = _Round(left.copy())
        now_.spare.pools = stock.hoped({r.pool_id for d in pending for line in d.priced.lines for r in line.routes})
        for draft in pending:
            found = _look(draft, now_, all_routes=all_routes)
            if isinstance(found, Refusal):
                refused[draft.request.order_id] = found
            elif found is not None and _is_locked(found, now_, stock):
                _assign(draft, found, stock, left)
                bound.add(draft.request.order_id)
            elif found is not None:
                now_.waiting.append(draft)
        if now_.wants:
            await stock.lock(tx, now_.wants)
        if now_.look_further:
            await _look_further(tx, now_.waiting)
            left.sources |= await chain.lock_sources(tx, now_.waiting, now, but=left.sources)
            all_routes = True
        pending = now_.waiting
    return [draft for draft in drafts if draft.request.order_id in bound]


def _look(draft: Draft, now: _Round, *, all_routes: bool) -> _Plans | Refusal | None:
    """How an order could be filled; None when that is to be seen later, in the next round, for which it waits."""
    trial = now.spare.copy()
    plans = [(line, rules.plan_units(line, trial)) for line in draft.priced.lines]
    lost = next(((line, plan) for line, plan in plans if _units(plan) < line.quantity), None)
    if lost is None:
        now.spare.become(trial)
        return plans
    short, plan = lost
    further = short.chained and not all_routes
    if further or now.wants:
        # What it lacks may be promised to an order before it, which may yet not want it.
        now.look_further |= further
        now.waiting.append(draft)
        return None
    available = rules.told_available(short, _units(plan))
    return OutOfStock(short.listing_id, asked=short.quantity, available=available, path=("lines", str(short.line)))


def _is_locked(plans: _Plans, now: _Round, stock: _Stock) -> bool:
    """Whether the codes for a plan are there; else the round wants what is not, and promises what is."""
    takes: Counter[PoolId] = Counter()
    for _, plan in plans:
        for route, units in plan:
            takes[route.pool_id] += units
    there = {pool: max(0, len(stock.left.get(pool, ())) - now.promised[pool]) for pool in takes}
    if all(there[pool] >= units for pool, units in takes.items()):
        return True
    for pool, units in takes.items():
        now.wants[pool] += max(0, units - there[pool])
        now.promised[pool] += min(units, there[pool])
    now.wants = +now.wants
    return False


def _assign(draft: Draft, plans: _Plans, stock: _Stock, left: Spare) -> None:
    """Takes the codes of a whole order out of what is locked; there are enough."""
    locked = stock.left
    for line, plan in plans:
        if line.chained:
            left.pools = stock.hoped({route.pool_id for route in line.routes})
            draft.short += rules.shortages(line, left)
        draft.units[line.line] = [
            Unit(AllocationId(new_id()), route, number, locked[route.pool_id].pop(0))
            for number, (route, units) in enumerate(plan)
            for _ in range(units)
        ]
        for number, (route, units) in enumerate(plan):
            draft.hops += rules.price_hops(line, route, units, number=number)
            draft.probes.update(dict.fromkeys(route.probed_ids, units))
            left.take(line, route, units)


async def _look_further(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Gives every line that suppliers fill all of its routes, of which it had the first ones."""
    routes = await with_all_routes(tx, [line for draft in drafts for line in draft.priced.lines])
    for draft in drafts:
        draft.priced = PricedOrder(
            tuple(
                replace(line, routes=routes.get((line.listing_id, line.quantity), line.routes))
                for line in draft.priced.lines
            )
        )


def _units(plan: _Plan) -> int:
    return sum(units for _, units in plan)
