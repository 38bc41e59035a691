"""What the notary does in several transactions: seal what has been written, and verify all that was ever sealed."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fondaco_core import clock, limits
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx, governing
from fondaco_core.ids import new_id
from fondaco_core.keyring import keyring
from fondaco_core.logs import get_logger
from fondaco_core.notary import rules, store
from fondaco_core.notary.rules import Checkpoint, Frontier
from fondaco_core.notary.service import checkpoint_of

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is not as it was sealed: what (CHANGED, MISSING, INSERTED, BROKEN, UNSIGNED, FORGOTTEN), and where."""

    what: str
    where: str


async def seal_next(ctx: Ctx, *, count: int = limits.SEAL_BATCH) -> int:
    """Seals the oldest entries that are not sealed yet under a new checkpoint, and says how many; 0 when there are none.

    Entries are taken in the order of their transactions, and only of those that no running one can still add to.
    """
    ctx.require("system.run")
    key_id, key = await _signing_key(ctx)
    async with governing(ctx) as tx:
        await tx.execute(store.LOCK)
        last = await tx.fetchrow(store.LAST)
        ended = await tx.fetchval(store.ENDED)
        # A database that was restored from a dump counts its transactions from the beginning again.
        since = last["through_xid"] if last is not None and last["through_xid"] <= ended else 0
        entries = await tx.fetch(store.UNSEALED, since, ended, count)
        if not entries:
            return 0
        frontier = await _frontier(tx, 0 if last is None else last["size"])
        await _append(tx, frontier, entries)
        signed_at = clock.now()
        signature = key.sign(rules.signed_text(frontier.size, frontier.root(), signed_at))
        through = ended if len(entries) < count else entries[-1]["xid"]
        await tx.execute(
            store.ADD_CHECKPOINT, frontier.size, frontier.root(), signed_at, key_id, signature, max(through, since)
        )
    # In the log, too: whoever keeps logs elsewhere has a witness.
    log.info("audit.sealed", size=frontier.size, root=base64.b64encode(frontier.root()).decode(), signed_by=key_id)
    return len(entries)


async def _frontier(tx: Tx, size: int) -> Frontier:
    peaks = list(rules.peaks_of(size))
    rows = await tx.fetch(store.NODES, [level for level, _ in peaks], [index for _, index in peaks])
    hashes = {(row["level"], row["index"]): row["hash"] for row in rows}
    return Frontier(size, [hashes[peak] for peak in peaks])


async def _append(tx: Tx, frontier: Frontier, entries: Sequence[Mapping[str, Any]]) -> None:
    leaves: list[tuple[int, UUID, bytes]] = []
    nodes: list[tuple[int, int, bytes]] = []
    for entry in entries:
        leaf = rules.leaf_hash(rules.canonical(entry))
        leaves.append((frontier.size, entry["id"], leaf))
        nodes.extend(frontier.append(leaf))
    await tx.execute(store.ADD_LEAVES, *map(list, zip(*leaves, strict=True)))
    if nodes:
        await tx.execute(store.ADD_NODES, *map(list, zip(*nodes, strict=True)))


async def _signing_key(ctx: Ctx) -> tuple[str, Ed25519PrivateKey]:
    """The key that signs now; made when it is first needed."""
    async with governing(ctx) as tx:
        row = await tx.fetchrow(store.KEY)
    if row is None:
        fresh, id_ = Ed25519PrivateKey.generate(), new_id()
        public = fresh.public_key().public_bytes_raw()
        sealing = await keyring().sealing_key(None)
        sealed = sealing.seal(fresh.private_bytes_raw(), aad=bound_to("audit_key", id_, None))
        async with governing(ctx) as tx:
            await tx.execute(store.LOCK)
            await tx.execute(store.ADD_KEY, id_, rules.fingerprint_of(public), public, sealed, clock.now())
            row = await tx.fetchrow(store.KEY)
        assert row is not None
    opened = await keyring().open(row["private_key_sealed"], aad=bound_to("audit_key", row["id"], None))
    return row["key_id"], Ed25519PrivateKey.from_private_bytes(opened.reveal())


