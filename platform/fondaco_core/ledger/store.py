"""Every SQL statement of the ledger."""

from fondaco_core.db import Write

# A null is equal to nothing, and "is not distinct from" finds no index: so each kind of owner has a half of its own.
_OWNED = """
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY AS w(tenant_id, customer_id, kind, currency, n)
JOIN ledger_account a ON a.kind = w.kind AND a.currency = w.currency AND a.tenant_id = w.tenant_id AND a.customer_id = w.customer_id
"""
_OWNED_BY_TENANTS = _OWNED.replace("a.customer_id = w.customer_id", "a.customer_id IS NULL AND w.customer_id IS NULL")
_OWNED_BY_NOBODY = _OWNED_BY_TENANTS.replace("a.tenant_id = w.tenant_id", "a.tenant_id IS NULL AND w.tenant_id IS NULL")

FIND_ACCOUNTS = f"""
SELECT w.n, a.id {_OWNED} UNION ALL SELECT w.n, a.id {_OWNED_BY_TENANTS} UNION ALL SELECT w.n, a.id {_OWNED_BY_NOBODY}
"""

# In the order of their owners, so that two transactions that open the same accounts do not wait for each other crosswise.
OPEN_ACCOUNTS = """
INSERT INTO ledger_account (id, tenant_id, customer_id, kind, currency, bounded, created_at)
SELECT id, tenant_id, customer_id, kind, currency, kind = 'WALLET', $6
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS w(id, tenant_id, customer_id, kind, currency)
ORDER BY tenant_id, customer_id, kind, currency
ON CONFLICT (tenant_id, customer_id, kind, currency) DO NOTHING
"""

# Locked in the order of their ids by whoever locks several.
LOCK_WALLETS = """
SELECT id, posted_minor - pending_minor - floor_minor AS available_minor FROM ledger_account
WHERE id = ANY($1::uuid[]) AND bounded ORDER BY id FOR NO KEY UPDATE
"""
# The wallet of one customer, found and locked at once.
LOCK_WALLET_OF = """
SELECT id, posted_minor - pending_minor - floor_minor AS available_minor FROM ledger_account
WHERE tenant_id = $1 AND customer_id = $2 AND kind = $3 AND currency = $4 AND bounded FOR NO KEY UPDATE
"""

# The balances of bounded accounts move in the statement that writes the transfers; the others are rolled up later. Who has not locked
# them before locks them here, in the order of their ids.
_NEW = """
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::uuid[])
  AS t(id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor, currency, purpose, reference_id)
"""

POST = Write(
    frozenset({"ledger_account", "ledger_transfer"}),
    {
        "posted": _NEW,
        "posted_delta": """
SELECT account_id, sum(amount_minor)::bigint AS amount_minor FROM (
  SELECT debit_account_id AS account_id, -amount_minor AS amount_minor FROM posted
  UNION ALL SELECT credit_account_id, amount_minor FROM posted
) AS entry GROUP BY account_id
""",
        "posted_balance": """
UPDATE ledger_account a SET posted_minor = a.posted_minor + delta.amount_minor FROM (
  SELECT l.id, d.amount_minor FROM posted_delta d JOIN ledger_account l ON l.id = d.account_id
  WHERE l.bounded AND d.amount_minor <> 0 ORDER BY l.id FOR NO KEY UPDATE OF l
) AS delta WHERE a.id = delta.id
""",
        "posted_transfer": """
INSERT INTO ledger_transfer (id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor,
  currency, purpose, reference_id, state, posted_xid, created_at, resolved_at)
SELECT id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor,
  currency, purpose, reference_id, 'POSTED', pg_current_xact_id()::text::bigint, $10::timestamptz, $10::timestamptz FROM posted
""",
    },
)

