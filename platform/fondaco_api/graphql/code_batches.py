"""Imports of codes in the schema: where they stand, what became of each line."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of, load_named
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.scalars import BigInt, Money
from fondaco_core import limits
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.ids import BatchId, PoolId
from fondaco_tenants import codes
from fondaco_tenants.codes import BatchState, ImportFormat, ImportOutcome, LineReason

if TYPE_CHECKING:
    from fondaco_api.graphql.codes import Pool

described(
    BatchState,
    "Where an import stands.",
    IMPORTING="It goes on; its codes come into stock as they are read.",
    READY="It is done; its counts are final.",
    UNDONE="It was taken back while nobody had touched any of its codes.",
    FAILED="It was given up; what it had read by then is in stock.",
)
described(
    ImportFormat,
    "How an import is written.",
    TXT="One code a line, which is the whole line; no header.",
    CSV="Columns, separated by commas, tabs, semicolons, bars, spaces or four hyphens (`----`), with a header that names them "
    "(code, pin, serial, expiry, cost, note; 卡号, 密码, 序列号, 有效期, 成本, 备注) or without one: code; code and PIN; code, PIN and expiry.",
    XLSX="A workbook, with columns as CSV has them; its formulas are never evaluated.",
)
described(
    ImportOutcome,
    "What became of a line that was not accepted.",
    DUPLICATE="The code was here already.",
    REJECTED="The line says no code that can be sold.",
)
described(
    LineReason,
    "Why a line was not accepted.",
    EMPTY="Nothing is left of the code without spaces and hyphens.",
    TOO_LONG=f"The code has more than {limits.CODE_BYTES_MAX} bytes.",
    NOT_TEXT="The line is not in the encoding of the file, or holds control characters.",
    COLUMNS="It has columns (import it as CSV), too many of them or odd quotes, or the header names no code.",
    BAD_URL="It is not an address, and codes of this pool are links.",
    BAD_EXPIRY="Its expiry is no date, or one that can be read in two ways; write 2027-01-31.",
    BAD_COST="Its cost is no amount of the import's currency, exactly as it is written.",
    FORMULA="The cell of the code is a formula, an error or a truth value.",
    NUMBER="The code is a number that a spreadsheet has rounded: its last digits are lost.",
    DATE="The cell of the code is a date to its spreadsheet.",
    EXPIRED="Its time is over already.",
    DUPLICATE_IN_FILE="An earlier line of the same file says the same code.",
    DUPLICATE="The code is on the platform already.",
)


class Imports(NamedTuple):
    """A page of a pool's imports."""

    pool_id: PoolId
    after: BatchId | None
    backward: bool
    limit: int


async def load_imports(context: Context, pages: list[Imports]) -> list[list[codes.Batch]]:
    """Pages of pools' imports; those that differ by their pool alone are read together."""
    found: dict[Imports, list[codes.Batch]] = {}
    async with context.reading() as tx:
        for after, backward, limit in dict.fromkeys(page[1:] for page in pages):
            pools = [page.pool_id for page in pages if page[1:] == (after, backward, limit)]
            listed = await codes.list_batches(
                tx, context.ctx, pool_ids=pools, after=after, backward=backward, count=limit
            )
            found |= {Imports(pool, after, backward, limit): rows for pool, rows in listed.items()}
    return [found[page] for page in pages]


