"""What is listed, and how much of it is seen."""

# The shortest and the longest public name of a tenant or a store.
SLUG_CHARS_MIN = 3
SLUG_CHARS_MAX = 40
# Fewer available units than this are shown to strangers as low, unless the merchant's own alarm is higher; at most so many are
# counted for that, since every one counted costs every visitor.
STOCK_LOW_BELOW = 10
STOCK_SEEN_MAX = 100
# The most units that are counted one by one for a listing's owner; beyond, "at least so many" is exact enough.
STOCK_EXACT_MAX = 100_000
# The most units of one thing that merchants' systems are told of as they change, how many things are looked at in one transaction,
# and how many merchants at once.
STOCK_TOLD_MAX = 1_000
STOCK_TOLD_AT_ONCE = 200
STOCK_TOLD_MERCHANTS = 100
# How often somebody who follows stock is shown it at most, in seconds, and of how many things.
STOCK_FOLLOW_S = 2.0
STOCK_FOLLOWED_MAX = 100
# The most places one listing is filled from: all of them are looked at for every order.
SOURCES_MAX = 50
# The most merchants that goods pass through, the store's own among them counted not; each is a step that every order looks up.
CHAIN_SELLERS_MAX = 5
# The most routes that are kept of one offer, and that an order or a look at its stock takes of one listing: those of every source in turn.
ROUTES_MAX = 64
# How many of a listing's routes an order looks at before it looks at all: nearly always the first one serves it.
ROUTES_FIRST = 2
# The most prices one request changes: each locks a listing until all are done.
PRICES_PER_REQUEST_MAX = 200
