"""The limit: how fast this database, on this machine, right now, could write an order at all.

One server-side function writes every row that a wallet-paid order of one code from an own pool writes, as the same
restricted role, under the same policies, indexes and locks, in one round trip; pgbench calls it for many buyers at once.
"""

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path

from fondaco_core.postings import AccountKind
from fondaco_ops.bench.system import Broken, System
from fondaco_ops.bench.world import CURRENCY, FEE_BPS, PRICE_MINOR, Shelf, Shop, make_buyers, make_shelf, stock
from fondaco_ops.embedded import postgres_tool
from fondaco_ops.local import DATABASE

BUYERS = 64
ROLE = "fondaco_trade"
FEE_MINOR = PRICE_MINOR * FEE_BPS // 10_000

SCHEMA = """
CREATE SCHEMA bench;
GRANT USAGE ON SCHEMA bench TO fondaco_trade;
CREATE TABLE bench.buyer (n int PRIMARY KEY, tenant_id uuid, store_id uuid, listing_id uuid, entitlement_id uuid,
  source_id uuid, pool_id uuid, customer_id uuid, wallet uuid, receivable uuid, fees uuid);
GRANT SELECT ON bench.buyer TO fondaco_trade;
"""

# The statements are those of placing an order (orders, codes, ledger, audit, outbox), with everything decided beforehand.
FUNCTION = f"""
CREATE OR REPLACE FUNCTION bench.place_order(buyer_n int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  b bench.buyer; c record; at timestamptz := clock_timestamp(); v_key text := md5(random()::text || buyer_n);
  v_order uuid := uuidv7(); v_line uuid := uuidv7(); v_unit uuid := uuidv7();
BEGIN
  SELECT * INTO b FROM bench.buyer WHERE n = buyer_n;
  PERFORM set_config('app.tenant_id', b.tenant_id::text, true), set_config('app.user_id', b.customer_id::text, true);
  INSERT INTO idempotency_record (asker_id, key, tenant_id, operation, input_hash, answer)
    VALUES (b.customer_id, v_key, b.tenant_id, 'placeOrder', sha256(v_key::bytea), jsonb_build_object('order', v_order))
    ON CONFLICT (asker_id, key) DO NOTHING;
  SELECT picked.* INTO STRICT c FROM code_pool p CROSS JOIN LATERAL (
    SELECT id, tenant_id, position, expires_at FROM code
    WHERE pool_id = p.id AND state = 'AVAILABLE'
      AND (expires_at, position) >= (
        greatest(p.pick_expires_at, at),
        CASE WHEN p.pick_expires_at > at THEN p.pick_position ELSE 9223372036854775807 END
      )
    ORDER BY expires_at, position LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
  ) AS picked WHERE p.id = b.pool_id;
  UPDATE code SET state = 'DELIVERED', allocation_id = v_unit, changed_at = at WHERE id = c.id;
  INSERT INTO "order" (id, tenant_id, code, store_id, customer_id, state, currency, total_minor, channel, placed_at, paid_at,
      fulfilled_at)
    VALUES (v_order, b.tenant_id, 'FD-' || upper(substr(v_key, 1, 4) || '-' || substr(v_key, 5, 4) || '-' || substr(v_key, 9, 4)),
      b.store_id, b.customer_id, 'FULFILLED', '{CURRENCY}', {PRICE_MINOR}, 'API', at, at, at);
  INSERT INTO order_line (id, tenant_id, order_id, listing_id, entitlement_id, customer_id, number, title, quantity,
      live_quantity, unit_price_minor, placed_at)
    VALUES (v_line, b.tenant_id, v_order, b.listing_id, b.entitlement_id, b.customer_id, 0, 'Steam 50', 1, 1, {PRICE_MINOR}, at);
  INSERT INTO allocation (id, tenant_id, leaf_tenant_id, order_id, line_id, unit, attempt, source_id, code_id, state, changed_at)
    VALUES (v_unit, b.tenant_id, c.tenant_id, v_order, v_line, 1, 1, b.source_id, c.id, 'FULFILLED', at);
  INSERT INTO hop (id, order_id, line_id, source_id, depth, seller_tenant_id, entitlement_id, currency, quantity, unit_price_minor,
      fee_minor, settles_at)
    VALUES (uuidv7(), v_order, v_line, b.source_id, 0, b.tenant_id, b.entitlement_id, '{CURRENCY}', 1, {PRICE_MINOR}, {FEE_MINOR},
      at + interval '1 day');
  UPDATE ledger_account SET posted_minor = posted_minor - {PRICE_MINOR} WHERE id = b.wallet;
  INSERT INTO ledger_transfer (id, debit_account_id, credit_account_id, payer_tenant_id, payee_tenant_id, amount_minor, currency,
      purpose, reference_id, state, posted_xid, created_at, resolved_at)
    VALUES (uuidv7(), b.wallet, b.receivable, b.tenant_id, b.tenant_id, {PRICE_MINOR}, '{CURRENCY}', 'SALE', v_order, 'POSTED',
        pg_current_xact_id()::text::bigint, at, at),
      (uuidv7(), b.receivable, b.fees, b.tenant_id, NULL, {FEE_MINOR}, '{CURRENCY}', 'FEE', v_order, 'POSTED',
        pg_current_xact_id()::text::bigint, at, at);
  INSERT INTO audit_entry (id, tenant_id, happened_at, actor_kind, actor_id, action, subject_kind, subject_id, request_id, ip, detail)
    VALUES (uuidv7(), b.tenant_id, at, 'CUSTOMER', b.customer_id, 'order.placed', 'order', v_order, v_key, '127.0.0.1',
      jsonb_build_object('state', 'FULFILLED', 'total_minor', {PRICE_MINOR}, 'currency', '{CURRENCY}', 'codes', jsonb_build_array(c.id)));
  INSERT INTO outbox_event (tenant_id, name, payload)
    VALUES (b.tenant_id, 'order.placed', jsonb_build_object('order_id', v_order, 'state', 'FULFILLED')),
      (b.tenant_id, 'order.fulfilled', jsonb_build_object('order_id', v_order));
  IF c.position % 128 = 0 THEN
    PERFORM 1 FROM code_pool WHERE id = b.pool_id FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE code_pool p SET (pick_expires_at, pick_position) = (
        SELECT x.expires_at, x.position FROM code x
        WHERE x.pool_id = p.id AND x.state = 'AVAILABLE' AND (x.expires_at, x.position) >= (p.pick_expires_at, p.pick_position)
        ORDER BY x.expires_at, x.position LIMIT 1)
      WHERE p.id = b.pool_id;
    END IF;
  END IF;
  RETURN v_order;
END $$
"""  # noqa: S608 - made of our own constants

