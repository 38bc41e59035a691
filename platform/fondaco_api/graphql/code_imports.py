"""Importing codes: uploads, imports begun, followed and taken back."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.code_mapping import ImportMappingInput
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import ApiError, Failure, failure
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.scalars import BigInt, MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import BatchId, PoolId, UploadId
from fondaco_core.secret import Secret
from fondaco_tenants import codes
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
        default=None,
        description="What `POST /uploads` answered, whose body is the file itself (`curl --data-binary @codes.txt`); "
        "imported in the background, follow `importProgress`.",
    )
    format: ImportFormat = strawberry.field(default=ImportFormat.TXT, description="How it is written.")
    mapping: ImportMappingInput | None = strawberry.field(
        default=None, description="Its encoding, separator and columns; null to find out."
    )
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


@strawberry.type(description="The import is done, or, from an upload, has begun.")
class ImportCodesSuccess:
    """The result."""

    batch: CodeBatch = strawberry.field(description="The import; what became of each line is in its report.")


@strawberry.type(description="The import was taken back.")
class UndoBatchSuccess:
    """The result."""

    batch: CodeBatch = strawberry.field(description="The import as it is now.")


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


@strawberry.type
class Mutation:
    """Filling pools."""

    @mutation(
        refusals=[
            tenancy.TenantNotActive,
            codes.TooManyLines,
            codes.PoolArchived,
            codes.UploadNotReady,
            codes.WrongFormat,
        ],
        opens=codes.sealing,
    )
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
        mapping = None if input.mapping is None else input.mapping.read()
        if input.upload_id is not None:
            batch = await codes.request_import(
                tx, info.context.ctx, pool_id=pool_id, upload_id=_upload_id(input.upload_id), unit_cost=cost,
                origin=input.origin, expires_at=input.expires_at, format=input.format, mapping=mapping,
            )  # fmt: skip
            return ImportCodesSuccess(batch=CodeBatch.of(batch))
        text = input.text if input.text is not None else "\n".join(input.lines or [])
        batch = await codes.import_codes(
            tx, info.context.ctx, pool_id=pool_id, text=Secret(text), unit_cost=cost,
            origin=input.origin, expires_at=input.expires_at, format=input.format, mapping=mapping,
        )  # fmt: skip
        return ImportCodesSuccess(batch=CodeBatch.of(batch))

    @mutation(refusals=[tenancy.TenantNotActive, codes.BatchTouched])
    async def undo_batch(
        self, info: Info, tx: Tx, input: Annotated[UndoBatchInput, strawberry.argument(description="Which one.")]
    ) -> UndoBatchSuccess:
        """Takes a whole import back while nobody has touched any of its codes; they may be imported again."""
        batch = await codes.undo_batch(
            tx, info.context.ctx, batch_id=BatchId(key_of(input.id, CodeBatch)), reason=input.reason
        )
        return UndoBatchSuccess(batch=CodeBatch.of(batch))


def _upload_id(text: str) -> UploadId:
    return UploadId(key_of(text, Upload, path=("upload_id",)))


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
