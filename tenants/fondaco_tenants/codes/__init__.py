"""codes: pools of sealed, single-use codes, from import to reveal.

Owns     pool, batch, code, upload, reveal.
Promises a code is in exactly one of AVAILABLE, HELD, DELIVERED, REDEEMED, VOID, EXPIRED, QUARANTINED, and bound to at most
         one allocation; a fingerprint is in at most one code of the whole platform that is or was for sale;
         an import is done exactly once, however often it is cut off; plaintext is nowhere but inside an import and a reveal.
Stands on catalog.
"""

from fondaco_tenants.codes.errands import expire_codes, forget_uploads, receive_upload, run_import
from fondaco_tenants.codes.errors import (
    BatchTouched,
    CodesInWrongState,
    EntitlementHasNoCodes,
    PoolArchived,
    PoolHasStock,
    ReasonTooShort,
    TooManyLines,
    TooManyUploads,
    UploadNotReady,
    UploadTooLarge,
)
from fondaco_tenants.codes.events import BatchImported, BatchUndone, CodesCollided, ImportRequested
from fondaco_tenants.codes.invariants import INVARIANTS
from fondaco_tenants.codes.rules import (
    NEVER,
    BatchState,
    CodeState,
    ImportFormat,
    ImportOutcome,
    LineReason,
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
    deliver_codes,
    pick_codes,
    release_codes,
)
from fondaco_tenants.codes.service.imports import import_codes, sealing
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
from fondaco_tenants.codes.service.uploads import Upload, get_upload, request_import
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
    "EntitlementHasNoCodes",
    "ImportFormat",
    "ImportOutcome",
    "ImportRequested",
    "LineReason",
    "Picked",
    "Pool",
    "PoolArchived",
    "PoolHasStock",
    "ReasonTooShort",
    "ReportLine",
    "RevealVia",
    "Revealed",
    "TooManyLines",
    "TooManyUploads",
    "Upload",
    "UploadNotReady",
    "UploadState",
    "UploadTooLarge",
    "allocate_codes",
    "archive_pool",
    "batches_by_ids",
    "codes_by_ids",
    "create_pool",
    "deliver_codes",
    "expire_codes",
    "find_codes",
    "forget_uploads",
    "get_batch",
    "get_pool",
    "get_upload",
    "import_codes",
    "list_batches",
    "list_codes",
    "list_pools",
    "list_report",
    "pick_codes",
    "pools_by_ids",
    "quarantine_codes",
    "receive_upload",
    "record_collisions",
    "release_codes",
    "release_quarantined",
    "rename_pool",
    "request_import",
    "reveal_codes",
    "reveal_own_code",
    "run_import",
    "sealing",
    "stock_of_pools",
    "undo_batch",
    "void_codes",
]
