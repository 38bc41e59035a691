"""Files of a period's orders: asked for, written by a worker, sealed in pieces, fetched while they are kept. Never a code."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
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
from fondaco_tenants.orders import store_exports as store
from fondaco_tenants.orders.errors import ExportNotReady, TooManyExports
from fondaco_tenants.orders.events import ExportRequested
from fondaco_tenants.orders.service.look_up import first_id_at

COLUMNS = (
    "order", "state", "placed_at", "paid_at", "fulfilled_at", "closed_at", "store", "channel", "reference", "buyer", "gift",
    "line", "title", "quantity", "live_quantity", "unit_price", "subtotal", "order_total", "order_refunded", "currency",
)  # fmt: skip


class ExportFormat(StrEnum):
    """How a file is written."""

    CSV = "CSV"
    XLSX = "XLSX"


class ExportState(StrEnum):
    """Where a file is."""

    REQUESTED = "REQUESTED"
    READY = "READY"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Export:
    """A file of orders; `contacts` is whether buyers' contacts stand in it in clear."""

    id: UUID
    state: ExportState
    format: ExportFormat
    placed_from: datetime
    placed_to: datetime
    contacts: bool
    rows: int | None
    size: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


def _export(row: Any) -> Export:
    fields: dict[str, Any] = {**row, "state": ExportState(row["state"]), "format": ExportFormat(row["format"])}
    return Export(**fields)


def _cell(text: str) -> str:
    """A text for a file of sheets, without what none may hold."""
    return safe_cell("".join(char for char in text if char.isprintable() or char in "\t\n\r"))


async def request_export(
    tx: Tx, ctx: Ctx, *, placed_from: datetime, placed_to: datetime, form: ExportFormat, contacts: bool, reason: str
) -> Export:
    """Asks for a file of the orders that were placed in a period; contacts in clear need customers.contacts as well.

    Raises Invalid for a period that is none or has too many orders, TooManyExports, TenantNotActive.
    """
    ctx.require("orders.export")
    if contacts:
        ctx.require("customers.contacts")
    why = tenancy.checked_reason(reason)
    await tenancy.require_active(tx, ctx)
    if not placed_from < placed_to <= placed_from + timedelta(days=limits.EXPORT_DAYS_MAX):
        raise Invalid(
            f"A period begins before it ends, and has at most {limits.EXPORT_DAYS_MAX} days.",
            zh=f"时间段须先始后终，且最长 {limits.EXPORT_DAYS_MAX} 天。", path=("placed_to",),
        )  # fmt: skip
    period = (first_id_at(placed_from), first_id_at(placed_to))
    if (
        await tx.fetchval(store.COUNT_EXPORTED, ctx.tenant, *period, limits.EXPORT_ORDERS_MAX + 1)
        > limits.EXPORT_ORDERS_MAX
    ):
        raise Invalid(
            f"There are more than {limits.EXPORT_ORDERS_MAX} orders in this period; choose a shorter one.",
            zh=f"该时间段内订单超过 {limits.EXPORT_ORDERS_MAX} 个，请缩短时间段。", path=("placed_to",),
        )  # fmt: skip
    if await tx.fetchval(store.COUNT_EXPORTS, ctx.tenant) >= limits.EXPORTS_KEPT_MAX:
        raise TooManyExports(limits.EXPORTS_KEPT_MAX)
    export_id, now = new_id(), clock.now()
    await tx.execute(
        store.ADD_EXPORT, export_id, ctx.tenant, form.value, placed_from, placed_to, contacts, ctx.actor_id, now,
        now + timedelta(hours=limits.EXPORT_KEPT_HOURS),
    )  # fmt: skip
    detail = {"from": placed_from, "to": placed_to, "format": form.value, "contacts": contacts}
    await audit.record(
        tx, ctx, "order_export.requested", subject_kind="order_export", subject_id=export_id, reason=why, detail=detail
    )
    await outbox.announce(tx, (ctx.tenant, ExportRequested(str(export_id))))
    return _export(await tx.fetchrow(store.GET_EXPORT, export_id))


async def list_exports(tx: Tx, ctx: Ctx) -> list[Export]:
    """The newest files of the tenant."""
    ctx.require("orders.export")
    return [_export(row) for row in await tx.fetch(store.LIST_EXPORTS, ctx.tenant, limits.PAGE_MAX)]


