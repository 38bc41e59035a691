"""Pure decisions of codes: the states of a code, and what a line of an import says."""

from fondaco_tenants.codes.rules.lines import (
    Columns,
    Entry,
    Fault,
    ImportFormat,
    LineParser,
    LineReason,
    LineSplitter,
    RawLine,
    read_columns,
)
from fondaco_tenants.codes.rules.states import (
    NEVER,
    NEXT_STATES,
    BatchState,
    CodeState,
    ImportOutcome,
    Plain,
    RevealVia,
    UploadState,
    before_states,
    pack,
    unpack,
)

__all__ = [
    "NEVER",
    "NEXT_STATES",
    "BatchState",
    "CodeState",
    "Columns",
    "Entry",
    "Fault",
    "ImportFormat",
    "ImportOutcome",
    "LineParser",
    "LineReason",
    "LineSplitter",
    "Plain",
    "RawLine",
    "RevealVia",
    "UploadState",
    "before_states",
    "pack",
    "read_columns",
    "unpack",
]
