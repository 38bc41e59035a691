"""Files of a period's orders."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_tenants import orders
from fondaco_tenants.orders import ExportFormat, ExportState

described(
    ExportFormat,
    "How a file of orders is written.",
    CSV="Comma-separated values, UTF-8.",
    XLSX="A workbook, as spreadsheets read it.",
)
described(
    ExportState,
    "Where a file of orders is.",
    REQUESTED="It is being written.",
    READY="It can be fetched at `url` until `expiresAt`.",
    EXPIRED="It is deleted.",
)


@strawberry.type(description="A file of orders: one row for each line, never a code.")
class OrderExport:
    """A file as it was read."""

    state: ExportState = strawberry.field(description="Where it is.")
    format: ExportFormat = strawberry.field(description="How it is written.")
    placed_from: datetime = strawberry.field(description="Orders placed then or later.")
    placed_to: datetime = strawberry.field(description="Orders placed before then.")
    contacts: bool = strawberry.field(description="Whether buyers' contacts stand in it in clear.")
    rows: int | None = strawberry.field(
        description="How many rows it has below its heading; null before it is written."
    )
    url: str = strawberry.field(
        description="Where it is fetched with your credentials, below this installation's address."
    )
    created_at: datetime = strawberry.field(description="When it was asked for.")
    expires_at: datetime = strawberry.field(description="When it is deleted.")

    @classmethod
    def of(cls, view: orders.Export) -> "OrderExport":
        """The schema's form of a file."""
        return cls(
            state=view.state, format=view.format, placed_from=view.placed_from, placed_to=view.placed_to,
            contacts=view.contacts, rows=view.rows, url=f"/exports/{view.id}", created_at=view.created_at,
            expires_at=view.expires_at,
        )  # fmt: skip


@strawberry.input(description="Which orders, and how.")
class ExportOrdersInput:
    """What exportOrders takes."""

    placed_from: datetime = strawberry.field(description="Orders placed then or later.")
    placed_to: datetime = strawberry.field(
        description=f"Orders placed before then, at most {limits.EXPORT_DAYS_MAX} days later."
    )
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )
    format: ExportFormat = strawberry.field(default=ExportFormat.CSV, description="How the file is written.")
    contacts: bool = strawberry.field(
        default=False, description="Whether buyers' contacts stand in it in clear; needs `customers.contacts` as well."
    )


@strawberry.type(description="The file is being written; `merchant.orderExports` tells when it is ready.")
class ExportOrdersSuccess:
    """What exportOrders answers."""

    export: OrderExport = strawberry.field(description="The file.")


@strawberry.type
class MerchantFields:
    """The merchant's files of orders."""

    @strawberry.field(
        description=f"Files that were asked for, newest first, at most {limits.PAGE_MAX}. Needs the permission `orders.export`."
    )
    async def order_exports(self, info: Info) -> list[OrderExport]:
        """The files."""
        async with info.context.reading() as tx:
            return [OrderExport.of(each) for each in await orders.list_exports(tx, info.context.ctx)]


@strawberry.type
class Mutation:
    """Having files written."""

    @mutation(refusals=[orders.TooManyExports, tenancy.TenantNotActive])
    async def export_orders(
        self, info: Info, tx: Tx, input: Annotated[ExportOrdersInput, strawberry.argument(description="Which orders.")]
    ) -> ExportOrdersSuccess:
        """Has a file of a period's orders written, with contacts masked, and never a code. Needs `orders.export`."""
        made = await orders.request_export(
            tx, info.context.ctx, placed_from=input.placed_from, placed_to=input.placed_to, form=input.format,
            contacts=input.contacts, reason=input.reason,
        )  # fmt: skip
        return ExportOrdersSuccess(export=OrderExport.of(made))
