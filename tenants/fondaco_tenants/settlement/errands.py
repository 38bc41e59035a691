"""What takes transactions of its own: showing where money is paid to, telling owners of it, writing files of statements."""

import asyncio
import tempfile
from dataclasses import replace
from uuid import UUID

from fondaco_core import identity, limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import Outage
from fondaco_core.ids import DestinationId, WithdrawalId
from fondaco_core.secret import Secret
from fondaco_tenants.orders import Sheet
from fondaco_tenants.settlement.rules_withdrawals import Payee
from fondaco_tenants.settlement.service import destinations
from fondaco_tenants.settlement.service import statement_files as files
from fondaco_tenants.settlement.service.statement_files import Book, StatementFile


class StatementMoved(Outage):
    """Something was posted into the period of a file while it was written: it is written anew."""


async def show_destination(ctx: Ctx, *, withdrawal_id: WithdrawalId, reason: str) -> Secret[Payee]:
    """Who is to be paid by an open withdrawal, for who pays it; on record before it is shown.

    Raises NotFound, WithdrawalInWrongState, KeysDestroyed for a merchant that has left for good.
    """
    ctx.require("platform.withdrawals")
    async with governing(ctx) as tx:
        tenant_id, destination_id = await destinations.destination_to_show(
            tx, ctx, withdrawal_id=withdrawal_id, reason=reason
        )
    acting = ctx.for_tenant(tenant_id)
    async with reading(acting) as tx:
        return await destinations.open_payee(tx, acting, destination_id=destination_id)


async def mail_destination_added(ctx: Ctx, *, destination_id: UUID) -> None:
    """Tells the owners of a merchant that money may soon be paid somewhere else. Raises Undelivered."""
    ctx.require("system.run")
    async with reading(ctx) as tx:
        destination = await destinations.destination_to_tell(tx, ctx, destination_id=DestinationId(destination_id))
    if destination is None:
        return
    await identity.mail_owners(
        ctx, tenant_id=ctx.tenant, kind="destination", number=destination_id, account=destination.masked,
        time=f"{destination.usable_from:%Y-%m-%d %H:%M}",
    )  # fmt: skip


async def write_statement(ctx: Ctx, *, export_id: UUID) -> None:
    """Writes a file of a statement that was asked for, page by page, each read in a transaction of its own; once.

    Raises StatementMoved when what was written does not lead to what the ledger says at the end.
    """
    ctx.require("system.run")
    async with reading(ctx) as tx:
        file = await files.find_statement_file(tx, ctx, export_id=export_id)
    if file is None:
        return
    # Nothing of it has a name on the disk, and only so much of it is in memory as fits a page.
    with tempfile.TemporaryFile() as disk:
        sheet = Sheet(disk, file.format, title="statement")
        rows = await _write_rows(ctx, file, sheet)
        size = await asyncio.to_thread(sheet.close)
        async with transaction(ctx) as tx:
            if await files.finish_statement_file(tx, ctx, export_id=export_id, rows=rows, size=size):
                for number, data in enumerate(iter(lambda: disk.read(limits.UPLOAD_CHUNK_BYTES), b"")):
                    await files.store_statement_piece(tx, ctx, export_id=export_id, number=number, data=data)


async def _write_rows(ctx: Ctx, file: StatementFile, sheet: Sheet) -> int:
    period = file.period
    async with trading(ctx, read_only=True) as tx:
        statement = await files.sums_for_file(tx, ctx, period=period)
    book = Book(statement)
    sheet.add(files.COLUMNS)
    sheet.add_all(book.totals("OPENING", period.since))
    rows, after = 0, None
    while True:
        async with trading(ctx, read_only=True) as tx:
            lines = await files.lines_for_file(tx, ctx, period=period, after=after)
        if not lines:
            break
        async with reading(ctx) as tx:
            names = await files.partner_names(tx, ctx, lines=lines)
        rows, after = rows + len(lines), lines[-1].place
        await asyncio.to_thread(sheet.add_all, [book.row(line, names) for line in lines])
    sheet.add_all(book.totals("CLOSING", period.until))
    if book.balances != {each.account: each.closing_minor for each in statement.accounts}:
        msg = "Something was posted into a statement's period while its file was written."
        raise StatementMoved(msg)
    return rows


async def forget_statements(ctx: Ctx) -> int:
    """Deletes files of statements of all merchants whose time is over, and says how many."""
    ctx.require("system.run")
    async with governing(ctx) as tx:
        stale = await files.stale_statement_files(tx, ctx, count=limits.CLEAN_UP_ROWS)
    for tenant_id, export_id in stale:
        acting = replace(ctx, tenant_id=tenant_id)
        async with transaction(acting) as tx:
            await files.drop_statement_file(tx, acting, export_id=export_id)
    return len(stale)
