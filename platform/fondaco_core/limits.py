"""Every bound, with its reason. Nothing in the system is unlimited."""

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
# A dry run reads so many lines, in pieces of an upload; it tells so many problems and sample values one by one.
PREVIEW_LINES_MAX = 20_000
PREVIEW_PROBLEMS_MAX = 100
PREVIEW_SAMPLES_MAX = 5
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

# The largest page of a connection and what is given when nothing is asked.
PAGE_MAX = 100
PAGE_DEFAULT = 20

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

# Sessions of people end after this many hours without use, and in any case after that many.
SESSION_IDLE_HOURS = 12
SESSION_MAX_HOURS = 24 * 14
# Access tokens of API clients are short-lived, in seconds.
ACCESS_TOKEN_S = 3_600
# How long a process may go on trusting what it read about a token, in seconds: the longest a revoked one still works.
CREDENTIAL_CACHE_S = 5.0
# Guest order tokens open their order this long, in days.
ORDER_TOKEN_DAYS = 90

# One-time and limited delivery links: how long they live at most, in hours, and how often they may open at most.
LINK_HOURS_MAX = 24 * 30
LINK_OPENS_MAX = 20
# How many links of one order may be open at the same time, and how many of them are listed: a person looks through them.
LINKS_PER_ORDER_MAX = 50
# The most units that one reveal shows: a whole order of the largest size.
REVEAL_UNITS_MAX = HOLD_CODES_MAX
# The most reveals of one order that are listed, newest first.
REVEALS_LISTED_MAX = 100
# For how many units of one answer a QR code is drawn: each takes some milliseconds of a core.
QR_UNITS_MAX = 20
# Wrong secrets: how many one address may try at one link, and at all links, within so many seconds. The secrets have 256
# bits; this keeps the noise down and makes guessing show.
LINK_MISSES_MAX = 10
LINK_MISSES_ADDRESS_MAX = 60
LINK_MISSES_S = 15 * 60

# Events are relayed in groups of at most this many, so that a crash repeats little.
RELAY_BATCH = 200
# How long the relay pauses, in seconds: while events come, at most when none do, and at most when a server is away.
RELAY_BUSY_S = 0.02
RELAY_IDLE_S = 0.1
RELAY_AWAY_S = 5.0
# How often the relay says how far behind it is, in seconds.
RELAY_LAG_EVERY_S = 30.0
# How old the oldest event may be before somebody should look, in seconds.
RELAY_LAG_ALARM_S = 60.0
# How long a message is believed to be on its way before its task is handed to the queue again, in seconds; twice that the
# next time, so that a long queue is not made longer.
TASK_HANDED_S = 10.0
# How long a worker is believed to be alive after it last said so, in seconds; it says so three times as often.
TASK_RUNNING_S = 9.0
# How long slow work waits when a worker has its hands full of such, in seconds, before it is offered again.
TASK_POSTPONED_S = 3.0
# How long a failed task waits for its second attempt, in seconds; each further wait is twice as long, up to the most.
TASK_BACK_OFF_S = 1.0
TASK_BACK_OFF_MAX_S = 300.0
# How often a task is begun before a person has to look: with the waits above, some two hours.
TASK_ATTEMPTS_MAX = 30
# How long an actor may take unless it says otherwise, in seconds.
ACTOR_DEADLINE_S = 60.0
# How often an idle worker asks the queue, in milliseconds, and after how long a silent one is dead to the queue: more than
# any pause of a process, less than anybody would wait for what it had begun.
QUEUE_POLL_MS = 50
QUEUE_HEARTBEAT_MS = 3_000
# How long the queue may take to answer, in seconds, before it counts as away.
QUEUE_ANSWER_S = 5.0
# How long a round of relay or scheduler may take, in seconds, before the process counts as stuck: longer than the longest
# statement and the longest pause together.
ROUND_STUCK_S = 90.0
# How long the event loop of a worker may take to come to what it is asked, in seconds, before the worker counts as stuck.
LOOP_STUCK_S = 4.0
# How long one invariant may take, in milliseconds: it reads whole tables, off the hot path.
INVARIANT_TIMEOUT_MS = 5 * 60 * 1000
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

