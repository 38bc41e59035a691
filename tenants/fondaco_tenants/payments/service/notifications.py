"""Use cases of what gateways sent, kept as evidence: the platform's people see what came, and read it for a reason."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import audit, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx, governing
from fondaco_core.errors import NotFound
from fondaco_core.ids import PaymentId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.payments import store
from fondaco_tenants.payments.rules import Verdict


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification as it is listed: everything but what it says."""

    id: UUID
    gateway: str
    tenant_id: TenantId | None
    payment_id: PaymentId | None
    notification_id: str | None
    verdict: Verdict
    digest: str
    ip: str | None
    received_at: datetime


async def list_notifications(
    tx: Tx,
    ctx: Ctx,
    *,
    payment_id: PaymentId | None = None,
    verdict: Verdict | None = None,
    after: UUID | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[NotificationView]:
    """What gateways sent, the newest first: about one payment, or all; needs a transaction as fondaco_platform."""
    ctx.require("platform.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    said = None if verdict is None else verdict.value
    return [_view(row) for row in await tx.fetch(store.NOTIFICATIONS, payment_id, said, after, count)]


async def notifications_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[UUID]) -> dict[UUID, NotificationView]:
    """Those of the notifications that there are."""
    ctx.require("platform.read")
    return {row["id"]: _view(row) for row in await tx.fetch(store.NOTIFICATIONS_BY_IDS, list(ids))}


async def reveal_notification(
    tx: Tx, ctx: Ctx, *, notification_id: UUID, reason: str
) -> tuple[NotificationView, Secret[str]]:
    """Head and body of a notification as they came, for a reason that is kept: they say who paid, and from where.

    Needs `reading_evidence`. Raises NotFound.
    """
    ctx.require("platform.wallets")
    why = tenancy.checked_reason(reason)
    row = await tx.fetchrow(store.NOTIFICATION_MESSAGE, notification_id)
    if row is None:
        raise NotFound("notification", path=("notification_id",))
    await audit.record(
        tx, ctx, "payment.notification_revealed", subject_kind="payment_notification", subject_id=notification_id,
        tenant_id=row["tenant_id"], reason=why, detail={"payment_id": row["payment_id"], "digest": row["digest"]},
    )  # fmt: skip
    aad = bound_to("payment_notification", notification_id, None)
    opened = await keyring().open(row["message"], aad=aad)
    return _view(row), Secret(opened.reveal().decode("utf-8", "replace"))


@asynccontextmanager
async def reading_evidence(ctx: Ctx) -> AsyncGenerator[Tx]:
    """governing(ctx) for who opens what is sealed with the platform's key, which is at hand before the transaction begins."""
    ctx.require("platform.wallets")
    await keyring().sealing_key(None)
    async with governing(ctx) as tx:
        yield tx


def _view(row: Any) -> NotificationView:
    return NotificationView(
        row["id"], row["gateway"], row["tenant_id"], row["payment_id"], row["notification_id"], Verdict(row["verdict"]),
        row["digest"], row["ip"], row["received_at"],
    )  # fmt: skip
