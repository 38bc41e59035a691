"""What is done with codes: pools, imports, out of sale and back, and the one look at an own code in the open."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.codes import Code, CodeBatch, Pool
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import ApiError, Failure, failure
from fondaco_api.graphql.node import Node, key_of, keys_of
from fondaco_api.graphql.scalars import BigInt, MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import BatchId, CodeId, EntitlementId, PoolId, UploadId
from fondaco_core.secret import Secret
from fondaco_tenants import catalog, codes
from fondaco_tenants.codes import BatchState, ImportFormat, UploadState


@failure(codes.TooManyLines)
class TooManyLines(Failure):
    """These are more lines than one request imports; upload them as a file."""

    lines: int = strawberry.field(description="How many lines there are.")
    lines_max: int = strawberry.field(description="How many one request takes.")


@failure(codes.BatchTouched)
class BatchTouched(Failure):
    """A code of this import was held, sold or changed already, so that it cannot be undone."""

    touched: int = strawberry.field(description="How many of its codes that are.")


@failure(codes.CodesInWrongState)
class CodesInWrongState(Failure):
    """A code is not in the state that this change begins at; nothing was changed."""

    wrong: int = strawberry.field(description="How many of the codes that are.")


@strawberry.input(description="A new pool.")
class CreatePoolInput:
    """A pool."""

    entitlement_id: strawberry.ID = strawberry.field(description="The good whose codes it will hold.")
    name: str = strawberry.field(description=f"What you call it, at most {limits.NAME_MAX} characters.")


@strawberry.input(description="Changes to a pool.")
class UpdatePoolInput:
    """A pool's name."""

    id: strawberry.ID = strawberry.field(description="The pool.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")
    name: str = strawberry.field(description=f"What you call it, at most {limits.NAME_MAX} characters.")


@strawberry.input(description="Which pool to put away.")
class ArchivePoolInput:
    """A pool."""

    id: strawberry.ID = strawberry.field(description="The pool.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")


@strawberry.input(
    description="Codes to import: as text, as lines, or as a file that was uploaded; exactly one of the three."
)
class ImportCodesInput:
    """An import."""

    pool_id: strawberry.ID = strawberry.field(description="The pool they go into.")
    text: str | None = strawberry.field(
        default=None,
        description=f"The whole file as text, at most {limits.IMPORT_INLINE_MAX} lines; imported in the answer.",
    )
    lines: list[str] | None = strawberry.field(
        default=None, description=f"The lines one by one, at most {limits.IMPORT_INLINE_MAX}; imported in the answer."
    )
    upload_id: strawberry.ID | None = strawberry.field(
        default=None, description="What `POST /uploads` answered; imported in the background, follow `importProgress`."
    )
    format: ImportFormat = strawberry.field(default=ImportFormat.TXT, description="How it is written.")
    origin: str = strawberry.field(default="", description="Where the codes came from: a supplier, an invoice.")
    unit_cost: MoneyInput = strawberry.field(description="What each of the codes cost.")
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the codes expire whose lines do not say so themselves; null for never."
    )


@strawberry.input(description="Which import to take back, and why.")
class UndoBatchInput:
    """An import."""

    id: strawberry.ID = strawberry.field(description="The import.")
    reason: str = strawberry.field(description="Why; it is kept in the audit log.")


@strawberry.input(description="Which codes to quarantine, and why.")
class QuarantineCodesInput:
    """Codes and a reason."""

    ids: list[strawberry.ID] = strawberry.field(
        description=f"The codes, at most {limits.CODES_PER_CHANGE_MAX}; all or none."
    )
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.input(description="Which codes to release from quarantine, and why.")
class ReleaseCodesInput(QuarantineCodesInput):
    """Codes and a reason."""


@strawberry.input(description="Which codes to void, and why.")
class VoidCodesInput(QuarantineCodesInput):
    """Codes and a reason."""


@strawberry.input(description="The exact text of a code to look for.")
class FindCodesInput:
    """A text."""

    text: str = strawberry.field(description="The code, however it is spelled. It is kept nowhere.")


@strawberry.input(description="Which code to show, and why.")
class RevealOwnCodeInput:
    """A code and a reason."""

    id: strawberry.ID = strawberry.field(description="The code.")
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.type(description="The pool is there.")
class CreatePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The new pool.")


@strawberry.type(description="The pool was changed.")
class UpdatePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The pool as it is now.")


@strawberry.type(description="The pool was put away.")
class ArchivePoolSuccess:
    """The result."""

    pool: Pool = strawberry.field(description="The pool as it is now.")


@strawberry.type(description="The import is done, or, from an upload, has begun.")
class ImportCodesSuccess:
    """The result."""

    batch: CodeBatch = strawberry.field(description="The import; what became of each line is in its report.")


@strawberry.type(description="The import was taken back.")
class UndoBatchSuccess:
    """The result."""

    batch: CodeBatch = strawberry.field(description="The import as it is now.")


@strawberry.type(description="The codes are out of sale.")
class QuarantineCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(description="The codes are in stock again; those whose time was over are EXPIRED.")
class ReleaseCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(description="The codes are out of stock for good.")
class VoidCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes as they are now, in the order that was given.")


