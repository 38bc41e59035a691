"""Requests and mails to the outside."""

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
