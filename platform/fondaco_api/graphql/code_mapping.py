"""What an importer says of a file: encoding, separator, columns, dates; shared by imports and dry runs."""

import strawberry

from fondaco_api.graphql.enums import described
from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_tenants import codes
from fondaco_tenants.codes import ColumnRole, DateOrder, Encoding

described(
    ColumnRole,
    "What a column of a file says of a code.",
    CODE="The code itself: a card's number, a redemption code, a link.",
    PIN="The PIN or password that goes with it; it is sealed with the code.",
    SERIAL="The number that is printed on it or that its supplier knows it by; no secret.",
    EXPIRY="When it expires.",
    COST="What this one cost, in the currency of the import.",
    NOTE="A note of the merchant's own; it is sealed with the code and never shown to a buyer.",
)
described(
    Encoding,
    "How the bytes of a text file stand for characters.",
    UTF_8="UTF-8, with or without a mark at its beginning.",
    UTF_16_LE="UTF-16, the low byte first: what Windows calls Unicode.",
    UTF_16_BE="UTF-16, the high byte first.",
    GB18030="GB18030, and GBK and GB2312 with it: what Chinese spreadsheets write.",
)
described(
    DateOrder,
    "How numbers of a date stand that ends with its year.",
    YMD="Such dates are accepted when they can be read in one way only: 31/01/2027, not 03/04/2027.",
    DMY="The day first: 03/04/2027 is the third of April.",
    MDY="The month first: 03/04/2027 is the fourth of March.",
)


@strawberry.input(description="What one column of a file says.")
class ImportColumnInput:
    """A column."""

    role: ColumnRole = strawberry.field(description="What it says.")
    number: int = strawberry.field(description="Which column it is, counted from 1.")


@strawberry.input(
    description="How a file is written, as far as it is not to be found out: what `previewImport` proposes, or better."
)
class ImportMappingInput:
    """What is said of a file."""

    encoding: Encoding | None = strawberry.field(default=None, description="Its encoding; null to find out.")
    delimiter: str | None = strawberry.field(
        default=None,
        description="What separates its columns: a comma, a tab, a semicolon, a bar, a space for any number of them, or "
        "`----`; null to find out.",
    )
    header: bool | None = strawberry.field(
        default=None, description="Whether its first line names the columns; null to find out."
    )
    columns: list[ImportColumnInput] | None = strawberry.field(
        default=None, description="Its columns, the code among them; others are left alone. Null to find out."
    )
    date_order: DateOrder = strawberry.field(default=DateOrder.YMD, description="How dates like 03/04/2027 are read.")
    time_zone: str = strawberry.field(
        default="UTC",
        description="The zone of dates and times that name none, for example Asia/Shanghai. A day lasts until its end.",
    )
    sheet: str | None = strawberry.field(
        default=None, description="Which sheet of a workbook; null for the first that shows."
    )

    def read(self) -> codes.Mapping:
        """The mapping; whether it makes sense is seen when it is used."""
        columns = None if self.columns is None else tuple((each.role, each.number - 1) for each in self.columns)
        if columns is not None and len({role for role, _ in columns}) != len(columns):
            raise Invalid(
                "Each thing that a column says is said by one column.",
                zh="每种列含义只能指定一列。",
                path=("mapping", "columns"),
            )
        sheet = None if self.sheet is None else self.sheet[: limits.NAME_MAX]
        return codes.Mapping(
            self.encoding, self.delimiter, self.header, columns, self.date_order, self.time_zone, sheet
        )
