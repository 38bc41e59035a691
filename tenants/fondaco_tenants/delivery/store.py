"""Every SQL statement of delivery."""

ADD_LINK = """
INSERT INTO delivery_link
  (id, tenant_id, order_id, allocation_id, secret_hash, opens_max, expires_at, created_by_kind, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_LINK = "id, order_id, allocation_id, opens_max, opens, expires_at, created_by_kind, created_at, revoked_at"

# The whole of "this link opens once": whoever comes second waits at the row, then finds it spent.
BURN_LINK = f"""
UPDATE delivery_link SET opens = opens + 1
WHERE id = $1 AND secret_hash = $2 AND opens < opens_max AND expires_at > $3 AND revoked_at IS NULL
RETURNING {_LINK}
"""

# Where a link leads, by its id and its secret's hash, in the store under whose name it was asked for.
FIND_LINK_IN_STORE = """
SELECT o.code AS order_code, s.name AS store_name, g.name AS gift_name, g.message AS gift_message
FROM delivery_link k JOIN "order" o ON o.id = k.order_id JOIN store s ON s.id = o.store_id
LEFT JOIN gift g ON g.order_id = o.id AND g.taken_back_at IS NULL
WHERE k.id = $1 AND k.secret_hash = $2 AND s.slug = $3
"""

FIND_LINKS = f"SELECT {_LINK} FROM delivery_link WHERE id = ANY($1)"

# The newest links of each order; `$2` is how many of each.
LIST_LINKS = f"""
SELECT {_LINK} FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY id DESC) AS place
  FROM delivery_link WHERE order_id = ANY($1)
) AS numbered WHERE place <= $2 ORDER BY id DESC
"""

COUNT_OPEN_LINKS = """
SELECT count(*) FROM delivery_link
WHERE order_id = $1 AND opens < opens_max AND expires_at > $2 AND revoked_at IS NULL
"""

REVOKE_LINK = f"""
UPDATE delivery_link SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING {_LINK}
"""

# The units of an order, or those named, locked against a refund at the same moment, in the order in which a refund locks.
LOCK_UNITS = """
SELECT a.id, a.leaf_tenant_id, a.unit, a.attempt, a.state, a.code_id, a.order_id, l.customer_id, l.number AS line, l.title,
       e.fulfilment_kind, e.redemption, e.redemption_zh, e.restrictions, e.restrictions_zh
FROM allocation a JOIN order_line l ON l.id = a.line_id JOIN entitlement e ON e.id = l.entitlement_id
WHERE a.order_id = $1
  AND ($2::uuid IS NULL OR (a.line_id, a.unit) = (SELECT line_id, unit FROM allocation WHERE id = $2))
ORDER BY a.id FOR NO KEY UPDATE OF a
"""

# Whether an order, or the one unit, has codes of other merchants.
HAS_OTHERS = """
SELECT EXISTS (
  SELECT 1 FROM allocation
  WHERE order_id = $1 AND leaf_tenant_id <> tenant_id
    AND ($2::uuid IS NULL OR (line_id, unit) = (SELECT line_id, unit FROM allocation WHERE id = $2))
)
"""

# How often each code was shown, and when first.
COUNT_REVEALS = """
SELECT code_id, count(*)::int AS times, min(revealed_at) AS first_at FROM code_reveal WHERE code_id = ANY($1) GROUP BY code_id
"""

# The newest reveals of each order; `$2` is how many of each.
LIST_REVEALS = """
SELECT id, order_id, allocation_id, via, actor_kind, ip, link_id, revealed_at FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY id DESC) AS place FROM code_reveal WHERE order_id = ANY($1)
) AS numbered WHERE place <= $2 ORDER BY id DESC
"""

STORE_FACE = """
SELECT s.name, p.support_contact FROM store s LEFT JOIN merchant_profile p ON p.tenant_id = s.tenant_id WHERE s.slug = $1
"""

LINK_ADDRESS = """
SELECT s.slug, k.secret_hash FROM delivery_link k JOIN "order" o ON o.id = k.order_id JOIN store s ON s.id = o.store_id
WHERE k.id = $1
"""

# What orders' deliveries are planned by; a gift that was taken back is none.
PLAN = """
SELECT o.id, o.state, o.channel, coalesce(g.locale, s.locale) AS locale, c.contact_masked, g.contact_masked AS gift_masked,
       coalesce(t.form, 'LINK') AS form
