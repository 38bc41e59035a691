"""Use cases of the notary that read: proofs of entries, the last checkpoint, the public keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.notary import rules, store
from fondaco_core.notary.errors import NotSealedYet
from fondaco_core.notary.rules import Checkpoint, Proof


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry with the proof that it is in the tree of a checkpoint."""

    entry: Mapping[str, Any]
    proof: Proof


def checkpoint_of(row: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint as the database has it."""
    return Checkpoint(row["size"], row["root"], row["signed_at"], row["key_id"], row["signature"])


async def last_checkpoint(tx: Tx, ctx: Ctx) -> Checkpoint | None:
    """The newest signed root; worth keeping elsewhere, because then nobody can cut off the end of the log unseen."""
    ctx.require("audit.read")
    row = await tx.fetchrow(store.LAST)
    return None if row is None else checkpoint_of(row)


async def public_keys(tx: Tx, ctx: Ctx) -> dict[str, bytes]:
    """The public keys that have signed checkpoints, by their fingerprints; raw Ed25519, 32 bytes."""
    ctx.require("audit.read")
    return {row["key_id"]: row["public_key"] for row in await tx.fetch(store.PUBLIC_KEYS)}


async def prove(tx: Tx, ctx: Ctx, *, subject_ids: Sequence[UUID]) -> tuple[Checkpoint, list[Sealed]]:
    """Every entry about these subjects that the asker may see, oldest first, each with its proof under the newest checkpoint.

    Raises NotSealedYet when the newest of them is not sealed yet.
    """
    ctx.require("audit.read")
    entries = await tx.fetch(store.ENTRIES_OF, list(subject_ids), limits.PROVEN_ENTRIES_MAX)
    row = await tx.fetchrow(store.LAST)
    places = {
        leaf["entry_id"]: leaf["index"] for leaf in await tx.fetch(store.LEAVES_OF, [entry["id"] for entry in entries])
    }
    if row is None or len(places) < len(entries):
        raise NotSealedYet
    checkpoint = checkpoint_of(row)
    beside = {index: rules.path_of(index, checkpoint.size) for index in places.values()}
    wanted = sorted({node for path in beside.values() for low, high in path for node in rules.nodes_of(low, high)})
    found = await tx.fetch(store.NODES, [level for level, _ in wanted], [index for _, index in wanted])
    hashes = {(node["level"], node["index"]): node["hash"] for node in found}
    sealed: list[Sealed] = []
    for entry in entries:
        index = places[entry["id"]]
        path = tuple(rules.fold([hashes[node] for node in rules.nodes_of(low, high)]) for low, high in beside[index])
        sealed.append(Sealed(entry, Proof(index, checkpoint.size, path)))
    return checkpoint, sealed
