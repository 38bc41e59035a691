"""Exports of unsold stock in the schema: out of sale, and encrypted to its owner's key."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.code_batches import CodeBatch
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import BatchId, PoolId
from fondaco_tenants import codes


async def load_exports(context: Context, ids: list[UUID]) -> list[codes.StockExport | None]:
    """Exports by their ids, of the asker's tenant."""
    if context.ctx.tenant_id is None or not context.ctx.has("codes.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.exports_by_ids(tx, context.ctx, export_ids=ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="Unsold codes that went back to their owner; they are never sold here again.")
class StockExport(Node):
    """An export; for the merchant only."""

    units: int = strawberry.field(description="How many codes it has.")
    recipient_key: str = strawberry.field(description="The public half of the age key that its file is encrypted to.")
    reason: str = strawberry.field(description="Why.")
    created_at: datetime = strawberry.field(description="When the codes were taken out of sale.")
    expires_at: datetime = strawberry.field(description="Until when the file can be fetched.")
    downloads: int = strawberry.field(
        description=f"How often it was fetched; it can be {limits.EXPORT_DOWNLOADS_MAX} times."
    )
    downloaded_at: datetime | None = strawberry.field(description="When it was last fetched; null when it was not.")
    pool_key: strawberry.Private[PoolId]

    @classmethod
    def of(cls, row: codes.StockExport) -> "StockExport":
        """The schema's form of an export."""
        return cls(
            key=row.id, units=row.codes, recipient_key=row.recipient, reason=row.reason, created_at=row.created_at,
            expires_at=row.expires_at, downloads=row.downloads, downloaded_at=row.downloaded_at, pool_key=row.pool_id,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "StockExport | None":
        """The export, for the merchant whose it is."""
        row = await context.loaders.load(load_exports, key)
        return None if row is None else cls.of(row)

    @strawberry.field(
        description="Where its file is: GET it with your credentials, and open it with the other half of the key."
    )
    def path(self) -> str:
        """The path below the API's address."""
        return f"/stock-exports/{self.key}"

    @strawberry.field(description="The pool that the codes were in.")
    async def pool(self, info: Info) -> Pool | None:
        """The pool."""
        return await Pool.load_node(info.context, self.pool_key)

    @strawberry.field(description="Whether you may fetch its file.")
    def viewer_can_download(self, info: Info) -> bool:
        """Whether one may fetch it; whether it is too late, fetching says."""
        return info.context.ctx.has("codes.export")


@strawberry.input(description="Which unsold codes to give back to their owner, to which key, and why.")
class ExportStockInput:
    """A filter, a key, a reason."""

    pool_id: strawberry.ID = strawberry.field(description="The pool.")
    batch_id: strawberry.ID | None = strawberry.field(default=None, description="Only codes of this import.")
    expiring_until: datetime | None = strawberry.field(default=None, description="Only codes that expire until then.")
    count: int | None = strawberry.field(
        default=None,
        description=f"At most so many, those that expire last; {limits.EXPORT_CODES_MAX} when left out, which is the most.",
    )
    recipient_key: str = strawberry.field(
        description="The public half of an age key of yours (X25519), which begins with age1; `age-keygen` makes one."
    )
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.type(description="The codes are out of sale for good, and their file can be fetched.")
class ExportStockSuccess:
    """The result."""

    export: StockExport = strawberry.field(description="The export.")


@strawberry.type
class Mutation:
    """Giving stock back."""

    @mutation(
        refusals=[tenancy.TenantNotActive, codes.ReasonTooShort, codes.BadRecipientKey, codes.NothingToExport]
    )  # fmt: skip
    async def export_stock(
        self, info: Info, tx: Tx, input: Annotated[ExportStockInput, strawberry.argument(description="Which ones.")]
    ) -> ExportStockSuccess:
        """Takes unsold codes out of sale for good and gives them to you, encrypted to your key. For owners; on the record."""
        batch = None if input.batch_id is None else BatchId(key_of(input.batch_id, CodeBatch, path=("batch_id",)))
        made = await codes.export_stock(
            tx, info.context.ctx, pool_id=PoolId(key_of(input.pool_id, Pool, path=("pool_id",))),
            chosen=codes.Filter(batch, input.expiring_until, input.count),
            recipient=codes.checked_recipient(input.recipient_key), reason=input.reason,
        )  # fmt: skip
        return ExportStockSuccess(export=StockExport.of(made))


@strawberry.type
class MerchantFields:
    """Exports of the tenant one acts for."""

    @strawberry.field(description="Your exports of unsold stock, newest first.")
    async def stock_exports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[StockExport]:
        """A page of exports."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (place,) = page.bound(1)
        async with info.context.reading() as tx:
            rows = await codes.list_exports(tx, info.context.ctx, after=place, backward=page.backward, count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=StockExport.of)