FROM "order" o JOIN store s ON s.id = o.store_id JOIN customer c ON c.id = o.customer_id
LEFT JOIN gift g ON g.order_id = o.id AND g.taken_back_at IS NULL
LEFT JOIN delivery_setting t ON t.tenant_id = o.tenant_id
WHERE o.id = ANY($1::uuid[]) ORDER BY o.id
"""

# Made once for each channel, however often an order's fulfilment is told.
ADD_FIRST = """
INSERT INTO delivery
  (id, tenant_id, order_id, channel, state, form, addressee, contact_masked, locale, next_attempt_at, told_at,
   requested_by_kind, created_at, sent_at, failure)
SELECT id, $1, order_id, channel, state, form, addressee, masked, locale,
       CASE state WHEN 'QUEUED' THEN $2::timestamptz END, CASE state WHEN 'QUEUED' THEN $2::timestamptz END,
       'SYSTEM', $2, CASE state WHEN 'SENT' THEN $2::timestamptz END, CASE state WHEN 'FAILED' THEN 'NO_WAY_OUT' END
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
  AS made (id, order_id, locale, channel, state, form, addressee, masked)
ON CONFLICT (order_id, channel) WHERE resend_of IS NULL AND allocation_id IS NULL DO NOTHING
RETURNING id, state
"""

# The newest delivery to people, and the newest on the buyer's own side: the ways that an order went.
WAYS = """
SELECT DISTINCT ON (form = 'PAGE') id, allocation_id, channel, form, addressee, contact_masked, locale, state, attempts,
  created_at
FROM delivery WHERE order_id = $1 ORDER BY form = 'PAGE', id DESC
"""

BUYERS_CONTACT = """
SELECT c.contact_masked FROM "order" o JOIN customer c ON c.id = o.customer_id WHERE o.id = $1
"""

# What a replaced unit makes: once for each channel, however often it is told. Without a unit: the whole order once more.
ADD_UNIT = """
INSERT INTO delivery
  (id, tenant_id, order_id, allocation_id, channel, state, form, addressee, contact_sealed, contact_masked, locale,
   next_attempt_at, told_at, resend_of, requested_by_kind, created_at, sent_at, failure)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE $6 WHEN 'QUEUED' THEN $12::timestamptz END,
        CASE $6 WHEN 'QUEUED' THEN $12::timestamptz END, $13, 'SYSTEM', $12, CASE $6 WHEN 'SENT' THEN $12::timestamptz END,
        CASE $6 WHEN 'FAILED' THEN 'NO_WAY_OUT' END)
ON CONFLICT (allocation_id, channel) WHERE resend_of IS NULL AND allocation_id IS NOT NULL DO NOTHING
RETURNING id
"""

# How many mails of single units an order made within the hour, and how often it was sent again as a whole for their sake.
COUNT_UNIT_MAILS = """
SELECT count(*) FILTER (WHERE resend_of IS NULL) AS units, count(*) FILTER (WHERE resend_of IS NOT NULL) AS wholes
FROM delivery
WHERE order_id = $1 AND created_at > $2 AND requested_by_kind = 'SYSTEM' AND form <> 'PAGE'
  AND (allocation_id IS NOT NULL OR resend_of IS NOT NULL)
