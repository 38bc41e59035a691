"""The expiry calendar in the schema: what of a merchant's stock expires when."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.codes import Pool, checked_days
from fondaco_api.graphql.context import Info
from fondaco_core import limits
from fondaco_core.ids import PoolId
from fondaco_tenants import codes


@strawberry.type(description="What of a pool expires on a day.")
class ExpiryDay:
    """A day of the expiry calendar."""

    pool_id: strawberry.Private[PoolId]
    day: str = strawberry.field(description="The day, for example 2027-01-31.")
    codes: int = strawberry.field(
        description=f"How many codes in stock are good on that day for the last time, of the first {limits.STOCK_COUNTED_MAX} of the pool."
    )

    @strawberry.field(description="The pool.")
    async def pool(self, info: Info) -> Pool | None:
        """The pool."""
        return await Pool.load_node(info.context, self.pool_id)


@strawberry.type
class MerchantFields:
    """The stock of the tenant one acts for, by time."""

    @strawberry.field(
        description="What of your stock expires on which day, the nearest first; a day is the last one that codes are good on, in UTC."
    )
    async def expiry_calendar(
        self,
        info: Info,
        days: Annotated[
            int, strawberry.argument(description=f"How many days ahead, 1 to {limits.CALENDAR_DAYS_MAX}.")
        ] = 90,
    ) -> list[ExpiryDay]:
        """The calendar."""
        ahead = checked_days(days, limits.CALENDAR_DAYS_MAX, "days")
        async with info.context.reading() as tx:
            rows = await codes.expiry_calendar(tx, info.context.ctx, days=ahead)
        return [ExpiryDay(day=row.day.isoformat(), codes=row.codes, pool_id=row.pool_id) for row in rows]