async def verify(
    ctx: Ctx, *, trusted: Mapping[str, bytes] | None = None, witnesses: Sequence[Checkpoint] = ()
) -> AsyncIterator[Found]:
    """Reads all that was ever sealed and gives what is not as it was; nothing at all when everything stands.

    `trusted` are public keys known from elsewhere, by fingerprint; without them those in the database are believed.
    `witnesses` are checkpoints kept elsewhere: the log must still lead to each of them.
    """
    ctx.require("system.run")
    async with governing(ctx) as tx:
        keys = {row["key_id"]: row["public_key"] for row in await tx.fetch(store.PUBLIC_KEYS)}
    keys = keys if trusted is None else dict(trusted)
    owed = {witness.size: witness for witness in witnesses}
    frontier, last, through = Frontier(), None, 0
    async for row in _checkpoints(ctx):
        checkpoint = checkpoint_of(row)
        oldest = None if last is None else last.signed_at - timedelta(seconds=limits.AUDIT_LATE_S)
        async for found in _regrown(ctx, frontier, checkpoint.size, owed=owed, oldest=oldest):
            yield found
        if frontier.size != checkpoint.size or frontier.root() != checkpoint.root:
            yield Found("BROKEN", f"the entries up to {checkpoint.size} do not lead to the root that was signed")
        if checkpoint.key_id not in keys or not checkpoint.is_signed_by(keys[checkpoint.key_id]):
            yield Found("UNSIGNED", f"the checkpoint at {checkpoint.size} is not signed by a key that is trusted")
        last, through = checkpoint, row["through_xid"]
    for size in sorted(size for size in owed if size > frontier.size):
        yield Found("FORGOTTEN", f"the log ends at {frontier.size}, before the witnessed checkpoint at {size}")
    if last is not None:
        async with governing(ctx) as tx:
            late = last.signed_at - timedelta(seconds=limits.AUDIT_LATE_S)
            for entry in await tx.fetch(store.LEFT_OUT, through, late, limits.BREACH_ROWS_MAX):
                yield Found("INSERTED", f"entry {entry['id']} ({entry['action']}) came after its time was sealed")


async def _checkpoints(ctx: Ctx) -> AsyncIterator[Mapping[str, Any]]:
    size = 0
    while True:
        async with governing(ctx) as tx:
            rows = await tx.fetch(store.CHECKPOINTS, size, limits.PAGE_MAX)
        for row in rows:
            yield row
            size = row["size"]
        if len(rows) < limits.PAGE_MAX:
            return


async def _regrown(
    ctx: Ctx, frontier: Frontier, size: int, *, owed: dict[int, Checkpoint], oldest: datetime | None
) -> AsyncIterator[Found]:
    """Reads the entries up to a size again, grows the tree by what they are now, and gives what is wrong with them."""
    while frontier.size < size:
        until = min(size, frontier.size + limits.SEAL_BATCH)
        async with governing(ctx) as tx:
            rows = await tx.fetch(store.SEALED_ENTRIES, frontier.size, until)
        for row in rows:
            if row["index"] != frontier.size:
                yield Found("MISSING", f"leaf {frontier.size} of the tree is gone")
                return
            for found in _looked_at(row, oldest):
                yield found
            frontier.grow(row["hash"])
            witness = owed.pop(frontier.size, None)
            if witness is not None and witness.root != frontier.root():
                yield Found("BROKEN", f"the entries up to {witness.size} do not lead to the witnessed checkpoint")
        if not rows:
            yield Found("MISSING", f"leaf {frontier.size} of the tree is gone")
            return


def _looked_at(row: Mapping[str, Any], oldest: datetime | None) -> list[Found]:
    name = f"entry {row['entry_id']}"
    if not row["there"]:
        return [Found("MISSING", f"{name} was sealed as number {row['index']} and is gone")]
    if rules.leaf_hash(rules.canonical(row)) != row["hash"]:
        return [Found("CHANGED", f"{name} ({row['action']}) is not what was sealed as number {row['index']}")]
    if oldest is not None and row["happened_at"] < oldest:
        return [Found("INSERTED", f"{name} ({row['action']}) says {row['happened_at']:%F %T} and was not there then")]
    return []
