"""Supply in the schema: merchants as their partners know them, and the tiers of suppliers with what these grant."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.supply_scorecards import Scorecard, load_supplier_scorecards
from fondaco_core.ids import TenantId, TierId
from fondaco_tenants import supply
from fondaco_tenants.supply import StockView

described(
    StockView,
    "How much of the stock behind an offer its resellers are told.",
    EXACT="How many units there are.",
    BANDED="Whether there is much, little or nothing.",
    HIDDEN="Only whether there is something.",
)


async def load_partners(context: Context, ids: list[TenantId]) -> "list[Partner | None]":
    """Merchants as the viewer's merchant may know them, by their tenants' ids."""
    async with context.reading() as tx:
        found = await supply.partners_by_ids(tx, context.ctx, ids)
    return [Partner.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_tiers(context: Context, ids: list[TierId]) -> "list[Tier | None]":
    """Tiers that the viewer's merchant may see, by their ids."""
    async with context.reading() as tx:
        found = await supply.tiers_by_ids(tx, context.ctx, ids)
    return [Tier.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_terms(context: Context, ids: list[TierId]) -> list[list[supply.SetTerms]]:
    """What tiers grant now, and what is to come."""
    async with context.reading() as tx:
        found = await supply.terms_of_tiers(tx, context.ctx, ids)
    return [found[id_] for id_ in ids]


@strawberry.type(
    description="A merchant as other merchants know it: its name and what it says of itself, nothing more."
)
class Partner(Node):
    """A partner as it was read; its key is the tenant's."""

    row: strawberry.Private[supply.Partner]

    @classmethod
    def of(cls, row: supply.Partner) -> "Partner":
        """The schema's form of a partner."""
        return cls(key=row.tenant_id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Partner | None":
        """The partner, for who may see supply: oneself, whom one has agreements with, and who offers in the market."""
        return await context.loaders.load(load_partners, TenantId(key)) if context.ctx.has("supply.read") else None

    @strawberry.field(description="Its name among merchants.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(description="What it says of itself; null when it says nothing.")
    def about(self) -> str | None:
        return self.row.about

    @strawberry.field(description="Counts changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(
        description="How it does as a supplier, by all of its offers that you see; null when you see none."
    )
    async def scorecard(self, info: Info) -> Scorecard | None:
        found = await info.context.loaders.load(load_supplier_scorecards, TenantId(self.row.tenant_id))
        return None if found is None else Scorecard(row=found, own=self.row.tenant_id == info.context.ctx.tenant_id)

    @strawberry.field(description="Whether it is your own merchant.")
    def is_viewer(self, info: Info) -> bool:
        return self.row.tenant_id == info.context.ctx.tenant_id


@strawberry.type(description="What a tier grants from a moment on, until later terms begin. They are never changed.")
class TierTerms:
    """Terms as they were set."""

    starts_at: datetime = strawberry.field(description="From when they hold.")
    set_at: datetime = strawberry.field(description="When they were set.")
    stock_view: StockView = strawberry.field(description="How much of the stock behind offers is told.")
    day_units_max: int | None = strawberry.field(
        description="How many units one reseller may buy in a day (UTC); null: no bound."
    )
    month_units_max: int | None = strawberry.field(
        description="How many units one reseller may buy in a calendar month (UTC); null: no bound."
    )
    hold_units_max: int | None = strawberry.field(
        description="How many units one reseller may hold for orders that are not paid yet; null: no bound."
    )
    credit: Money | None = strawberry.field(
        description="How much one reseller may owe; null: it pays from its wallet alone."
    )
    settle_days: int = strawberry.field(description="How many days after a sale its money is the supplier's own.")
    commissions_bps: list[int] = strawberry.field(
        description="What of a sale goes to who brought the reseller, to who brought that one, and so on, in basis points."
    )

    @classmethod
    def of(cls, row: supply.SetTerms) -> "TierTerms":
        """The schema's form of terms that were set."""
        terms = row.terms
        return cls(
            starts_at=row.starts_at, set_at=row.created_at, stock_view=terms.stock_view, day_units_max=terms.day_units_max,
            month_units_max=terms.month_units_max, hold_units_max=terms.hold_units_max,
            credit=None if terms.credit is None else Money.of(terms.credit), settle_days=terms.settle_days,
            commissions_bps=list(terms.commissions),
        )  # fmt: skip


@strawberry.type(
    description="A supplier's level for its resellers: it decides what they are offered, and on which terms."
)
class Tier(Node):
    """A tier as it was read."""

    row: strawberry.Private[supply.Tier]

    @classmethod
    def of(cls, row: supply.Tier) -> "Tier":
        """The schema's form of a tier."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Tier | None":
        """The tier, for who may see supply: one's own, those one is in, and those that newcomers begin in."""
        return await context.loaders.load(load_tiers, TierId(key)) if context.ctx.has("supply.read") else None

    @strawberry.field(description="Whose tier it is; null when that merchant has not shown itself to you.")
    async def supplier(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.tenant_id)

    @strawberry.field(description="Its name.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(
        description="Whether merchants that ask for an agreement begin in it; a supplier has at most one such tier."
    )
    def entry(self) -> bool:
        return self.row.entry

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it was put away: nobody begins in it any more; null while it is not.")
    def archived_at(self) -> datetime | None:
        return self.row.archived_at

    @strawberry.field(description="Counts changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="What it grants now; null when you are in it no more.")
    async def terms(self, info: Info) -> TierTerms | None:
        rows = await info.context.loaders.load(load_terms, self.row.id)
        return TierTerms.of(rows[0]) if rows else None

    @strawberry.field(description="What it is going to grant, as far as that is set; earliest first.")
    async def coming_terms(self, info: Info) -> list[TierTerms]:
        rows = await info.context.loaders.load(load_terms, self.row.id)
        return [TierTerms.of(row) for row in rows[1:]]

    @strawberry.field(description="All that it ever granted or is going to, latest first. Needs `supply.read`.")
    async def terms_history(self, info: Info, first: First = None, after: After = None) -> Connection[TierTerms]:
        page = read_page(first, after, None, None, keys=(datetime,))
        async with info.context.reading() as tx:
            rows = await supply.list_terms(
                tx, info.context.ctx, tier_id=self.row.id, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.starts_at,), make=TierTerms.of)

    @strawberry.field(description="Whether you may change it and set its terms.")
    def viewer_can_edit(self, info: Info) -> bool:
        return info.context.ctx.has("supply.edit") and self.row.tenant_id == info.context.ctx.tenant_id


@strawberry.type
class MerchantFields:
    """A merchant's own name among merchants, and its tiers."""

    @strawberry.field(
        description="How your merchant presents itself to others; null as long as no other has heard of it. Needs `supply.read`."
    )
    async def partner(self, info: Info) -> Partner | None:
        async with info.context.reading() as tx:
            row = await supply.get_partner(tx, info.context.ctx)
        return None if row is None else Partner.of(row)

    @strawberry.field(description="Your merchant's tiers, newest first. Needs `supply.read`.")
    async def tiers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        *,
        archived: Annotated[bool, strawberry.argument(description="Also those that were put away.")] = False,
    ) -> Connection[Tier]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await supply.list_tiers(
                tx, info.context.ctx, archived=archived, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Tier.of)
