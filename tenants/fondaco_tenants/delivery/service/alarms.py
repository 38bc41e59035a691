"""Use case of alarms about showing codes: what a merchant's auditors look back at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.rules import UnusualRule


@dataclass(frozen=True, slots=True)
class RevealAlarm:
    """That codes were shown in an unusual way within an hour."""

    id: UUID
    rule: UnusualRule
    # Who or what it is about: an id, or a keyed hash of a place.
    subject: str
    count: int
    raised_at: datetime


async def list_alarms(
    tx: Tx, ctx: Ctx, *, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[RevealAlarm]:
    """A page of the merchant's alarms, newest first, from `after` on."""
    ctx.require("audit.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    return [_alarm(row) for row in await tx.fetch(store.LIST_ALARMS, ctx.tenant, after, count)]


def _alarm(row: Any) -> RevealAlarm:
    fields: dict[str, Any] = {**row, "rule": UnusualRule(row["rule"])}
    return RevealAlarm(**fields)
