"""What is shown and sent to buyers: links, mails, texts."""

from fondaco_core.limits.orders import HOLD_CODES_MAX
from fondaco_core.limits.outbox import ACTOR_DEADLINE_S

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
# How many mails of single replaced units one order makes within an hour; when more are replaced at once, one of the whole
# order follows, and that is all for the hour.
UNIT_MAILS_PER_HOUR_MAX = 5
# How many deliveries of an order are listed, and how many attempts of each.
DELIVERIES_LISTED_MAX = 50
# What a mailed link may do unless the merchant says otherwise: opened on a phone, then on the machine where it is redeemed.
MAILED_LINK_OPENS = 5
MAILED_LINK_HOURS = 24 * 30
# Templates of mails, in characters each: the largest that is still a mail, and what one may grow to; the parts of one.
TEMPLATE_CHARS_MAX = 20_000
TEMPLATE_SUBJECT_CHARS_MAX = 200
TEMPLATE_NODES_MAX = 2_000
# How deep it may be nested: conditions in conditions, and filters on filters.
TEMPLATE_DEPTH_MAX = 24
LETTER_CHARS_MAX = 400_000
# How many items of an order a mail names one by one.
LETTER_ITEMS_MAX = 100
# Unusual showings of codes, counted over so many seconds: how many codes one member or one machine may be shown before somebody
# is told, from how many networks one link may be opened, and how many buyers' codes may be shown at one address.
REVEAL_WINDOW_S = 3_600
STAFF_REVEALS_USUAL = 20
CLIENT_REVEALS_USUAL = 2_000
PLACE_ACCOUNTS_USUAL = 10
LINK_NETWORKS_USUAL = 2
# The largest of these that a merchant may set.
REVEALS_USUAL_MAX = 100_000
# How far back a member's places are remembered, in days, and how many of their newest showings are looked through.
PLACES_KNOWN_DAYS = 90
PLACES_SEEN_MAX = 5_000
# How many of an order's newest showings are looked through: it may be shown twice as a whole; at how many addresses those who were
# there are counted; and how many showings at one address, which is more than one sees in an hour whose buyers are people.
ORDER_REVEALS_SEEN_MAX = 2 * HOLD_CODES_MAX
PLACES_COUNTED_MAX = 200
PLACE_REVEALS_SEEN_MAX = 50_000
# How long a redemption address that was made for one buyer may be followed, in hours after it was shown; showing it again renews it.
PERSONAL_LINK_HOURS = 24
