"""Files of statements: asked for, written by a worker, sealed in pieces, fetched while they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import TenantId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_core.sheets import safe_cell
from fondaco_tenants.orders import ExportFormat, ExportNotReady, ExportState, TooManyExports
from fondaco_tenants.settlement import store_statements as store
from fondaco_tenants.settlement.events import StatementRequested
from fondaco_tenants.settlement.rules_statements import ACCOUNTS
from fondaco_tenants.settlement.service import statements
from fondaco_tenants.settlement.service.statements import Line, Period, Place, Statement

COLUMNS = ("at", "account", "movement", "partner", "order", "sale", "purchase", "in", "out", "balance", "currency")


@dataclass(frozen=True, slots=True)
class StatementFile:
    """A file of a statement."""

    id: UUID
    state: ExportState
    format: ExportFormat
    period: Period
    rows: int | None
    size: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


def _file(row: Any) -> StatementFile:
    period = Period(row["currency"], row["since"], row["until"], row["partner_id"])
    return StatementFile(
        row["id"], ExportState(row["state"]), ExportFormat(row["format"]), period, row["rows"], row["size"], row["created_at"],
        row["finished_at"], row["expires_at"],
    )  # fmt: skip


async def request_statement(tx: Tx, ctx: Ctx, *, period: Period, form: ExportFormat) -> StatementFile:
    """Asks for a file of a statement. Raises PeriodTooLong, Invalid, NotFound, TooManyExports, TenantNotActive."""
    ctx.require("wallets.export")
    statements.check_period(period)
    await tenancy.require_active(tx, ctx)
    now = clock.now()
    if period.until > now:
        raise Invalid("A file is of what is past.", zh="对账单时间段须已结束。", path=("to",))
    if period.partner_id is not None and not await tx.fetch(store.PARTNERS, [period.partner_id]):
        raise NotFound("partner", path=("partner_id",))
    if await tx.fetchval(store.COUNT_EXPORTS, ctx.tenant) >= limits.STATEMENTS_KEPT_MAX:
        raise TooManyExports(limits.STATEMENTS_KEPT_MAX)
    export_id = new_id()
    await tx.execute(
        store.ADD_EXPORT, export_id, ctx.tenant, form.value, period.currency, period.since, period.until, period.partner_id,
        ctx.actor_id, now, now + timedelta(hours=limits.EXPORT_KEPT_HOURS),
    )  # fmt: skip
    detail = {"from": period.since, "to": period.until, "currency": period.currency, "partner_id": period.partner_id}
    await audit.record(
        tx, ctx, "statement.requested", subject_kind="statement_export", subject_id=export_id, detail=detail
    )
    await outbox.announce(tx, (ctx.tenant, StatementRequested(export_id)))
    return _file(await tx.fetchrow(store.GET_EXPORT, export_id))


async def list_statement_files(tx: Tx, ctx: Ctx) -> list[StatementFile]:
    """The newest files of the merchant."""
    ctx.require("wallets.read")
    return [_file(row) for row in await tx.fetch(store.LIST_EXPORTS, ctx.tenant, limits.PAGE_MAX)]


async def fetch_statement_file(tx: Tx, ctx: Ctx, *, export_id: UUID) -> StatementFile:
    """A file that is to be fetched now, which is on record. Raises NotFound, ExportNotReady."""
    ctx.require("wallets.export")
    row = await tx.fetchrow(store.GET_EXPORT, export_id)
    if row is None:
        raise NotFound("export")
    file = _file(row)
    if file.state is not ExportState.READY or file.expires_at <= clock.now():
        raise ExportNotReady(file.state.value)
    await audit.record(tx, ctx, "statement.downloaded", subject_kind="statement_export", subject_id=export_id)
    return file


async def read_statement_piece(tx: Tx, ctx: Ctx, *, export_id: UUID, number: int) -> Secret[bytes] | None:
    """One piece of a file, opened; None after the last."""
    ctx.require("wallets.export")
    sealed = await tx.fetchval(store.PIECE, export_id, number)
    return None if sealed is None else await keyring().open(sealed, aad=_bound(export_id, number, ctx.tenant))


async def find_statement_file(tx: Tx, ctx: Ctx, *, export_id: UUID) -> StatementFile | None:
    """A file that is still to be written, for the job that writes it."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.GET_EXPORT, export_id)
    return None if row is None or row["state"] != ExportState.REQUESTED.value else _file(row)


