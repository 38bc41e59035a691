"""Use cases of codes of one's own making: ask for them, store them chunk by chunk, know their forms again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import CodeKind, DataKey
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid
from fondaco_core.ids import BatchId, PoolId, new_id
from fondaco_core.money import Money
from fondaco_tenants.codes.errors import EntitlementHasNoCodes
from fondaco_tenants.codes.errors_own import BadCodeForm, CodeFormGuessable
from fondaco_tenants.codes.events import CodesRequested
from fondaco_tenants.codes.rules import BatchState, Entry, ImportFormat
from fondaco_tenants.codes.rules.making import RANDOM_BITS_MIN, CodeForm, draw_codes, fault_of
from fondaco_tenants.codes.service.batches import Batch, to_batch
from fondaco_tenants.codes.service.imports import (
    Sealed,
    Shape,
    add_batch,
    finish_batch,
    seal_lines,
    shape_of,
    store_lines,
)
from fondaco_tenants.codes.service.terms import checked_terms
from fondaco_tenants.codes.store import imports as import_store
from fondaco_tenants.codes.store import making as store

# Where the codes of a batch came from, when they were made here.
GENERATED = "GENERATED"


@dataclass(frozen=True, slots=True)
class Making:
    """What a batch of own codes was asked to be."""

    batch_id: BatchId
    form: CodeForm
    wanted: int


def checked_form(form: CodeForm) -> CodeForm:
    """The form itself when its codes make sense and nobody guesses them; BadCodeForm, CodeFormGuessable otherwise."""
    fault = fault_of(form)
    if fault is not None:
        raise BadCodeForm(fault.value)
    if form.random_bits < RANDOM_BITS_MIN:
        raise CodeFormGuessable(form.random_bits, RANDOM_BITS_MIN)
    return form


async def generate_codes(
    tx: Tx,
    ctx: Ctx,
    *,
    pool_id: PoolId,
    count: int,
    form: CodeForm,
    unit_cost: Money,
    expires_at: datetime | None = None,
) -> Batch:
    """Asks for fresh codes of the merchant's own in a pool; a worker makes them, and the batch tells how far it is.

    Raises BadCodeForm, CodeFormGuessable, PoolArchived, EntitlementHasNoCodes for what is no code to type.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    checked_form(form)
    if not 0 < count <= limits.CODES_MADE_MAX:
        raise Invalid(
            f"One request makes 1 to {limits.CODES_MADE_MAX} codes.",
            zh=f"单次请求可生成 1 至 {limits.CODES_MADE_MAX} 个卡密。",
            path=("count",),
        )
    terms = checked_terms(GENERATED, unit_cost, expires_at)
    shape = await shape_of(tx, ctx, pool_id=pool_id, expires_at=terms.expires_at)
    if shape.kind is not CodeKind.CODE:
        raise EntitlementHasNoCodes(made=True)
    batch_id = BatchId(new_id())
    await add_batch(
        tx, ctx, batch_id, pool_id, terms=terms, form=ImportFormat.TXT, digest=None, size=count, upload_id=None
    )
    await tx.execute(
        store.ADD_MAKING, batch_id, ctx.tenant, form.prefix, form.groups, form.group_length, form.check_symbols, count
    )
    await audit.record(
        tx, ctx, "codes.requested", subject_kind="batch", subject_id=batch_id,
        detail={"pool_id": pool_id, "codes": count, "random_bits": round(form.random_bits, 1)},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, CodesRequested(batch_id, pool_id)))
    row = await tx.fetchrow(import_store.LOCK_BATCH, batch_id)
    return to_batch(row)


async def makings_by_ids(tx: Tx, ctx: Ctx, *, batch_ids: Sequence[BatchId]) -> dict[BatchId, Making]:
    """Those of the batches that are of the merchant's own making, and what they were asked to be."""
    ctx.require("codes.read")
    rows = await tx.fetch(store.MAKING, list(batch_ids))
    return {BatchId(row["batch_id"]): Making(BatchId(row["batch_id"]), _form(row), row["wanted"]) for row in rows}


async def forms_of(tx: Tx, tenant_id: object) -> list[CodeForm]:
    """The forms of a tenant's own codes, the newest first."""
    return [_form(row) for row in await tx.fetch(store.FORMS, tenant_id, limits.CODE_FORMS_MAX)]


def seal_fresh(key: DataKey, shape: Shape, form: CodeForm, *, count: int, first: int) -> Sealed:
    """Draws and seals so many codes; their plaintext is here and nowhere else. Pure computing, without a transaction."""
    entries = [Entry(line, text) for line, text in enumerate(draw_codes(form, count), start=first)]
    return seal_lines(key, shape, entries, ())


async def store_made(tx: Tx, ctx: Ctx, *, batch: Batch, sealed: Sealed) -> Batch | None:
    """Stores fresh codes if their batch still stands where they begin, and ends it when it is whole; None otherwise."""
    ctx.require("codes.import")
    row = await tx.fetchrow(import_store.LOCK_BATCH, batch.id)
    assert row is not None
    now = to_batch(row)
    if now.state is not BatchState.IMPORTING or now.accepted != batch.accepted:
        return None
    done = now.bytes_done + len(sealed.ids)
    await store_lines(tx, batch.id, batch.pool_id, sealed, bytes_done=done, last_line=done, reported=0)
    after = to_batch(await tx.fetchrow(import_store.LOCK_BATCH, batch.id))
    return await finish_batch(tx, ctx, batch.id) if after.accepted >= batch.bytes_total else after


def _form(row: Any) -> CodeForm:
    return CodeForm(row["prefix"], row["groups"], row["group_length"], row["check_symbols"])
