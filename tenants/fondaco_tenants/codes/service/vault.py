"""Use cases of codes in stock: look, find one by its text, take out of sale, bring back, expire. Plaintext is not here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import CodeKind, fingerprint_many, keyed_hash, normalise_code
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import BatchId, CodeId, PoolId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.errors import CodesInWrongState, ReasonTooLong, ReasonTooShort
from fondaco_tenants.codes.errors_own import TooManyWrongCodes
from fondaco_tenants.codes.rules import CodeState, before_states
from fondaco_tenants.codes.service.withdraw import BOUND, require_unseen, withdraw_bound
from fondaco_tenants.codes.store import vault as store
from fondaco_tenants.codes.store.making import COUNT_MISS, MISSES

# The most answers to a search for one text: a code and the voided ones before it.
FOUND_MAX = 20


@dataclass(frozen=True, slots=True)
class Code:
    """A code as people may see it who may not see its text."""

    id: CodeId
    pool_id: PoolId
    batch_id: BatchId
    state: CodeState
    position: int
    expires_at: datetime
    fingerprint: bytes
    masked: str
    reason: str | None
    changed_at: datetime
    serial: str | None = None
    # What this one cost, where its file said so; in the currency of its import.
    unit_cost_minor: int | None = None


def _code(row: Any) -> Code:
    values: dict[str, Any] = {**row, "state": CodeState(row["state"])}
    return Code(**values)


def checked_reason(text: str) -> str:
    """A reason that says something, for what is done to codes; raises ReasonTooShort, ReasonTooLong."""
    return tenancy.checked_reason(text, too_short=ReasonTooShort, too_long=ReasonTooLong)


async def codes_by_ids(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> dict[CodeId, Code]:
    """Those of the codes that the tenant has, masked."""
    ctx.require("codes.read")
    return {CodeId(row["id"]): _code(row) for row in await tx.fetch(store.BY_IDS, list(code_ids))}


async def list_codes(
    tx: Tx,
    ctx: Ctx,
    *,
    pool_id: PoolId,
    batch_id: BatchId | None = None,
    state: CodeState | None = None,
    after: tuple[BatchId, int] | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[Code]:
    """A page of a pool's codes, masked: the newest import first, each in the order of its file. `after` is batch and position."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    batch, position = after or (None, None)
    asked = (pool_id, batch, position, batch_id, count)
    if state is None:
        rows = await tx.fetch(store.LIST_UP if backward else store.LIST_DOWN, *asked)
    else:
        statement = store.LIST_STATE_UP if backward else store.LIST_STATE_DOWN
        rows = await tx.fetch(statement, *asked, state.value)
    return [_code(row) for row in rows]


async def find_codes(tx: Tx, ctx: Ctx, *, text: Secret[str]) -> list[Code]:
    """The tenant's codes with exactly this text, however it is spelled; the text itself goes no further than its hash."""
    ctx.require("codes.read")
    if len(text.reveal()) > limits.CODE_BYTES_MAX:
        raise Invalid("No code is as long as this.", zh="没有这么长的卡密。", path=("text",))
    marks = _marks([text.reveal()])
    return [_code(row) for row in await tx.fetch(store.BY_FINGERPRINTS, marks, FOUND_MAX)] if marks else []


async def find_by_fingerprint(tx: Tx, ctx: Ctx, *, fingerprint: bytes) -> list[Code]:
    """The tenant's own codes with this fingerprint, as `Code.fingerprint` tells it, voided ones too."""
    ctx.require("codes.read")
    return [_code(row) for row in await tx.fetch(store.BY_FINGERPRINTS, [fingerprint], FOUND_MAX)]


async def is_own_among(tx: Tx, ctx: Ctx, texts: Sequence[str]) -> bool:
    """Whether one of these texts is a code of the tenant's: what is written down in the open must say none."""
    ctx.require("codes.read")
    marks = _marks(texts)
    return bool(marks and await tx.fetch(store.BY_FINGERPRINTS, marks, 1))


async def code_ids_of_text(tx: Tx, ctx: Ctx, *, text: Secret[str]) -> list[CodeId]:
    """The one code of the platform's with this text, whosever it is; for the platform's people, as fondaco_platform."""
    ctx.require("platform.trace")
    return [CodeId(row["code_id"]) for row in await tx.fetch(store.IDS_BY_FINGERPRINTS, _marks([text.reveal()]))]


async def require_few_misses(tx: Tx, ctx: Ctx, *, since: datetime) -> None:
    """Raises TooManyWrongCodes when the tenant has traced too many texts lately that are no codes of its own."""
    ctx.require("codes.read")
    for row in await tx.fetch(MISSES, [_misses_key(ctx)], since):
        if row["misses"] >= limits.TRACE_MISSES_MAX:
            raise TooManyWrongCodes(max(1, int((row["since"] - since).total_seconds())))


async def count_trace_miss(tx: Tx, ctx: Ctx, *, since: datetime) -> None:
    """Counts one more text that is no code of the tenant's."""
    ctx.require("codes.read")
    await tx.fetch(COUNT_MISS, [_misses_key(ctx)], ctx.tenant, clock.now(), since)


def _misses_key(ctx: Ctx) -> bytes:
    return keyed_hash(keyring().lookup_key, "trace", str(ctx.tenant))


