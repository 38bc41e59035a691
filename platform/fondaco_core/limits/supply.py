"""What merchants offer each other, and on which terms."""

# The most tiers of one supplier: each is a column of its price list.
TIERS_MAX = 50
# The most changes of one tier's terms that are still to come, and how many days ahead one may be.
TERMS_COMING_MAX = 20
TERMS_AHEAD_DAYS_MAX = 365
# The longest that a sale's money waits to be the supplier's own, in days.
SETTLE_DAYS_MAX = 90
# More units than this in a day or a month, or held at once, is no bound: the table's numbers have 32 bits.
SUPPLY_UNITS_MAX = 1_000_000_000
# The most requests of one reseller that wait for an answer or came to nothing within a day: each is somebody's work.
AGREEMENT_REQUESTS_MAX = 50
# How many days after a refused request the same supplier may be asked again.
AGREEMENT_ASK_AGAIN_DAYS = 7
# The most invitations of one supplier that still hold, the most merchants that one lets in, and how many days it may hold.
SUPPLY_INVITATIONS_MAX = 500
SUPPLY_INVITATION_USES_MAX = 1_000
SUPPLY_INVITATION_DAYS_MAX = 365
SUPPLY_INVITATION_DAYS = 30
# The most quantity breaks of one price list, as many as people compare; how many days ahead a list may begin, and the most
# lists of one offer and tier that are still to come.
PRICE_BREAKS_MAX = 10
PRICES_AHEAD_DAYS_MAX = 365
PRICES_COMING_MAX = 20
# The most breaches of minimum resale prices that are announced in one transaction.
BREACHES_AT_ONCE = 500
