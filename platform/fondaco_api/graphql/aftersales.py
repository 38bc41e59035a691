"""After-sales in the schema: evidence files, and the checkpoints that they lead to."""

import base64
from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.codes import Code
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.transaction import mutation
from fondaco_core import notary
from fondaco_core.db import Tx
from fondaco_core.ids import CodeId
from fondaco_tenants import aftersales, orders


@failure(notary.NotSealedYet)
class NotSealedYet(Failure):
    """Something of it was written a moment ago; it is sealed within two minutes."""


@strawberry.type(
    description="The signed root of the hash tree over the audit log. Whoever keeps one elsewhere can prove later that "
    "nothing before it was changed, removed or put in."
)
class AuditCheckpoint:
    """A checkpoint."""

    size: int = strawberry.field(description="How many entries it covers, over the whole platform.")
    root: str = strawberry.field(description="The root by RFC 6962 with SHA-256, in Base64.")
    signed_at: datetime = strawberry.field(description="When it was signed.")
    key_id: str = strawberry.field(description="The first 16 hexadecimal digits of the SHA-256 of the public key.")
    signature: str = strawberry.field(
        description="Ed25519, in Base64, over four lines: `fondaco audit log v1`, size, root, time."
    )
    public_key: str = strawberry.field(description="The public key that signed it: 32 bytes in Base64.")


@strawberry.type(description="A file that proves what was done with a code, by whom and when, without any code in it.")
class Evidence:
    """An evidence file."""

    document: str = strawberry.field(
        description="The file, JSON: entries of the audit log with proofs and a signed checkpoint. `fondaco audit check` "
        "checks it without a database."
    )
    sha256: str = strawberry.field(
        description="The SHA-256 of the file in hexadecimal digits, as the audit log has it."
    )
    entries: int = strawberry.field(description="How many entries it proves.")


@strawberry.input(description="Which code's path to prove, and why.")
class MakeEvidenceInput:
    """One code."""

    code_id: strawberry.ID = strawberry.field(description="One of your own codes.")
    reason: str = strawberry.field(description="What it is for; goes on the record. At least 3 characters.")


@strawberry.type(description="The evidence is made.")
class MakeEvidenceSuccess:
    """The file."""

    evidence: Evidence = strawberry.field(description="The file; nothing of it is kept here.")


def evidence_of(made: aftersales.Evidence) -> Evidence:
    """The schema's form of an evidence file."""
    return Evidence(document=made.document.decode(), sha256=made.sha256, entries=made.entries)


async def _checkpoint(info: Info) -> AuditCheckpoint | None:
    ctx = info.context.ctx
    async with info.context.reading() as tx:
        found = await notary.last_checkpoint(tx, ctx)
        keys = await notary.public_keys(tx, ctx) if found is not None else {}
    if found is None:
        return None
    return AuditCheckpoint(
        size=found.size,
        root=base64.b64encode(found.root).decode(),
        signed_at=found.signed_at,
        key_id=found.key_id,
        signature=base64.b64encode(found.signature).decode(),
        public_key=base64.b64encode(keys[found.key_id]).decode(),
    )


@strawberry.type
class MerchantFields:
    """The log's seal, as a merchant may keep it."""

    @strawberry.field(
        description="The newest signed root over the audit log; null before the first. Needs the permission `audit.read`."
    )
    async def audit_checkpoint(self, info: Info) -> AuditCheckpoint | None:
        return await _checkpoint(info)


@strawberry.type
class PlatformFields:
    """The same for the platform's own people."""

    @strawberry.field(description="The newest signed root over the audit log; null before the first.")
    async def audit_checkpoint(self, info: Info) -> AuditCheckpoint | None:
        return await _checkpoint(info)


@strawberry.type
class Mutation:
    """What can be done after a sale."""

    @mutation(refusals=[notary.NotSealedYet], replays=False)
    async def make_evidence(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[MakeEvidenceInput, strawberry.argument(description="Which code's path to prove, and why.")],
    ) -> MakeEvidenceSuccess:
        """Makes a file that proves the whole path of one of your codes, for a dispute; that it was made is on the record.

        Of a code that another merchant resold it is your part of the path: to whom you sold it, and that an end customer saw
        it. Needs the permissions `audit.read` and `codes.read`. Nothing is kept for repeated requests.
        """
        ctx, code_id = info.context.ctx, CodeId(key_of(input.code_id, Code, path=("code_id",)))
        resale = (await orders.find_resales(ctx, [code_id])).get(code_id)
        made = await aftersales.make_evidence(tx, ctx, code_id=code_id, reason=input.reason, resale=resale)
        return MakeEvidenceSuccess(evidence=evidence_of(made))
