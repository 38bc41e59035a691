"""Use cases of redemption: look a code up by what recognises it, lock it, redeem it, take that back. Nothing is opened here.

Who holds `codes.verify` is told why a code cannot be redeemed; who may only redeem is told what concerns a code that was
sold, and of all others that there is no such code. Another merchant's codes are unknown to everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import fingerprint_many, normalise_code
from fondaco_core.db import Tx
from fondaco_core.errors import Bug, Invalid, NotAllowed, NotFound
from fondaco_core.ids import AllocationId, CodeId, EntitlementId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.errors_own import (
    CodeLocked,
    CodeMistyped,
    CodeNotRedeemable,
    CodeRedeemed,
    LockLost,
    ReversalTooLate,
    UnknownCode,
)
from fondaco_tenants.codes.events import CodeRedeemed as CodeWasRedeemed
from fondaco_tenants.codes.events import RedemptionReversed
from fondaco_tenants.codes.rules import CodeState
from fondaco_tenants.codes.rules.making import Fit, fit_any
from fondaco_tenants.codes.service.generate import forms_of
from fondaco_tenants.codes.service.vault import checked_reason
from fondaco_tenants.codes.store import making as store


class CodeStatus(StrEnum):
    """What can be done with a code at its merchant."""

    REDEEMABLE = "REDEEMABLE"
    LOCKED = "LOCKED"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    NOT_SOLD = "NOT_SOLD"
    VOID = "VOID"
    QUARANTINED = "QUARANTINED"


class RedemptionState(StrEnum):
    """Where one use of a code stands."""

    LOCKED = "LOCKED"
    RELEASED = "RELEASED"
    LAPSED = "LAPSED"
    REDEEMED = "REDEEMED"
    REVERSED = "REVERSED"


# What a code that was sold may be, which who redeems is told in any case.
_TOLD_TO_TILLS = frozenset({CodeStatus.REDEEMABLE, CodeStatus.LOCKED, CodeStatus.REDEEMED, CodeStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Verified:
    """What is told of a code that was shown."""

    code_id: CodeId
    status: CodeStatus
    masked: str
    entitlement_id: EntitlementId
    expires_at: datetime
    locked_until: datetime | None
    redeemed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Redemption:
    """One use of a code, as it is stored."""

    id: UUID
    code_id: CodeId
    state: RedemptionState
    actor_kind: str
    actor_id: UUID | None
    reference: str | None
    created_at: datetime
    locked_until: datetime | None
    redeemed_at: datetime | None
    reversed_at: datetime | None
    reversal_reason: str | None


def _redemption(row: Any) -> Redemption:
    values: dict[str, Any] = {**row, "state": RedemptionState(row["state"])}
    return Redemption(**values)


async def verify_code(tx: Tx, ctx: Ctx, *, text: Secret[str]) -> Verified:
    """Says whether a code can be redeemed, and changes nothing. Raises CodeMistyped, UnknownCode."""
    ctx.require("codes.verify")
    row, status, held = await _find(tx, ctx, text, lock=False)
    await audit.record(
        tx, ctx, "code.verified", subject_kind="code", subject_id=row["id"], detail={"status": status.value}
    )
    return Verified(
        CodeId(row["id"]), status, row["masked"], EntitlementId(row["entitlement_id"]), row["expires_at"],
        locked_until=held.locked_until if held is not None and status is CodeStatus.LOCKED else None,
        redeemed_at=held.redeemed_at if held is not None and status is CodeStatus.REDEEMED else None,
    )  # fmt: skip


async def lock_code(
    tx: Tx, ctx: Ctx, *, redemption_id: UUID, text: Secret[str], lease_s: int, reference: str | None
) -> Redemption:
    """Keeps a code for the asker until the lease ends; the same asker may lock it again. Raises as redeem_code does."""
    ctx.require("codes.redeem")
    await tenancy.require_active(tx, ctx)
    if not 0 < lease_s <= limits.REDEMPTION_LOCK_MAX_S:
        raise Invalid(
            f"A lock lasts 1 to {limits.REDEMPTION_LOCK_MAX_S} seconds.",
            zh=f"锁定时长须为 1 至 {limits.REDEMPTION_LOCK_MAX_S} 秒。",
            path=("lease_s",),
        )
    named = _checked_reference(reference)
    row, status, held = await _find(tx, ctx, text, lock=True)
    until = clock.now() + timedelta(seconds=lease_s)
    if status is CodeStatus.LOCKED and held is not None and _is_mine(ctx, held):
        await tx.execute(store.RENEW_LOCK, held.id, until, named)
        return await get_redemption(tx, ctx, redemption_id=held.id)
    _refuse_unless_free(status, held)
    await tx.execute(
        store.ADD_LOCK, redemption_id, ctx.tenant, row["id"], ctx.actor.value, ctx.actor_id, named, clock.now(), until
    )
    await audit.record(
        tx, ctx, "code.locked", subject_kind="code", subject_id=row["id"],
        detail={"redemption_id": redemption_id, "until": until},
    )  # fmt: skip
    return await get_redemption(tx, ctx, redemption_id=redemption_id)


async def redeem_code(tx: Tx, ctx: Ctx, *, redemption_id: UUID, text: Secret[str], reference: str | None) -> Redemption:
    """Redeems a code, once: of several who do so at the same moment one wins.

    A lock of the asker's becomes the redemption. Raises CodeMistyped, UnknownCode, CodeNotRedeemable, CodeLocked, CodeRedeemed.
    """
    ctx.require("codes.redeem")
    await tenancy.require_active(tx, ctx)
    named = _checked_reference(reference)
    row, status, held = await _find(tx, ctx, text, lock=True)
    now = clock.now()
    if status is CodeStatus.LOCKED and held is not None and _is_mine(ctx, held):
        redemption_id = held.id
        done = await tx.execute(store.REDEEM_LOCKED, held.id, now, named)
    else:
        _refuse_unless_free(status, held)
        done = await tx.execute(
            store.ADD_REDEEMED, redemption_id, ctx.tenant, row["id"], ctx.actor.value, ctx.actor_id, named, now
        )
    if done != 1 or await tx.execute(store.SET_REDEEMED, row["id"], now) != 1:
        msg = f"Code {row['id']} was locked and could be redeemed, and was not in the state for it."
        raise Bug(msg)
    await audit.record(
        tx, ctx, "code.redeemed", subject_kind="code", subject_id=row["id"], detail={"redemption_id": redemption_id}
    )
    await outbox.announce(tx, (ctx.tenant, CodeWasRedeemed(redemption_id, row["id"])))
    return await get_redemption(tx, ctx, redemption_id=redemption_id)


async def release_lock(tx: Tx, ctx: Ctx, *, redemption_id: UUID) -> Redemption:
    """Gives a code back that the asker has locked. Raises NotFound, LockLost."""
    ctx.require("codes.redeem")
    held = await _for_change(tx, redemption_id)
    if not _is_mine(ctx, held):
        raise NotFound("redemption", path=("redemption_id",))
    if await tx.execute(store.RELEASE_LOCK, held.id) != 1:
        raise LockLost
    await audit.record(
        tx, ctx, "code.unlocked", subject_kind="code", subject_id=held.code_id, detail={"redemption_id": held.id}
    )
    return await get_redemption(tx, ctx, redemption_id=held.id)


async def reverse_redemption(tx: Tx, ctx: Ctx, *, redemption_id: UUID, reason: str) -> Redemption:
    """Takes a redemption back, within limits.REDEMPTION_REVERSAL_HOURS and for a reason: the code can be redeemed again.

    Who redeemed it may, and who keeps the merchant's codes. Raises NotFound, NotAllowed, ReasonTooShort, ReversalTooLate.
    """
    ctx.require("codes.redeem")
    await tenancy.require_active(tx, ctx)
    why = checked_reason(reason)
    held = await _for_change(tx, redemption_id)
    if not _is_mine(ctx, held) and not ctx.has("codes.edit"):
        raise NotAllowed("codes.edit")
    now = clock.now()
    oldest = now - timedelta(hours=limits.REDEMPTION_REVERSAL_HOURS)
    if held.state is not RedemptionState.REDEEMED or held.redeemed_at is None or held.redeemed_at < oldest:
        raise ReversalTooLate
    done = await tx.execute(store.REVERSE, held.id, now, why)
    if done != 1 or await tx.execute(store.SET_DELIVERED, held.code_id, now) != 1:
        msg = f"Redemption {held.id} stood, and its code was not REDEEMED."
        raise Bug(msg)
    await audit.record(
        tx, ctx, "redemption.reversed", subject_kind="code", subject_id=held.code_id, reason=why,
        detail={"redemption_id": held.id},
    )  # fmt: skip
    await outbox.announce(tx, (ctx.tenant, RedemptionReversed(held.id, held.code_id)))
    return await get_redemption(tx, ctx, redemption_id=held.id)


async def get_redemption(tx: Tx, ctx: Ctx, *, redemption_id: UUID) -> Redemption:
    """One redemption of the merchant. Raises NotFound."""
    _require_either(ctx)
    rows = await tx.fetch(store.BY_IDS, [redemption_id])
    if not rows:
        raise NotFound("redemption", path=("redemption_id",))
    return _redemption(rows[0])


async def redemptions_by_ids(tx: Tx, ctx: Ctx, *, redemption_ids: Sequence[UUID]) -> dict[UUID, Redemption]:
    """Those of the redemptions that the merchant has."""
    _require_either(ctx)
    return {row["id"]: _redemption(row) for row in await tx.fetch(store.BY_IDS, list(redemption_ids))}


async def list_redemptions(
    tx: Tx,
    ctx: Ctx,
    *,
    code_id: CodeId | None = None,
    after: UUID | None = None,
    backward: bool = False,
    count: int = limits.PAGE_DEFAULT,
) -> list[Redemption]:
    """A page of redemptions, newest first: of one code, or all."""
    ctx.require("codes.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    statement = store.LIST_UP if backward else store.LIST_DOWN
    return [_redemption(row) for row in await tx.fetch(statement, ctx.tenant, after, code_id, count)]


async def redeemed_at(tx: Tx, ctx: Ctx, *, allocation_ids: Sequence[AllocationId]) -> dict[AllocationId, datetime]:
    """When the codes of units were redeemed, of those that were; whose units these are, orders has seen to."""
    _require_one_of(ctx, "buyer.read", "orders.read")
    rows = await tx.fetch(store.REDEEMED_AT, list(allocation_ids))
    return {AllocationId(row["allocation_id"]): row["redeemed_at"] for row in rows}


def _require_either(ctx: Ctx) -> None:
    _require_one_of(ctx, "codes.redeem", "codes.read")


def _require_one_of(ctx: Ctx, *permissions: str) -> None:
    if not any(ctx.has(permission) for permission in permissions):
        ctx.require(permissions[0])


def _checked_reference(text: str | None) -> str | None:
    said = None if text is None else " ".join(text.split())
    if said is not None and (len(said) > limits.NAME_MAX or "\0" in said):
        raise Invalid(
            f"A reference has at most {limits.NAME_MAX} characters.",
            zh=f"备注号不能超过 {limits.NAME_MAX} 个字符。",
            path=("reference",),
        )
    return said or None


def _is_mine(ctx: Ctx, held: Redemption) -> bool:
    return (held.actor_kind, held.actor_id) == (ctx.actor.value, ctx.actor_id) and ctx.actor_id is not None


def _refuse_unless_free(status: CodeStatus, held: Redemption | None) -> None:
    match status:
        case CodeStatus.REDEEMABLE:
            return
        case CodeStatus.LOCKED:
            assert held is not None
            assert held.locked_until is not None
            raise CodeLocked(held.locked_until)
        case CodeStatus.REDEEMED:
            assert held is not None
            assert held.redeemed_at is not None
            raise CodeRedeemed(held.redeemed_at)
        case _:
            raise CodeNotRedeemable(status.value)


async def _find(tx: Tx, ctx: Ctx, text: Secret[str], *, lock: bool) -> tuple[Any, CodeStatus, Redemption | None]:
    """The code that a text is, locked when it is to be changed, and how it stands. Raises CodeMistyped, UnknownCode."""
    if len(text.reveal()) > limits.CODE_BYTES_MAX:
        raise UnknownCode
    # Own codes are typed, so that they are CODEs; whether the entitlement folds their case is the entitlement's business.
    spelled = {normalise_code(text.reveal(), case_sensitive=exact) for exact in (False, True)} - {""}
    marks = fingerprint_many(keyring().fingerprint_key, sorted(spelled))
    row = await tx.fetchrow(store.FIND_AND_LOCK if lock else store.FIND, marks, ctx.tenant) if marks else None
    if row is None and marks:
        row = await tx.fetchrow(store.FIND_VOID, marks, ctx.tenant)
    if row is None:
        fitted = fit_any(await forms_of(tx, ctx.tenant), normalise_code(text.reveal()))
        if fitted.fit is Fit.TYPO:
            raise CodeMistyped(fitted.places)
        raise UnknownCode
    if lock:
        await tx.execute(store.LAPSE, row["id"], clock.now())
    found = await tx.fetchrow(store.OPEN_OF, row["id"])
    held = None if found is None else _redemption(found)
    status = _status_of(row, held)
    if status not in _TOLD_TO_TILLS and not ctx.has("codes.verify"):
        raise UnknownCode
    return row, status, held


def _status_of(row: Any, held: Redemption | None) -> CodeStatus:
    match CodeState(row["state"]):
        case CodeState.REDEEMED:
            return CodeStatus.REDEEMED
        case CodeState.DELIVERED if row["expires_at"] <= clock.now():
            return CodeStatus.EXPIRED
        case CodeState.DELIVERED:
            locked = held is not None and held.locked_until is not None and held.locked_until > clock.now()
            return CodeStatus.LOCKED if locked else CodeStatus.REDEEMABLE
        case CodeState.AVAILABLE | CodeState.HELD:
            return CodeStatus.NOT_SOLD
        case CodeState.EXPIRED:
            return CodeStatus.EXPIRED
        case other:
            return CodeStatus(other.value)


async def _for_change(tx: Tx, redemption_id: UUID) -> Redemption:
    # The code before its redemption, as everybody does who redeems.
    code_id = await tx.fetchval(store.CODE_OF, redemption_id)
    if code_id is None:
        raise NotFound("redemption", path=("redemption_id",))
    await tx.fetchrow(store.LOCK_CODE, code_id)
    return _redemption(await tx.fetchrow(store.LOCK_REDEMPTION, redemption_id))


async def misses_of(tx: Tx, ctx: Ctx, *, keys: Sequence[bytes], since: datetime) -> dict[bytes, tuple[int, datetime]]:
    """How many unknown codes were shown lately under each key, and since when."""
    _require_one_of(ctx, "codes.redeem", "codes.verify")
    return {row["key"]: (row["misses"], row["since"]) for row in await tx.fetch(store.MISSES, list(keys), since)}


async def count_miss(tx: Tx, ctx: Ctx, *, keys: Sequence[bytes], since: datetime) -> dict[bytes, int]:
    """Counts one unknown code under each key, and writes down that it was shown."""
    _require_one_of(ctx, "codes.redeem", "codes.verify")
    rows = await tx.fetch(store.COUNT_MISS, list(keys), ctx.tenant, clock.now(), since)
    await audit.record(tx, ctx, "code.unknown", subject_kind="code", subject_id=None)
    return {row["key"]: row["misses"] for row in rows}


async def forget_misses(tx: Tx, ctx: Ctx) -> int:
    """Deletes counts that are over, of all tenants; for a job, in a transaction as fondaco_platform."""
    ctx.require("system.run")
    return await tx.execute(store.FORGET_MISSES, clock.now() - timedelta(seconds=limits.REDEMPTION_MISSES_S))


def fresh_redemption_id() -> UUID:
    """The id of a redemption that is to be."""
    return new_id()
