"""Use cases of the audit log: append in the transaction of the act, read a page."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import clock, limits
from fondaco_core.audit import store
from fondaco_core.audit.rules import check_reason
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import TenantId, new_id


async def record(
    tx: Tx,
    ctx: Ctx,
    action: str,
    *,
    subject_kind: str,
    subject_id: UUID | None,
    tenant_id: TenantId | None = None,
    reason: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Appends one act, in the transaction that does it. `detail` holds ids and figures, never a code or a contact."""
    await record_many(
        tx, ctx, action, subject_kind=subject_kind, reason=reason,
        subjects=[(tenant_id or ctx.tenant_id, subject_id, detail or {})],
    )  # fmt: skip


async def record_many(
    tx: Tx,
    ctx: Ctx,
    action: str,
    *,
    subject_kind: str,
    subjects: Sequence[tuple[UUID | None, UUID | None, Mapping[str, object]]],
    reason: str | None = None,
) -> None:
    """Appends one entry per subject (tenant, subject, detail) in one statement.

    Raises ReasonNeeded, and with it undoes the act, when the act needs a reason and `reason` says nothing.
    """
    assert subjects
    check_reason(ctx, action, reason)
    await tx.later(
        store.APPEND, action, subject_kind, reason, clock.now(), ctx.actor.value, ctx.actor_id, ctx.request_id, ctx.ip,
        [new_id() for _ in subjects],
        [tenant for tenant, _, _ in subjects],
        [subject for _, subject, _ in subjects],
        [orjson.dumps(detail, default=str).decode() for _, _, detail in subjects],
    )  # fmt: skip


async def list_entries(
    tx: Tx,
    ctx: Ctx,
    *,
    subject_id: UUID | None = None,
    action: str | None = None,
    after: UUID | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[dict[str, Any]]:
    """A page of the tenant's audit log, newest first, from `after` on."""
    ctx.require("audit.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    rows = await tx.fetch(store.LIST, subject_id, action, after, count)
    return [{**row, "detail": orjson.loads(row["detail"])} for row in rows]
