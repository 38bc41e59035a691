"""codes: pools of sealed, single-use codes, from import to reveal.

Owns     pool, batch, code, upload, reveal.
Promises a code is in exactly one of AVAILABLE, HELD, DELIVERED, REDEEMED, VOID, EXPIRED, QUARANTINED, and bound to at most
         one allocation; a fingerprint is in at most one code of the whole platform that is or was for sale;
         an import is done exactly once, however often it is cut off; plaintext is nowhere but inside an import and a reveal.
Stands on catalog.
"""

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

__all__ = [
    "NEVER",
    "Batch",
    "BatchImported",
    "BatchState",
    "BatchTouched",
    "BatchUndone",
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
    "TooManyLines",
    "TooManyUploads",
    "UploadNotReady",
    "UploadState",
    "UploadTooLarge",
    "allocate_codes",
    "archive_pool",
    "batches_by_ids",
    "create_pool",
    "deliver_codes",
    "get_batch",
    "get_pool",
    "import_codes",
    "list_batches",
    "list_pools",
    "list_report",
    "pick_codes",
    "pools_by_ids",
    "release_codes",
    "rename_pool",
    "sealing",
    "stock_of_pools",
    "undo_batch",
]
