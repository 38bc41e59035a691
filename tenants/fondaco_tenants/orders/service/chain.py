"""What an order moves between merchants: what each buyer on its routes may still buy and owe, and money that is set aside.

Locks come in one order: sources that are bounded by day, codes, then the buyer's wallet, then the uses of agreements, then merchants'
wallets, in each by key. So chains that cross do not wait for each other crosswise, nor do the orders and refunds of one buyer. The
buyer's comes first because it is locked even where nothing between merchants is.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, ledger, limits
from fondaco_core.db import Tx
from fondaco_core.ids import AgreementId, OrderId, SourceId, TransferId
from fondaco_core.postings import AccountKind, NewTransfer, Owner
from fondaco_tenants.orders import rules, store_chain
from fondaco_tenants.orders.rules import Allowance, HopBack, HopPlan
from fondaco_tenants.orders.service.draft import Draft
from fondaco_tenants.orders.service.read import OrderView


async def lock_sources(
    tx: Tx, drafts: Iterable[Draft], now: datetime, *, but: Container[SourceId] = ()
) -> dict[SourceId, int]:
    """How many units sources may still give that are bounded by day, on any route of these orders.

    They, and those that take turns, are locked until the transaction ends, in one statement and before anything else: whoever comes
    second sees what is left, and takes the next.
    """
    routes = [route for draft in drafts for line in draft.priced.lines for route in line.routes]
    if any(route.counted_ids for route in routes):
        tx.trust()
    wanted = sorted({source for route in routes for source in route.counted_ids if source not in but})
    rows = await tx.fetch(store_chain.LOCK_SOURCES, wanted, now.date()) if wanted else []
    return {SourceId(row["source_id"]): row["units_left"] for row in rows if row["units_left"] is not None}


@dataclass(slots=True)
class Means:
    """What the buyers of orders between merchants have, as far as it had to be locked: what is in wallets, what agreements allow."""

    wallets: dict[Owner, int]
    allowed: dict[AgreementId, Allowance]
    # Whether all of them have so much more that nothing of it was locked.
    at_ease: bool

    def copy(self) -> "Means":
        """The same, to be counted down."""
        return Means(dict(self.wallets), {key: replace(each) for key, each in self.allowed.items()}, self.at_ease)


async def lock_means(tx: Tx, drafts: Sequence[Draft], customers: Iterable[Owner], now: datetime) -> Means:
    """Locks what decides whether orders can be borne, until the transaction ends; customers' wallets in any case.

    Where every merchant on the routes has plenty, its rows are not locked here, where everybody would wait for them, but only as
    they are written: the database refuses there what turns out too much, and the whole is done again (Overtaken).
    """
    hops = [hop for draft in drafts for hop in draft.hops]
    legs = {leg.agreement_id: leg for d in drafts for line in d.units.values() for u in line for leg in u.route.legs}
    at_ease = rules.at_ease(hops, legs, waits=any(not draft.fulfilled for draft in drafts))
    if legs and at_ease:
        tx.trust()
    wallets = await _lock_wallets(tx, customers)
    if at_ease:
        return Means(wallets, {}, at_ease)
    allowed = await _lock_allowances(tx, set(legs), drafts[0].priced.total.currency, now)
    return Means(wallets | await _lock_wallets(tx, wallets_of(drafts)), allowed, at_ease)


async def _lock_wallets(tx: Tx, owners: Iterable[Owner]) -> dict[Owner, int]:
    wanted = sorted(set(owners), key=str)
    return await ledger.lock_wallets(tx, wanted) if wanted else {}


async def _lock_allowances(
    tx: Tx, agreements: Collection[AgreementId], currency: str, now: datetime
) -> dict[AgreementId, Allowance]:
    rows = await tx.fetch(store_chain.LOCK_USES, sorted(agreements), now, now.date(), currency)
    return {AgreementId(r["id"]): Allowance(r["credit_left"], r["units_left"], r["hold_left"]) for r in rows}


def borne(draft: Draft, means: Means, now: datetime) -> list[HopPlan] | None:
    """The hops of an order with what is owed of each and when it is settled, the means counted down; None when somebody cannot bear it."""
    hops: list[HopPlan] | None = draft.hops
    if not means.at_ease:
        hops = rules.bear_chain(
            draft.hops, wallets=means.wallets, allowed=means.allowed, currency=draft.priced.total.currency,
            waits=not draft.fulfilled,
        )  # fmt: skip
    return None if hops is None else [_settling(hop, draft, now) for hop in hops]


def _settling(hop: HopPlan, draft: Draft, now: datetime) -> HopPlan:
    days = limits.SALE_SETTLE_DAYS if hop.settle_days is None else hop.settle_days
    return replace(hop, settles_at=now + timedelta(days=days)) if draft.fulfilled else hop


def wallets_of(drafts: Iterable[Draft]) -> list[Owner]:
    """The wallets of merchants that pay on these orders' routes."""
    return [
        Owner(hop.buyer_id, None, AccountKind.WALLET, draft.priced.total.currency)
        for draft in drafts
        for hop in draft.hops
        if hop.buyer_id is not None
    ]


