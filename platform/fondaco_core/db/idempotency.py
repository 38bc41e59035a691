"""A repeated request gets the answer of the first: the record is claimed first and written with the work itself.

A second request with the same key waits at the unique index until the first has ended: then it finds the stored
answer, or, when the first was rolled back, does the work. A refusal changes nothing, leaves no record, and the same
key may be used again. What is kept are ids, never codes, and the input only as a keyed hash.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db.base import Base
from fondaco_core.db.engine import Role
from fondaco_core.db.isolation import guarded
from fondaco_core.db.transaction import Tx, Write
from fondaco_core.errors import Conflict, Invalid


class IdempotencyRecord(Base):
    """The answer to one repeatable request, as ids."""

    __tablename__ = "idempotency_record"
    __table_args__ = (
        Index("ix_idempotency_record_created_at", "created_at"),
        {
            "info": guarded(
                reason="platform admins' requests have no tenant",
                tenant="SELECT, INSERT, UPDATE (answer)",
                trade_grant="SELECT, INSERT, UPDATE (answer), DELETE",
                platform="SELECT, INSERT, UPDATE, DELETE",
            )
        },
    )

    # Who asked: an account's, a client's or a customer's id; for a visitor without one, the tenant's.
    asker_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    operation: Mapped[str]
    input_hash: Mapped[bytes]
    answer: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class IdempotencyConflict(Conflict):
    """The key was used before with another input."""

    code = "IDEMPOTENCY_CONFLICT"

    def __init__(self) -> None:
        super().__init__(
            "This idempotency key was used before with another input; use a new key for a new request.",
            zh="该幂等键已用于不同的请求内容；新的请求请使用新的键。",
            path=("idempotencyKey",),
        )


_NOBODY = UUID(int=0)


def asker_of(ctx: Ctx) -> UUID:
    """Whose keys these are: no asker can meet another's."""
    return ctx.actor_id or ctx.customer_id or ctx.tenant_id or _NOBODY


def may_keep(tx: Tx, ctx: Ctx) -> bool:
    """Whether the asker has keys here: who is of no merchant has none among the merchants' records, and will be refused.

    A stranger of no merchant has none anywhere, since everybody else could name them.
    """
    return ctx.tenant_id is not None or (tx.role is Role.PLATFORM and asker_of(ctx) != _NOBODY)


def checked_key(key: str) -> str:
    """The key itself when it is one; Invalid otherwise."""
    if not key.strip() or len(key) > limits.IDEMPOTENCY_KEY_MAX:
        raise Invalid(
            f"An idempotency key has 1 to {limits.IDEMPOTENCY_KEY_MAX} characters; a random UUID is a good one.",
            zh=f"幂等键长度须为 1 至 {limits.IDEMPOTENCY_KEY_MAX} 个字符，建议使用随机 UUID。",
            path=("idempotencyKey",),
        )
    return key


CLAIM = """
INSERT INTO idempotency_record (asker_id, key, tenant_id, operation, input_hash, answer)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb)
ON CONFLICT (asker_id, key) DO NOTHING
"""
CLAIM_MANY = """
INSERT INTO idempotency_record (asker_id, key, tenant_id, operation, input_hash, answer)
SELECT $1, key, $2, $3, input_hash, answer::jsonb FROM unnest($4::text[], $5::bytea[], $6::text[]) AS w(key, input_hash, answer)
ORDER BY key
ON CONFLICT (asker_id, key) DO NOTHING RETURNING key
"""
FIND_MANY = """
SELECT key, operation, input_hash, answer::text AS answer FROM idempotency_record WHERE asker_id = $1 AND key = ANY($2::text[])
"""
FREE = "DELETE FROM idempotency_record WHERE asker_id = $1 AND key = ANY($2::text[])"
FIND = "SELECT operation, input_hash, answer::text AS answer FROM idempotency_record WHERE asker_id = $1 AND key = $2"
STORE = Write(
    frozenset({"idempotency_record"}),
    {
        "answer_stored": """
UPDATE idempotency_record SET answer = $3::text::jsonb WHERE asker_id = $1::uuid AND key = $2::text
""",
    },
)


async def claim(
    tx: Tx, ctx: Ctx, *, key: str, operation: str, input_hash: bytes, answer: dict[str, Any] | None = None
) -> dict[str, Any] | None:
    """Claims the key in this transaction and returns None, or returns the stored answer of the first request.

    An asker who has no keys claims none. `answer` may be given at once when the ids of the result are chosen beforehand;
    else `store()` follows. Raises IdempotencyConflict when the key was used with another input.
    """
    if not may_keep(tx, ctx):
        return None
    text_answer = None if answer is None else orjson.dumps(answer).decode()
    asker = asker_of(ctx)
    if await tx.execute(CLAIM, asker, checked_key(key), ctx.tenant_id, operation, input_hash, text_answer) == 1:
        return None
    row = await tx.fetchrow(FIND, asker, key)
    if row is None or row["operation"] != operation or row["input_hash"] != input_hash:
        raise IdempotencyConflict
    assert row["answer"] is not None, "an answer is stored in the transaction that claimed its key"
    found: dict[str, Any] = orjson.loads(row["answer"])
    return found


async def store(tx: Tx, ctx: Ctx, *, key: str, answer: dict[str, Any]) -> None:
    """Keeps the answer (ids only) of a claimed key, in the same transaction as the work."""
    if may_keep(tx, ctx):
        await tx.later(STORE, asker_of(ctx), key, orjson.dumps(answer).decode())


FORGET = """
DELETE FROM idempotency_record WHERE (asker_id, key) IN (
  SELECT asker_id, key FROM idempotency_record WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


async def forget(tx: Tx, ctx: Ctx, *, before: datetime, count: int) -> int:
    """Deletes at most so many of the oldest answers from before a moment, over all tenants, and says how many."""
    ctx.require("system.run")
    return await tx.execute(FORGET, before, count)


async def claim_many(
    tx: Tx, ctx: Ctx, *, operation: str, claims: Sequence[tuple[str, bytes, dict[str, Any]]]
) -> list[dict[str, Any] | None]:
    """Claims a key with its input hash and answer for each of many items of one request, in two statements at most.

    Answers None for an item whose key is new, the stored answer for one that was done before. The keys of items that
    are refused afterwards are given back by `free()`. Raises IdempotencyConflict as `claim` does.
    """
    asker = asker_of(ctx)
    keys = [checked_key(key) for key, _, _ in claims]
    answers = [orjson.dumps(answer).decode() for _, _, answer in claims]
    rows = await tx.fetch(CLAIM_MANY, asker, ctx.tenant_id, operation, keys, [given for _, given, _ in claims], answers)
    fresh = {row["key"] for row in rows}
    if len(fresh) == len(claims):
        return [None] * len(claims)
    kept = {row["key"]: row for row in await tx.fetch(FIND_MANY, asker, [key for key in keys if key not in fresh])}
    found: list[dict[str, Any] | None] = []
    for key, given, _ in claims:
        row = kept.get(key)
        if key in fresh:
            found.append(None)
        elif row is None or row["operation"] != operation or row["input_hash"] != given:
            raise IdempotencyConflict
        else:
            found.append(orjson.loads(row["answer"]))
    return found


async def free(tx: Tx, ctx: Ctx, *, keys: Sequence[str]) -> None:
    """Gives back keys that were claimed in this transaction for items that were then refused."""
    if keys:
        await tx.execute(FREE, asker_of(ctx), list(keys))
