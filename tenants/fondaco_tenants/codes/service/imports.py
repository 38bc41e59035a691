"""Use cases of imports: seal lines, store them as codes once over the whole platform, report what was not accepted."""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import orjson

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import CodeKind, DataKey, bound_to, fingerprint_many, keyed_hash, mask_code, normalise_code
from fondaco_core.db import Tx, reading, transaction
from fondaco_core.ids import BatchId, PoolId, TenantId, UploadId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import catalog
from fondaco_tenants.codes.errors import PoolArchived, TooManyLines, WrongFormat
from fondaco_tenants.codes.events import BatchImported, CodesCollided
from fondaco_tenants.codes.rules import (
    BatchState,
    Encoding,
    Entry,
    Fault,
    ImportFormat,
    ImportOutcome,
    Layout,
    LineParser,
    LineReason,
    LineSplitter,
    Mapping,
    Plain,
    detect,
    pack,
)
from fondaco_tenants.codes.service.batches import Batch, to_batch
from fondaco_tenants.codes.service.pools import get_pool
from fondaco_tenants.codes.service.terms import Terms, checked_mapping, checked_terms
from fondaco_tenants.codes.store import imports as store
from fondaco_tenants.codes.store import pools as pool_store


@dataclass(frozen=True, slots=True)
class Shape:
    """What must be known to read and seal lines: the pool's kind of code, whose they are, when those that say nothing expire."""

    tenant_id: TenantId
    kind: CodeKind
    case_sensitive: bool
    expires_at: datetime
    currency: str = "CNY"


