"""Payments, refunds and gateways."""

# The most plans by which merchants pay the platform, and categories of goods that one names: as many as people keep apart.
PLANS_MAX = 200
PLAN_CATEGORIES_MAX = 100
# How many days after a sale to a customer its money is the merchant's own: most of what goes wrong is known by then.
SALE_SETTLE_DAYS = 1
# How many sales one payout takes into account: they are marked in one transaction, under the merchant's lock.
SETTLE_PAGE = 500
# How long what a reseller owes may be due before it counts as overdue, in seconds: by then it was to be drawn a few times.
CREDIT_GRACE_S = 3_600

# Payments. How long a payment of a wallet waits to be paid, in seconds; one of an order waits as long as its stock is held.
TOP_UP_OPEN_S = 1_800
# The first and the longest wait before a gateway is asked again about a payment or a refund, in seconds: gateways forget to
# notify, and refunds take days.
PAYMENT_LOOK_S = 5
PAYMENT_LOOK_MAX_S = 300
REFUND_LOOK_MAX_S = 3_600
# How long after its time a payment that a gateway knows nothing of may still appear there, in seconds.
PAYMENT_GRACE_S = 300
# How many payments wait for one order, and for one wallet, at once.
ORDER_PAYMENTS_OPEN_MAX = 5
TOP_UPS_OPEN_MAX = 10
# How many payments or refunds one round of polling takes, and how many of them are asked about at the same time.
PAYMENTS_POLLED = 100
PAYMENTS_AT_ONCE = 8
# How long after its end an order may still be had for its old price by money that comes late, in seconds: as long as statements of
# gateways are looked through for what was not noticed. A price is no promise for ever.
PAID_LATE_S = 3 * 24 * 3_600
# How long captured money may wait before the schedule looks after it, in seconds; the event has had its chance by then.
SETTLE_WITHIN_S = 60.0
# How many payments and refunds of one order are listed.
PAYMENTS_LISTED_MAX = 50
# The largest notification of a gateway, in bytes: theirs have a few kilobytes.
NOTIFICATION_BYTES_MAX = 64 * 1024
# How many forged notifications of one gateway are kept as evidence in an hour, and how many of one
# address are looked at in a quarter of an hour: a checked signature costs a fraction of a millisecond, a stored row more.
FORGED_KEPT_PER_HOUR = 100
FORGED_PER_ADDRESS_MAX = 60
# How many options an operator enters for a gateway, and how many gateways there are: a few for every country.
GATEWAY_OPTIONS_MAX = 20
GATEWAYS_MAX = 500
# How long a gateway may take to answer, in seconds: somebody may be waiting for the page to pay at.
GATEWAY_TIMEOUT_S = 10.0
# Reconciliation. Of how many days past the statement is fetched if it was not yet, how many lines are compared at a time, how
# many differences of one day are listed one by one (a statement that has nothing in common with ours says so by its count),
# and how far two clocks may disagree about midnight, in seconds.
RECONCILE_DAYS = 3
RECONCILE_ROWS = 2_000
RECONCILE_DIFFERENCES_MAX = 1_000
RECONCILE_MARGIN_S = 900
# How many parts a statement may have; a gateway that goes on and on is wrong.
STATEMENT_PARTS_MAX = 10_000
