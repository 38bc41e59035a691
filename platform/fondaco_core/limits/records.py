"""What is written down: statements, answers, texts, the audit log."""

# How often a mutation is tried again as a whole when the database says that two of them crossed.
TRANSACTION_ATTEMPTS_MAX = 5
# How long one statement and one wait for a lock may take, in milliseconds; a door that hangs is worse than one that refuses.
STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 10_000
# How long answers to repeated requests are kept, in hours.
IDEMPOTENCY_HOURS = 24 * 7
# The longest key a client may send to make a request repeatable.
IDEMPOTENCY_KEY_MAX = 128
# The shortest key of a guest, whose only proof of having asked it is: nobody guesses sixteen characters.
GUEST_KEY_MIN = 16
# How long one invariant may take, in milliseconds: it reads whole tables, off the hot path.
INVARIANT_TIMEOUT_MS = 5 * 60 * 1000
# In production each rests for so many times as long as it took, so that none takes more than a hundredth of a processor, but
# never longer than this, in milliseconds.
INVARIANT_REST = 100
INVARIANT_REST_MAX_MS = 55 * 60 * 1000
# How many entries of the audit log are sealed under one checkpoint, and read at once when they are verified.
SEAL_BATCH = 5_000
# How long after it says it happened an entry may be written, in seconds: no transaction takes longer.
AUDIT_LATE_S = 15 * 60.0
# The most entries that one evidence file proves.
PROVEN_ENTRIES_MAX = 5_000
# How many rows that break an invariant are shown.
BREACH_ROWS_MAX = 5
# How many rows a clean-up deletes in one transaction, and how many transactions one run of it has at most.
CLEAN_UP_ROWS = 5_000
CLEAN_UP_ROUNDS_MAX = 200
# The longest text people may write into a name and into a note or reason.
NAME_MAX = 200
NOTE_MAX = 2_000
# The largest amount of one transfer in minor units: beyond any real sale, well inside 64 bits when summed.
AMOUNT_MAX_MINOR = 10**13
