"""What merchants owe each other is paid: drawn from who owes it when it is due, or paid by it before.

Locks come in the order in which orders and refunds take them: the uses of agreements, hops, wallets.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, ledger, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import AgreementId, TenantId, new_id
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.settlement import rules, store_repayments
from fondaco_tenants.settlement.errors import MoreThanOwed
from fondaco_tenants.settlement.events import CreditOverdue, CreditRepaid
from fondaco_tenants.settlement.rules import Owed


@dataclass(frozen=True, slots=True)
class Repayment:
    """What of an agreement's credit was paid at once; `drawn` says that it was taken because it was due."""

    id: UUID
    agreement_id: AgreementId
    amount: Money
    drawn: bool
    repaid_at: datetime


@dataclass(frozen=True, slots=True)
class Debt:
    """What a reseller owes by an agreement for orders that are paid: all of it, what is due, and what no wallet has borne so far.

    `due_at` is when the oldest of it is, or was, due; None when nothing is owed.
    """

    owed: Money
    due: Money
    overdue: Money
    due_at: datetime | None


async def due_resellers(tx: Tx, ctx: Ctx) -> list[tuple[TenantId, str]]:
    """Merchants and currencies that something is due from that they bought on credit, and that have money in that wallet."""
    ctx.require("system.run")
    rows = await tx.fetch(store_repayments.DUE_RESELLERS, clock.now(), limits.SETTLE_PAGE)
    return [(TenantId(row["tenant_id"]), row["currency"]) for row in rows]


async def draw_due(tx: Tx, ctx: Ctx, *, tenant_id: TenantId, currency: str) -> bool:
    """Takes what is due from a merchant's wallet, oldest first, as far as it bears; a page of it. Says whether there may be more.

    What it does not bear stays owed, and is taken when there is money. That the merchant is suspended, or that an agreement has
    ended, changes nothing of what was bought.
    """
    ctx.require("system.run")
    rows = await tx.fetch(store_repayments.DUE_HOPS, tenant_id, currency, clock.now(), limits.SETTLE_PAGE)
    if not rows:
        return False
    await tx.fetch(store_repayments.LOCK_USES, sorted({row["agreement_id"] for row in rows}))
    debts = await _lock(tx, rows)
    wallet = Owner(tenant_id, None, AccountKind.WALLET, currency)
    available = (await ledger.lock_wallets(tx, [wallet]))[wallet]
    paid = rules.pay_off(debts, sum_minor=min(available, limits.AMOUNT_MAX_MINOR))
    if paid:
        await _pay(tx, wallet, paid, drawn=True)
    return len(rows) == limits.SETTLE_PAGE and paid == debts


async def repay_credit(tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, amount: Money) -> Repayment:
    """Pays what the asker's merchant owes by an agreement before it is drawn, oldest first. Needs a trading transaction.

    Raises NotFound, MoreThanOwed, InsufficientFunds. Also a merchant that does not trade any more pays what it owes.
    """
    ctx.require("wallets.repay")
    if not 0 < amount.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid("A repayment is of more than nothing.", zh="还款金额须大于零。", path=("amount",))
    if await tx.fetchval(store_repayments.AGREEMENT_OF, agreement_id, ctx.tenant) is None:
        raise NotFound("agreement", path=("agreement_id",))
    await tx.fetch(store_repayments.LOCK_USES, [agreement_id])
    debt = (await _debts(tx, [agreement_id])).get(agreement_id)
    if debt is None or debt.owed.currency != amount.currency or debt.owed.amount_minor < amount.amount_minor:
        raise MoreThanOwed(Money(0, amount.currency) if debt is None else debt.owed)
    debts = await _lock(tx, await tx.fetch(store_repayments.OWED_HOPS, agreement_id, amount.amount_minor))
    wallet = Owner(ctx.tenant, None, AccountKind.WALLET, amount.currency)
    ledger.check_affordable({wallet: amount.amount_minor}, await ledger.lock_wallets(tx, [wallet]))
    (made,) = await _pay(tx, wallet, rules.pay_off(debts, sum_minor=amount.amount_minor), drawn=False)
    assert made.amount == amount, "what is owed was locked"
    await audit.record(
        tx, ctx, "credit.repaid", subject_kind="agreement", subject_id=agreement_id, tenant_id=ctx.tenant,
        detail={"repayment_id": made.id, "amount_minor": amount.amount_minor, "currency": amount.currency},
    )  # fmt: skip
    return made


