"""Codes: what comes in, what is kept, made and redeemed."""

# The largest plaintext of one code, in bytes: redemption URLs with signatures run to some hundreds.
CODE_BYTES_MAX = 2_048
# The most codes imported inline in one mutation; more go by upload, which is streamed.
IMPORT_INLINE_MAX = 1_000
# The largest upload, in bytes: a million codes of the longest common form.
UPLOAD_BYTES_MAX = 256 * 1024 * 1024
# How many lines an import seals and stores in one transaction: large enough for COPY, small enough to be resumable.
IMPORT_CHUNK_LINES = 5_000
# The most rejected or duplicate lines that an import reports one by one, and keeps as they were for so many days; the counts
# are always whole.
IMPORT_REPORT_LINES_MAX = 100_000
IMPORT_LINES_KEPT_DAYS = 30
# A workbook (XLSX): the largest file, which is held in memory; what it and one of its parts beside the sheets may unfold to;
# how many parts and rows it may have. A million rows of a code and a PIN are within.
WORKBOOK_BYTES_MAX = 32 * 1024 * 1024
WORKBOOK_UNFOLDED_MAX = 512 * 1024 * 1024
WORKBOOK_PART_MAX = 64 * 1024 * 1024
WORKBOOK_PARTS_MAX = 1_000
WORKBOOK_ROWS_MAX = 1_048_576
# What is in memory of it as a tree, at some 25 times its size: one row, and one part that is read as a whole (styles, lists
# of sheets) or one shared text.
WORKBOOK_ROW_MAX = 1024 * 1024
WORKBOOK_TREE_MAX = 4 * 1024 * 1024
# A dry run reads so many lines, in pieces of an upload; it tells so many problems and sample values one by one.
PREVIEW_LINES_MAX = 20_000
PREVIEW_PROBLEMS_MAX = 100
PREVIEW_SAMPLES_MAX = 5
# How many dry runs a merchant has within so many seconds, one at a time: each takes some seconds of processor time at most. One
# whose process died holds the place for so long.
PREVIEWS_MAX = 120
PREVIEWS_S = 3_600
PREVIEW_LEASE_S = 120
# To how many codes of other merchants dry runs say that they are known, within so many seconds. A box that two people sold is
# seen by that many; who tries out guesses learns no more, and the platform is told.
PREVIEW_HITS_MAX = 20
PREVIEW_HITS_S = 24 * 3_600
# The longest time before their expiry that codes are kept from sale, told about, or looked ahead for, in days, and how many
# moments somebody is told at.
EXPIRY_DAYS_MAX = 3_650
EXPIRY_ALARMS_MAX = 10
# The most units that may still be called few, counted in every pool every minute.
LOW_STOCK_MAX = 10_000
# How many pools are looked at in one statement of the watch over stock.
WATCH_POOLS = 500
# How far an expiry calendar looks ahead at most, in days, and how many entries it has.
CALENDAR_DAYS_MAX = 366
CALENDAR_ENTRIES_MAX = 2_000
# Codes with fewer characters than this are masked whole, and a longer part of a host name may itself be a secret.
MASK_CHARS_MIN = 8
MASK_HOST_LABEL_MAX = 20
# The longest line of an import, in bytes: a code, its PIN, an expiry and quotes around them; longer ones are dropped as they pass by.
IMPORT_LINE_BYTES_MAX = 3 * CODE_BYTES_MAX
# An upload is sealed and stored in pieces of this many bytes: what a process holds of it at once.
UPLOAD_CHUNK_BYTES = 1024 * 1024
# How long an upload may send nothing, in seconds; a client that has gone must not hold a place.
UPLOAD_STALL_S = 30.0
# How many uploads of one tenant wait to be imported at once, and how long they are kept, in hours.
UPLOADS_WAITING_MAX = 20
UPLOAD_KEPT_HOURS = 24
# The most codes that are quarantined, released or voided in one request, and that expire in one transaction.
CODES_PER_CHANGE_MAX = 1_000
# How long the undoing of one import may take, in milliseconds: a million codes take half a minute.
UNDO_TIMEOUT_MS = 120_000
# The fewest characters of a reason that says anything.
REASON_CHARS_MIN = 3
# How far available codes are counted for a pool's owner; beyond, "more than that" says enough.
STOCK_COUNTED_MAX = 100_000
# The most codes of one's own making in one request: a worker makes as many in some seconds, and more are another request.
CODES_MADE_MAX = 100_000
# The most batches of own codes whose forms are looked at to tell a slip from an unknown code; their forms are few.
CODE_FORMS_MAX = 20
# How long a till may keep a code to itself before it redeems it, in seconds, unless it says otherwise, and the longest.
REDEMPTION_LOCK_S = 120
REDEMPTION_LOCK_MAX_S = 15 * 60
# How long after it a redemption can be taken back, in hours: a weekend and a day.
REDEMPTION_REVERSAL_HOURS = 72
# Codes that do not exist: how many one client may show, and how many may come from one address, within so many seconds. Slips
# are told apart by the check symbols and do not count; who meets these bounds guesses.
REDEMPTION_MISSES_MAX = 20
REDEMPTION_MISSES_ADDRESS_MAX = 60
REDEMPTION_MISSES_S = 15 * 60
# The most codes of one export of unsold stock, how long its file can be fetched, in hours, and how often: a cut line is no reason
# to lose it. It is encrypted to its owner's key all the while.
EXPORT_CODES_MAX = 100_000
EXPORT_HOURS = 24
EXPORT_DOWNLOADS_MAX = 3
# How many codes of an export are opened at a time.
EXPORT_CODES_PAGE = 500
# How long whoever fetches one may read nothing, in seconds, before the line is cut.
EXPORT_STALL_S = 60.0
