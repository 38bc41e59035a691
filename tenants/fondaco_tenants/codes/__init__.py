"""codes: pools of sealed, single-use codes, from import to reveal.

Owns     pool, batch, code, upload, reveal.
Promises a code is in exactly one of AVAILABLE, HELD, DELIVERED, REDEEMED, VOID, EXPIRED, QUARANTINED, and bound to at most
         one allocation; a fingerprint is in at most one code of the whole platform that is or was for sale;
         an import is done exactly once, however often it is cut off; plaintext is nowhere but inside an import and a reveal.
Stands on catalog.
"""

from fondaco_tenants.codes.errands.importing import run_import
from fondaco_tenants.codes.errands.receive import receive_upload
from fondaco_tenants.codes.errands.upkeep import expire_codes, forget_lines, forget_uploads
from fondaco_tenants.codes.errors import (
    BatchTouched,
    CodesInWrongState,
    EntitlementHasNoCodes,
    FileEmpty,
    PoolArchived,
    PoolHasStock,
    ReasonTooLong,
    ReasonTooShort,
    TooManyLines,
    TooManyUploads,
    UnreadableWorkbook,
    UploadNotReady,
    UploadTooLarge,
    WrongFormat,
)
from fondaco_tenants.codes.events import (
    BatchImported,
    BatchUndone,
    CodesCollided,
    CodesRevealed,
    CodesWithdrawn,
    ImportRequested,
)
from fondaco_tenants.codes.invariants import INVARIANTS
from fondaco_tenants.codes.rules import (
    NEVER,
    BatchState,
    CodeState,
    ColumnRole,
    DateOrder,
    Encoding,
    ImportFormat,
    ImportOutcome,
    LineReason,
    Mapping,
    RevealVia,
    UploadState,
)
from fondaco_tenants.codes.service.batches import (
    Batch,
    ReportLine,
    batches_by_ids,
    get_batch,
    list_batches,
    list_report,
    undo_batch,
)
from fondaco_tenants.codes.service.hold import (
    Picked,
    allocate_codes,
    condemn_codes,
    deliver_codes,
    pick_codes,
    release_codes,
)
from fondaco_tenants.codes.service.imports import import_codes, sealing
from fondaco_tenants.codes.service.lines import KeptLine, kept_lines, open_lines
from fondaco_tenants.codes.service.pools import (
    Pool,
    archive_pool,
    create_pool,
    get_pool,
    list_pools,
    pools_by_ids,
    rename_pool,
    stock_of_pools,
)
from fondaco_tenants.codes.service.reveal import Revealed, reveal_codes, reveal_own_code
from fondaco_tenants.codes.service.uploads import Upload, get_upload, request_import, resume_imports
from fondaco_tenants.codes.service.vault import (
    Code,
    codes_by_ids,
    find_codes,
    list_codes,
    quarantine_codes,
    record_collisions,
    release_quarantined,
    void_codes,
)

__all__ = [
    "INVARIANTS",
    "NEVER",
    "Batch",
    "BatchImported",
    "BatchState",
    "BatchTouched",
    "BatchUndone",
    "Code",
    "CodeState",
    "CodesCollided",
    "CodesInWrongState",
    "CodesRevealed",
    "CodesWithdrawn",
    "ColumnRole",
    "DateOrder",
    "Encoding",
    "EntitlementHasNoCodes",
    "FileEmpty",
    "ImportFormat",
    "ImportOutcome",
    "ImportRequested",
    "KeptLine",
    "LineReason",
    "Mapping",
    "Picked",
    "Pool",
    "PoolArchived",
    "PoolHasStock",
    "ReasonTooLong",
    "ReasonTooShort",
    "ReportLine",
    "RevealVia",
    "Revealed",
    "TooManyLines",
    "TooManyUploads",
    "UnreadableWorkbook",
    "Upload",
    "UploadNotReady",
    "UploadState",
    "UploadTooLarge",
    "WrongFormat",
    "allocate_codes",
    "archive_pool",
    "batches_by_ids",
    "codes_by_ids",
    "condemn_codes",
    "create_pool",
    "deliver_codes",
    "expire_codes",
    "find_codes",
    "forget_lines",
    "forget_uploads",
    "get_batch",
    "get_pool",
    "get_upload",
    "import_codes",
    "kept_lines",
    "list_batches",
    "list_codes",
    "list_pools",
    "list_report",
    "open_lines",
    "pick_codes",
    "pools_by_ids",
    "quarantine_codes",
    "receive_upload",
    "record_collisions",
    "release_codes",
    "release_quarantined",
    "rename_pool",
    "request_import",
    "resume_imports",
    "reveal_codes",
    "reveal_own_code",
    "run_import",
    "sealing",
    "stock_of_pools",
    "undo_batch",
    "void_codes",
]
