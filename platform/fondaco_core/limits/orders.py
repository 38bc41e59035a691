"""Orders: how much one of them, one buyer and one address may take, and how long."""

# The most codes one order may hold: they are locked in one transaction and delivered in one answer.
HOLD_CODES_MAX = 1_000
# The most lines of one order: a basket that a person can still read.
ORDER_LINES_MAX = 20
# The most orders of one `placeOrders` request: one request must not hold locks longer than a person would wait.
ORDERS_PER_REQUEST_MAX = 100
# How long an unpaid order holds its stock, in seconds, unless the store says otherwise, and the longest it may say.
HOLD_S = 15 * 60
HOLD_MAX_S = 24 * 60 * 60
# How many orders, and how many units over all of them, one buyer may leave unpaid at one merchant: a guest, whom nobody
# knows, and an account. Who holds without paying takes stock from those who would pay.
GUEST_UNPAID_ORDERS_MAX = 3
GUEST_UNPAID_UNITS_MAX = 20
UNPAID_ORDERS_MAX = 100
UNPAID_UNITS_MAX = HOLD_CODES_MAX
# The same for one device, and for one address, at one merchant; a shared address is that of a school, not of a city.
DEVICE_UNPAID_ORDERS_MAX = 10
DEVICE_UNPAID_UNITS_MAX = 50
ADDRESS_UNPAID_ORDERS_MAX = 60
# Of what a pool has for sale, how much guests together may hold unpaid, in percent, though never less than one guest may:
# the rest is for who pays.
GUEST_SHARE_PERCENT = 50
# The most that a merchant may set any of these budgets to: one basket of the largest size, a hundred at once.
HOLD_BUDGET_ORDERS_MAX = 100
HOLD_BUDGET_UNITS_MAX = HOLD_CODES_MAX
# How often one unit gets another code because support says so, and how many units of one order: beyond, something is wrong
# with the batch, or with who says so.
UNIT_REPLACEMENTS_MAX = 3
ORDER_REPLACEMENTS_MAX = 20
# How long a paid unit waits for stock when its code failed and there is no other, in seconds; then it is refunded.
UNIT_WAIT_S = 24 * 60 * 60
# Files of orders: how long a period, how many orders of it, how many read at once, how many files of one merchant, and how
# long they are kept, in hours.
EXPORT_DAYS_MAX = 366
EXPORT_ORDERS_MAX = 200_000
EXPORT_PAGE = 500
EXPORTS_KEPT_MAX = 20
EXPORT_KEPT_HOURS = 24
# The longest message that goes with a gift: a card has room for it.
GIFT_MESSAGE_MAX = 500
# The longest name of a device, as its client says it.
DEVICE_ID_MAX = 200
# How many units strangers and buyers' accounts of one address may begin to hold unpaid within HOLD_S; a shared address is
# that of a school, not of a city.
ADDRESS_UNPAID_UNITS_MAX = 200
# The longest that `placeOrder` waits for fulfilment before it answers with a pending order, in milliseconds.
WAIT_MAX_MS = 30_000
# How many unpaid orders are expired in one transaction: it locks their codes' pools while it runs.
EXPIRE_BATCH = 100
