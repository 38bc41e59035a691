"""How codes refuses.

Refusal
├── Invalid
│   ├── EntitlementHasNoCodes   top-ups and services have no codes to keep
│   ├── FileEmpty               an upload without a single byte
│   ├── ReasonTooLong           a reason is a sentence or two
│   ├── ReasonTooShort          what is done to a code is done for a reason that says something
│   ├── TooManyLines            more than one request imports; an upload takes them
│   ├── UnreadableWorkbook      it is no XLSX file, a broken one, or unfolds to too much
│   ├── UploadTooLarge          the file is larger than an upload may be
│   └── WrongFormat             the file is a workbook and imported as text, or the other way round
└── Conflict
    ├── BatchTouched            a code of the batch has moved already: the import cannot be undone any more
    ├── CodesInWrongState       a code is not in the state that the change begins at
    ├── PoolArchived            nothing is imported into an archived pool
    ├── PoolHasStock            a pool with codes in stock is not archived
    ├── TooManyPreviews         another dry run is under way, or there were many lately
    ├── TooManyUploads          earlier uploads wait to be imported
    └── UploadNotReady          it is not complete, was imported before, or was kept too long
"""

from fondaco_core import limits
from fondaco_core.errors import Conflict, Invalid


class EntitlementHasNoCodes(Invalid):
    """The entitlement is delivered without a code, so there is nothing to keep in a pool."""

    code = "ENTITLEMENT_HAS_NO_CODES"

    def __init__(self, *, made: bool = False) -> None:
        super().__init__(
            "Only entitlements that are delivered as a code can have their codes made; this one is a link or a QR code."
            if made
            else "This entitlement is delivered without a code; only codes, links and QR codes are kept in pools.",
            zh="只能为以卡密交付的权益生成卡密；该权益以链接或二维码交付。"
            if made
            else "该权益无需卡密即可交付；只有卡密、链接和二维码可以存入卡池。",
            path=("entitlement_id",),
        )


class ReasonTooShort(Invalid):
    """What is done to a code needs a reason that says something."""

    code = "REASON_TOO_SHORT"

    def __init__(self) -> None:
        super().__init__(
            f"Say why, in {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters; it is kept in the audit log.",
            zh=f"请填写原因（{limits.REASON_CHARS_MIN} 至 {limits.NOTE_MAX} 个字符），原因将记入审计日志。",
            path=("reason",),
        )


class ReasonTooLong(Invalid):
    """A reason is longer than anybody reads."""

    code = "REASON_TOO_LONG"

    def __init__(self) -> None:
        super().__init__(
            f"A reason has at most {limits.NOTE_MAX} characters; it is kept in the audit log.",
            zh=f"原因不能超过 {limits.NOTE_MAX} 个字符，原因将记入审计日志。",
            path=("reason",),
        )


class FileEmpty(Invalid):
    """There is nothing in the file."""

    code = "FILE_EMPTY"

    def __init__(self) -> None:
        super().__init__("This file is empty; nothing was uploaded.", zh="文件为空，未上传任何内容。")


class UnreadableWorkbook(Invalid):
    """The file is no workbook (XLSX) that can be read, or unfolds to more than may be read."""

    code = "UNREADABLE_WORKBOOK"

    def __init__(self, problem: str) -> None:
        said, said_zh = _WORKBOOK_PROBLEMS[problem]
        super().__init__(said, zh=said_zh, path=("upload_id",))
        self.problem = problem


_WORKBOOK_PROBLEMS = {
    "OLD": (
        "This workbook is of the old format or encrypted; save it as XLSX without a password, or as CSV.",
        "该工作簿为旧版格式（XLS）或已加密；请另存为不带密码的 XLSX 或 CSV。",
    ),
    "BROKEN": (
        "This is no workbook that can be read; save it again as XLSX, or as CSV.",
        "无法读取该工作簿；请重新另存为 XLSX 或 CSV。",
    ),
    "NO_SHEET": ("The workbook has no visible sheet of that name.", "工作簿中没有该名称的可见工作表。"),
    "TOO_LARGE": (
        "This workbook unfolds to more than is read at once; save it as CSV, or split it.",
        "该工作簿解压后的内容过大；请另存为 CSV，或拆分后上传。",
    ),
}