"""

# Whether a unit has a code to show now, whichever attempt brought it.
UNIT_IS_HERE = """
SELECT EXISTS (
  SELECT 1 FROM allocation
  WHERE (line_id, unit) = (SELECT line_id, unit FROM allocation WHERE id = $1) AND state = 'FULFILLED' AND code_id IS NOT NULL
)
"""

_DELIVERY = """
id, order_id, channel, state, form, addressee, contact_masked, link_id, attempts, next_attempt_at, failure, resend_of,
requested_by_kind, created_at, sent_at, delivered_at, allocation_id
"""

# Whoever comes second finds that nothing is due: the attempt is claimed before it is made, and until its lease ends.
CLAIM = """
UPDATE delivery SET state = 'UNKNOWN', attempts = attempts + 1, next_attempt_at = $2 + make_interval(secs => $3), told_at = NULL
WHERE id = $1 AND state IN ('QUEUED', 'UNKNOWN') AND next_attempt_at <= $2
RETURNING id, order_id, channel, form, addressee, contact_sealed, locale, link_id, attempts, unknowns, allocation_id, created_at
"""

# An attempt that nobody ended was cut short: nobody knows whether it arrived.
END_ABANDONED = """
WITH ended AS (
  UPDATE delivery_attempt SET ended_at = $2, outcome = 'UNKNOWN' WHERE delivery_id = $1 AND outcome IS NULL RETURNING 1
)
UPDATE delivery SET unknowns = unknowns + (SELECT count(*)::int FROM ended) WHERE id = $1 RETURNING unknowns
"""

ADD_ATTEMPT = """
INSERT INTO delivery_attempt (tenant_id, delivery_id, number, began_at) VALUES ($1, $2, $3, $4)
"""

END_ATTEMPT = """
UPDATE delivery_attempt SET ended_at = $3, outcome = $4, status = $5
WHERE delivery_id = $1 AND number = $2 AND outcome IS NULL
"""

# What a late attempt learns counts when it says that the mail is out; otherwise the newest attempt speaks.
SETTLE = """
UPDATE delivery SET state = $3, next_attempt_at = $4, failure = $5, told_at = NULL,
  unknowns = unknowns + $6, sent_at = CASE $3 WHEN 'SENT' THEN $7 ELSE sent_at END
WHERE id = $1 AND state IN ('QUEUED', 'UNKNOWN') AND (attempts = $2 OR $3 = 'SENT')
RETURNING order_id
"""

GIVE_UP = """
UPDATE delivery SET state = $2, next_attempt_at = NULL, failure = $3 WHERE id = $1
"""

SET_LINK = "UPDATE delivery SET link_id = $2 WHERE id = $1"

# The link of this delivery, or the last one that went to the same contact and still opens: both lead to the same place.
MAILED_LINK = f"""
SELECT {", ".join("k." + name.strip() for name in _LINK.split(","))}
FROM delivery d JOIN delivery other ON other.order_id = d.order_id AND other.addressee = d.addressee
  AND other.contact_masked = d.contact_masked AND (other.addressee <> 'CORRECTED' OR other.id = d.id)
JOIN delivery_link k ON k.id = other.link_id
WHERE d.order_id = $1 AND d.id = $3 AND k.revoked_at IS NULL AND k.expires_at > $2 AND k.opens < k.opens_max
  AND k.allocation_id IS NOT DISTINCT FROM d.allocation_id
ORDER BY other.id DESC LIMIT 1
"""

# What went to a contact that is corrected now opens no more.
REVOKE_MAILED_LINKS = """
UPDATE delivery_link SET revoked_at = $2
WHERE id IN (SELECT link_id FROM delivery WHERE order_id = $1 AND link_id IS NOT NULL) AND revoked_at IS NULL
"""

# Who buys, where, and from whom: what a mail says of an order.
LETTER = """
SELECT o.id, o.code, o.state, o.currency, o.total_minor, o.customer_id, o.store_id, s.slug, s.name AS store_name,
       p.support_contact, coalesce(t.link_opens_max, $2) AS link_opens_max, coalesce(t.link_hours, $3) AS link_hours,
       g.name AS gift_name, g.message AS gift_message, g.order_id IS NOT NULL AS gift
FROM "order" o JOIN store s ON s.id = o.store_id
LEFT JOIN gift g ON g.order_id = o.id AND g.taken_back_at IS NULL
LEFT JOIN merchant_profile p ON p.tenant_id = o.tenant_id
LEFT JOIN delivery_setting t ON t.tenant_id = o.tenant_id
WHERE o.id = $1
"""

LETTER_ITEMS = """
SELECT l.title, l.listing_id, CASE WHEN $2::uuid IS NULL THEN l.live_quantity ELSE 1 END AS quantity,
       e.redemption, e.redemption_zh, e.restrictions, e.restrictions_zh
FROM order_line l JOIN entitlement e ON e.id = l.entitlement_id
WHERE l.order_id = $1 AND l.live_quantity > 0
  AND ($2::uuid IS NULL OR l.id = (SELECT line_id FROM allocation WHERE id = $2))