# The front door. The largest body of a GraphQL request, in bytes: an inline import of the most codes of the largest size, as JSON.
GRAPHQL_BODY_BYTES_MAX = 4 * 1024 * 1024
# The largest body of any other small request (tokens, sessions, webhooks), in bytes; uploads have their own bound.
BODY_BYTES_MAX = 1024 * 1024
# How long a client may take to send such a body, in seconds; slower ones hold a connection for nothing.
BODY_READ_S = 20.0
# The longest URL query of a GET, in bytes: what proxies commonly let pass.
QUERY_STRING_BYTES_MAX = 16_384
# The most tokens of one document: the largest page of our own console has about a tenth of it.
DOCUMENT_TOKENS_MAX = 5_000
# How deep fields nest at most: root, connection, nodes, three levels of connections below, and money at the end.
DOCUMENT_DEPTH_MAX = 16
# The most aliases and directives of one document: more than forms and tables need, too few to multiply work with.
DOCUMENT_ALIASES_MAX = 60
DOCUMENT_DIRECTIVES_MAX = 60
# The longest document, in characters, spaces and comments included: some three times the most tokens of the usual length.
DOCUMENT_CHARS_MAX = 100_000
# How many characters of a document that is not known yet cost a point: reading and validating it takes that much time.
DOCUMENT_CHARS_PER_POINT = 20
# The most fragments one document spreads, and the most fields that stand a second time in a selection: validation compares
# them in pairs.
DOCUMENT_SPREADS_MAX = 60
DOCUMENT_REPEATS_MAX = 50
# The most fields one operation asks for at its root; mutations among them run one after the other.
ROOT_FIELDS_MAX = 20
# The most fields of an operation once its fragments are spread out: fragments in fragments multiply.
DOCUMENT_FIELDS_MAX = 10_000
# How many errors of one document are told: enough to mend it.
DOCUMENT_ERRORS_MAX = 20
# How much text the parsed and validated documents kept in memory may have, in characters; a tree takes about thirty times that.
DOCUMENT_CACHE_CHARS = 1024 * 1024
# How long a persisted document that nobody asks for is kept, in seconds.
DOCUMENT_KEPT_S = 7 * 24 * 3600
# What one request may cost at most, in points (one for each object it may return, ten for each mutation).
QUERY_COST_MAX = 20_000
# What a list without a page size is taken for when a cost is foretold.
LIST_LENGTH_ASSUMED = 10
# What one mutation costs beside the objects it returns.
MUTATION_COST = 10
# How many points a client may save up and how many come back each second: by address for strangers, by client for others.
STRANGER_POINTS_MAX = 20_000
STRANGER_POINTS_PER_S = 1_000
CLIENT_POINTS_MAX = 200_000
CLIENT_POINTS_PER_S = 20_000
# On one machine, where all tests and benchmarks come from one address, both are this many times larger.
LOCAL_POINTS_FACTOR = 1_000
# How many clients' buckets a process remembers by itself while Valkey is away.
BUCKETS_MAX = 10_000
# Sockets: how long a client has to begin, how many operations it may have at once, how long it may stay (its rights are
# read again when it comes back), and the largest message, in bytes.
SOCKET_INIT_S = 10.0
SOCKET_OPERATIONS_MAX = 100
SOCKET_MAX_S = 4 * 3600.0
SOCKET_MESSAGE_BYTES_MAX = 256 * 1024
# How often a stream of events says that it is alive, in seconds; proxies cut silent ones after a minute.
STREAM_BEAT_S = 15.0
# How many different operation names the metrics tell apart; names are the client's, memory is ours.
OPERATION_NAMES_MAX = 300
# How many streams one client follows at once: by address for strangers and guests, by account or client for others.
STRANGER_STREAMS_MAX = 20
CLIENT_STREAMS_MAX = 500
# How long a stream may go on before it is asked again who follows it, in seconds: so long a right that was taken away still shows.
STREAM_ASKER_S = 60.0
# How long the process finishes what it has begun when it is told to stop, in seconds.
SHUTDOWN_S = 15
# The most ids of one `nodes(ids:)`.
NODES_MAX = 100

