"""Scorecards in the schema: how an offer, and all that a supplier offers you, does."""

import strawberry

from fondaco_api.graphql.context import Context
from fondaco_core import limits
from fondaco_core.ids import OfferId, TenantId
from fondaco_tenants import supply


async def load_scorecards(context: Context, ids: list[OfferId]) -> "list[supply.Scorecard | None]":
    """How offers do, of those that the viewer's merchant sees."""
    if not context.ctx.has("supply.read") or context.ctx.tenant_id is None:
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.scorecards_of_offers(tx, context.ctx, ids)
    return [found.get(id_) for id_ in ids]


async def load_supplier_scorecards(context: Context, ids: list[TenantId]) -> "list[supply.Scorecard | None]":
    """How suppliers do, by what the viewer's merchant sees of their offers."""
    if not context.ctx.has("supply.read") or context.ctx.tenant_id is None:
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.scorecards_of_suppliers(tx, context.ctx, ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(
    description="What was counted over some days, today the last of them (UTC). Rates are from 0 to 1, and null while there is nothing "
    "to reckon them from. How much was sold is its supplier's own, and null for everybody else."
)
class ScoreTally:
    """Sums and rates of one period."""

    row: strawberry.Private[supply.Tally]
    own: strawberry.Private[bool]

    @strawberry.field(
        description="Units that orders wanted of it and that it could have sold; null for others than its supplier."
    )
    def asked_units(self) -> int | None:
        return self.row.asked_units if self.own else None

    @strawberry.field(description="Units that it sold; null for others than its supplier.")
    def filled_units(self) -> int | None:
        return self.row.filled_units if self.own else None

    @strawberry.field(description="Units whose codes turned out bad; null for others than its supplier.")
    def bad_units(self) -> int | None:
        return self.row.bad_units if self.own else None

    @strawberry.field(description="Which share of the units that it was asked for it had.")
    def fill_rate(self) -> float | None:
        return self.row.fill_rate

    @strawberry.field(
        description="Which share of the orders that came to it found too little, and went on to another source."
    )
    def stock_out_rate(self) -> float | None:
        return self.row.stock_out_rate

    @strawberry.field(description="Which share of the units that it delivered turned out bad.")
    def bad_code_rate(self) -> float | None:
        return self.row.bad_rate

    @strawberry.field(
        description="Within how many milliseconds after an order was paid 95 of 100 units were delivered; a power of two that it did not "
        "exceed, 0 for at once."
    )
    def delivery_p95_ms(self) -> float | None:
        return None if self.row.p95_ms is None else float(self.row.p95_ms)

    @strawberry.field(description="How often a reseller's source was paused by itself because of it.")
    def pauses(self) -> int:
        return self.row.pauses


@strawberry.type(description="How an offer does, or all that a supplier offers you together.")
class Scorecard:
    """A scorecard as it was read."""

    row: strawberry.Private[supply.Scorecard]
    own: strawberry.Private[bool]

    @strawberry.field(
        description=f"From 0 to 1000; {limits.HEALTH_NEUTRAL} for what nobody has bought yet. The share of good units among those asked for "
        "in the last week, where a bad code counts as several that did not come; less something for each pause and for being slow."
    )
    def health(self) -> int:
        return self.row.health

    @strawberry.field(description=f"The last {limits.SCORE_DAYS} days.")
    def week(self) -> ScoreTally:
        return ScoreTally(row=self.row.week, own=self.own)

    @strawberry.field(description=f"The last {limits.SCORE_DAYS_LONG} days.")
    def month(self) -> ScoreTally:
        return ScoreTally(row=self.row.month, own=self.own)
