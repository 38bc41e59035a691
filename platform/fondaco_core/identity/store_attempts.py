"""Every SQL statement about attempts to sign in, and letters, that are counted."""

# Attempts to sign in. Counted before the password is looked at, so that many at once do not slip through; keys in one
# order, so that two who share some do not wait for each other in a circle.

COUNT_ATTEMPT = """
INSERT INTO sign_in_attempt AS a (key, attempts, since)
SELECT key, 1, $2 FROM unnest($1::bytea[]) AS k(key) ORDER BY key
ON CONFLICT (key) DO UPDATE SET
  attempts = CASE WHEN a.since < $3 THEN 1 ELSE a.attempts + 1 END,
  since = CASE WHEN a.since < $3 THEN $2 ELSE a.since END
RETURNING key, attempts, since
"""
# A right password takes its own attempt back, and clears what was tried for this account from this address.
FORGIVE_ATTEMPT = """
WITH mine AS (SELECT key FROM sign_in_attempt WHERE key = ANY($1::bytea[]) ORDER BY key FOR UPDATE)
UPDATE sign_in_attempt a SET attempts = greatest(a.attempts - 1, 0) FROM mine WHERE a.key = mine.key
"""
# From where an account was let in lately; kept as long as counts are.
KNOW_PLACE = """
INSERT INTO sign_in_attempt (key, attempts, since) VALUES ($1, 0, $2) ON CONFLICT (key) DO UPDATE SET since = excluded.since
"""
PLACE_KNOWN = "SELECT EXISTS (SELECT 1 FROM sign_in_attempt WHERE key = $1)"
CLEAR_ATTEMPTS = "DELETE FROM sign_in_attempt WHERE key = $1"