async def fetch_export(tx: Tx, ctx: Ctx, *, export_id: UUID) -> Export:
    """A file that is to be fetched now, which is on record. Raises NotFound, ExportNotReady."""
    ctx.require("orders.export")
    row = await tx.fetchrow(store.GET_EXPORT, export_id)
    if row is None or (row["contacts"] and not ctx.has("customers.contacts")):
        raise NotFound("export")
    export = _export(row)
    if export.state is not ExportState.READY or export.expires_at <= clock.now():
        raise ExportNotReady(export.state.value)
    await audit.record(tx, ctx, "order_export.downloaded", subject_kind="order_export", subject_id=export_id)
    return export


async def read_export_piece(tx: Tx, ctx: Ctx, *, export_id: UUID, number: int) -> Secret[bytes] | None:
    """One piece of a file, opened; None after the last."""
    ctx.require("orders.export")
    sealed = await tx.fetchval(store.EXPORT_PIECE, export_id, number)
    return None if sealed is None else await keyring().open(sealed, aad=_bound(export_id, number, ctx.tenant))


async def find_export(tx: Tx, ctx: Ctx, *, export_id: UUID) -> Export | None:
    """A file that is still to be written, for the job that writes it."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.GET_EXPORT, export_id)
    return None if row is None or row["state"] != ExportState.REQUESTED.value else _export(row)


async def read_rows(tx: Tx, ctx: Ctx, *, export: Export, after: UUID | None) -> tuple[list[list[str]], UUID | None]:
    """The next rows of a file, and the order they end with; none at the end. Contacts are opened where the file has them."""
    ctx.require("system.run")
    since = first_id_at(export.placed_from)
    rows = await tx.fetch(
        store.EXPORTED, ctx.tenant, since if after is None else after, first_id_at(export.placed_to), limits.EXPORT_PAGE,
        after is None,
    )  # fmt: skip
    made: list[list[str]] = []
    buyers: dict[UUID, str] = {}
    for row in rows:
        buyer = row["contact_masked"]
        if export.contacts:
            if row["customer_id"] not in buyers:
                aad = bound_to("contact", row["customer_id"], ctx.tenant)
                buyers[row["customer_id"]] = (await keyring().open(row["contact_sealed"], aad=aad)).reveal().decode()
            buyer = buyers[row["customer_id"]]
        made.append(_cells(row, buyer))
    return made, rows[-1]["id"] if rows else None


def _cells(row: Any, buyer: str) -> list[str]:
    currency = row["currency"]
    texts = (
        row["code"], row["state"], *(_time(row[n]) for n in ("placed_at", "paid_at", "fulfilled_at", "closed_at")), row["slug"],
        row["channel"], row["reference"] or "", buyer, "yes" if row["gift"] else "no", str(row["number"]), row["title"],
        str(row["quantity"]), str(row["live_quantity"]),
        *(str(Money(amount, currency).decimal) for amount in (
            row["unit_price_minor"], row["unit_price_minor"] * row["quantity"], row["total_minor"], row["refunded_minor"],
        )), currency,
    )  # fmt: skip
    return [_cell(text) for text in texts]


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


async def finish_export(tx: Tx, ctx: Ctx, *, export_id: UUID, rows: int, size: int) -> bool:
    """Says that a file is written; False when another worker has said so, or nobody waits for it any more."""
    ctx.require("system.run")
    now = clock.now()
    kept = now + timedelta(hours=limits.EXPORT_KEPT_HOURS)
    return await tx.execute(store.FINISH_EXPORT, export_id, rows, size, now, kept) == 1


async def store_piece(tx: Tx, ctx: Ctx, *, export_id: UUID, number: int, data: bytes) -> None:
    """Stores a piece of a file that `finish_export` has finished in the same transaction, sealed for its place."""
    ctx.require("system.run")
    sealed = (await keyring().sealing_key(ctx.tenant)).seal(data, aad=_bound(export_id, number, ctx.tenant))
    await tx.execute(store.ADD_EXPORT_PIECE, export_id, number, sealed, ctx.tenant)


async def stale_exports(tx: Tx, ctx: Ctx, *, count: int) -> list[tuple[TenantId, UUID]]:
    """Files of any tenant whose time is over; for a job, as fondaco_platform."""
    ctx.require("system.run")
    return [(TenantId(r["tenant_id"]), r["id"]) for r in await tx.fetch(store.STALE_EXPORTS, clock.now(), count)]


async def drop_export(tx: Tx, ctx: Ctx, *, export_id: UUID) -> None:
    """Deletes what a file says; that there was one stays on record."""
    ctx.require("system.run")
    if await tx.execute(store.EXPIRE_EXPORT, export_id, clock.now()):
        await tx.execute(store.DROP_EXPORT_PIECES, export_id)


def _bound(export_id: UUID, number: int, tenant_id: TenantId) -> bytes:
    return bound_to(f"order_export.{number}", export_id, tenant_id)
