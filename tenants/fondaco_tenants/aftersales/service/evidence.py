"""Use cases of after-sales: evidence of what was done with a code."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import audit, notary, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import AllocationId, CodeId, OrderId
from fondaco_core.notary import Checkpoint, Sealed, canonical
from fondaco_tenants import codes, delivery, orders

FORMAT = "fondaco evidence v1"
ABOUT = (
    "Each entry is a leaf of one hash tree (RFC 6962, SHA-256): 0x00 and the entry as canonical JSON (RFC 8785). `index` and "
    "`path` lead from it to the checkpoint's root, which is signed with Ed25519 over four lines: `fondaco audit log v1`, size, "
    "root in Base64, time. `fondaco audit check FILE` checks all of it offline. What stands under `code` is told, not proven."
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence file and its SHA-256, in hexadecimal digits."""

    document: bytes
    sha256: str
    entries: int


async def make_evidence(
    tx: Tx, ctx: Ctx, *, code_id: CodeId, reason: str, resale: orders.Resale | None = None
) -> Evidence:
    """The whole path of one own code, from its import to the last look at it, each step proven; for a dispute.

    Of one that went to another merchant (`resale`) it is the part that is the owner's to know: not who bought it there.
    Raises NotFound, NotSealedYet when something of it happened a moment ago.
    """
    ctx.require("audit.read")
    ctx.require("codes.read")
    why = tenancy.checked_reason(reason)
    code = (await codes.codes_by_ids(tx, ctx, code_ids=[code_id])).get(code_id)
    if code is None:
        raise NotFound("code")
    _, about_code = await notary.prove(tx, ctx, subject_ids=[code_id])
    units = await orders.allocations_of_code(tx, ctx, code_id=code_id)
    sold = {OrderId(order_id) for order_id in _orders_named(about_code)} | {unit.order_id for unit in units}
    links = await delivery.list_links(tx, ctx, list(sold))
    subjects: list[UUID] = [code_id, code.batch_id, *sold, *(unit.id for unit in units)]
    subjects += [link.id for listed in links.values() for link in listed]
    told: dict[str, Any] = {
        "id": str(code.id), "masked": code.masked, "state": code.state.value, "batch_id": str(code.batch_id),
        "pool_id": str(code.pool_id), "expires_at": code.expires_at, "fingerprint": code.fingerprint.hex(),
    }  # fmt: skip
    if resale is not None:
        told["resale"] = {"reseller_id": str(resale.reseller_id), "sold_at": resale.sold_at}
        subjects.append(resale.lot_id)
    return await _file(tx, ctx, subjects, told=told, subject_kind="code", subject_id=code_id, reason=why)


async def make_unit_evidence(tx: Tx, ctx: Ctx, *, allocation_id: AllocationId, reason: str) -> Evidence:
    """What one's own side did with a unit that was sold, from its order to the last look at its code, each step proven.

    Also where the code is another merchant's, whose part of its path is theirs. Raises NotFound, NotSealedYet.
    """
    ctx.require("audit.read")
    ctx.require("orders.read")
    why = tenancy.checked_reason(reason)
    unit = (await orders.find_allocations(tx, ctx, [allocation_id])).get(allocation_id)
    if unit is None:
        raise NotFound("allocation")
    links = (await delivery.list_links(tx, ctx, [unit.order_id])).get(unit.order_id, [])
    subjects: list[UUID] = [unit.id, unit.order_id, *(link.id for link in links)]
    if unit.code_id is not None:
        subjects.append(codes.name_of_code(unit.code_id, owner_id=unit.leaf_tenant_id, seen_by=unit.tenant_id))
    told: dict[str, Any] = {
        "allocation_id": str(unit.id), "order_id": str(unit.order_id), "unit": unit.unit, "attempt": unit.attempt,
        "state": unit.state.value, "masked": unit.masked, "revealed_at": unit.revealed_at,
    }  # fmt: skip
    return await _file(tx, ctx, subjects, told=told, subject_kind="allocation", subject_id=unit.id, reason=why)


async def _file(
    tx: Tx,
    ctx: Ctx,
    subjects: Sequence[UUID],
    *,
    told: Mapping[str, Any],
    subject_kind: str,
    subject_id: UUID,
    reason: str,
) -> Evidence:
    checkpoint, entries = await notary.prove(tx, ctx, subject_ids=list(subjects))
    key = (await notary.public_keys(tx, ctx))[checkpoint.key_id]
    document = _document(code=told, checkpoint=checkpoint, public_key=key, entries=entries)
    digest = hashlib.sha256(document).hexdigest()
    await audit.record(
        tx, ctx, "evidence.made", subject_kind=subject_kind, subject_id=subject_id, reason=reason,
        detail={"sha256": digest, "entries": len(entries)},
    )  # fmt: skip
    return Evidence(document, digest, len(entries))


def _document(
    *, code: Mapping[str, Any], checkpoint: Checkpoint, public_key: bytes, entries: Iterable[Sealed]
) -> bytes:
    """The file: what is claimed, entry by entry with its proof, and the signed checkpoint; indented JSON."""
    document = {
        "format": FORMAT,
        "about": ABOUT,
        "code": code,
        "checkpoint": {
            "size": checkpoint.size,
            "root": _text(checkpoint.root),
            "signed_at": checkpoint.signed_at,
            "key_id": checkpoint.key_id,
            "signature": _text(checkpoint.signature),
        },
        "public_key": _text(public_key),
        "entries": [
            {
                "entry": orjson.loads(canonical(sealed.entry)),
                "index": sealed.proof.index,
                "path": [_text(part) for part in sealed.proof.path],
            }
            for sealed in entries
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _orders_named(entries: Iterable[Sealed]) -> set[UUID]:
    """The orders that entries about a code name."""
    named = (sealed.entry["detail"].get("order_id") for sealed in entries)
    return {UUID(order_id) for order_id in named if order_id}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
