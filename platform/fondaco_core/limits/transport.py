"""The front door: what one request, one client and one socket may take."""

# The largest page of a connection and what is given when nothing is asked.
PAGE_MAX = 100
PAGE_DEFAULT = 20
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