class WrongFormat(Invalid):
    """The file is a workbook and was to be imported as text, or the other way round."""

    code = "WRONG_FORMAT"

    def __init__(self, *, workbook: bool) -> None:
        super().__init__(
            "This file is a workbook; import it as XLSX."
            if workbook
            else "This file is no workbook; import it as CSV or TXT.",
            zh="该文件是工作簿，请以 XLSX 格式导入。" if workbook else "该文件不是工作簿，请以 CSV 或 TXT 格式导入。",
            path=("format",),
        )


class TooManyLines(Invalid):
    """More lines than one request imports; an upload takes them."""

    code = "TOO_MANY_LINES"

    def __init__(self, lines: int) -> None:
        super().__init__(
            f"One request imports at most {limits.IMPORT_INLINE_MAX} lines; these are {lines}. Upload them as a file.",
            zh=f"单次请求最多导入 {limits.IMPORT_INLINE_MAX} 行，当前为 {lines} 行；请改用文件上传。",
            path=("text",),
        )
        self.lines = lines
        self.lines_max = limits.IMPORT_INLINE_MAX


class UploadTooLarge(Invalid):
    """The file is larger than an upload may be."""

    code = "UPLOAD_TOO_LARGE"

    def __init__(self) -> None:
        super().__init__(
            f"An upload may have {limits.UPLOAD_BYTES_MAX} bytes; split the file.",
            zh=f"上传文件不能超过 {limits.UPLOAD_BYTES_MAX} 字节，请拆分文件。",
        )


class BatchTouched(Conflict):
    """A code of the batch was held, sold, voided or quarantined already: the import cannot be undone any more."""

    code = "BATCH_TOUCHED"

    def __init__(self, touched: int) -> None:
        super().__init__(
            f"{touched} codes of this import have been held, sold or changed; void the remaining ones instead.",
            zh=f"该批次已有 {touched} 个卡密被锁定、售出或变更，无法撤销；可改为作废剩余卡密。",
        )
        self.touched = touched


_STATES = {"AVAILABLE": ("for sale", "可售"), "QUARANTINED": ("quarantined", "已隔离"), "VOID": ("void", "已作废")}


class CodesInWrongState(Conflict):
    """A code is not in the state that the change begins at; nothing was changed."""

    code = "CODES_IN_WRONG_STATE"

    def __init__(self, wrong: int, wanted: str) -> None:
        named, named_zh = _STATES.get(wanted, (wanted, wanted))
        super().__init__(
            f"{wrong} of these codes are in a state from which they do not become {named}; nothing was changed.",
            zh=f"其中 {wrong} 个卡密的当前状态不能变更为“{named_zh}”；未作任何更改。",
            path=("ids",),
        )
        self.wrong = wrong


class PoolArchived(Conflict):
    """The pool is archived."""

    code = "POOL_ARCHIVED"

    def __init__(self) -> None:
        super().__init__("This pool is archived.", zh="该卡池已归档。", path=("pool_id",))


class PoolHasStock(Conflict):
    """The pool still has codes in stock."""

    code = "POOL_HAS_STOCK"

    def __init__(self) -> None:
        super().__init__(
            "This pool still has codes that are available, held or quarantined; sell or void them first.",
            zh="该卡池仍有可用、锁定或隔离中的卡密，请先售出或作废。",
        )


class TooManyPreviews(Conflict):
    """Another dry run of the merchant is under way, or there were too many lately."""

    code = "TOO_MANY_PREVIEWS"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"A dry run is under way, or there were {limits.PREVIEWS_MAX} within the hour; try again in {retry_after_s} seconds.",
            zh=f"已有试运行正在进行，或一小时内已试运行 {limits.PREVIEWS_MAX} 次；请在 {retry_after_s} 秒后重试。",
        )
        self.retry_after_s = retry_after_s


class TooManyUploads(Conflict):
    """Earlier uploads wait to be imported."""

    code = "TOO_MANY_UPLOADS"

    def __init__(self) -> None:
        super().__init__(
            f"{limits.UPLOADS_WAITING_MAX} uploads wait already; import one of them first, or wait until they are dropped.",
            zh=f"已有 {limits.UPLOADS_WAITING_MAX} 个上传文件等待导入，请先导入其中之一，或等待其过期清除。",
        )


class UploadNotReady(Conflict):
    """The upload is not complete, was imported before, or was kept too long; upload the file again."""

    code = "UPLOAD_NOT_READY"

    def __init__(self) -> None:
        super().__init__(
            "This upload is not complete, was imported before, or was kept too long; upload the file again.",
            zh="该上传未完成、已被导入或已过期，请重新上传文件。",
            path=("upload_id",),
        )