BUYER = """
INSERT INTO bench.buyer
SELECT $1 + row_number() OVER (), $2, $3, $4, $5, (SELECT id FROM source WHERE listing_id = $4), $6, w.customer_id, w.id,
  (SELECT id FROM ledger_account WHERE tenant_id = $2 AND kind = $7), (SELECT id FROM ledger_account WHERE kind = $8)
FROM ledger_account w WHERE w.customer_id = ANY($9::uuid[])
"""
OPEN = """
INSERT INTO ledger_account (id, tenant_id, kind, currency, bounded, created_at)
VALUES (uuidv7(), $1, $2, $3, false, now()) ON CONFLICT DO NOTHING
"""

_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_FAILED = re.compile(r"failed transactions: (\d+)")


@dataclass(frozen=True, slots=True)
class Limit:
    """The most orders a second that the database wrote, and with how many clients of pgbench that was."""

    orders_per_s: float
    clients: int


class LimitBench:
    """The function and its stock, prepared once; measured as often as a case wants to compare itself."""

    def __init__(self, system: System, shop: Shop, shelf: Shelf) -> None:
        self.system = system
        self.shop = shop
        self.shelf = shelf
        self.stock = 0
        self.measured: list[Limit] = []

    @classmethod
    async def prepare(cls, system: System, shop: Shop) -> "LimitBench":
        """Makes the function, a pool for it and its buyers."""
        shelf = await make_shelf(shop)
        buyers = await make_buyers(shop, BUYERS)
        async with system.owner() as connection:
            await connection.execute(SCHEMA)
            await connection.execute(FUNCTION)
            await connection.execute(OPEN, shop.tenant_id, AccountKind.RECEIVABLE.value, CURRENCY)
            await connection.execute(OPEN, None, AccountKind.FEES.value, CURRENCY)
            await connection.execute(
                BUYER, 0, shop.tenant_id, shop.store_id, shelf.listing_id, shelf.entitlement_id, shelf.pool_id,
                AccountKind.RECEIVABLE.value, AccountKind.FEES.value, [buyer.id for buyer in buyers],
            )  # fmt: skip
        return cls(system, shop, shelf)

    async def measure(self, *, seconds: int, clients: tuple[int, ...]) -> Limit:
        """The best of several numbers of clients, each for so many seconds; more numbers than that are kept in `measured`."""
        found: list[Limit] = []
        for count in clients:
            # Enough for a machine twice as fast as any we have seen.
            await stock(self.system, self.shop, self.shelf.pool_id, seconds * 10_000)
            found.append(Limit(await self._pgbench(count, seconds), count))
        best = max(found, key=lambda limit: limit.orders_per_s)
        self.measured.append(best)
        return best

    async def _pgbench(self, clients: int, seconds: int) -> float:
        script = self.system.settings.data_dir / "limit.sql"
        script.write_text(f"\\set b random(1, {BUYERS})\nSELECT bench.place_order(:b);\n")
        url = self.system.role_url(ROLE)
        environment = {
            "PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": url.split(":")[2].split("@")[0], "PGOPTIONS": "-c jit=off",
        }  # fmt: skip
        done = await asyncio.create_subprocess_exec(
            str(postgres_tool("pgbench")), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients)),
            "-T", str(seconds), "-h", "127.0.0.1", "-p", str(self.system.postgres.port), "-U", ROLE, "-f", str(script), DATABASE,
            env=environment, cwd=Path("/"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, errors = (part.decode() for part in await done.communicate())
        rate, failed = _TPS.search(output), _FAILED.search(output)
        if done.returncode != 0 or rate is None or (failed is not None and failed[1] != "0"):
            msg = f"pgbench failed: {(errors or output).strip().splitlines()[0]}"
            raise Broken(msg)
        return float(rate[1])