async def write_uses(tx: Tx, drafts: Sequence[Draft], now: datetime) -> None:
    """Writes down what orders use of agreements, and of sources that are counted."""
    counted = {id_ for draft in drafts for unit in draft.all_units for id_ in unit.route.counted_ids}
    taken: Counter[SourceId] = Counter()
    for hop in (hop for draft in drafts for hop in draft.hops if hop.source_id in counted):
        taken[hop.source_id] += hop.quantity
    if taken:
        await tx.later(store_chain.USE_SOURCES, list(taken), list(taken.values()), now.date(), rows=len(taken))
    hops = [(hop, not draft.fulfilled) for draft in drafts for hop in draft.hops]
    await _write_uses(tx, hops, drafts[0].priced.total.currency, now)


async def _write_uses(tx: Tx, hops: Iterable[tuple[HopPlan, bool]], currency: str, now: datetime) -> None:
    used: dict[AgreementId, list[int]] = defaultdict(lambda: [0, 0, 0])
    for hop, waits in hops:
        if hop.agreement_id is not None:
            of = used[hop.agreement_id]
            of[0] += hop.credit_minor
            of[1] += hop.quantity
            of[2] += hop.quantity if waits else 0
    if used:
        columns = [list(column) for column in zip(*used.values(), strict=True)]
        await tx.later(store_chain.USE, list(used), *columns, now.date(), currency, now, rows=len(used))


async def pay_again(tx: Tx, order: OrderView, rows: Sequence[Any], now: datetime) -> list[NewTransfer] | None:
    """What merchants pay each other for an order whose hold has ended, at the old prices; None when somebody cannot bear it now.

    None as well when a step is not open any more, or costs more by now. Locks what decides it, and writes down what is used and owed; the transfers are the caller's to post.
    """
    currency = order.total.currency
    counted = {SourceId(row["source_id"]): row["units"] for row in await tx.fetch(store_chain.COUNTED_OF, order.id)}
    if counted:
        left = await tx.fetch(store_chain.LOCK_SOURCES, sorted(counted), now.date())
        if any(row["units_left"] is not None and row["units_left"] < counted[row["source_id"]] for row in left):
            return None
    hops = [(row["id"], _bought(row)) for row in rows if row["depth"] > 0]
    plans = [hop for _, hop in hops]
    agreements = {hop.agreement_id for hop in plans if hop.agreement_id is not None}
    if not agreements:
        await _count_again(tx, counted, now)
        return []
    if await tx.fetchval(store_chain.CLOSED_SINCE, order.id, now):
        return None
    await lock_buyer(tx, order)
    allowed = await _lock_allowances(tx, agreements, currency, now)
    owners = {Owner(hop.buyer_id, None, AccountKind.WALLET, currency) for hop in plans if hop.buyer_id is not None}
    wallets = await _lock_wallets(tx, owners)
    borne_now = rules.bear_chain(plans, wallets=wallets, allowed=allowed, currency=currency, waits=False)
    if borne_now is None:
        return None
    await tx.execute(store_chain.OWE, [id_ for id_, _ in hops], [hop.credit_minor for hop in borne_now])
    await _count_again(tx, counted, now)
    await _write_uses(tx, [(hop, False) for hop in borne_now], currency, now)
    return rules.payments_of_hops(borne_now, customer_id=order.customer_id, currency=currency, order_id=order.id)


async def _count_again(tx: Tx, counted: Mapping[SourceId, int], now: datetime) -> None:
    if counted:
        await tx.later(store_chain.USE_SOURCES, list(counted), list(counted.values()), now.date(), rows=len(counted))