# What one password costs (argon2id): the least that OWASP names, 19 MiB and two passes, some 25 ms of one core.
PASSWORD_MEMORY_KIB = 19 * 1024
PASSWORD_PASSES = 2
PASSWORD_LANES = 1
# How many passwords one process checks at once, and how many wait for it: a flood of logins is refused, not queued.
PASSWORDS_AT_ONCE = 2
PASSWORDS_WAITING_MAX = 64
# The longest password, in bytes: longer than any passphrase.
PASSWORD_BYTES_MAX = 1_024
# The most seals under one data key with random nonces (NIST SP 800-38D, 8.3); the next number takes over before.
SEALS_PER_KEY_MAX = 2**32
# At how many seals a tenant's key is rotated by itself: a sixteenth of the above, so that what processes have not told yet,
# and a rotation that takes its time, do not matter.
SEALS_ROTATE_AT = 2**28
# The largest file of master keys, in bytes: hundreds of rotations.
MASTER_KEY_FILE_BYTES_MAX = 64 * 1024
# Codes with fewer characters than this are masked whole, and a longer part of a host name may itself be a secret.
MASK_CHARS_MIN = 8
MASK_HOST_LABEL_MAX = 20

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

# Attempts to sign in, counted over this many seconds: for one account from one address, for one account from anywhere, and
# from one address. The first stops guessing, the others guessing with many addresses or many accounts.
SIGN_IN_WINDOW_S = 15 * 60
# How long sessions, invitations and counted attempts are kept after their end, in hours: long enough to ask what happened.
ENDED_KEPT_HOURS = 24 * 7
SIGN_IN_ATTEMPTS_MAX = 10
SIGN_IN_ACCOUNT_ATTEMPTS_MAX = 100
SIGN_IN_ADDRESS_ATTEMPTS_MAX = 300
# And from one network of many addresses: what one rents together, or one provider hands out.
SIGN_IN_NETWORK_ATTEMPTS_MAX = 3_000
# The shortest password, in characters (NIST SP 800-63B asks for 8; length is what counts).
PASSWORD_CHARS_MIN = 10
# How long an invitation may be accepted, in hours: over a weekend.
INVITATION_HOURS = 72
# How often at most the last use of a session is written down, in seconds.
SESSION_TOUCH_S = 60
# How many credentials a process remembers at once; beyond that it asks the database again.
CREDENTIALS_CACHED_MAX = 20_000
# The most people of one tenant, and the most API clients that act for one tenant or for one buyer: lists stay short.
MEMBERS_MAX = 500
API_CLIENTS_MAX = 500
# The shortest and the longest public name of a tenant or a store.
SLUG_CHARS_MIN = 3
SLUG_CHARS_MAX = 40

# Fewer available units than this are shown to strangers as low, unless the merchant's own alarm is higher; at most so many are
# counted for that, since every one counted costs every visitor.
STOCK_LOW_BELOW = 10
STOCK_SEEN_MAX = 100
# The most units that are counted one by one for a listing's owner; beyond, "at least so many" is exact enough.
STOCK_EXACT_MAX = 100_000
# The most places one listing is filled from: all of them are looked at for every order.
SOURCES_MAX = 50
# The most prices one request changes: each locks a listing until all are done.
PRICES_PER_REQUEST_MAX = 200

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
# The fewest characters of a reason for what is done to a code; two Chinese words have four.
REASON_CHARS_MIN = 4
# How far available codes are counted for a pool's owner; beyond, "more than that" says enough.
STOCK_COUNTED_MAX = 100_000
# How many unpaid orders are expired in one transaction: it locks their codes' pools while it runs.
EXPIRE_BATCH = 100
# How many stores' doors one process remembers: a slug and a tenant each.
DOORS_KNOWN_MAX = 10_000
# How often somebody who follows an order or waits for one looks again, in seconds: one small indexed read each time.
FOLLOW_POLL_S = 0.25
# How long what visitors were answered is kept for the next who asks the same, in seconds: nobody notices half a second.
MEMORY_S = 0.5
# How many such answers one process keeps, some 20 kB each, and the longest variables one is kept for.
MEMORY_ANSWERS_MAX = 500
MEMORY_KEY_BYTES_MAX = 2_000
# How many objects a front door makes before it looks for cycles among the young ones: some ten requests' worth, a few MB.
GARBAGE_LOOK_EVERY = 20_000

