"""Where merchants have their money paid to: added, used after a while, removed; who is paid is sealed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import DestinationId, TenantId, WithdrawalId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.settlement import rules_withdrawals as rules
from fondaco_tenants.settlement import store_withdrawals as store
from fondaco_tenants.settlement.errors_withdrawals import TooManyDestinations, WithdrawalInWrongState
from fondaco_tenants.settlement.events import DestinationAdded, DestinationRemoved
from fondaco_tenants.settlement.rules_withdrawals import OPEN, DestinationKind, Payee, WithdrawalState

# Which destination an open withdrawal is to be paid to, and of whom.
Showable = tuple[TenantId, DestinationId]


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination as everybody sees it: of the account's number the last characters."""

    id: DestinationId
    kind: DestinationKind
    masked: str
    added_at: datetime
    usable_from: datetime
    removed_at: datetime | None


def _destination(row: Any) -> Destination:
    return Destination(
        DestinationId(row["id"]), DestinationKind(row["kind"]), row["masked"], row["added_at"], row["usable_from"],
        row["removed_at"],
    )  # fmt: skip


async def add_destination(tx: Tx, ctx: Ctx, *, kind: DestinationKind, payee: Secret[Payee]) -> Destination:
    """Adds where money may be paid to; it may be used after a while, and the owners are told. Raises TooManyDestinations."""
    ctx.require("wallets.withdraw")
    await tenancy.require_active(tx, ctx)
    if await tx.fetchval(store.COUNT_DESTINATIONS, ctx.tenant) >= limits.DESTINATIONS_MAX:
        raise TooManyDestinations
    destination_id, now = DestinationId(new_id()), clock.now()
    usable_from = now + timedelta(hours=limits.DESTINATION_WAIT_HOURS)
    who = payee.reveal()
    sealed = (await keyring().sealing_key(ctx.tenant)).seal(
        orjson.dumps(asdict(who)), aad=_bound(destination_id, ctx.tenant)
    )
    masked = rules.masked_reference(who.reference)
    await tx.execute(
        store.ADD_DESTINATION, destination_id, ctx.tenant, kind.value, masked, sealed, ctx.actor_id, now, usable_from
    )
    await audit.record(
        tx, ctx, "withdrawal_destination.added", subject_kind="withdrawal_destination", subject_id=destination_id,
        detail={"kind": kind.value, "usable_from": usable_from},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, DestinationAdded(destination_id, kind.value, usable_from)))
    return Destination(destination_id, kind, masked, now, usable_from, None)


async def remove_destination(tx: Tx, ctx: Ctx, *, destination_id: DestinationId) -> None:
    """Lets nothing more be paid to a destination; what was asked for before goes its way. Raises NotFound."""
    ctx.require("wallets.withdraw")
    if not await tx.execute(store.REMOVE_DESTINATION, destination_id, ctx.tenant, clock.now()):
        raise NotFound("withdrawal destination", path=("destination_id",))
    await audit.record(
        tx, ctx, "withdrawal_destination.removed", subject_kind="withdrawal_destination", subject_id=destination_id
    )
    await outbox.announce(tx, (ctx.tenant, DestinationRemoved(destination_id)))


async def list_destinations(tx: Tx, ctx: Ctx) -> list[Destination]:
    """The merchant's destinations that are not removed, newest first."""
    ctx.require("wallets.read")
    return [_destination(row) for row in await tx.fetch(store.DESTINATIONS, ctx.tenant, limits.DESTINATIONS_MAX)]


async def destinations_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[DestinationId]) -> dict[DestinationId, Destination]:
    """Destinations by their ids, also removed ones; of any merchant, for the platform's people."""
    ctx.require("wallets.read" if ctx.tenant_id is not None else "platform.read")
    return {made.id: made for made in map(_destination, await tx.fetch(store.DESTINATIONS_BY_IDS, list(ids)))}


async def destination_to_show(tx: Tx, ctx: Ctx, *, withdrawal_id: WithdrawalId, reason: str) -> Showable:
    """Whose destination is shown to one of the platform's people who pays an open withdrawal, which is on record.

    Needs a transaction as fondaco_platform. Raises NotFound, WithdrawalInWrongState.
    """
    ctx.require("platform.withdrawals")
    why = tenancy.checked_reason(reason)
    row = await tx.fetchrow(store.LOCK, withdrawal_id, None)
    if row is None:
        raise NotFound("withdrawal", path=("withdrawal_id",))
    if WithdrawalState(row["state"]) not in OPEN:
        raise WithdrawalInWrongState(row["state"])
    await audit.record(
        tx, ctx, "withdrawal_destination.shown", subject_kind="withdrawal_destination", subject_id=row["destination_id"],
        tenant_id=row["tenant_id"], reason=why, detail={"withdrawal_id": withdrawal_id},
    )  # fmt: skip
    return TenantId(row["tenant_id"]), DestinationId(row["destination_id"])


async def destination_to_tell(tx: Tx, ctx: Ctx, *, destination_id: DestinationId) -> Destination | None:
    """A destination that its owners are to be told of; None when it is removed by now. For a job."""
    ctx.require("system.run")
    row = await tx.fetchrow(store.DESTINATION, destination_id, ctx.tenant)
    return None if row is None else _destination(row)


async def open_payee(tx: Tx, ctx: Ctx, *, destination_id: DestinationId) -> Secret[Payee]:
    """Who is paid by a destination of the tenant that is acted for."""
    ctx.require("platform.withdrawals")
    sealed = await tx.fetchval(store.PAYEE, destination_id, ctx.tenant)
    opened = await keyring().open(sealed, aad=_bound(destination_id, ctx.tenant))
    return Secret(Payee(**orjson.loads(opened.reveal())))


def _bound(destination_id: DestinationId, tenant_id: TenantId) -> bytes:
    return bound_to("withdrawal_destination", destination_id, tenant_id)