HOLD = Write(
    frozenset({"ledger_account", "ledger_transfer"}),
    {
        "held": _NEW,
        "held_delta": """
SELECT debit_account_id AS account_id, sum(amount_minor)::bigint AS amount_minor FROM held GROUP BY debit_account_id
""",
        "held_balance": """
UPDATE ledger_account a SET pending_minor = a.pending_minor + delta.amount_minor FROM (
  SELECT l.id, d.amount_minor FROM held_delta d JOIN ledger_account l ON l.id = d.account_id
  WHERE l.bounded ORDER BY l.id FOR NO KEY UPDATE OF l
) AS delta WHERE a.id = delta.id
""",
        "held_transfer": """
INSERT INTO ledger_transfer (id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor,
  currency, purpose, reference_id, state, created_at)
SELECT id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor,
  currency, purpose, reference_id, 'PENDING', $10::timestamptz FROM held
""",
    },
)

# One step from PENDING, once: a transfer that was resolved already is not found again.
RESOLVE = """
WITH t AS (
  UPDATE ledger_transfer SET state = $2, resolved_at = $3,
    posted_xid = CASE WHEN $2 = 'POSTED' THEN pg_current_xact_id()::text::bigint END
  WHERE id = ANY($1::uuid[]) AND state = 'PENDING'
  RETURNING id, debit_account_id, credit_account_id, amount_minor
), delta AS (
  SELECT account_id, sum(posted)::bigint AS posted, sum(pending)::bigint AS pending FROM (
    SELECT debit_account_id AS account_id, CASE WHEN $2 = 'POSTED' THEN -amount_minor ELSE 0 END AS posted, -amount_minor AS pending FROM t
    UNION ALL SELECT credit_account_id, CASE WHEN $2 = 'POSTED' THEN amount_minor ELSE 0 END, 0 FROM t
  ) AS entry GROUP BY account_id
), moved AS (
  UPDATE ledger_account a SET posted_minor = a.posted_minor + delta.posted, pending_minor = a.pending_minor + delta.pending
  FROM delta WHERE a.id = delta.account_id AND a.bounded
)
SELECT count(*) FROM t
"""

BALANCES = """
SELECT a.id, a.tenant_id, a.customer_id, a.kind, a.currency, a.floor_minor, a.pending_minor,
  a.posted_minor + CASE WHEN a.bounded THEN 0 ELSE coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.credit_account_id = a.id AND t.posted_xid >= a.rolled_up_to
  ), 0) - coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t WHERE t.debit_account_id = a.id AND t.posted_xid >= a.rolled_up_to
  ), 0) END::bigint AS posted_minor
FROM ledger_account a
WHERE (a.tenant_id = $1 OR ($1::uuid IS NULL AND a.tenant_id IS NULL))
  AND (a.customer_id = $2 OR ($2::uuid IS NULL AND a.customer_id IS NULL))
ORDER BY a.kind, a.currency
"""

# Every transfer below the oldest running transaction's number is final: what posts later gets a higher number.
ROLL_UP = """
WITH edge AS (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xid), account AS (
  SELECT id, rolled_up_to FROM ledger_account WHERE NOT bounded ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), moved AS (
  SELECT a.id, coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t, edge
    WHERE t.credit_account_id = a.id AND t.posted_xid >= a.rolled_up_to AND t.posted_xid < edge.xid
  ), 0) - coalesce((
    SELECT sum(t.amount_minor) FROM ledger_transfer t, edge
    WHERE t.debit_account_id = a.id AND t.posted_xid >= a.rolled_up_to AND t.posted_xid < edge.xid
  ), 0) AS amount_minor FROM account a
)
UPDATE ledger_account a SET posted_minor = a.posted_minor + moved.amount_minor, rolled_up_to = edge.xid
FROM moved, edge WHERE a.id = moved.id AND moved.amount_minor <> 0
"""

# Newest first; `$2` is the last id of the page before, or null.
STATEMENT = """
SELECT t.id, t.debit_account_id, t.credit_account_id, t.amount_minor, t.currency, t.purpose, t.reference_id, t.state, t.created_at,
  (t.credit_account_id = $1) AS credit
FROM ledger_transfer t
WHERE (t.debit_account_id = $1 OR t.credit_account_id = $1) AND ($2::uuid IS NULL OR t.id < $2)
ORDER BY t.id DESC LIMIT $3
"""
