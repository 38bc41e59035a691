"""Withdrawals and statements."""

# How long a destination that was added waits before money is paid there, in hours: long enough that its owners read their mail.
DESTINATION_WAIT_HOURS = 48
# The most destinations of one merchant, the most characters of each part of one, and how many of its number are shown.
DESTINATIONS_MAX = 20
DESTINATION_CHARS_MAX = 200
DESTINATION_CHARS_SHOWN = 4
# The least that is worth a transfer, in minor units, and how many withdrawals in one currency wait at once: each is a person's work.
WITHDRAWAL_MIN_MINOR = 1_000
WITHDRAWALS_OPEN_MAX = 10
# The longest number that a bank gives a transfer.
BANK_REFERENCE_CHARS_MAX = 100
# A statement's longest period, the most rows of a file of one (a workbook's sheet has no more), how many are read at a time, and how
# many files of one merchant are kept.
STATEMENT_DAYS_MAX = 366
STATEMENT_ROWS_MAX = 1_000_000
STATEMENT_PAGE = 2_000
STATEMENTS_KEPT_MAX = 20
# For how many days ahead it is shown what will be paid out.
DUE_DAYS_SHOWN = 31
