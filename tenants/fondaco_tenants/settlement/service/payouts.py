"""What is due is found in the tables, so that it is paid out also when a queue forgot of it.

Whether a merchant trades makes no difference to what it has sold already: what is due to one that is suspended or closed goes into its
wallet as anybody's does, what its sales gave back is taken from there, and who may take money out of the wallet is asked elsewhere.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fondaco_core import clock, ledger, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import TenantId, TransferId, new_id
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.settlement import rules, store
from fondaco_tenants.settlement.events import PaidOut


@dataclass(frozen=True, slots=True)
class Payout:
    """What went into a merchant's wallet, negative when it was taken back, and for how many sales, refunds and repayments."""

    id: UUID
    currency: str
    amount_minor: int
    hops: int
    refunds: int
    repayments: int
    transfer_id: UUID | None
    since: datetime | None
    until: datetime | None
    paid_at: datetime


async def due_sellers(tx: Tx, ctx: Ctx) -> list[tuple[TenantId, str]]:
    """Merchants and currencies that something is due in, in the order in which they are settled."""
    ctx.require("system.run")
    rows = await tx.fetch(store.DUE, clock.now())
    return [(TenantId(row["tenant_id"]), row["currency"]) for row in rows]


async def settle_seller(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, currency: str) -> bool:
    """Pays a merchant what is due by now, a page of it; says whether there may be more.

    Who comes second waits for the first, and then finds nothing that was settled already.
    """
    ctx.require("system.run")
    now = clock.now()
    await tx.execute(store.OPEN, tenant_id, currency)
    carried: int = await tx.fetchval(store.LOCK, tenant_id, currency)
    hops = await tx.fetch(store.TAKE_HOPS, tenant_id, currency, now, limits.SETTLE_PAGE)
    refunds = await tx.fetch(store.TAKE_REFUNDS, tenant_id, currency, now)
    commissions = await tx.fetch(store.TAKE_COMMISSIONS, tenant_id, currency, now, limits.SETTLE_PAGE)
    repayments = await tx.fetch(store.TAKE_REPAYMENTS, tenant_id, currency, now, limits.SETTLE_PAGE)
    items = [*hops, *refunds, *commissions, *repayments]
    due_minor = carried + sum(item["amount_minor"] for item in items)

    wallet = Owner(tenant_id, None, AccountKind.WALLET, currency)
    available = (await ledger.lock_wallets(tx, [wallet]))[wallet] if due_minor < 0 else 0
    moved = rules.to_move(due_minor, available_minor=available)
    if not items and not moved:
        return False

    payout_id = new_id()
    transfer_id = await _move(tx, wallet, moved, payout_id)
    times = [item["due_at"] for item in items]
    await tx.execute(
        store.ADD_PAYOUT, payout_id, tenant_id, currency, moved, len(hops), len(refunds), len(repayments),
        transfer_id, min(times, default=None), max(times, default=None), now,
    )  # fmt: skip
    await tx.execute(
        store.ADD_ITEMS, payout_id, tenant_id, [item["id"] for item in items],
        [
            *["HOP"] * len(hops), *["REFUND"] * len(refunds), *["COMMISSION"] * len(commissions),
            *["REPAYMENT"] * len(repayments),
        ],
        [item["amount_minor"] for item in items],
    )  # fmt: skip
    await tx.execute(store.CARRY, tenant_id, currency, due_minor - moved)
    if moved:
        await outbox.announce(tx, (tenant_id, PaidOut(payout_id, moved, currency)))
    return limits.SETTLE_PAGE in {len(hops), len(commissions), len(repayments)}


async def _move(tx: Tx, wallet: Owner, moved: int, payout_id: UUID) -> TransferId | None:
    if not moved:
        return None
    receivable = wallet._replace(kind=AccountKind.RECEIVABLE)
    debit, credit = (receivable, wallet) if moved > 0 else (wallet, receivable)
    (transfer_id,) = await ledger.post(tx, [NewTransfer(debit, credit, abs(moved), Purpose.SETTLEMENT, payout_id)])
    return transfer_id


async def list_payouts(
    tx: Tx, ctx: Ctx, *, tenant_id: TenantId, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Payout]:
    """A page of a merchant's payouts, newest first."""
    ctx.require("wallets.read")
    rows = await tx.fetch(store.LIST, tenant_id, after, count)
    return [Payout(**dict(row)) for row in rows]