# Mail. How long one answer of the mail server may take, everything up to the message, and its goodbye, in seconds: an actor's
# deadline holds them all.
MAIL_STEP_S = 20.0
MAIL_BEGIN_S = 30.0
MAIL_GOODBYE_S = 2.0
# The parts of an address (RFC 5321), and the largest mail with its attachments as they travel, in bytes: what most servers take.
MAIL_LOCAL_PART_MAX = 64
MAIL_DOMAIN_MAX = 253
MAIL_BYTES_MAX = 10 * 1024 * 1024

# Requests to the outside. How long one exchange, looking a name up for a check, and one attempt to connect may take, in seconds.
HTTP_TIMEOUT_S = 10.0
HTTP_CHECK_S = 5.0
HTTP_CONNECT_S = 5.0
# The longest answer that is read, in bytes, unless the request says otherwise: a page of JSON from a provider.
HTTP_ANSWER_BYTES_MAX = 256 * 1024
# How many addresses of one name are tried, and how many names are looked up at once.
HTTP_ADDRESSES_TRIED_MAX = 3
HTTP_RESOLVERS = 8
# How many connections a process has open at once, how many of them wait for the next request, and how long, in seconds.
HTTP_CONNECTIONS_MAX = 200
HTTP_IDLE_CONNECTIONS_MAX = 20
HTTP_IDLE_S = 15.0
# The longest URL that we call.
URL_CHARS_MAX = 2_000

# Deliveries. How often one is tried, and how many attempts whose end nobody knows are repeated; with the waits (seconds, each
# twice as long, up to the most) some nine hours.
DELIVERY_ATTEMPTS_MAX = 12
DELIVERY_UNKNOWNS_MAX = 2
DELIVERY_BACK_OFF_S = 15.0
DELIVERY_BACK_OFF_MAX_S = 2 * 3_600.0
# How long an attempt is believed to be under way, in seconds: longer than an actor may take.
DELIVERY_LEASE_S = 2 * ACTOR_DEADLINE_S
# How many due deliveries the workers are told of at once, and after how long again, in seconds.
DELIVERIES_TOLD_MAX = 200
DELIVERY_TOLD_AGAIN_S = 60.0
# How often one order may be sent again within an hour, whoever asks: a person who mistypes, not one who floods a mailbox.
RESENDS_PER_HOUR_MAX = 3
# How many deliveries of an order are listed, and how many attempts of each.
DELIVERIES_LISTED_MAX = 50
# What a mailed link may do unless the merchant says otherwise: opened on a phone, then on the machine where it is redeemed.
MAILED_LINK_OPENS = 5
MAILED_LINK_HOURS = 24 * 30
# Templates of mails, in characters each: the largest that is still a mail, and what one may grow to; the parts of one.
TEMPLATE_CHARS_MAX = 20_000
TEMPLATE_SUBJECT_CHARS_MAX = 200
TEMPLATE_NODES_MAX = 2_000
LETTER_CHARS_MAX = 400_000
# How many items of an order a mail names one by one.
LETTER_ITEMS_MAX = 100

