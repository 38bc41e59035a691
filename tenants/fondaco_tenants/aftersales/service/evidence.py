"""Use cases of after-sales: evidence of what was done with a code."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from fondaco_core import audit, notary, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import CodeId, OrderId
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


async def make_evidence(tx: Tx, ctx: Ctx, *, code_id: CodeId, reason: str) -> Evidence:
    """The whole path of one own code, from its import to the last look at it, each step proven; for a dispute.

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
    checkpoint, entries = await notary.prove(tx, ctx, subject_ids=subjects)
    document = _document(
        code={
            "id": str(code.id), "masked": code.masked, "state": code.state.value, "batch_id": str(code.batch_id),
            "pool_id": str(code.pool_id), "expires_at": code.expires_at, "fingerprint": code.fingerprint.hex(),
        },
        checkpoint=checkpoint,
        public_key=(await notary.public_keys(tx, ctx))[checkpoint.key_id],
        entries=entries,
    )  # fmt: skip
    digest = hashlib.sha256(document).hexdigest()
    await audit.record(
        tx, ctx, "evidence.made", subject_kind="code", subject_id=code_id, reason=why,
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