async def sums_for_file(tx: Tx, ctx: Ctx, *, period: Period) -> Statement:
    """What the period of a file adds up to, for the job that writes it; in a trading transaction."""
    ctx.require("system.run")
    return await statements.sums_of(tx, ctx.tenant, period)


async def lines_for_file(tx: Tx, ctx: Ctx, *, period: Period, after: Place | None) -> list[Line]:
    """The next lines of a file, for the job that writes it; in a trading transaction."""
    ctx.require("system.run")
    return await statements.lines_of(tx, ctx.tenant, period, after=after, count=limits.STATEMENT_PAGE)


async def partner_names(tx: Tx, ctx: Ctx, *, lines: Sequence[Line]) -> dict[UUID, str]:
    """The names of the merchants that lines were moved with, as far as the merchant may know them."""
    ctx.require("system.run")
    ids = {line.partner_id for line in lines if line.partner_id is not None}
    return {row["tenant_id"]: row["name"] for row in await tx.fetch(store.PARTNERS, list(ids))} if ids else {}


class Book:
    """Rows of a file, with what each account holds after them."""

    def __init__(self, opening: Statement) -> None:
        self._currency = opening.period.currency
        self.balances = {each.account: each.opening_minor for each in opening.accounts}

    def totals(self, word: str, at: datetime) -> list[list[str]]:
        """A row for each account, with what it holds."""
        return [
            [_time(at), account.value, word, "", "", "", "", "", "", self._text(self.balances[account]), self._currency]
            for account in ACCOUNTS
        ]

    def row(self, line: Line, names: dict[UUID, str]) -> list[str]:
        """The row of a line."""
        self.balances[line.account] += line.amount_minor
        amount = self._text(abs(line.amount_minor))
        incoming = line.amount_minor > 0
        partner = "" if line.partner_id is None else names.get(line.partner_id, str(line.partner_id))
        return [
            _time(line.at), line.account.value, line.purpose.value, _cell(partner), line.order_code or "",
            str(line.sale_id or ""), str(line.purchase_id or ""), amount if incoming else "", "" if incoming else amount,
            self._text(self.balances[line.account]), self._currency,
        ]  # fmt: skip

    def _text(self, amount_minor: int) -> str:
        return str(Money(amount_minor, self._currency).decimal)


def _cell(text: str) -> str:
    return safe_cell("".join(char for char in text if char.isprintable()))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


async def finish_statement_file(tx: Tx, ctx: Ctx, *, export_id: UUID, rows: int, size: int) -> bool:
    """Says that a file is written; False when another worker has said so, or nobody waits for it any more."""
    ctx.require("system.run")
    now = clock.now()
    kept = now + timedelta(hours=limits.EXPORT_KEPT_HOURS)
    return await tx.execute(store.FINISH_EXPORT, export_id, rows, size, now, kept) == 1


async def store_statement_piece(tx: Tx, ctx: Ctx, *, export_id: UUID, number: int, data: bytes) -> None:
    """Stores a piece of a file that was finished in the same transaction, sealed for its place."""
    ctx.require("system.run")
    sealed = (await keyring().sealing_key(ctx.tenant)).seal(data, aad=_bound(export_id, number, ctx.tenant))
    await tx.execute(store.ADD_PIECE, export_id, number, sealed, ctx.tenant)


async def stale_statement_files(tx: Tx, ctx: Ctx, *, count: int) -> list[tuple[TenantId, UUID]]:
    """Files of any merchant whose time is over; for a job, as fondaco_platform."""
    ctx.require("system.run")
    return [(TenantId(r["tenant_id"]), r["id"]) for r in await tx.fetch(store.STALE_EXPORTS, clock.now(), count)]


async def drop_statement_file(tx: Tx, ctx: Ctx, *, export_id: UUID) -> None:
    """Deletes what a file says; that there was one stays on record."""
    ctx.require("system.run")
    if await tx.execute(store.EXPIRE_EXPORT, export_id, clock.now()):
        await tx.execute(store.DROP_PIECES, export_id)


def _bound(export_id: UUID, number: int, tenant_id: TenantId) -> bytes:
    return bound_to(f"statement_export.{number}", export_id, tenant_id)