def _marks(texts: Sequence[str]) -> list[bytes]:
    """What recognises codes of these texts, however they are spelled."""
    spelled = {
        normalise_code(text, kind, case_sensitive=exact)
        for text in texts
        for kind in CodeKind
        for exact in (False, True)
    }
    return fingerprint_many(keyring().fingerprint_key, sorted(spelled - {""}))


async def quarantine_codes(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId], reason: str) -> list[Code]:
    """Takes available codes out of sale until somebody has looked into them; all or none.

    Codes that orders have are withdrawn: their units get others, and they come to quarantine then.
    """
    ctx.require("codes.edit")
    return await _move(
        tx, ctx, code_ids, CodeState.QUARANTINED, statement=store.QUARANTINE, action="code.quarantined", reason=reason
    )


async def release_quarantined(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId], reason: str) -> list[Code]:
    """Brings quarantined codes back into stock at their old place, or to EXPIRED when their time is over; all or none."""
    ctx.require("codes.edit")
    await tx.fetch(store.LOCK_POOLS, list(code_ids))
    return await _move(
        tx, ctx, code_ids, CodeState.AVAILABLE,
        statement=store.RELEASE, action="code.released", reason=reason, before=(CodeState.QUARANTINED,),
    )  # fmt: skip


async def void_codes(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId], reason: str) -> list[Code]:
    """Takes available or quarantined codes out for good; what nobody bought may be imported again.

    Codes that orders have are withdrawn, and come to quarantine first.
    """
    ctx.require("codes.edit")
    return await _move(tx, ctx, code_ids, CodeState.VOID, statement=store.VOID, action="code.voided", reason=reason)


async def pools_with_expired(tx: Tx, ctx: Ctx, *, count: int) -> list[tuple[TenantId, PoolId]]:
    """Pools of any tenant that hold codes whose time is over; for a job, in a transaction as fondaco_platform."""
    ctx.require("system.run")
    rows = await tx.fetch(store.POOLS_DUE, clock.now(), count)
    return [(TenantId(row["tenant_id"]), PoolId(row["id"])) for row in rows]


async def expire_codes(tx: Tx, ctx: Ctx, *, pool_id: PoolId) -> int:
    """Takes available codes whose time is over out of stock, so many that one transaction stays short, and says how many."""
    ctx.require("system.run")
    rows = await tx.fetch(store.EXPIRE, pool_id, clock.now(), limits.CODES_PER_CHANGE_MAX)
    if rows:
        subjects = [(ctx.tenant, row["id"], {"pool_id": pool_id}) for row in rows]
        await audit.record_many(tx, ctx, "code.expired", subject_kind="code", subjects=subjects)
    return len(rows)


async def record_collisions(tx: Tx, ctx: Ctx, *, code_ids: Sequence[CodeId]) -> None:
    """Writes down for the platform which codes came that another merchant has; its own transaction, as fondaco_platform."""
    ctx.require("system.run")
    await tx.execute(store.LOCK_COLLISIONS)
    rows = await tx.fetch(store.COLLISIONS, list(code_ids))
    if rows:
        # No tenant: the entry is the platform's, since the importer may read its own log.
        await audit.record_many(
            tx, ctx, "code.collided", subject_kind="code",
            subjects=[(None, row["id"], {name: row[name] for name in row.keys() if name != "id"}) for row in rows],  # noqa: SIM118 - a record
        )  # fmt: skip


async def _move(
    tx: Tx,
    ctx: Ctx,
    code_ids: Sequence[CodeId],
    after: CodeState,
    *,
    statement: str,
    action: str,
    reason: str,
    before: Sequence[CodeState] | None = None,
) -> list[Code]:
    """Moves codes from wherever they may come to a state, all or none."""
    await tenancy.require_active(tx, ctx)
    why = checked_reason(reason)
    ids = list(dict.fromkeys(code_ids))
    if not 0 < len(ids) <= limits.CODES_PER_CHANGE_MAX:
        raise Invalid(
            f"Name 1 to {limits.CODES_PER_CHANGE_MAX} codes.",
            zh=f"请指定 1 至 {limits.CODES_PER_CHANGE_MAX} 个卡密。",
            path=("ids",),
        )
    rows = await tx.fetch(store.LOCK_CODES, ids)
    if len(rows) != len(ids):
        raise NotFound("code", path=("ids",))
    bound = [row["id"] for row in rows if before is None and CodeState(row["state"]) in BOUND]
    loose = [row for row in rows if row["id"] not in set(bound)]
    allowed = set(before or before_states(after))
    wrong = sum(1 for row in loose if CodeState(row["state"]) not in allowed)
    if wrong:
        raise CodesInWrongState(wrong, after.value)
    await withdraw_bound(tx, ctx, bound, reason=why)
    if after is CodeState.AVAILABLE:
        await require_unseen(tx, ids, after)
    await tx.execute(statement, [row["id"] for row in loose], why, clock.now())
    subjects = [(ctx.tenant, row["id"], {"before": row["state"], "after": after.value}) for row in loose]
    if subjects:
        await audit.record_many(tx, ctx, action, subject_kind="code", reason=why, subjects=subjects)
    found = {row["id"]: _code(row) for row in await tx.fetch(store.BY_IDS, ids)}
    return [found[code_id] for code_id in ids]
