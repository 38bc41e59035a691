"""Use cases of machines' public keys: register, retire, and what a machine with a key is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import audit, clock, identity, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import ApiClientId, new_id
from fondaco_core.secret import Secret
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.errors import PlainRefused
from fondaco_tenants.delivery.rules import read_key, sealed_to
from fondaco_tenants.delivery.service.shown import RevealedUnit


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The public key of a machine, by its thumbprint (RFC 7638)."""

    id: UUID
    api_client_id: ApiClientId
    thumbprint: str
    registered_at: datetime
    retired_at: datetime | None


async def register_client_key(tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId, jwk: str) -> ClientKey:
    """Gives a machine a public key: from now on codes leave for it encrypted to that key, and in no other way.

    A key that it had before is retired. Raises NotFound, KeyRefused.
    """
    ctx.require("clients.edit")
    client = await identity.get_api_client(tx, ctx, api_client_id)
    public, thumbprint = read_key(jwk)
    id_, now = new_id(), clock.now()
    await tx.execute(store.RETIRE_KEY, client.id, now)
    await tx.execute(store.ADD_KEY, id_, ctx.tenant, client.id, orjson.dumps(public).decode(), thumbprint, now)
    await audit.record(
        tx,
        ctx,
        "client_key.registered",
        subject_kind="api_client",
        subject_id=client.id,
        detail={"thumbprint": thumbprint},
    )
    return ClientKey(id_, client.id, thumbprint, now, None)


async def retire_client_key(tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId, reason: str) -> None:
    """Takes a machine's key away: it is shown codes in the open again. Whoever may do that may see codes.

    Raises NotFound, ReasonNeeded.
    """
    ctx.require("clients.edit")
    ctx.require("codes.reveal")
    checked = tenancy.checked_reason(reason)
    client = await identity.get_api_client(tx, ctx, api_client_id)
    if await tx.execute(store.RETIRE_KEY, client.id, clock.now()):
        await audit.record(
            tx, ctx, "client_key.retired", subject_kind="api_client", subject_id=client.id, reason=checked
        )


async def list_client_keys(tx: Tx, ctx: Ctx, ids: Sequence[ApiClientId]) -> dict[ApiClientId, ClientKey]:
    """The keys that machines have now."""
    ctx.require("clients.read")
    rows = await tx.fetch(store.CURRENT_KEYS, list(ids))
    return {row["api_client_id"]: ClientKey(**row) for row in rows}


async def seal_units(tx: Tx, ctx: Ctx, units: Sequence[RevealedUnit]) -> list[RevealedUnit]:
    """The units as the asker is shown them: for a machine with a key, each in an envelope, and nothing in the open."""
    ctx.require("buyer.reveal")
    key = await _key_of(tx, ctx)
    if key is None:
        return list(units)
    return [
        replace(
            unit, code=Secret(""), pin=None,
            jwe=sealed_to(
                key["jwk"], key["thumbprint"], allocation_id=unit.allocation_id, code=unit.code, pin=unit.pin
            ),
        )
        for unit in units
    ]  # fmt: skip


async def refuse_plain(tx: Tx, ctx: Ctx) -> None:
    """Raises PlainRefused for a machine with a key: what shows codes in the open is not for it."""
    if await _key_of(tx, ctx) is not None:
        raise PlainRefused


async def _key_of(tx: Tx, ctx: Ctx) -> Any | None:
    if ctx.actor is not ActorKind.API_CLIENT or ctx.actor_id is None:
        return None
    return await tx.fetchrow(store.KEY_OF, ctx.actor_id)
