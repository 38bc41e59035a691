"""What a merchant sold to its resellers and bought from its suppliers: its own step of each order, and nothing of the others.

Neither an order's number nor its store or buyer is told: who bought in the end is a word that is the same for the same buyer, and
that says nothing to anybody else.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.ids import HopId, OfferId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_tenants.orders import store_resold
from fondaco_tenants.orders.rules import AllocationState

# Long enough that no two buyers of one merchant have the same.
_PSEUDONYM_CHARS = 32


@dataclass(frozen=True, slots=True)
class Resold:
    """Units that went between two merchants by one line and one offer, as one of them sees it; `fee` is the seller's, and None for the buyer."""

    id: HopId
    # The public number by which both of them know these units.
    lot: str
    partner_id: TenantId
    offer_id: OfferId
    units: int
    refunded_units: int
    amount: Money
    credit: Money
    fee: Money | None
    end_customer: str
    paid_at: datetime
    settles_at: datetime
    settled_at: datetime | None

    @property
    def unit_price(self) -> Money:
        """What a unit costs: on average, where breaks made some of them cheaper."""
        return Money(self.amount.amount_minor // self.units, self.amount.currency)


@dataclass(frozen=True, slots=True)
class ResoldUnit:
    """One unit of a step: its code's mask, where it has a code, and how it stands."""

    masked: str | None
    state: AllocationState


async def list_resold(
    tx: Tx,
    ctx: Ctx,
    *,
    sold: bool,
    partner_id: TenantId | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: HopId | None = None,
    count: int,
) -> list[Resold]:
    """What was sold to partners, or bought from them, the latest first; `since` and `until` bound when it was paid."""
    ctx.require("supply.read")
    statement = store_resold.SALES if sold else store_resold.PURCHASES
    rows = await tx.fetch(statement, ctx.tenant, partner_id, since, until, after, count)
    return [_resold(row, sold=sold) for row in rows]


async def resold_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[HopId], *, sold: bool) -> dict[HopId, Resold]:
    """Those of these lots that the asker's merchant sold, or bought."""
    ctx.require("supply.read")
    statement = store_resold.SALES_BY_IDS if sold else store_resold.PURCHASES_BY_IDS
    rows = await tx.fetch(statement, ctx.tenant, list(ids))
    return {HopId(row["id"]): _resold(row, sold=sold) for row in rows}


async def units_of_resold(tx: Tx, ctx: Ctx, ids: Sequence[HopId]) -> dict[HopId, list[ResoldUnit]]:
    """The units of steps that the asker's merchant is a party to."""
    ctx.require("supply.read")
    found: dict[HopId, list[ResoldUnit]] = defaultdict(list)
    for row in await tx.fetch(store_resold.UNITS, list(ids), ctx.tenant):
        found[HopId(row["lot_id"])].append(ResoldUnit(row["masked"], AllocationState(row["state"])))
    return dict(found)


def _resold(row: Any, *, sold: bool) -> Resold:
    currency = row["currency"]
    return Resold(
        id=HopId(row["id"]), lot=row["lot"], partner_id=TenantId(row["partner_id"]), offer_id=OfferId(row["offer_id"]), units=row["quantity"],
        refunded_units=row["refunded_units"], amount=Money(row["amount_minor"], currency),
        credit=Money(row["credit_minor"], currency), fee=Money(row["fee_minor"], currency) if sold else None,
        end_customer=_pseudonym(row), paid_at=row["paid_at"], settles_at=row["settles_at"], settled_at=row["settled_at"],
    )  # fmt: skip


def _pseudonym(row: Any) -> str:
    """The buyer at the end as one merchant knows it again, and no other merchant does."""
    value = f"{row['tenant_id']}|{row['customer_id']}"
    return keyed_hash(keyring().lookup_key, "end_customer", value).hex()[:_PSEUDONYM_CHARS]