# How long a second factor that was shown counts for sensitive acts, in minutes: long enough for one piece of work.
SECOND_FACTOR_FRESH_MIN = 15
# How long one may take between the steps of signing in, in seconds, and how many codes one may try in that time.
CHALLENGE_S = 10 * 60
CHALLENGE_ATTEMPTS_MAX = 5
# How many codes for paper a person has, and the most passkeys.
RECOVERY_CODES = 10
PASSKEYS_MAX = 20
# How long a look at a merchant's side by the platform's people may last, in minutes: at most, and unless they say.
BREAK_GLASS_MAX_MIN = 4 * 60
BREAK_GLASS_MIN = 60
# How long a rotated secret of an API client still counts, in hours at most; how long before its end it is told, in days.
SECRET_OVERLAP_MAX_HOURS = 7 * 24
CLIENT_ENDS_SOON_DAYS = 14
# The most networks that one API client may ask from.
CLIENT_NETWORKS_MAX = 50
# The most providers of one merchant or of the platform, and the most domains of one.
PROVIDERS_MAX = 10
PROVIDER_DOMAINS_MAX = 50

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

# Webhooks. The most endpoints of one merchant, and the most messages on their way to one of them at once.
WEBHOOK_ENDPOINTS_MAX = 20
WEBHOOK_CONCURRENCY_MAX = 10
# How long an endpoint may take to answer, in seconds, and how much of its answer is read and kept, in bytes.
WEBHOOK_TIMEOUT_S = 20.0
WEBHOOK_ANSWER_BYTES_MAX = 512
# An endpoint that took longer than this, in seconds, shares the places of those that fail.
WEBHOOK_SLOW_S = 3.0
# How many messages one process has on their way at once, and how many of them to endpoints that are slow or fail.
WEBHOOK_SENDS_MAX = 64
WEBHOOK_SLOW_SENDS_MAX = 24
# Until when whoever sends a message is believed to be alive, in seconds: thrice what an attempt may take.
WEBHOOK_LEASE_S = 60.0
# How long one run of the sender takes on new messages, in seconds; the next run goes on.
WEBHOOK_RUN_S = 60.0
# The longest an endpoint may ask us to wait, in seconds.
WEBHOOK_PAUSE_MAX_S = 3_600.0
# For how many hours every attempt must have failed before an endpoint is disabled: longer than a long weekend.
WEBHOOK_FAILING_HOURS = 24 * 5
# How long a replaced secret goes on signing, in hours, at most and unless somebody says otherwise.
WEBHOOK_OVERLAP_HOURS_MAX = 24 * 7
WEBHOOK_OVERLAP_HOURS = 24
# How many valid secrets an endpoint has at most: each is one more signature in every message.
WEBHOOK_SECRETS_MAX = 4
# How many bytes of chance a secret has (Standard Webhooks: 24 to 64).
WEBHOOK_SECRET_BYTES = 32
# How long messages and their attempts are kept, in days, and how many are sent again by one request.
WEBHOOK_KEPT_DAYS = 30
WEBHOOK_RESENDS_MAX = 1_000

# Unusual showings of codes, counted over so many seconds: how many codes one member or one machine may be shown before somebody
# is told, from how many networks one link may be opened, and how many buyers' codes may be shown at one address.
REVEAL_WINDOW_S = 3_600
STAFF_REVEALS_USUAL = 20
CLIENT_REVEALS_USUAL = 2_000
PLACE_ACCOUNTS_USUAL = 10
LINK_NETWORKS_USUAL = 2
# The largest of these that a merchant may set.
REVEALS_USUAL_MAX = 100_000
# How far back a member's places are remembered, in days, and how many addresses are looked through.
PLACES_KNOWN_DAYS = 90
PLACES_SEEN_MAX = 2_000
# How often a sender that waits for answers looks for more to send, in seconds, if nothing tells it sooner.
WEBHOOK_LOOK_S = 1.0
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
EXPORT_PAGE = 500

# How long a redemption address that was made for one buyer may be followed, in hours after it was shown; showing it again renews it.
PERSONAL_LINK_HOURS = 24