@strawberry.type(
    description="Your codes with this text: at most one that is or was for sale, and those voided before it."
)
class FindCodesSuccess:
    """The result."""

    codes: list[Code] = strawberry.field(description="The codes, masked; empty when you have none.")


@strawberry.type(description="An own code in the open. That it was shown, to whom and why, is in the audit log.")
class RevealOwnCodeSuccess:
    """The result; resolved from secrets, so that nothing prints it."""

    shown: strawberry.Private[codes.Revealed]

    @strawberry.field(description="The code itself: a card's number, a redemption link, or the content of a QR code.")
    def plaintext(self) -> str:
        """The plaintext."""
        return self.shown.code.reveal()

    @strawberry.field(description="The PIN that goes with it; null for a code without one.")
    def pin(self) -> str | None:
        """The PIN's plaintext."""
        return None if self.shown.pin is None else self.shown.pin.reveal()

    @strawberry.field(description="The same code as it shows everywhere else.")
    async def code(self, info: Info) -> Code | None:
        """The masked code."""
        return await Code.load_node(info.context, self.shown.code_id)


def upload_key(text: str) -> UploadId:
    """The upload's id behind what `POST /uploads` answered."""
    return UploadId(key_of(text, Upload, path=("upload_id",)))


described(
    UploadState,
    "Where an upload stands.",
    RECEIVING="It is arriving.",
    READY="It is complete and waits to be imported.",
    IMPORTED="It was given to an import; an upload is imported once.",
    DROPPED="It was cut off, or nobody imported it in time.",
)


@strawberry.type(
    description=f"A file of codes on its way to an import, sealed as it arrived, and kept for {limits.UPLOAD_KEPT_HOURS} hours."
)
class Upload(Node):
    """An upload, by the id that `POST /uploads` answered."""

    row: strawberry.Private[codes.Upload]

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Upload | None":
        """The upload, for those who may import it."""
        if context.ctx.tenant_id is None or not context.ctx.has("codes.import"):
            return None
        async with context.reading() as tx:
            row = await codes.get_upload(tx, context.ctx, upload_id=UploadId(key))
        return cls(key=row.id, row=row)

    @strawberry.field(description="Where it stands.")
    def state(self) -> UploadState:
        """The state."""
        return self.row.state

    @strawberry.field(description="What its sender called it.")
    def filename(self) -> str:
        """The name."""
        return self.row.filename

    @strawberry.field(description="How large it is, in bytes; 0 while it is arriving.")
    def size(self) -> BigInt:
        """The size."""
        return BigInt(self.row.size)

    @strawberry.field(description="When it began to arrive.")
    def created_at(self) -> datetime:
        """The beginning."""
        return self.row.created_at


_SAFE = tenancy.TenantNotActive