@dataclass(slots=True)
class Sealed:
    """Lines that are ready to be stored; columns side by side, and what was found out about the rest."""

    ids: list[UUID] = field(default_factory=list)
    fingerprints: list[bytes] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list, repr=False)
    masked: list[str] = field(default_factory=list, repr=False)
    expires_at: list[datetime] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    serials: list[str | None] = field(default_factory=list)
    costs: list[int | None] = field(default_factory=list)
    # The lines as they came, should they turn out to be duplicates; and the key to keep them under.
    raws: list[str] = field(default_factory=list, repr=False)
    key: DataKey | None = field(default=None, repr=False)
    # Lines that are no codes, or the same as an earlier one of these.
    refused: list["Refused"] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that did not become a code: its number, why, its mask, and as it came."""

    line: int
    reason: LineReason
    masked: str = field(repr=False)
    raw: str = field(repr=False)


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
    mapping: Mapping | None = None,
) -> Batch:
    """Imports a few lines at once, all or none, and answers with the finished batch; `tx` comes from `sealing(ctx)`.

    Raises PoolArchived, TooManyLines; what a single line refuses for is in the batch's report and refuses nothing else.
    """
    ctx.require("codes.import")
    await tenancy.require_active(tx, ctx)
    if format is ImportFormat.XLSX:
        raise WrongFormat(workbook=False)
    terms = checked_terms(origin, unit_cost, expires_at)
    said = checked_mapping(mapping)
    shape = await shape_of(tx, ctx, pool_id=pool_id, expires_at=terms.expires_at, currency=unit_cost.currency)
    data = text.reveal().encode("utf-8", "surrogatepass")
    # Text has been decoded already, whatever its file was written in.
    layout = detect(data, format, replace(said, encoding=Encoding.UTF_8))
    splitter = LineSplitter(lone_cr=layout.lone_cr)
    lines = [*splitter.feed(data), *splitter.end()]
    if len(lines) > limits.IMPORT_INLINE_MAX:
        raise TooManyLines(len(lines))

    parser = parser_of(shape, layout, said)
    entries, faults = parser.parse(lines)
    sealed = seal_lines(await keyring().sealing_key(shape.tenant_id), shape, entries, faults)
    batch_id = BatchId(new_id())
    await add_batch(
        tx, ctx, batch_id, pool_id, terms=terms, form=format,
        digest=file_digest(hashlib.sha256(data).digest()), size=len(data), upload_id=None, mapping=mapping,
    )  # fmt: skip
    await store_lines(tx, batch_id, pool_id, sealed, bytes_done=len(data), last_line=len(lines), reported=0)
    return await finish_batch(tx, ctx, batch_id)


def parser_of(shape: Shape, layout: Layout, mapping: Mapping) -> LineParser:
    """What reads the lines of a file of that layout for a pool."""
    return LineParser(
        layout.form, links=shape.kind is CodeKind.LINK, now=clock.now(), layout=layout, mapping=mapping,
        currency=shape.currency,
    )  # fmt: skip


async def shape_of(tx: Tx, ctx: Ctx, *, pool_id: PoolId, expires_at: datetime, currency: str = "CNY") -> Shape:
    """What must be known to read and seal lines for a pool. Raises NotFound, PoolArchived."""
    pool = await get_pool(tx, ctx, pool_id=pool_id)
    if pool.archived_at is not None:
        raise PoolArchived
    entitlement = await catalog.get_entitlement(tx, pool.entitlement_id)
    kind = CodeKind(entitlement.fulfilment_kind.value)
    return Shape(ctx.tenant, kind, entitlement.case_sensitive, expires_at, currency)


def seal_lines(key: DataKey, shape: Shape, entries: Sequence[Entry], faults: Sequence[Fault]) -> Sealed:
    """Seals and fingerprints what the lines say. Pure computing: it needs no transaction and should not hold one."""
    made = Sealed(key=key, refused=[Refused(each.line, each.reason, mask_code(each.text), each.raw) for each in faults])
    normal = [normalise_code(entry.code, shape.kind, case_sensitive=shape.case_sensitive) for entry in entries]
    kept = [(entry, text) for entry, text in zip(entries, normal, strict=True) if text]
    made.refused += [
        Refused(entry.line, LineReason.EMPTY, mask_code(entry.code), entry.raw)
        for entry, text in zip(entries, normal, strict=True)
        if not text
    ]
    seen: set[bytes] = set()
    items: list[tuple[bytes, bytes]] = []
    fingerprints = fingerprint_many(keyring().fingerprint_key, [text for _, text in kept])
    for (entry, _), mark in zip(kept, fingerprints, strict=True):
        masked = mask_code(entry.code)
        if mark in seen:
            made.refused.append(Refused(entry.line, LineReason.DUPLICATE_IN_FILE, masked, entry.raw))
            continue
        seen.add(mark)
        code_id = new_id()
        made.ids.append(code_id)
        made.fingerprints.append(mark)
        made.masked.append(masked)
        made.expires_at.append(entry.expires_at or shape.expires_at)
        made.lines.append(entry.line)
        made.serials.append(entry.serial)
        made.costs.append(entry.cost_minor)
        made.raws.append(entry.raw)
        items.append((pack(Plain(entry.code, entry.pin, entry.note)), bound_to("code", code_id, shape.tenant_id)))
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
    mapping: Mapping | None = None,
) -> None:
    """Writes down that an import begins."""
    ctx.require("codes.import")
    cost = terms.unit_cost
    await tx.execute(
        store.ADD_BATCH, batch_id, ctx.tenant, pool_id, terms.origin, cost.amount_minor, cost.currency, terms.expires_at,
        upload_id, form.value, digest, size, ctx.actor_id, clock.now(),
        None if mapping is None else orjson.dumps(mapping.as_json()).decode(),
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
    tenant_id, now = tx.tenant_id, clock.now()
    assert tenant_id is not None
    columns = (sealed.ids, sealed.fingerprints, sealed.sealed, sealed.masked, sealed.expires_at)
    nothing: list[None] = [None] * len(sealed.ids)
    added = await tx.fetchrow(
        store.ADD_CODES, tenant_id, pool_id, batch_id, *columns, now, sealed.serials or nothing, sealed.costs or nothing
    )
    assert added is not None
    refused = list(sealed.refused)
    if added["refused"]:
        refused += await _duplicates(tx, batch_id, pool_id, sealed, added["refused"])
    refused.sort(key=lambda each: each.line)
    duplicates = sum(1 for each in refused if _outcome(each.reason) is ImportOutcome.DUPLICATE)
    stored = Stored(added["accepted"], duplicates, len(refused) - duplicates)
    shown = refused[: max(0, limits.IMPORT_REPORT_LINES_MAX - reported)]
    if shown:
        await _report(tx, batch_id, sealed.key, shown)
    await tx.execute(
        store.ADVANCE, batch_id, bytes_done, last_line, stored.accepted, stored.duplicates, stored.rejected, now,
        now + timedelta(days=limits.IMPORT_LINES_KEPT_DAYS) if shown else None,
    )  # fmt: skip
    if stored.accepted:
        await lower_mark(tx, pool_id, added["lowest_expires_at"], added["lowest_position"])
    return stored


async def _report(tx: Tx, batch_id: BatchId, key: DataKey | None, lines: Sequence[Refused]) -> None:
    """Keeps lines that did not become codes: masked for who may look, and sealed as they came for who may have them."""
    tenant_id = TenantId(cast("UUID", tx.tenant_id))
    # Which lines are duplicates is known in the transaction alone, so the few that are get sealed in it.
    kept = [each for each in lines if each.raw] if key is not None else []
    texts = (
        key.seal_many([(_kept(each.raw), line_bound(batch_id, each.line, tenant_id)) for each in kept]) if key else []
    )
    sealed = {each.line: text for each, text in zip(kept, texts, strict=True)}
    await tx.execute(
        store.ADD_LINES, tenant_id, batch_id, [each.line for each in lines], [_outcome(each.reason) for each in lines],
        [each.reason for each in lines], [each.masked for each in lines], [sealed.get(each.line) for each in lines],
    )  # fmt: skip


def _kept(raw: str) -> bytes:
    return raw.encode("utf-8", "replace")[: limits.IMPORT_LINE_BYTES_MAX]


def line_bound(batch_id: BatchId, line: int, tenant_id: TenantId) -> bytes:
    """What a kept line is bound to: its place in its import."""
    return bound_to(f"code_import_line.{line}", batch_id, tenant_id)


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
) -> list[Refused]:
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
            clock.now(), *([column[place] for place in foreign] if column else [None] * len(foreign) for column in (
                sealed.serials, sealed.costs
            )),
        )  # fmt: skip
        if collided:
            # The audit entry is the platform's and is written by who receives this: the importer reads its own log.
            await outbox.announce(tx, (tx.tenant_id, CodesCollided(batch_id, [row["id"] for row in collided])))
    return [
        Refused(
            sealed.lines[place],
            LineReason.DUPLICATE_IN_FILE if mark in in_file else LineReason.DUPLICATE,
            sealed.masked[place],
            sealed.raws[place] if sealed.raws else "",
        )
        for mark in fingerprints
        for place in (place_of[mark],)
    ]


def _outcome(reason: LineReason) -> ImportOutcome:
    same = reason in {LineReason.DUPLICATE, LineReason.DUPLICATE_IN_FILE}
    return ImportOutcome.DUPLICATE if same else ImportOutcome.REJECTED
