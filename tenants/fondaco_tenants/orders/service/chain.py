"""What an order moves between merchants: what each buyer on its routes may still buy and owe, and money that is set aside.

Locks come in one order: codes, then the uses of agreements, then wallets, in each by key. So chains that cross do not wait for
each other crosswise.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import clock, ledger, limits
from fondaco_core.db import Tx
from fondaco_core.ids import AgreementId, OrderId, TransferId
from fondaco_core.postings import AccountKind, Owner
from fondaco_tenants.orders import rules, store_chain
from fondaco_tenants.orders.rules import Allowance, HopBack, HopPlan
from fondaco_tenants.orders.service.draft import Draft


async def lock_allowances(tx: Tx, drafts: Sequence[Draft], now: datetime) -> dict[AgreementId, Allowance]:
    """What may still be bought by the agreements that these orders come over, locked until the transaction ends."""
    wanted = {hop.agreement_id for draft in drafts for hop in draft.hops if hop.agreement_id is not None}
    if not wanted:
        return {}
    currency = drafts[0].priced.total.currency
    rows = await tx.fetch(store_chain.LOCK_USES, sorted(wanted), now, now.date(), currency)
    return {
        AgreementId(r["id"]): Allowance(r["credit_left"], r["units_left"], r["hold_left"], r["settle_days"])
        for r in rows
    }


def borne(
    draft: Draft, wallets: dict[Owner, int], allowances: dict[AgreementId, Allowance], now: datetime
) -> tuple[list[HopPlan], dict[Owner, int], dict[AgreementId, Allowance]] | None:
    """The hops of an order with what is owed of each and when it is settled, and what is left then; None when somebody cannot bear it."""
    if all(hop.agreement_id is None for hop in draft.hops):
        return [_settling(hop, draft, {}, now) for hop in draft.hops], wallets, allowances
    left, allowed = dict(wallets), {key: replace(each) for key, each in allowances.items()}
    currency = draft.priced.total.currency
    hops = rules.bear_chain(draft.hops, wallets=left, allowed=allowed, currency=currency, waits=not draft.fulfilled)
    return None if hops is None else ([_settling(hop, draft, allowed, now) for hop in hops], left, allowed)


def _settling(hop: HopPlan, draft: Draft, allowed: dict[AgreementId, Allowance], now: datetime) -> HopPlan:
    if not draft.fulfilled:
        return hop
    days = limits.SALE_SETTLE_DAYS if hop.agreement_id is None else allowed[hop.agreement_id].settle_days
    return replace(hop, settles_at=now + timedelta(days=days))


def wallets_of(drafts: Iterable[Draft]) -> list[Owner]:
    """The wallets of merchants that pay on these orders' routes."""
    return [
        Owner(hop.buyer_id, None, AccountKind.WALLET, draft.priced.total.currency)
        for draft in drafts
        for hop in draft.hops
        if hop.buyer_id is not None
    ]


async def write_uses(tx: Tx, drafts: Sequence[Draft], now: datetime) -> None:
    """Writes down what orders use of agreements; their rows are locked."""
    used: dict[AgreementId, list[int]] = defaultdict(lambda: [0, 0, 0])
    for draft in drafts:
        for hop in draft.hops:
            if hop.agreement_id is not None:
                of = used[hop.agreement_id]
                of[0] += hop.credit_minor
                of[1] += hop.quantity
                of[2] += 0 if draft.fulfilled else hop.quantity
    if used:
        columns = [list(column) for column in zip(*used.values(), strict=True)]
        await tx.later(store_chain.USE, list(used), *columns, now.date(), drafts[0].priced.total.currency)


async def post_held(tx: Tx, order_id: OrderId) -> None:
    """Posts what an order that is paid now had set aside between merchants; its buyer's wallet is locked with theirs before."""
    await _end_hold(tx, [order_id], closed=False)


async def void_held(tx: Tx, order_ids: Sequence[OrderId]) -> None:
    """Frees what orders that come to nothing had set aside, owed and used of quotas between merchants."""
    if await tx.fetchval(store_chain.IS_CHAINED, list(order_ids)):
        await lock_chain(tx, order_ids)
        await _end_hold(tx, order_ids, closed=True)


async def lock_chain(tx: Tx, order_ids: Sequence[OrderId], *, also: Iterable[Owner] = ()) -> dict[Owner, int]:
    """Locks the uses and the wallets of merchants on the routes of orders, and `also` these wallets; says what is in the wallets."""
    hops: list[Any] = await tx.fetch(store_chain.CHAIN_HOPS, list(order_ids))
    agreements = sorted({hop["agreement_id"] for hop in hops})
    if agreements:
        await tx.fetch(store_chain.LOCK_USES_OF, agreements)
    wallets = {Owner(hop["buyer_tenant_id"], None, AccountKind.WALLET, hop["currency"]) for hop in hops}
    return await ledger.lock_wallets(tx, sorted(wallets | set(also), key=str)) if wallets or also else {}


async def _end_hold(tx: Tx, order_ids: Sequence[OrderId], *, closed: bool) -> None:
    held: Sequence[UUID] = [row["id"] for row in await tx.fetch(store_chain.SET_ASIDE, list(order_ids))]
    transfers = [TransferId(transfer) for transfer in held]
    if transfers:
        await (ledger.void_held if closed else ledger.post_held)(tx, transfers)
    await tx.execute(store_chain.END_HOLD, list(order_ids), closed)


async def lock_credit(tx: Tx, agreements: Iterable[AgreementId]) -> dict[AgreementId, int]:
    """What is owed by agreements now, locked until the transaction ends."""
    wanted = sorted(agreements)
    if not wanted:
        return {}
    rows = await tx.fetch(store_chain.LOCK_CREDIT, wanted)
    return {AgreementId(row["agreement_id"]): row["credit_used_minor"] for row in rows}


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
    lowered: dict[AgreementId, int] = defaultdict(int)
    for row, (_, _, back) in zip(hops, returned, strict=True):
        if back.credit_minor:
            lowered[AgreementId(row["agreement_id"])] += back.credit_minor
    if lowered:
        await tx.execute(store_chain.LOWER_CREDIT, list(lowered), list(lowered.values()))