@strawberry.type
class Mutation:
    """Keeping the vault."""

    @mutation(refusals=[_SAFE, codes.EntitlementHasNoCodes, catalog.EntitlementRetired])
    async def create_pool(
        self, info: Info, tx: Tx, input: Annotated[CreatePoolInput, strawberry.argument(description="The pool.")]
    ) -> CreatePoolSuccess:
        """Makes an empty pool for an entitlement that is delivered as a code, a link or a QR code."""
        entitlement_id = EntitlementId(key_of(input.entitlement_id, Entitlement, path=("entitlement_id",)))
        made = await codes.create_pool(tx, info.context.ctx, entitlement_id=entitlement_id, name=input.name)
        return CreatePoolSuccess(pool=Pool.of(made))

    @mutation(refusals=[StaleVersion])
    async def update_pool(
        self, info: Info, tx: Tx, input: Annotated[UpdatePoolInput, strawberry.argument(description="The changes.")]
    ) -> UpdatePoolSuccess:
        """Gives a pool another name."""
        pool_id = PoolId(key_of(input.id, Pool))
        changed = await codes.rename_pool(tx, info.context.ctx, pool_id=pool_id, version=input.version, name=input.name)
        return UpdatePoolSuccess(pool=Pool.of(changed))

    @mutation(refusals=[StaleVersion, codes.PoolArchived, codes.PoolHasStock])
    async def archive_pool(
        self, info: Info, tx: Tx, input: Annotated[ArchivePoolInput, strawberry.argument(description="Which one.")]
    ) -> ArchivePoolSuccess:
        """Puts a pool away that has nothing in stock; nothing is imported into it any more."""
        changed = await codes.archive_pool(
            tx, info.context.ctx, pool_id=PoolId(key_of(input.id, Pool)), version=input.version
        )
        return ArchivePoolSuccess(pool=Pool.of(changed))

    @mutation(refusals=[_SAFE, codes.TooManyLines, codes.PoolArchived, codes.UploadNotReady], opens=codes.sealing)
    async def import_codes(
        self, info: Info, tx: Tx, input: Annotated[ImportCodesInput, strawberry.argument(description="The codes.")]
    ) -> ImportCodesSuccess:
        """Imports codes: a few lines in the answer, an upload in the background.

        A line that is not accepted is in the report and hinders no other.
        """
        pool_id = PoolId(key_of(input.pool_id, Pool, path=("pool_id",)))
        given = [each for each in (input.text, input.lines, input.upload_id) if each is not None]
        if len(given) != 1:
            raise Invalid(
                "Give `text`, `lines` or `uploadId`, one of them.",
                zh="请提供 text、lines、uploadId 三者之一。",
                path=("text",),
            )
        cost = input.unit_cost.read(path=("unit_cost",))
        if input.upload_id is not None:
            batch = await codes.request_import(
                tx, info.context.ctx, pool_id=pool_id, upload_id=upload_key(input.upload_id), unit_cost=cost,
                origin=input.origin, expires_at=input.expires_at, format=input.format,
            )  # fmt: skip
            return ImportCodesSuccess(batch=CodeBatch.of(batch))
        text = input.text if input.text is not None else "\n".join(input.lines or [])
        batch = await codes.import_codes(
            tx, info.context.ctx, pool_id=pool_id, text=Secret(text), unit_cost=cost,
            origin=input.origin, expires_at=input.expires_at, format=input.format,
        )  # fmt: skip
        return ImportCodesSuccess(batch=CodeBatch.of(batch))

    @mutation(refusals=[_SAFE, codes.BatchTouched])
    async def undo_batch(
        self, info: Info, tx: Tx, input: Annotated[UndoBatchInput, strawberry.argument(description="Which one.")]
    ) -> UndoBatchSuccess:
        """Takes a whole import back while nobody has touched any of its codes; they may be imported again."""
        batch = await codes.undo_batch(
            tx, info.context.ctx, batch_id=BatchId(key_of(input.id, CodeBatch)), reason=input.reason
        )
        return UndoBatchSuccess(batch=CodeBatch.of(batch))

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.CodesInWrongState])
    async def quarantine_codes(
        self, info: Info, tx: Tx, input: Annotated[QuarantineCodesInput, strawberry.argument(description="Which ones.")]
    ) -> QuarantineCodesSuccess:
        """Takes available codes out of sale until somebody has looked into them."""
        rows = await codes.quarantine_codes(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return QuarantineCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.CodesInWrongState])
    async def release_codes(
        self, info: Info, tx: Tx, input: Annotated[ReleaseCodesInput, strawberry.argument(description="Which ones.")]
    ) -> ReleaseCodesSuccess:
        """Brings quarantined codes back into stock."""
        rows = await codes.release_quarantined(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return ReleaseCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort, codes.CodesInWrongState])
    async def void_codes(
        self, info: Info, tx: Tx, input: Annotated[VoidCodesInput, strawberry.argument(description="Which ones.")]
    ) -> VoidCodesSuccess:
        """Takes available or quarantined codes out of stock for good; the same codes may be imported again."""
        rows = await codes.void_codes(tx, info.context.ctx, code_ids=_code_ids(input.ids), reason=input.reason)
        return VoidCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(replays=False)
    async def find_codes(
        self, info: Info, tx: Tx, input: Annotated[FindCodesInput, strawberry.argument(description="What to look for.")]
    ) -> FindCodesSuccess:
        """Finds your codes by their exact text. It changes nothing, and is a mutation so that the text is never in an address."""
        rows = await codes.find_codes(tx, info.context.ctx, text=Secret(input.text))
        return FindCodesSuccess(codes=[Code.of(row) for row in rows])

    @mutation(refusals=[_SAFE, codes.ReasonTooShort], replays=False)
    async def reveal_own_code(
        self, info: Info, tx: Tx, input: Annotated[RevealOwnCodeInput, strawberry.argument(description="Which one.")]
    ) -> RevealOwnCodeSuccess:
        """Shows one of your own codes in the open, for a reason; every showing is kept in the audit log."""
        code_id = CodeId(key_of(input.id, Code))
        return RevealOwnCodeSuccess(
            shown=await codes.reveal_own_code(tx, info.context.ctx, code_id=code_id, reason=input.reason)
        )


def _code_ids(texts: list[strawberry.ID]) -> list[CodeId]:
    return [CodeId(key) for key in keys_of(list(texts), Code, path=("ids",))]


@strawberry.type
class Subscription:
    """Following an import."""

    @strawberry.subscription(description="An import now and as it goes on, until it has ended. Closes by itself then.")
    async def import_progress(
        self,
        info: Info,
        batch_id: Annotated[strawberry.ID, strawberry.argument(description="The import's id.")],
    ) -> AsyncGenerator[CodeBatch, None]:
        """Follows one import; holds no transaction between two looks."""
        key = BatchId(key_of(batch_id, CodeBatch, path=("batch_id",)))
        seen: codes.Batch | None = None
        while True:
            async with info.context.reading() as tx:
                try:
                    row = await codes.get_batch(tx, info.context.ctx, batch_id=key)
                except NotFound as error:
                    raise ApiError(error.message) from None
            if row != seen:
                seen = row
                yield CodeBatch.of(row)
            if row.state is not BatchState.IMPORTING:
                return
            await asyncio.sleep(limits.FOLLOW_POLL_S)
