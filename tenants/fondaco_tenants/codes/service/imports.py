"""Use cases of imports: seal lines, store them as codes once over the whole platform, report what was not accepted."""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import CodeKind, DataKey, bound_to, fingerprint_many, keyed_hash, mask_code, normalise_code
from fondaco_core.db import Tx, reading, transaction
from fondaco_core.errors import Invalid
from fondaco_core.ids import BatchId, PoolId, TenantId, UploadId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import catalog
from fondaco_tenants.codes.errors import PoolArchived, TooManyLines
from fondaco_tenants.codes.events import BatchImported, CodesCollided
from fondaco_tenants.codes.rules import (
    NEVER,
    BatchState,
    Entry,
    Fault,
    ImportFormat,
    ImportOutcome,
    LineParser,
    LineReason,
    LineSplitter,
    Plain,
    pack,
)
from fondaco_tenants.codes.service.batches import Batch, to_batch
from fondaco_tenants.codes.service.pools import get_pool
from fondaco_tenants.codes.store import imports as store
from fondaco_tenants.codes.store import pools as pool_store


@dataclass(frozen=True, slots=True)
class Terms:
    """What an import says of all its codes."""

    origin: str
    unit_cost: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Shape:
    """What must be known to read and seal lines: the pool's kind of code, whose they are, when those that say nothing expire."""

    tenant_id: TenantId
    kind: CodeKind
    case_sensitive: bool
    expires_at: datetime


@dataclass(slots=True)
class Sealed:
    """Lines that are ready to be stored; columns side by side, and what was found out about the rest."""

    ids: list[UUID] = field(default_factory=list)
    fingerprints: list[bytes] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list, repr=False)
    masked: list[str] = field(default_factory=list, repr=False)
    expires_at: list[datetime] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    # Lines that are no codes, or the same as an earlier one of these: number, reason, mask.
    refused: list[tuple[int, LineReason, str]] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of lines."""

    accepted: int
    duplicates: int
    rejected: int


@asynccontextmanager
async def sealing(ctx: Ctx) -> AsyncGenerator[Tx]:
    """transaction(ctx) for use cases that seal: the tenant's key is at hand before the transaction begins."""
    async with reading(ctx) as tx:
        await tenancy.require_active(tx, ctx)
    await keyring().sealing_key(ctx.tenant)
    async with transaction(ctx) as tx:
        yield tx