async def _lock(tx: Tx, rows: Sequence[Any]) -> list[Owed]:
    """What of hops is owed now, oldest first; their agreements' uses are locked before."""
    locked = await tx.fetch(store_repayments.LOCK_HOPS, [row["id"] for row in rows])
    return [
        Owed(row["id"], AgreementId(row["agreement_id"]), TenantId(row["seller_tenant_id"]), row["owed_minor"])
        for row in locked
    ]


async def _pay(tx: Tx, wallet: Owner, paid: Sequence[Owed], *, drawn: bool) -> list[Repayment]:
    """Moves what is paid and writes it down, each agreement's by itself; everything that is written to is locked."""
    assert wallet.tenant_id is not None
    now = clock.now()
    sums: dict[AgreementId, int] = defaultdict(int)
    suppliers = {each.agreement_id: each.supplier_id for each in paid}
    for each in paid:
        sums[each.agreement_id] += each.amount_minor
    ids = {agreement_id: new_id() for agreement_id in sums}
    hops, amounts = [each.hop_id for each in paid], [each.amount_minor for each in paid]
    await tx.execute(store_repayments.CLEAR, hops, amounts)
    await tx.execute(store_repayments.LOWER, list(sums), list(sums.values()))
    await tx.execute(
        store_repayments.ADD, [new_id() for _ in paid], [ids[each.agreement_id] for each in paid], hops,
        [each.agreement_id for each in paid], [each.supplier_id for each in paid], amounts, wallet.tenant_id,
        wallet.currency, drawn, now,
    )  # fmt: skip
    owed = wallet._replace(kind=AccountKind.CREDIT_USED)
    await ledger.post(
        tx, [NewTransfer(wallet, owed, minor, Purpose.REPAYMENT, ids[key]) for key, minor in sums.items()]
    )
    for key, minor in sums.items():
        event = CreditRepaid(key, ids[key], minor, wallet.currency, drawn)
        await outbox.announce(tx, (suppliers[key], event), (TenantId(wallet.tenant_id), event))
    return [Repayment(ids[key], key, Money(minor, wallet.currency), drawn, now) for key, minor in sums.items()]


async def tell_overdue(tx: Tx, ctx: Ctx) -> int:
    """Tells both ends of agreements, once in a day, that something is overdue; some agreements at a time. Says of how many."""
    ctx.require("system.run")
    today = clock.now().date()
    rows = await tx.fetch(store_repayments.UNTOLD, today, _overdue_since(), limits.SETTLE_PAGE)
    if not rows:
        return 0
    # Who was paid while this waited for the lock is not told of.
    debts = await _debts(tx, [AgreementId(row["agreement_id"]) for row in rows])
    late = [key for key, debt in debts.items() if debt.overdue.amount_minor]
    for row in await tx.fetch(store_repayments.TOLD, late, today):
        key = AgreementId(row["agreement_id"])
        event = CreditOverdue(key, debts[key].overdue.amount_minor, debts[key].overdue.currency)
        await outbox.announce(
            tx, (TenantId(row["supplier_tenant_id"]), event), (TenantId(row["reseller_tenant_id"]), event)
        )
    return len(late)


def _overdue_since() -> datetime:
    return clock.now() - timedelta(seconds=limits.CREDIT_GRACE_S)


async def debts_by_agreement(tx: Tx, ctx: Ctx, agreement_ids: Sequence[AgreementId]) -> dict[AgreementId, Debt]:
    """What is owed by agreements of the asker's merchant, at either end; those by which nothing was ever owed are left out."""
    ctx.require("supply.read")
    return await _debts(tx, agreement_ids)


async def _debts(tx: Tx, agreement_ids: Sequence[AgreementId]) -> dict[AgreementId, Debt]:
    rows = await tx.fetch(store_repayments.DEBTS, list(agreement_ids), clock.now(), _overdue_since())
    return {
        AgreementId(row["agreement_id"]): Debt(
            Money(row["owed_minor"], row["currency"]), Money(row["due_minor"], row["currency"]),
            Money(row["overdue_minor"], row["currency"]), row["due_at"],
        )
        for row in rows
    }  # fmt: skip


async def list_repayments(
    tx: Tx, ctx: Ctx, *, agreement_id: AgreementId, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Repayment]:
    """A page of what was repaid by an agreement of the asker's merchant, at either end, newest first."""
    ctx.require("supply.read")
    return [
        Repayment(
            row["id"], AgreementId(row["agreement_id"]), Money(row["amount_minor"], row["currency"]), row["drawn"],
            row["repaid_at"],
        )
        for row in await tx.fetch(store_repayments.LIST, agreement_id, after, count)
    ]  # fmt: skip