def _bought(row: Any) -> HopPlan:
    return HopPlan(
        line=0, route=row["route"], source_id=row["source_id"], depth=row["depth"], seller_id=row["seller_tenant_id"],
        buyer_id=row["buyer_tenant_id"], offer_id=row["offer_id"], agreement_id=row["agreement_id"],
        entitlement_id=row["entitlement_id"], quantity=row["quantity"], unit_price_minor=row["unit_price_minor"],
        fee_minor=row["fee_minor"],
    )  # fmt: skip


async def post_held(tx: Tx, order_id: OrderId) -> None:
    """Posts what an order that is paid now had set aside between merchants; its buyer's wallet is locked with theirs before."""
    await _end_hold(tx, [order_id], closed=False)


async def void_held(tx: Tx, order_ids: Sequence[OrderId]) -> bool:
    """Frees what orders that come to nothing had set aside, owed and used of quotas between merchants; False when that is nothing.

    What came from sources that are counted is given back in any case.
    """
    await tx.execute(store_chain.GIVE_BACK_SOURCES, list(order_ids))
    if not await tx.fetchval(store_chain.IS_CHAINED, list(order_ids)):
        return False
    await lock_chain(tx, order_ids)
    await _end_hold(tx, order_ids, closed=True)
    return True


async def lock_buyer(tx: Tx, order: OrderView) -> None:
    """Locks the wallet of an order's buyer, before anything between merchants is."""
    await _lock_wallets(tx, [Owner(order.tenant_id, order.customer_id, AccountKind.WALLET, order.total.currency)])


async def lock_chain(tx: Tx, order_ids: Sequence[OrderId], *, buyers: Iterable[Owner] = ()) -> dict[Owner, int]:
    """Locks these wallets of buyers, then the uses and the wallets of merchants on the routes of orders; says what is in the wallets."""
    locked = await _lock_wallets(tx, buyers)
    hops: list[Any] = await tx.fetch(store_chain.CHAIN_HOPS, list(order_ids))
    agreements = sorted({hop["agreement_id"] for hop in hops})
    if agreements:
        await tx.fetch(store_chain.LOCK_USES_OF, agreements)
    wallets = {Owner(hop["buyer_tenant_id"], None, AccountKind.WALLET, hop["currency"]) for hop in hops}
    return locked | await _lock_wallets(tx, wallets)


async def _end_hold(tx: Tx, order_ids: Sequence[OrderId], *, closed: bool) -> None:
    held: Sequence[UUID] = [row["id"] for row in await tx.fetch(store_chain.SET_ASIDE, list(order_ids))]
    transfers = [TransferId(transfer) for transfer in held]
    if transfers:
        await (ledger.void_held if closed else ledger.post_held)(tx, transfers)
    await tx.execute(store_chain.END_HOLD, list(order_ids), closed)


async def lock_owed(tx: Tx, hops: Sequence[Any]) -> dict[UUID, int]:
    """What of hops is owed now, locked until the transaction ends: repayments wait, and what was repaid before is not in it."""
    bought = [hop for hop in hops if hop["credit_minor"]]
    if not bought:
        return {}
    await tx.fetch(store_chain.LOCK_USES_OF, sorted({hop["agreement_id"] for hop in bought}))
    rows = await tx.fetch(store_chain.LOCK_OWED, [hop["id"] for hop in bought])
    return {row["id"]: row["owed_minor"] for row in rows}


async def write_back(
    tx: Tx, hops: Sequence[Any], returned: Sequence[tuple[UUID, int, HopBack]], *, currency: str
) -> None:
    """Writes down what a refund gave back at each hop, and lowers what is owed; the uses of agreements are locked."""
    if not returned:
        return
    await tx.execute(
        store_chain.ADD_HOP_REFUNDS, [hop for hop, _, _ in returned], [units for _, units, _ in returned],
        [back.amount_minor for _, _, back in returned], [back.fee_minor for _, _, back in returned],
        [back.credit_minor for _, _, back in returned], currency, clock.now(),
    )  # fmt: skip
    cleared = [(hop, back.credit_minor) for hop, _, back in returned if back.credit_minor]
    lowered: dict[AgreementId, int] = defaultdict(int)
    for row, (_, _, back) in zip(hops, returned, strict=True):
        if back.credit_minor:
            lowered[AgreementId(row["agreement_id"])] += back.credit_minor
    if cleared:
        await tx.execute(store_chain.CLEAR, [hop for hop, _ in cleared], [minor for _, minor in cleared])
        await tx.execute(store_chain.LOWER_CREDIT, list(lowered), list(lowered.values()))
