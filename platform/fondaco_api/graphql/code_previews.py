"""The dry run of an import: what a file is taken for, and what would become of its lines. Nothing is stored."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.code_batches import ends
from fondaco_api.graphql.code_imports import Upload
from fondaco_api.graphql.code_mapping import ImportMappingInput
from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import Money, MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, money, tenancy
from fondaco_core.ids import PoolId, UploadId
from fondaco_tenants import codes
from fondaco_tenants.codes import ColumnRole, Encoding, ImportFormat, ImportOddity, LineReason

described(
    ImportOddity,
    "What looks odd about a file that can be imported all the same.",
    name="ImportWarningKind",
    HARDLY_CODES="Lines that are hardly codes: very short, sentences, or Chinese text.",
    LOOKS_LIKE_COLUMNS="Its lines seem to have columns, and each is to be imported as one code: import it as CSV.",
    NO_CODE_COLUMN="Its header names no column that holds the code: say which one does.",
    NUMBERS="Codes that are numbers to their workbook: zeros at their beginning are lost, if they had any.",
    NUMBERS_ROUNDED="Codes that a spreadsheet has rounded to 15 digits; they are refused. Keep such a column as text.",
    DATES="Codes that are dates to their workbook; they are refused. Keep such a column as text.",
    FORMULAS="Codes that are formulas, which are never evaluated; they are refused.",
    ENCODING_GUESSED="It is read as GB18030, because it is not UTF-8; look whether its text is right.",
    SPACES_SEPARATE="Spaces are taken for what separates its columns; codes with spaces in them would be cut.",
    MORE_SHEETS="The workbook has more sheets, which are not read.",
    SAME_FILE="The same file was imported before.",
    OTHERS_UNTOLD="More of its codes may be known here already than are told: dry runs say so of a few codes of others a day.",
)


@failure(codes.TooManyPreviews)
class TooManyPreviews(Failure):
    """Another dry run of the merchant is under way, or there were too many within the hour."""

    retry_after_s: int = strawberry.field(description="In how many seconds to try again.")


@strawberry.input(description="Which file would be imported, and how.")
class PreviewImportInput:
    """A dry run."""

    pool_id: strawberry.ID = strawberry.field(description="The pool that it would go into.")
    upload_id: strawberry.ID = strawberry.field(description="What `POST /uploads` answered.")
    format: ImportFormat | None = strawberry.field(default=None, description="How it is written; null to find out.")
    mapping: ImportMappingInput | None = strawberry.field(
        default=None, description="Its encoding, separator and columns; null to find out."
    )
    unit_cost: MoneyInput | None = strawberry.field(
        default=None, description="What each of the codes cost whose lines do not say so; null for nothing, in CNY."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When the codes expire whose lines do not say so; null for never."
    )


@strawberry.type(description="A column of a file, and what it is taken for.")
class ImportPreviewColumn:
    """A column."""

    number: int = strawberry.field(description="Which one it is, counted from 1.")
    name: str | None = strawberry.field(description="What its header calls it; null where there is no header.")
    role: ColumnRole | None = strawberry.field(description="What it is taken for; null when it would be left alone.")
    samples: list[str] = strawberry.field(description="Its first values, with most of each hidden.")


@strawberry.type(description="A line of a file that would not become a code.")
class ImportPreviewLine:
    """A line."""

    line: int = strawberry.field(description="Its number in the file, from 1.")
    reason: LineReason = strawberry.field(description="Why.")
    masked_code: str = strawberry.field(description="Its code with most of it hidden; empty when it could not be read.")


@strawberry.type(description="A code as it would be stored.")
class ImportPreviewCode:
    """A code."""

    line: int = strawberry.field(description="The number of its line.")
    masked_code: str = strawberry.field(description="The code with most of it hidden.")
    has_pin: bool = strawberry.field(description="Whether a PIN goes with it.")
    serial: str | None = strawberry.field(description="Its serial with most of it hidden; null when it has none.")
    expires_at: datetime | None = strawberry.field(description="When it would expire; null for never.")
    cost: Money = strawberry.field(description="What it cost.")


@strawberry.type(name="ImportWarning", description="Something odd about a file.")
class OddThing:
    """A warning."""

    kind: ImportOddity = strawberry.field(description="What it is.")
    lines: int = strawberry.field(description="In how many lines; 0 when it is about the file as a whole.")
    first_line: int | None = strawberry.field(description="In which of them first; null when it is about the file.")


@strawberry.type(description="What an import would do; counts are of the lines that were read.")
class ImportPreview:
    """A dry run's result."""

    row: strawberry.Private[codes.Preview]

    @strawberry.field(description="How the file is written; give the same to `importCodes`.")
    def format(self) -> ImportFormat:
        """The format."""
        return self.row.form

    @strawberry.field(description="Its encoding; null for a workbook.")
    def encoding(self) -> Encoding | None:
        """The encoding."""
        return None if self.row.form is ImportFormat.XLSX else self.row.encoding

    @strawberry.field(description="What separates its columns; null for a list of codes and a workbook.")
    def delimiter(self) -> str | None:
        """The separator."""
        return self.row.delimiter

    @strawberry.field(description="Whether its first line names the columns.")
    def header(self) -> bool:
        """Whether there is a header."""
        return self.row.header

    @strawberry.field(description="The sheets of a workbook that show; empty for other files.")
    def sheets(self) -> list[str]:
        """The sheets."""
        return list(self.row.sheets)

    @strawberry.field(description="Its columns, and what each is taken for.")
    def columns(self) -> list[ImportPreviewColumn]:
        """The columns."""
        return [
            ImportPreviewColumn(number=each.number, name=each.name, role=each.role, samples=list(each.samples))
            for each in self.row.columns
        ]

    @strawberry.field(
        description=f"How many lines were read, the header among them: the first {limits.PREVIEW_LINES_MAX} of a longer file."
    )
    def lines_read(self) -> int:
        """The lines that were read."""
        return self.row.lines_read

    @strawberry.field(description="How many lines the file has; guessed from its size unless `complete`.")
    def lines_total(self) -> int:
        """All lines."""
        return self.row.lines_total

    @strawberry.field(description="Whether the whole file was read, so that its counts are those of an import.")
    def complete(self) -> bool:
        """Whether it was read to its end."""
        return self.row.complete

    @strawberry.field(description="Lines that would become codes in stock.")
    def accepted(self) -> int:
        """New codes."""
        return self.row.accepted

    @strawberry.field(description="Lines whose code an earlier line of the file says.")
    def duplicates_in_file(self) -> int:
        """Repeated codes."""
        return self.row.duplicates_in_file

    @strawberry.field(description="Lines whose code is on the platform already.")
    def duplicates(self) -> int:
        """Known codes."""
        return self.row.duplicates

    @strawberry.field(description="Lines that say no code that can be sold.")
    def rejected(self) -> int:
        """Lines that are none."""
        return self.row.rejected

    @strawberry.field(description=f"The first {limits.PREVIEW_PROBLEMS_MAX} lines that would not become codes.")
    def problems(self) -> list[ImportPreviewLine]:
        """Lines with a reason."""
        return [
            ImportPreviewLine(line=each.line, reason=each.reason, masked_code=each.masked) for each in self.row.problems
        ]

    @strawberry.field(description="What looks odd.")
    def warnings(self) -> list[OddThing]:
        """The warnings."""
        return [
            OddThing(kind=each.kind, lines=each.lines, first_line=each.first_line or None) for each in self.row.warnings
        ]

    @strawberry.field(description="The first codes as they would be stored.")
    def codes(self) -> list[ImportPreviewCode]:
        """Some codes."""
        return [
            ImportPreviewCode(
                line=each.line, masked_code=each.masked, has_pin=each.has_pin, serial=each.serial,
                expires_at=ends(each.expires_at), cost=Money.of(each.cost),
            )
            for each in self.row.codes
        ]  # fmt: skip

    @strawberry.field(description="What the codes that would be stored cost together.")
    def cost(self) -> Money:
        """The sum."""
        return Money.of(self.row.cost)

    @strawberry.field(description="When the first of them would expire; null when none does.")
    def first_expires_at(self) -> datetime | None:
        """The earliest expiry."""
        return self.row.first_expires_at

    @strawberry.field(description="When the last of them would expire that does; null when none does.")
    def last_expires_at(self) -> datetime | None:
        """The latest expiry."""
        return self.row.last_expires_at