async def import_codes(
    tx: Tx,
    ctx: Ctx,
    *,
    pool_id: PoolId,
    text: Secret[str],
    unit_cost: Money,
    origin: str = "",
    expires_at: datetime | None = None,
    format: ImportFormat = ImportFormat.TXT,  # noqa: A002 - what it is called everywhere else
) -> Batch:
    """Imports a few lines at once, all or none, and answers with the finished batch; `tx` comes from `sealing(ctx)`.

    Raises PoolArchived, TooManyLines; what a single line refuses for is in the batch's report and refuses nothing else.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    terms = checked_terms(origin, unit_cost, expires_at)
    shape = await shape_of(tx, ctx, pool_id=pool_id, expires_at=terms.expires_at)
    data = text.reveal().encode("utf-8", "surrogatepass")
    splitter = LineSplitter()
    lines = [*splitter.feed(data), *splitter.end()]
    if len(lines) > limits.IMPORT_INLINE_MAX:
        raise TooManyLines(len(lines))

    parser = LineParser(format, links=shape.kind is CodeKind.LINK, now=clock.now())
    entries, faults = parser.parse(lines)
    sealed = seal_lines(await keyring().sealing_key(shape.tenant_id), shape, entries, faults)
    batch_id = BatchId(new_id())
    await add_batch(
        tx, ctx, batch_id, pool_id, terms=terms, form=format,
        digest=file_digest(hashlib.sha256(data).digest()), size=len(data), upload_id=None,
    )  # fmt: skip
    await store_lines(tx, batch_id, pool_id, sealed, bytes_done=len(data), last_line=len(lines), reported=0)
    return await finish_batch(tx, ctx, batch_id)


def checked_terms(origin: str, unit_cost: Money, expires_at: datetime | None) -> Terms:
    """The terms of an import, when they make sense; Invalid otherwise."""
    said = " ".join(origin.split())
    if len(said) > limits.NAME_MAX or "\0" in said:
        raise Invalid(
            f"An origin has at most {limits.NAME_MAX} characters.",
            zh=f"来源不能超过 {limits.NAME_MAX} 个字符。",
            path=("origin",),
        )
    if not 0 <= unit_cost.amount_minor <= limits.AMOUNT_MAX_MINOR:
        raise Invalid("A unit cost is not negative.", zh="单位成本不能为负数。", path=("unit_cost",))
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("These codes would have expired already.", zh="过期时间必须晚于当前时间。", path=("expires_at",))
    return Terms(said, unit_cost, expires_at or NEVER)


async def shape_of(tx: Tx, ctx: Ctx, *, pool_id: PoolId, expires_at: datetime) -> Shape:
    """What must be known to read and seal lines for a pool. Raises NotFound, PoolArchived."""
    pool = await get_pool(tx, ctx, pool_id=pool_id)
    if pool.archived_at is not None:
        raise PoolArchived
    entitlement = await catalog.get_entitlement(tx, pool.entitlement_id)
    return Shape(ctx.tenant, CodeKind(entitlement.fulfilment_kind.value), entitlement.case_sensitive, expires_at)


def seal_lines(key: DataKey, shape: Shape, entries: Sequence[Entry], faults: Sequence[Fault]) -> Sealed:
    """Seals and fingerprints what the lines say. Pure computing: it needs no transaction and should not hold one."""
    made = Sealed(refused=[(fault.line, fault.reason, mask_code(fault.text)) for fault in faults])
    normal = [normalise_code(entry.code, shape.kind, case_sensitive=shape.case_sensitive) for entry in entries]
    kept = [(entry, text) for entry, text in zip(entries, normal, strict=True) if text]
    made.refused += [
        (entry.line, LineReason.EMPTY, mask_code(entry.code))
        for entry, text in zip(entries, normal, strict=True)
        if not text
    ]
    seen: set[bytes] = set()
    items: list[tuple[bytes, bytes]] = []
    fingerprints = fingerprint_many(keyring().fingerprint_key, [text for _, text in kept])
    for (entry, _), mark in zip(kept, fingerprints, strict=True):
        masked = mask_code(entry.code)
        if mark in seen:
            made.refused.append((entry.line, LineReason.DUPLICATE_IN_FILE, masked))
            continue
        seen.add(mark)
        code_id = new_id()
        made.ids.append(code_id)
        made.fingerprints.append(mark)
        made.masked.append(masked)
        made.expires_at.append(entry.expires_at or shape.expires_at)
        made.lines.append(entry.line)
        items.append((pack(Plain(entry.code, entry.pin)), bound_to("code", code_id, shape.tenant_id)))
    made.sealed = key.seal_many(items)
    return made


async def add_batch(
    tx: Tx,
    ctx: Ctx,
    batch_id: BatchId,
    pool_id: PoolId,
    *,
    terms: Terms,
    form: ImportFormat,
    digest: bytes | None,
    size: int,
    upload_id: UploadId | None,
) -> None:
    """Writes down that an import begins."""
    ctx.require("codes.import")
    cost = terms.unit_cost
    await tx.execute(
        store.ADD_BATCH, batch_id, ctx.tenant, pool_id, terms.origin, cost.amount_minor, cost.currency, terms.expires_at,
        upload_id, form.value, digest, size, ctx.actor_id, clock.now(),
    )  # fmt: skip
    await audit.record(
        tx, ctx, "batch.begun", subject_kind="batch", subject_id=batch_id, detail={"pool_id": pool_id, "bytes": size}
    )


async def store_lines(
    tx: Tx, batch_id: BatchId, pool_id: PoolId, sealed: Sealed, *, bytes_done: int, last_line: int, reported: int
) -> Stored:
    """Stores sealed lines as codes of a batch whose row is locked or new, and moves the batch on.

    A code that another merchant has is quarantined, and the platform is told; what the importer sees of it is what it sees
    of a duplicate of its own.
    """
    tenant_id = tx.tenant_id
    assert tenant_id is not None
    columns = (sealed.ids, sealed.fingerprints, sealed.sealed, sealed.masked, sealed.expires_at)
    added = await tx.fetchrow(store.ADD_CODES, tenant_id, pool_id, batch_id, *columns, clock.now())
    assert added is not None
    refused = list(sealed.refused)
    if added["refused"]:
        refused += await _duplicates(tx, batch_id, pool_id, sealed, added["refused"])
    rows = sorted((line, _outcome(reason), reason, masked) for line, reason, masked in refused)
    duplicates = sum(1 for row in rows if row[1] is ImportOutcome.DUPLICATE)
    stored = Stored(added["accepted"], duplicates, len(rows) - duplicates)
    shown = rows[: max(0, limits.IMPORT_REPORT_LINES_MAX - reported)]
    if shown:
        await tx.execute(store.ADD_LINES, tenant_id, batch_id, *(list(column) for column in zip(*shown, strict=True)))
    await tx.execute(
        store.ADVANCE, batch_id, bytes_done, last_line, stored.accepted, stored.duplicates, stored.rejected
    )
    if stored.accepted:
        await lower_mark(tx, pool_id, added["lowest_expires_at"], added["lowest_position"])
    return stored


async def lower_mark(tx: Tx, pool_id: PoolId, expires_at: datetime, position: int) -> None:
    """Lets picking find codes that became AVAILABLE in this transaction; the last thing it does, for it locks the pool."""
    row = await tx.fetchrow(pool_store.LOCK_MARK, pool_id, expires_at, position)
    assert row is not None
    if row["archived"]:
        raise PoolArchived
    if row["above"]:
        await tx.execute(pool_store.LOWER_MARK, pool_id, expires_at, position)


async def finish_batch(tx: Tx, ctx: Ctx, batch_id: BatchId) -> Batch:
    """Says that an import is done: its counts are final."""
    ctx.require("codes.import")
    row = await tx.fetchrow(store.FINISH, batch_id, clock.now())
    assert row is not None
    batch = to_batch(row)
    assert batch.state is BatchState.READY
    counts = {"accepted": batch.accepted, "duplicates": batch.duplicates, "rejected": batch.rejected}
    await audit.record(
        tx,
        ctx,
        "batch.imported",
        subject_kind="batch",
        subject_id=batch_id,
        detail={"pool_id": batch.pool_id, **counts},
    )
    await outbox.announce(tx, (ctx.tenant, BatchImported(batch_id, batch.pool_id, **counts)))
    return batch


def file_digest(sha256: bytes) -> bytes:
    """What a file is known by when it comes again: keyed, because a file of one short code could be guessed."""
    return keyed_hash(keyring().lookup_key, "import_file", sha256.hex())


async def _duplicates(
    tx: Tx, batch_id: BatchId, pool_id: PoolId, sealed: Sealed, fingerprints: Sequence[bytes]
) -> list[tuple[int, LineReason, str]]:
    """The lines whose codes are on the platform already; those of other merchants are put aside on the way."""
    place_of = {mark: place for place, mark in enumerate(sealed.fingerprints)}
    own = {row["fingerprint"] for row in await tx.fetch(store.OWN, fingerprints)}
    in_file = {row["fingerprint"] for row in await tx.fetch(store.OWN_OF_BATCH, fingerprints, batch_id)}
    foreign = [place_of[mark] for mark in fingerprints if mark not in own]
    if foreign:
        collided = await tx.fetch(
            store.ADD_COLLIDED, tx.tenant_id, pool_id, batch_id,
            *([column[place] for place in foreign] for column in (
                sealed.ids, sealed.fingerprints, sealed.sealed, sealed.masked, sealed.expires_at
            )),
            clock.now(),
        )  # fmt: skip
        if collided:
            # The audit entry is the platform's and is written by who receives this: the importer reads its own log.
            await outbox.announce(tx, (tx.tenant_id, CodesCollided(batch_id, [row["id"] for row in collided])))
    return [
        (
            sealed.lines[place_of[mark]],
            LineReason.DUPLICATE_IN_FILE if mark in in_file else LineReason.DUPLICATE,
            sealed.masked[place_of[mark]],
        )
        for mark in fingerprints
    ]


def _outcome(reason: LineReason) -> ImportOutcome:
    same = reason in {LineReason.DUPLICATE, LineReason.DUPLICATE_IN_FILE}
    return ImportOutcome.DUPLICATE if same else ImportOutcome.REJECTED