ORDER BY l.number
"""

# Deliveries whose time has come and that nobody was told of lately, over all tenants.
TELL_DUE = """
UPDATE delivery SET told_at = $1 WHERE id IN (
  SELECT id FROM delivery
  WHERE next_attempt_at <= $1 AND (told_at IS NULL OR told_at < $1 - make_interval(secs => $2))
  ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id, tenant_id
"""

LIST_DELIVERIES = f"""
SELECT {_DELIVERY} FROM (
  SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY id DESC) AS place FROM delivery WHERE order_id = ANY($1)
) AS numbered WHERE place <= $2 ORDER BY id DESC
"""

FIND_DELIVERIES = f"SELECT {_DELIVERY} FROM delivery WHERE id = ANY($1)"

LIST_ATTEMPTS = """
SELECT delivery_id, number, began_at, ended_at, outcome, status FROM delivery_attempt
WHERE delivery_id = ANY($1) ORDER BY delivery_id, number DESC
"""

# Re-sends of one order are counted one after the other: its first deliveries are what they wait at.
LOCK_DELIVERIES = "SELECT id FROM delivery WHERE order_id = $1 AND resend_of IS NULL ORDER BY id FOR NO KEY UPDATE"
COUNT_RESENDS = """
SELECT count(*) FROM delivery
WHERE order_id = $1 AND resend_of IS NOT NULL AND created_at > $2 AND requested_by_kind <> 'SYSTEM'
"""

ADD_RESEND = f"""
INSERT INTO delivery
  (id, tenant_id, order_id, channel, state, form, addressee, contact_sealed, contact_masked, locale, next_attempt_at, told_at,
   resend_of, requested_by_kind, requested_by, created_at, allocation_id)
SELECT $2, tenant_id, order_id, $3, 'QUEUED', form, $4, $5, $6, locale, $7, $7, id, $8, $9, $7, allocation_id FROM delivery WHERE id = $1
RETURNING {_DELIVERY}
"""

SEALED_CONTACT = "SELECT contact_sealed FROM delivery WHERE id = $1"

# What was opened, or looked at on the buyer's own page, has arrived.
MARK_DELIVERED = """
UPDATE delivery d SET state = 'DELIVERED', next_attempt_at = NULL, delivered_at = $4, sent_at = coalesce(sent_at, $4)
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS seen (order_id, link_id, channel)
WHERE d.order_id = seen.order_id AND state <> 'DELIVERED' AND (d.link_id = seen.link_id OR d.channel = seen.channel)
  AND attempts + (form = 'PAGE')::int > 0
"""

# The newest version of each, the listing's before the store's; a version without words gave its own up.
WORDS = """
SELECT subject, body_text, body_html FROM (
  SELECT DISTINCT ON (listing_id) listing_id, subject, body_text, body_html FROM delivery_template
  WHERE store_id = $1 AND locale = $3 AND (listing_id IS NULL OR listing_id = $2) ORDER BY listing_id, version DESC
) AS newest WHERE subject <> '' ORDER BY listing_id NULLS LAST LIMIT 1
"""

# What one member or machine was shown within the window, counted no further than is asked. `$1` is the tenant: the indexes of
# reveals begin with it.
SHOWN_TO = """
SELECT count(*)::int FROM (
  SELECT FROM code_reveal
  WHERE tenant_id = $1 AND actor_id = $2 AND actor_kind = $3 AND actor_kind IN ('MEMBER', 'API_CLIENT') AND revealed_at > $4
  LIMIT $5
) counted
"""

# From where a member looked at codes, from one moment to another: the newest of what was looked at.
PLACES_OF = """
SELECT DISTINCT ip FROM (
  SELECT ip FROM code_reveal
  WHERE tenant_id = $1 AND actor_id = $2 AND actor_kind = 'MEMBER' AND revealed_at > $3 AND revealed_at <= $4
  ORDER BY revealed_at DESC LIMIT $5
) newest
"""

PLACES_OF_LINK = """
SELECT DISTINCT ip FROM (
  SELECT ip, link_id, revealed_at FROM code_reveal WHERE order_id = $1 ORDER BY id DESC LIMIT $4
) newest WHERE link_id = $2 AND revealed_at > $3
"""

# How many buyers' codes were shown at each address at which these orders' were, within the window: of each order the newest
# `$4` showings, of all of them `$5` addresses, at each address the newest `$6` showings.
ACCOUNTS_AT_PLACES = """
SELECT here.ip, (
  SELECT count(DISTINCT o.customer_id)::int FROM (
    SELECT DISTINCT order_id FROM (
      SELECT r.order_id FROM code_reveal r
      WHERE r.tenant_id = $1 AND r.ip = here.ip AND r.revealed_at > $3 AND r.via IN ('ACCOUNT', 'GUEST', 'LINK')
      ORDER BY r.revealed_at DESC LIMIT $6
    ) newest
  ) seen JOIN "order" o ON o.id = seen.order_id
) AS accounts
FROM (
  SELECT DISTINCT shown.ip FROM unnest($2::uuid[]) AS of_(order_id) CROSS JOIN LATERAL (
    SELECT ip, revealed_at FROM code_reveal WHERE order_id = of_.order_id ORDER BY id DESC LIMIT $4
  ) shown WHERE shown.revealed_at > $3 AND shown.ip IS NOT NULL LIMIT $5
) here
"""

USUAL = "SELECT staff_reveals_max, client_reveals_max, place_accounts_max FROM delivery_setting WHERE tenant_id = $1"

# Told once for each rule, subject and hour.
RAISE_ALARM = """
INSERT INTO reveal_alarm (id, tenant_id, rule, subject, window_at, count, raised_at)
VALUES ($1, $2, $3, $4, date_trunc('hour', $5::timestamptz), $6, $5)
ON CONFLICT (tenant_id, rule, subject, window_at) DO NOTHING RETURNING id
"""

# Newest first; `$2` is the last id of the page before, or null.
LIST_ALARMS = """
SELECT id, rule, subject, count, raised_at FROM reveal_alarm
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

