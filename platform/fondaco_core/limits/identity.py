"""Who asks: passwords, sessions, second factors, machines."""

# Sessions of people end after this many hours without use, and in any case after that many.
SESSION_IDLE_HOURS = 12
SESSION_MAX_HOURS = 24 * 14
# Access tokens of API clients are short-lived, in seconds.
ACCESS_TOKEN_S = 3_600
# How long a process may go on trusting what it read about a token, in seconds: the longest a revoked one still works.
CREDENTIAL_CACHE_S = 5.0
# Guest order tokens open their order this long, in days.
ORDER_TOKEN_DAYS = 90
# What one password costs (argon2id): the least that OWASP names, 19 MiB and two passes, some 25 ms of one core.
PASSWORD_MEMORY_KIB = 19 * 1024
PASSWORD_PASSES = 2
PASSWORD_LANES = 1
# How many passwords one process checks at once, and how many wait for it: a flood of logins is refused, not queued.
PASSWORDS_AT_ONCE = 2
PASSWORDS_WAITING_MAX = 64
# The longest password, in bytes: longer than any passphrase.
PASSWORD_BYTES_MAX = 1_024
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
# Letters to one address within so many seconds, over all merchants: those that anybody has sent by naming it (a lost order, a
# proof), and gifts, which somebody paid for. Further ones do not leave.
LETTERS_WINDOW_S = 3_600
LETTERS_UNPROVED_MAX = 10
LETTERS_OF_GIFTS_MAX = 60
# New passwords in the same time, which anybody may ask for, too: of one account, and of a buyer's accounts at all merchants. They
# have a count of their own, so that no other letter keeps somebody from coming back; and since asking again ends no token that
# was mailed, whoever finds that no further letter leaves has one of the first, which opens for INVITATION_HOURS.
LETTERS_OF_RESETS_MAX = 5
LETTERS_OF_BUYERS_RESETS_MAX = 20
# Invitations to one address in the same time: by one merchant, who may remove and invite again without end, and by all. The
# first is so much smaller that nobody alone keeps others' invitations from arriving.
INVITATIONS_BY_MERCHANT_MAX = 3
LETTERS_OF_INVITATIONS_MAX = 15
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
