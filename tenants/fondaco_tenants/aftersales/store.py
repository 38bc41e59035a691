"""The SQL of after-sales."""

# What happened to an order, in one statement. It reads the tables of orders, delivery, codes and the audit log, because a
# timeline is what all of them say together. Each part is found by an index and takes `$2` rows at most: of codes that were
# shown the first showings, of what was sent the newest.
TIMELINE = """
WITH o AS (
  SELECT id, state, placed_at, paid_at, fulfilled_at, closed_at, total_minor, reason FROM "order" WHERE id = $1
), act AS MATERIALIZED (
  SELECT action, actor_kind FROM (
    SELECT id, action, actor_kind FROM audit_entry WHERE subject_id = $1 ORDER BY id LIMIT $2
  ) first WHERE action LIKE 'order.%' ORDER BY id
), unit AS MATERIALIZED (
  SELECT id, code_id, revealed_at, replaced_at FROM allocation WHERE order_id = $1
)
SELECT 'PLACED' AS kind, placed_at AS at, (SELECT actor_kind FROM act WHERE action = 'order.placed' LIMIT 1) AS actor_kind,
  NULL::int AS units, total_minor AS amount_minor, NULL::text AS channel, NULL::text AS reason
FROM o
UNION ALL
SELECT 'PAID', paid_at, coalesce(
  (SELECT actor_kind FROM act WHERE action = 'order.paid' LIMIT 1), (SELECT actor_kind FROM act WHERE action = 'order.placed' LIMIT 1)
), NULL, total_minor, NULL, NULL FROM o WHERE paid_at IS NOT NULL
UNION ALL
SELECT 'FULFILLED', fulfilled_at, NULL, NULL, NULL, NULL, NULL FROM o WHERE fulfilled_at IS NOT NULL
UNION ALL
SELECT state, closed_at, (SELECT actor_kind FROM act WHERE action = 'order.' || lower(o.state) LIMIT 1), NULL, NULL, NULL, reason
FROM o WHERE closed_at IS NOT NULL AND state IN ('CANCELLED', 'EXPIRED', 'REJECTED')
UNION ALL
(
  SELECT 'REFUNDED', refunded_at, actor_kind, units, amount_minor, NULL, reason FROM refund WHERE order_id = $1 ORDER BY id LIMIT $2
)
UNION ALL
(
  -- Who saw a code first is told by its first showing of this order.
  SELECT 'REVEALED', shown.at, (
    SELECT r.actor_kind FROM code_reveal r WHERE r.code_id = shown.code_id AND r.order_id = $1 ORDER BY r.id LIMIT 1
  ), shown.units, NULL, NULL, NULL
  FROM (
    SELECT revealed_at AS at, (array_agg(code_id ORDER BY id))[1] AS code_id, count(*)::int AS units
    FROM unit WHERE revealed_at IS NOT NULL GROUP BY revealed_at ORDER BY revealed_at LIMIT $2
  ) shown
)
UNION ALL
(
  SELECT 'REPLACED', replaced_at, (
    SELECT e.actor_kind FROM audit_entry e WHERE e.subject_id = (array_agg(u.id ORDER BY u.id))[1] AND e.action = 'unit.replaced' LIMIT 1
  ), count(*)::int, NULL, NULL, NULL
  FROM unit u WHERE replaced_at IS NOT NULL GROUP BY replaced_at ORDER BY replaced_at LIMIT $2
)
UNION ALL
(
  SELECT 'REDEEMED', r.redeemed_at, r.actor_kind, count(*)::int, NULL, NULL, NULL
  FROM unit u JOIN code_redemption r ON r.code_id = u.code_id AND r.state = 'REDEEMED'
  GROUP BY r.redeemed_at, r.actor_kind ORDER BY r.redeemed_at LIMIT $2
)
UNION ALL
(
  SELECT t.kind, t.at, t.actor_kind, NULL, NULL, t.channel, NULL
  FROM (
    SELECT * FROM delivery WHERE order_id = $1 AND form <> 'PAGE' ORDER BY id DESC LIMIT $2
  ) d CROSS JOIN LATERAL (
    SELECT 'SENT' AS kind, d.sent_at AS at, d.requested_by_kind AS actor_kind, d.channel WHERE d.sent_at IS NOT NULL
    UNION ALL
    SELECT 'ARRIVED', d.delivered_at, NULL, d.channel WHERE d.delivered_at IS NOT NULL
    UNION ALL
    SELECT 'NOT_SENT', coalesce(
      (SELECT max(a.ended_at) FROM delivery_attempt a WHERE a.delivery_id = d.id), d.created_at
    ), d.requested_by_kind, d.channel WHERE d.state = 'FAILED'
  ) t
)
UNION ALL
SELECT 'TAKEN_BACK', taken_back_at, 'CUSTOMER', NULL, NULL, NULL, NULL FROM gift WHERE order_id = $1 AND taken_back_at IS NOT NULL
ORDER BY at
"""
