"""What merchants offer each other, and on which terms."""

# The most tiers of one supplier: each is a column of its price list.
TIERS_MAX = 50
# The most changes of one tier's terms that are still to come, and how many days ahead one may be.
TERMS_COMING_MAX = 20
TERMS_AHEAD_DAYS_MAX = 365
# The longest that a sale's money waits to be the supplier's own, in days.
SETTLE_DAYS_MAX = 90
# Over how many merchants, each of which brought the next one, a commission goes at the most, and how much of a sale it takes, in basis points.
COMMISSION_LEVELS_MAX = 5
COMMISSION_BPS_MAX = 5_000
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
# The most offers of one supplier that are published at once: the stock behind each is looked at for each of its resellers, time and again.
OFFERS_MAX = 5_000
# The most quantity breaks of one price list, as many as people compare; how many days ahead a list may begin, and the most
# lists of one offer and tier that are still to come.
PRICE_BREAKS_MAX = 10
PRICES_AHEAD_DAYS_MAX = 365
PRICES_COMING_MAX = 20
# The most breaches of minimum resale prices that are announced in one transaction.
BREACHES_AT_ONCE = 500
# The health, of 1000, of an offer that nobody has bought from yet: neither the first nor the last to be tried.
HEALTH_NEUTRAL = 800
HEALTH_MAX = 1_000
# How many pages of the market are looked at for one page of what has a certain stock.
MARKET_ROUNDS_MAX = 3
# How many units a new offer counts as having had before, so that its first unit decides nothing.
HEALTH_PRIOR_UNITS = 50
# How many units that did not come a bad code counts as: its buyer has paid, and has been told that it is good.
HEALTH_BAD_WEIGHT = 5
# Over how many days an offer's health looks back, and the longer of the two periods that a scorecard shows.
SCORE_DAYS = 7
SCORE_DAYS_LONG = 30
# How long days and troubles are kept: a little longer than anybody looks back.
SCORE_KEPT_DAYS = 35
# The most troubles that are counted, and offers whose health is worked out again, in one transaction.
SCORED_AT_ONCE = 500
# How many bad units, and how often out of stock, within this time pause a source; of a busy one also this share of what it sold.
SOURCE_WINDOW_S = 3_600
SOURCE_BAD_UNITS = 3
SOURCE_BAD_PERCENT = 2
SOURCE_SHORT_TIMES = 20
# A first pause, and the longest; each is twice as long as the one before, until a day went well.
SOURCE_PAUSE_S = 600
SOURCE_PAUSE_MAX_S = 86_400
SOURCE_STRIKES_FORGOTTEN_S = 86_400
# How many units a source that is tried again gets at first (source_tried in the database says the same), and how long nothing must
# go wrong with them.
PROBE_UNITS = 5
PROBE_WATCH_S = 900
# Texts that are no codes of the merchant's: so many may be traced within so many seconds. Whoever was sent a list of codes looks for some
# of others' as well; who tries out guesses meets this bound.
TRACE_MISSES_MAX = 50
TRACE_MISSES_S = 15 * 60
# How much is written down of where a code was found, in characters, and of how many places.
LEAK_PLACE_MAX = 500
LEAK_FINDS_MAX = 100
