"""Keys: how much one of them seals, and how it is replaced."""

# The most seals under one data key with random nonces (NIST SP 800-38D, 8.3); the next number takes over before.
SEALS_PER_KEY_MAX = 2**32
# At how many seals a tenant's key is rotated by itself: a sixteenth of the above, so that what processes have not told yet,
# and a rotation that takes its time, do not matter.
SEALS_ROTATE_AT = 2**28
# The largest file of master keys, in bytes: hundreds of rotations.
MASTER_KEY_FILE_BYTES_MAX = 64 * 1024
# How long a process may go on sealing with the key it knows, in seconds: the longest a rotation takes to show.
KEY_CACHE_S = 30.0
# How long after that a value that was sealed with a key that was replaced may still be on its way to the database, in seconds:
# the longest transaction, and a chunk of an import that was sealed ahead.
KEY_SETTLE_S = 60.0
# How many values are re-sealed in one transaction, which locks their rows for that long, and how many times as long as it
# took the next one waits: what a rotation takes from everybody else is a tenth of one core.
RESEAL_BATCH = 200
RESEAL_PAUSE_FACTOR = 9.0
# How many data keys are wrapped anew at a time: each may be two calls to a key management service.
REWRAP_BATCH = 100
# How many keys' rotations and destructions one run of the clean-up carries on.
KEY_CHANGES_PER_RUN = 20
# How long after a merchant was closed its keys are kept, in days: to settle, to take a mistake back, to answer a dispute.
KEYS_KEPT_DAYS = 30
