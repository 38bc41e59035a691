"""Every SQL statement of files of orders."""

_EXPORT = "id, state, format, placed_from, placed_to, contacts, rows, size, created_at, finished_at, expires_at"
GET_EXPORT = f"SELECT {_EXPORT} FROM order_export WHERE id = $1"
LIST_EXPORTS = f"SELECT {_EXPORT} FROM order_export WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2"
COUNT_EXPORTS = "SELECT count(*) FROM order_export WHERE tenant_id = $1 AND state <> 'EXPIRED'"
COUNT_EXPORTED = """
SELECT count(*) FROM (SELECT 1 FROM "order" WHERE tenant_id = $1 AND id >= $2 AND id < $3 LIMIT $4) AS o
"""
ADD_EXPORT = """
INSERT INTO order_export (id, tenant_id, state, format, placed_from, placed_to, contacts, requested_by, created_at, expires_at)
VALUES ($1, $2, 'REQUESTED', $3, $4, $5, $6, $7, $8, $9)
"""
# `$5` is whether the order `$2` itself belongs to the page: only the first page begins with an order that is not done.
EXPORTED = """
SELECT o.id, o.code, o.state, o.placed_at, o.paid_at, o.fulfilled_at, o.closed_at, o.channel, o.reference, o.currency,
  o.total_minor, o.refunded_minor, o.customer_id, s.slug, c.contact_masked, c.contact_sealed, l.number, l.title, l.quantity,
  l.live_quantity, l.unit_price_minor, EXISTS (SELECT 1 FROM gift g WHERE g.order_id = o.id) AS gift
FROM (
  SELECT * FROM "order" WHERE tenant_id = $1 AND (id > $2 OR ($5 AND id = $2)) AND id >= $2 AND id < $3 ORDER BY id LIMIT $4
) o
JOIN order_line l ON l.order_id = o.id JOIN customer c ON c.id = o.customer_id JOIN store s ON s.id = o.store_id
ORDER BY o.id, l.number
"""
FINISH_EXPORT = """
UPDATE order_export SET state = 'READY', rows = $2, size = $3, finished_at = $4, expires_at = $5 WHERE id = $1 AND state = 'REQUESTED'
"""
ADD_EXPORT_PIECE = "INSERT INTO order_export_piece (export_id, number, sealed, tenant_id) VALUES ($1, $2, $3, $4)"
EXPORT_PIECE = "SELECT sealed FROM order_export_piece WHERE export_id = $1 AND number = $2"
STALE_EXPORTS = """
SELECT id, tenant_id FROM order_export WHERE state IN ('REQUESTED', 'READY') AND expires_at <= $1 ORDER BY expires_at LIMIT $2
"""
EXPIRE_EXPORT = """
UPDATE order_export SET state = 'EXPIRED' WHERE id = $1 AND state IN ('REQUESTED', 'READY') AND expires_at <= $2
"""
DROP_EXPORT_PIECES = "DELETE FROM order_export_piece WHERE export_id = $1"