RETIRE_KEY = "UPDATE client_key SET retired_at = $2 WHERE api_client_id = $1 AND retired_at IS NULL"

ADD_KEY = """
INSERT INTO client_key (id, tenant_id, api_client_id, jwk, thumbprint, registered_at)
VALUES ($1, $2, $3, $4::jsonb, $5, $6)
"""

CURRENT_KEYS = """
SELECT id, api_client_id, thumbprint, registered_at, retired_at FROM client_key
WHERE api_client_id = ANY($1) AND retired_at IS NULL
"""

KEY_OF = "SELECT jwk, thumbprint FROM client_key WHERE api_client_id = $1 AND retired_at IS NULL"

_TEMPLATE = "id, store_id, listing_id, locale, version, subject, body_text, body_html, created_at"

TEMPLATE = f"""
SELECT {_TEMPLATE} FROM delivery_template
WHERE store_id = $1 AND listing_id IS NOT DISTINCT FROM $2 AND locale = $3 ORDER BY version DESC LIMIT 1
"""

TEMPLATES_OF = f"""
SELECT DISTINCT ON (store_id, listing_id, locale) {_TEMPLATE} FROM delivery_template
ORDER BY store_id, listing_id, locale, version DESC LIMIT $1
"""

ADD_TEMPLATE = f"""
INSERT INTO delivery_template
  (id, tenant_id, store_id, listing_id, locale, version, subject, body_text, body_html, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (store_id, listing_id, locale, version) DO NOTHING RETURNING {_TEMPLATE}
"""

SETTINGS = """
SELECT form, link_opens_max, link_hours, staff_reveals_max, client_reveals_max, place_accounts_max, version
FROM delivery_setting WHERE tenant_id = $1
"""

# One row a merchant, whose id is the merchant's; written whole, if it is still at the version that was read.
PUT_SETTINGS = """
INSERT INTO delivery_setting
  (id, tenant_id, form, link_opens_max, link_hours, staff_reveals_max, client_reveals_max, place_accounts_max, version)
SELECT $1, $1, $3, $4, $5, $6, $7, $8, 1 WHERE $2 = 0 OR EXISTS (SELECT 1 FROM delivery_setting WHERE id = $1)
ON CONFLICT (id) DO UPDATE SET form = excluded.form, link_opens_max = excluded.link_opens_max,
  link_hours = excluded.link_hours, staff_reveals_max = excluded.staff_reveals_max,
  client_reveals_max = excluded.client_reveals_max, place_accounts_max = excluded.place_accounts_max,
  version = delivery_setting.version + 1
WHERE delivery_setting.version = $2
RETURNING version
"""
