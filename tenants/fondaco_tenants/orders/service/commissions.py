"""What merchants pay those that brought their resellers: when an order is paid, and back when it is refunded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import clock, ledger, limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import OrderId, TenantId
from fondaco_core.money import Money
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.orders import rules, store_commissions


@dataclass(frozen=True, slots=True)
class Commission:
    """One side of a commission: above nothing what one gets, below it what one pays; `partner_id` is the other side."""

    id: UUID
    partner_id: TenantId
    level: int
    amount: Money
    refunded: bool
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None


async def pay_commissions(tx: Tx, orders: Mapping[UUID, OrderId]) -> None:
    """Posts what the hops of orders that are paid now cost their sellers; `orders` says whose each hop is. In one statement each."""
    if not orders:
        return
    rows = await tx.fetch(store_commissions.PAY, list(set(orders.values())), clock.now())
    await ledger.post(
        tx, [_moved(row, orders[row["hop_id"]], Purpose.COMMISSION) for row in rows if row["amount_minor"] > 0]
    )


def _moved(row: Any, reference: UUID, purpose: Purpose) -> NewTransfer:
    payer, payee = (
        Owner(row[side], None, AccountKind.RECEIVABLE, row["currency"]) for side in ("partner_tenant_id", "tenant_id")
    )
    return NewTransfer(payer, payee, row["amount_minor"], purpose, reference)


async def give_back(
    tx: Tx, returned: Sequence[tuple[Any, int, int]], *, refund_id: UUID, currency: str
) -> list[NewTransfer]:
    """Writes down what a refund takes back of commissions, and gives the transfers; of each hop the units before and now."""
    back = [
        (row["id"], row["seller_tenant_id"], referrer, level, amount_minor)
        for row, before, units in returned
        if row["commissions"]
        for level, (referrer, amount_minor) in enumerate(
            zip(
                row["referrers"],
                rules.commissions_back(row["commissions"], quantity=row["quantity"], refunded=before, units=units),
                strict=False,
            ),
            start=1,
        )
        if amount_minor
    ]
    if not back:
        return []
    await tx.execute(
        store_commissions.GIVE_BACK, refund_id, clock.now(), [hop for hop, *_ in back], [each[2] for each in back],
        [each[3] for each in back], [each[4] for each in back],
    )  # fmt: skip
    return [
        NewTransfer(
            Owner(TenantId(referrer), None, AccountKind.RECEIVABLE, currency),
            Owner(TenantId(seller), None, AccountKind.RECEIVABLE, currency),
            amount_minor, Purpose.COMMISSION_REFUND, refund_id,
        )
        for _, seller, referrer, _, amount_minor in back
    ]  # fmt: skip


async def list_commissions(
    tx: Tx, ctx: Ctx, *, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Commission]:
    """A page of the merchant's own side of commissions, newest first."""
    ctx.require("supply.read")
    rows = await tx.fetch(store_commissions.LIST, ctx.tenant, after, count)
    return [
        Commission(
            row["id"], TenantId(row["partner_id"]), row["level"], Money(row["amount_minor"], row["currency"]), row["refunded"],
            row["created_at"], row["due_at"], row["settled_at"],
        )
        for row in rows
    ]  # fmt: skip
