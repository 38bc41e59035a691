"""Statements: everything that moved a merchant's money in a period, out of the ledger's own transfers, so that it adds up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import HopId, TenantId, TransferId
from fondaco_core.money import checked_currency
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants.settlement import rules_statements as rules
from fondaco_tenants.settlement import store_statements as store
from fondaco_tenants.settlement.rules_statements import AccountTotals, Movement

# A line's place: when it was posted, by which transfer, and on which side of it.
Place = tuple[datetime, UUID, int]
_BEGINNING = (UUID(int=0), -2)


@dataclass(frozen=True, slots=True)
class Period:
    """What a statement is of: a currency and a time, `until` not included; with one partner only, where it is named."""

    currency: str
    since: datetime
    until: datetime
    partner_id: TenantId | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a period began with, what moved, and what it ended with. With one partner, only what was between the two counts."""

    period: Period
    accounts: tuple[AccountTotals, ...]
    movements: tuple[Movement, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of one account: positive for money in. The order is told where it is the merchant's own."""

    transfer_id: TransferId
    at: datetime
    account: AccountKind
    purpose: Purpose
    amount_minor: int
    currency: str
    partner_id: TenantId | None
    order_code: str | None
    sale_id: HopId | None
    purchase_id: HopId | None
    reference_id: UUID | None

    @property
    def place(self) -> Place:
        """Where the next page goes on."""
        return self.at, self.transfer_id, 1 if self.amount_minor > 0 else -1


async def read_statement(tx: Tx, ctx: Ctx, *, period: Period) -> Statement:
    """The merchant's statement of a period; in a trading transaction. Raises PeriodTooLong, Invalid."""
    ctx.require("wallets.read")
    check_period(period)
    return await sums_of(tx, ctx.tenant, period)


async def read_lines(
    tx: Tx, ctx: Ctx, *, period: Period, after: Place | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Line]:
    """A page of a statement's lines, in the order of time; in a trading transaction. Raises PeriodTooLong, Invalid."""
    ctx.require("wallets.read")
    check_period(period)
    return await lines_of(tx, ctx.tenant, period, after=after, count=count)


def check_period(period: Period) -> None:
    """Raises PeriodTooLong, or Invalid for what is no currency."""
    checked_currency(period.currency)
    rules.check_period(period.since, period.until)


async def sums_of(tx: Tx, tenant_id: TenantId, period: Period) -> Statement:
    """What a period adds up to."""
    ids, kinds = await _accounts(tx, tenant_id, period.currency)
    args = (tenant_id, ids, kinds, period.since, period.until)
    openings: dict[AccountKind, int] = {}
    movements: list[Movement] = []
    if period.partner_id is None:
        rows = await tx.fetch(store.SUMS, *args)
    else:
        rows = await tx.fetch(store.SUMS_WITH, *args, period.partner_id)
    for row in rows:
        account = AccountKind(row["kind"])
        if row["purpose"] is not None:
            incoming = row["sign"] > 0
            movements.append(Movement(account, Purpose(row["purpose"]), incoming, row["n"], row["amount_minor"]))
        elif row["sign"] and period.partner_id is not None:
            openings[account] = openings.get(account, 0) + row["sign"] * row["amount_minor"]
        else:
            # What an account holds now (no sign), less what came later.
            openings[account] = openings.get(account, 0) + (-row["sign"] or 1) * row["amount_minor"]
    if period.partner_id is None:
        for each in movements:
            openings[each.account] -= each.signed_minor
    movements.sort(key=lambda each: (rules.ACCOUNTS.index(each.account), each.purpose.value, each.incoming))
    return Statement(period, rules.totals_of(openings, movements), tuple(movements))


async def lines_of(tx: Tx, tenant_id: TenantId, period: Period, *, after: Place | None, count: int) -> list[Line]:
    """A page of lines past a place."""
    ids, kinds = await _accounts(tx, tenant_id, period.currency)
    at, transfer_id, side = after if after is not None else (period.since, *_BEGINNING)
    args = (tenant_id, ids, kinds, max(at, period.since), period.until, transfer_id, side, count)
    if period.partner_id is None:
        rows: Sequence[Any] = await tx.fetch(store.ROWS, *args)
    else:
        rows = await tx.fetch(store.ROWS_WITH, *args, period.partner_id)
    return [_line(row, period.currency) for row in rows]


async def _accounts(tx: Tx, tenant_id: TenantId, currency: str) -> tuple[list[UUID], list[str]]:
    rows = await tx.fetch(store.MINE, tenant_id, currency)
    return [row["id"] for row in rows], [row["kind"] for row in rows]


def _line(row: Any, currency: str) -> Line:
    lot_id = None if row["lot_id"] is None else HopId(row["lot_id"])
    return Line(
        transfer_id=TransferId(row["id"]), at=row["resolved_at"], account=AccountKind(row["kind"]),
        purpose=Purpose(row["purpose"]), amount_minor=row["amount_minor"], currency=currency,
        partner_id=None if row["partner_id"] is None else TenantId(row["partner_id"]), order_code=row["order_code"],
        sale_id=lot_id if row["sold"] else None, purchase_id=None if row["sold"] else lot_id,
        # What an order or a refund of somebody else is called inside is nobody's business.
        reference_id=row["reference_id"] if row["purpose"] in _OWN_REFERENCES else None,
    )  # fmt: skip


_OWN_REFERENCES = {Purpose.SETTLEMENT.value, Purpose.WITHDRAWAL.value}
