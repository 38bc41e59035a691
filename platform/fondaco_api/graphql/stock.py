"""How much there is of what other merchants fill, too: asked for these alone, all of a page at once, in transactions that only read."""

from collections.abc import Sequence

from fondaco_api.graphql.context import Context
from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import trading
from fondaco_core.ids import ListingId, OfferId
from fondaco_tenants import orders
from fondaco_tenants.orders import Told
from fondaco_tenants.storefront import ShownListing

_NOTHING = Told(0, 0)


async def over_others(ctx: Ctx, rows: Sequence[ShownListing]) -> Sequence[ShownListing]:
    """Listings of the tenant of `ctx`, those that other merchants fill with what there is of them from all of their sources."""
    asked = [row.id for row in rows if row.chained]
    if not asked:
        return rows
    async with trading(ctx, read_only=True) as tx:
        found = await orders.stock_over_others(tx, asked)
    return [row._replace(available=found.get(row.id, 0)) if row.chained else row for row in rows]


async def load_stock_over_others(context: Context, ids: list[ListingId]) -> list[Told]:
    """How many units the asker's own listings can sell that other merchants fill, as far as these tell."""
    async with trading(context.ctx, read_only=True) as tx:
        found = await orders.stock_told_over_others(tx, ids, up_to=limits.STOCK_EXACT_MAX)
    return [found.get(id_, _NOTHING) for id_ in ids]


async def load_seen_stock(context: Context, offers: list[orders.SeenOffer]) -> list[orders.SeenStock | None]:
    """What is told of the stock behind offers that the asker sees."""
    async with trading(context.ctx, read_only=True) as tx:
        found = await orders.stock_seen_of_offers(tx, context.ctx, offers)
    return [found.get(each.offer_id) for each in offers]


async def load_stock_of_own_offers(context: Context, ids: list[OfferId]) -> list[int | None]:
    """How many units the asker's own offers have behind them."""
    async with trading(context.ctx, read_only=True) as tx:
        found = await orders.stock_of_own_offers(tx, context.ctx, ids)
    return [found.get(id_, 0) for id_ in ids]
