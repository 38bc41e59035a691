"""What a merchant sold to its resellers and bought from its suppliers: its own step of each order, and nothing of the others.

Neither an order's number nor its store or buyer is told: who bought in the end is a word that is the same for the same buyer, and
that says nothing to anybody else.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import outbox
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.ids import HopId, OfferId, OrderId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.money import Money
from fondaco_tenants.orders import store_resold
from fondaco_tenants.orders.events import SupplySold
from fondaco_tenants.orders.rules import AllocationState

# Long enough that no two buyers of one merchant have the same.
_PSEUDONYM_CHARS = 32


@dataclass(frozen=True, slots=True)
class Resold:
    """One step between two merchants as one of them sees it; `fee` is the seller's, and None for the buyer."""

    id: HopId
    partner_id: TenantId
    offer_id: OfferId
    units: int
    refunded_units: int
    unit_price: Money
    credit: Money
    fee: Money | None
    end_customer: str
    paid_at: datetime
    settles_at: datetime
    settled_at: datetime | None


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


async def units_of_resold(tx: Tx, ctx: Ctx, ids: Sequence[HopId]) -> dict[HopId, list[ResoldUnit]]:
    """The units of steps that the asker's merchant is a party to."""
    ctx.require("supply.read")
    found: dict[HopId, list[ResoldUnit]] = defaultdict(list)
    for row in await tx.fetch(store_resold.UNITS, list(ids), ctx.tenant):
        found[HopId(row["hop_id"])].append(ResoldUnit(row["masked"], AllocationState(row["state"])))
    return dict(found)


async def tell_sellers(tx: Tx, order_id: OrderId) -> None:
    """Tells every merchant that sold to another one by an order that it is paid."""
    rows = await tx.fetch(store_resold.SOLD, order_id)
    await outbox.announce(tx, *((row["seller_tenant_id"], _sold(row)) for row in rows))


def _sold(row: Any) -> SupplySold:
    return SupplySold(str(row["id"]), str(row["offer_id"]), row["quantity"])


def _resold(row: Any, *, sold: bool) -> Resold:
    currency = row["currency"]
    return Resold(
        id=HopId(row["id"]), partner_id=TenantId(row["partner_id"]), offer_id=OfferId(row["offer_id"]), units=row["quantity"],
        refunded_units=row["refunded_units"], unit_price=Money(row["unit_price_minor"], currency),
        credit=Money(row["credit_minor"], currency), fee=Money(row["fee_minor"], currency) if sold else None,
        end_customer=_pseudonym(row), paid_at=row["paid_at"], settles_at=row["settles_at"], settled_at=row["settled_at"],
    )  # fmt: skip


def _pseudonym(row: Any) -> str:
    """The buyer at the end as one merchant knows it again, and no other merchant does."""
    value = f"{row['tenant_id']}|{row['customer_id']}"
    return keyed_hash(keyring().lookup_key, "end_customer", value).hex()[:_PSEUDONYM_CHARS]