@strawberry.type(description="The file was looked at; nothing was stored.")
class PreviewImportSuccess:
    """The result."""

    preview: ImportPreview = strawberry.field(description="What an import would do.")


@strawberry.type
class Mutation:
    """Dry runs."""

    @mutation(
        refusals=[
            tenancy.TenantNotActive, codes.PoolArchived, codes.UploadNotReady, codes.TooManyPreviews,
            codes.UnreadableWorkbook, codes.WrongFormat,
        ],
        replays=False,
    )  # fmt: skip
    async def preview_import(
        self, info: Info, input: Annotated[PreviewImportInput, strawberry.argument(description="The file.")]
    ) -> PreviewImportSuccess:
        """Says what an import of an upload would do, and does nothing; that you asked is in the audit log.

        Give the format, delimiter and columns that it tells to `importCodes`, changed where they are wrong.
        """
        cost = money.Money(0, "CNY") if input.unit_cost is None else input.unit_cost.read(path=("unit_cost",))
        told = await codes.preview_import(
            info.context.ctx,
            pool_id=PoolId(key_of(input.pool_id, Pool, path=("pool_id",))),
            upload_id=UploadId(key_of(input.upload_id, Upload, path=("upload_id",))),
            unit_cost=cost,
            form=input.format,
            mapping=None if input.mapping is None else input.mapping.read(),
            expires_at=input.expires_at,
        )
        return PreviewImportSuccess(preview=ImportPreview(row=told))