async def load_batches(context: Context, ids: list[BatchId]) -> list[codes.Batch | None]:
    """Imports by their ids, of the asker's tenant."""
    if context.ctx.tenant_id is None or not context.ctx.has("codes.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.batches_by_ids(tx, context.ctx, batch_ids=ids)
    return [found.get(id_) for id_ in ids]


def ends(moment: datetime) -> datetime | None:
    """When codes expire, as the schema says it: null for those that do not."""
    return None if moment >= codes.NEVER else moment


@strawberry.type(description="A line of an import that did not become a code in stock.")
class ImportLine:
    """A line of the report."""

    line: int = strawberry.field(description="Its number in the file, from 1, blank lines and the header counted.")
    outcome: ImportOutcome = strawberry.field(description="What became of it.")
    reason: LineReason = strawberry.field(description="Why.")
    masked_code: str = strawberry.field(description="Its code with most of it hidden; empty when it could not be read.")


@strawberry.type(
    description="One import into a pool: where its codes came from, what they cost, what became of its lines."
)
class CodeBatch(Node):
    """An import; for the merchant only."""

    row: strawberry.Private[codes.Batch]

    @classmethod
    def of(cls, row: codes.Batch) -> "CodeBatch":
        """The schema's form of an import."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "CodeBatch | None":
        """The import, for the merchant whose it is."""
        row = await context.loaders.load(load_batches, BatchId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="The pool it went into.")
    async def pool(self, info: Info) -> Annotated["Pool", strawberry.lazy("fondaco_api.graphql.codes")] | None:
        """The pool."""
        found: Pool | None = await load_named(info.context, "Pool", self.row.pool_id)
        return found

    @strawberry.field(description="Where it stands.")
    def state(self) -> BatchState:
        """The state."""
        return self.row.state

    @strawberry.field(description="Where its codes came from, as the importer said it.")
    def origin(self) -> str:
        """The origin."""
        return self.row.origin

    @strawberry.field(description="What each of its codes cost.")
    def unit_cost(self) -> Money:
        """The cost."""
        return Money.of(self.row.unit_cost)

    @strawberry.field(description="When its codes expire whose lines do not say so themselves; null for never.")
    def expires_at(self) -> datetime | None:
        """The expiry."""
        return ends(self.row.expires_at)

    @strawberry.field(description="How the file was written.")
    def format(self) -> ImportFormat:
        """The format."""
        return self.row.format

    @strawberry.field(description="How large the file is, in bytes.")
    def bytes_total(self) -> BigInt:
        """All bytes."""
        return BigInt(self.row.bytes_total)

    @strawberry.field(description="How much of the file is done, in bytes.")
    def bytes_done(self) -> BigInt:
        """Bytes done."""
        return BigInt(self.row.bytes_done)

    @strawberry.field(description="Lines that were read so far, without blank ones and the header.")
    def lines(self) -> int:
        """The lines."""
        return self.row.lines

    @strawberry.field(description="Lines that became codes in stock.")
    def accepted(self) -> int:
        """New codes."""
        return self.row.accepted

    @strawberry.field(description="Lines whose code was here already.")
    def duplicates(self) -> int:
        """Known codes."""
        return self.row.duplicates

    @strawberry.field(description="Lines that say no code that can be sold.")
    def rejected(self) -> int:
        """Lines that are none."""
        return self.row.rejected

    @strawberry.field(
        description=f"The lines that were not accepted, in the order of the file; the first {limits.IMPORT_REPORT_LINES_MAX} of them."
    )
    async def report(
        self,
        info: Info,
        *,
        outcome: Annotated[ImportOutcome | None, strawberry.argument(description="Only these.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ImportLine]:
        """A page of the report."""
        page = read_page(first, after, last, before, keys=(int,))
        (place,) = page.bound(1)
        async with info.context.reading() as tx:
            rows = await codes.list_report(
                tx, info.context.ctx, batch_id=self.row.id, outcome=outcome,
                after=place, backward=page.backward, count=page.limit,
            )  # fmt: skip
        return connect(page, rows, key=lambda row: (row.line,), make=_line)

    @strawberry.field(description="How many lines a second it has gone through so far, from when it was asked for.")
    def lines_per_second(self) -> float:
        """The rate."""
        return round(self.row.lines_per_second, 1)

    @strawberry.field(
        description="What recognises the file when it comes again, in hexadecimal digits; null when it was not kept."
    )
    def digest(self) -> str | None:
        """The keyed hash of the file."""
        return None if self.row.digest is None else self.row.digest.hex()

    @strawberry.field(
        description="The person or the API client that imported it, by the id that the audit log shows; null for the system itself."
    )
    def imported_by(self) -> str | None:
        """The importer."""
        return None if self.row.imported_by is None else str(self.row.imported_by)

    @strawberry.field(
        description="Until when the lines that were not accepted may be had as they came (`POST /imports/{id}/lines`); "
        "null when there are none, or not any more."
    )
    def lines_kept_until(self) -> datetime | None:
        """The end of keeping them."""
        return self.row.lines_kept_until

    @strawberry.field(
        description="Whether you may have the lines that were not accepted as they came, for a reason that is kept."
    )
    def viewer_can_take_lines(self, info: Info) -> bool:
        """Whether one may have them."""
        return self.row.lines_kept_until is not None and info.context.ctx.has("codes.reveal")

    @strawberry.field(description="When it began.")
    def created_at(self) -> datetime:
        """The beginning."""
        return self.row.created_at

    @strawberry.field(description="When it ended; null while it goes on.")
    def finished_at(self) -> datetime | None:
        """The end."""
        return self.row.finished_at

    @strawberry.field(description="Why it was given up, as a name for programs; null for all others.")
    def failure(self) -> str | None:
        """The failure."""
        return self.row.failure

    @strawberry.field(description="Whether you may undo it, as long as nobody has touched any of its codes.")
    def viewer_can_undo(self, info: Info) -> bool:
        """Whether one may undo."""
        return self.row.state is BatchState.READY and info.context.ctx.has("codes.import")


def batch_key(text: str) -> UUID | None:
    """The key of the import that an opaque id names, or None when it names none."""
    try:
        return key_of(text, CodeBatch)
    except (Invalid, NotFound):
        return None


def _line(row: codes.ReportLine) -> ImportLine:
    return ImportLine(line=row.line, outcome=row.outcome, reason=row.reason, masked_code=row.masked)


@strawberry.type
class Query:
    """Looking at an import."""

    @strawberry.field(description="An import by its id; null when it does not exist or you may not see it.")
    async def code_batch(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The import's id.")],
    ) -> CodeBatch | None:
        """One import."""
        return await CodeBatch.load_node(info.context, key_of(id, CodeBatch))
