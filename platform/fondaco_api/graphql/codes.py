"""The vault in the schema: pools and codes. Masked everywhere; plaintext is only in the result of a reveal."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

import strawberry

from fondaco_api.graphql.catalog import Entitlement
from fondaco_api.graphql.code_batches import CodeBatch, Imports, ends, load_batches, load_imports
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.supply import Partner
from fondaco_core import limits
from fondaco_core.crypto import mask_code
from fondaco_core.errors import Invalid
from fondaco_core.ids import BatchId, CodeId, EntitlementId, PoolId
from fondaco_tenants import codes, orders
from fondaco_tenants.codes import CodeState, StockBand
from fondaco_tenants.orders import Resale

described(
    CodeState,
    "Where a code stands; exactly one at a time.",
    AVAILABLE="In stock: it may be sold.",
    HELD="Locked for an order that is not paid yet.",
    DELIVERED="Sold.",
    REDEEMED="Sold, and known to be used.",
    VOID="Taken out for good; nobody bought it.",
    EXPIRED="Its time was over before anybody bought it.",
    QUARANTINED="Out of sale until somebody has looked into it.",
)


async def load_pools(context: Context, ids: list[PoolId]) -> list[codes.Pool | None]:
    """Pools by their ids, of the asker's tenant."""
    if context.ctx.tenant_id is None or not context.ctx.has("codes.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.pools_by_ids(tx, context.ctx, pool_ids=ids)
    return [found.get(id_) for id_ in ids]


async def load_stock(context: Context, ids: list[PoolId]) -> list[int]:
    """How many codes of each pool can be sold now, counted up to a bound."""
    async with context.reading() as tx:
        found = await codes.stock_of_pools(tx, ids, up_to=limits.STOCK_COUNTED_MAX + 1)
    return [found.get(id_, 0) for id_ in ids]


async def load_codes(context: Context, ids: list[CodeId]) -> list[codes.Code | None]:
    """Codes by their ids, masked, of the asker's tenant."""
    if context.ctx.tenant_id is None or not context.ctx.has("codes.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await codes.codes_by_ids(tx, context.ctx, code_ids=ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="How much of a pool can be sold now.")
class PoolStock:
    """A bounded count."""

    available: int = strawberry.field(
        description=f"Codes that can be sold now, counted up to {limits.STOCK_COUNTED_MAX}."
    )
    more: bool = strawberry.field(description="Whether there are more than were counted.")


described(
    StockBand,
    "How much of a pool there is to sell.",
    ENOUGH="More than its alarm for low stock.",
    LOW="So little that its merchant wants to know.",
    OUT="Nothing.",
)


class Within(NamedTuple):
    """A pool and a number of days."""

    pool_id: PoolId
    days: int


async def load_expiring(context: Context, asked: list[Within]) -> list[int]:
    """How many units of each pool expire within so many days, counted up to a bound."""
    async with context.reading() as tx:
        found = await codes.expiring_units(
            tx, context.ctx, asked=[(each.pool_id, each.days) for each in asked], up_to=limits.STOCK_COUNTED_MAX + 1
        )
    return [found.get((each.pool_id, each.days), 0) for each in asked]


def checked_days(days: int, most: int, field: str) -> int:
    """A number of days that makes sense; Invalid otherwise."""
    if not 0 < days <= most:
        raise Invalid(f"This is a number of days from 1 to {most}.", zh=f"天数须为 1 至 {most}。", path=(field,))
    return days


@strawberry.type(description="A merchant's stock of codes for one entitlement.")
class Pool(Node):
    """A pool; for the merchant only."""

    row: strawberry.Private[codes.Pool]

    @classmethod
    def of(cls, row: codes.Pool) -> "Pool":
        """The schema's form of a pool."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Pool | None":
        """The pool, for the merchant whose it is."""
        row = await context.loaders.load(load_pools, PoolId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="What the merchant calls it.")
    def name(self) -> str:
        """The name."""
        return self.row.name

    @strawberry.field(description="The good whose codes it holds.")
    async def entitlement(self, info: Info) -> Entitlement | None:
        """The entitlement."""
        return await Entitlement.load_node(info.context, self.row.entitlement_id)

    @strawberry.field(description="How much of it can be sold now.")
    async def stock(self, info: Info) -> PoolStock:
        """The stock."""
        counted = await info.context.loaders.load(load_stock, self.row.id)
        return PoolStock(available=min(counted, limits.STOCK_COUNTED_MAX), more=counted > limits.STOCK_COUNTED_MAX)

    @strawberry.field(
        description="Codes that expire within so many days are not sold, nor counted as stock; 0 sells until the last moment."
    )
    def stop_sale_before_expiry_days(self) -> int:
        """When selling stops."""
        return self.row.stop_sale_days

    @strawberry.field(
        description="So many units or fewer are low stock; null when you are told only when there are none."
    )
    def low_stock_at(self) -> int | None:
        """The alarm."""
        return self.row.low_stock_at

    @strawberry.field(description="How many days before their expiry you are told of codes, once for each import.")
    def expiry_alarm_days(self) -> list[int]:
        """The alarms."""
        return list(self.row.expiry_alarm_days)

    @strawberry.field(description="Whether there is enough, little or nothing of it now.")
    async def low_stock_band(self, info: Info) -> StockBand:
        """The band."""
        counted = await info.context.loaders.load(load_stock, self.row.id)
        return codes.band_after(None, counted, self.row.low_stock_at)

    @strawberry.field(description="How many of its codes in stock expire within so many days from now.")
    async def expiring_units(
        self,
        info: Info,
        within_days: Annotated[
            int, strawberry.argument(description=f"How many days, 1 to {limits.EXPIRY_DAYS_MAX}.")
        ] = 30,
    ) -> PoolStock:
        """What is near its expiry."""
        days = checked_days(within_days, limits.EXPIRY_DAYS_MAX, "within_days")
        counted = await info.context.loaders.load(load_expiring, Within(self.row.id, days))
        return PoolStock(available=min(counted, limits.STOCK_COUNTED_MAX), more=counted > limits.STOCK_COUNTED_MAX)

    @strawberry.field(description="Its imports, newest first.")
    async def batches(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[CodeBatch]:
        """A page of imports."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (place,) = page.bound(1)
        asked = Imports(self.row.id, place, page.backward, page.limit)
        rows = await info.context.loaders.load(load_imports, asked)
        return connect(page, rows, key=lambda row: (row.id,), make=CodeBatch.of)

    @strawberry.field(description="Its codes, masked: the newest import first, each in the order of its file.")
    async def codes(
        self,
        info: Info,
        *,
        state: Annotated[CodeState | None, strawberry.argument(description="Only codes in this state.")] = None,
        batch_id: Annotated[strawberry.ID | None, strawberry.argument(description="Only codes of this import.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection["Code"]:
        """A page of codes."""
        page = read_page(first, after, last, before, keys=(UUID, int))
        batch = None if batch_id is None else BatchId(key_of(batch_id, CodeBatch, path=("batch_id",)))
        place = None if page.after is None else (BatchId(page.after[0]), int(page.after[1]))
        async with info.context.reading() as tx:
            rows = await codes.list_codes(
                tx, info.context.ctx, pool_id=self.row.id, batch_id=batch, state=state,
                after=place, backward=page.backward, count=page.limit,
            )  # fmt: skip
        return connect(page, rows, key=lambda row: (row.batch_id, row.position), make=Code.of)

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        """The beginning."""
        return self.row.created_at

    @strawberry.field(description="When it was put away; null while it takes imports.")
    def archived_at(self) -> datetime | None:
        """The end."""
        return self.row.archived_at

    @strawberry.field(description="Counts its changes; a change names the version it was made on.")
    def version(self) -> int:
        """The version."""
        return self.row.version

    @strawberry.field(description="Whether you may import codes into it.")
    def viewer_can_import(self, info: Info) -> bool:
        """Whether one may import."""
        return self.row.archived_at is None and info.context.ctx.has("codes.import")

    @strawberry.field(description="Whether you may rename and archive it.")
    def viewer_can_edit(self, info: Info) -> bool:
        """Whether one may edit."""
        return info.context.ctx.has("codes.edit")


async def load_resales(context: Context, ids: list[CodeId]) -> list[Resale | None]:
    """Whom codes of the asker's tenant were sold to that other merchants' customers have."""
    found = await orders.find_resales(context.ctx, ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="One code of a merchant's own stock, with most of it hidden.")
class Code(Node):
    """A code; for the merchant only."""

    row: strawberry.Private[codes.Code]

    @classmethod
    def of(cls, row: codes.Code) -> "Code":
        """The schema's form of a code."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Code | None":
        """The code, for the merchant whose it is."""
        row = await context.loaders.load(load_codes, CodeId(key))
        return None if row is None else cls.of(row)

    @strawberry.field(description="The code with most of it hidden.")
    def masked_code(self) -> str:
        """The mask."""
        return self.row.masked

    @strawberry.field(
        description="What recognises the code without telling it, in hexadecimal digits; the same code has the same fingerprint."
    )
    def fingerprint(self) -> str:
        """The keyed hash."""
        return self.row.fingerprint.hex()

    @strawberry.field(description="Where it stands.")
    def state(self) -> CodeState:
        """The state."""
        return self.row.state

    @strawberry.field(description="When it expires; null for never.")
    def expires_at(self) -> datetime | None:
        """The expiry."""
        return ends(self.row.expires_at)

    @strawberry.field(
        description="The number that is printed on it or that its supplier knows it by, with most of it hidden for who may not "
        "change codes; null when it has none."
    )
    def serial(self, info: Info) -> str | None:
        """The serial."""
        serial = self.row.serial
        return serial if serial is None or info.context.ctx.has("codes.edit") else mask_code(serial)

    @strawberry.field(description="What it cost; null for who may not see what imports cost.")
    async def cost(self, info: Info) -> Money | None:
        """The cost: its own, or that of its import."""
        batch = await info.context.loaders.load(load_batches, self.row.batch_id)
        if batch is None:
            return None
        own = self.row.unit_cost_minor
        return Money.of(batch.unit_cost if own is None else replace(batch.unit_cost, amount_minor=own))

    @strawberry.field(description="Why it was quarantined, released or voided; null for other codes.")
    def reason(self) -> str | None:
        """The reason."""
        return self.row.reason

    @strawberry.field(description="When its state last changed.")
    def changed_at(self) -> datetime:
        """The last change."""
        return self.row.changed_at

    @strawberry.field(
        description="To which merchant it was sold, who resells it: your neighbour in the chain, whoever sold it in the end. Null "
        "for a code that is in stock or that your own stores sold, and for who may not see supply."
    )
    async def reseller(self, info: Info) -> Partner | None:
        """The neighbour."""
        resale = await self._resale(info)
        return None if resale is None else await Partner.load_node(info.context, resale.reseller_id)

    @strawberry.field(
        description="When a merchant who resells it paid for it; null while it is only held, and for other codes."
    )
    async def resold_at(self, info: Info) -> datetime | None:
        """The sale to another merchant."""
        resale = await self._resale(info)
        return None if resale is None else resale.sold_at

    async def _resale(self, info: Info) -> Resale | None:
        bound = self.row.state in {CodeState.HELD, CodeState.DELIVERED, CodeState.REDEEMED}
        return await info.context.loaders.load(load_resales, self.row.id) if bound else None

    @strawberry.field(description="The pool that holds it.")
    async def pool(self, info: Info) -> Pool | None:
        """The pool."""
        return await Pool.load_node(info.context, self.row.pool_id)

    @strawberry.field(description="The import it came with.")
    async def batch(self, info: Info) -> CodeBatch | None:
        """The import."""
        return await CodeBatch.load_node(info.context, self.row.batch_id)

    @strawberry.field(description="Whether you may quarantine it now.")
    def viewer_can_quarantine(self, info: Info) -> bool:
        """Whether one may quarantine."""
        return self.row.state is CodeState.AVAILABLE and info.context.ctx.has("codes.edit")

    @strawberry.field(description="Whether you may release it from quarantine now.")
    def viewer_can_release(self, info: Info) -> bool:
        """Whether one may release."""
        return self.row.state is CodeState.QUARANTINED and info.context.ctx.has("codes.edit")

    @strawberry.field(description="Whether you may void it now.")
    def viewer_can_void(self, info: Info) -> bool:
        """Whether one may void."""
        return self.row.state in {CodeState.AVAILABLE, CodeState.QUARANTINED} and info.context.ctx.has("codes.edit")

    @strawberry.field(description="Whether you may see its plaintext, for a reason that is kept.")
    def viewer_can_reveal(self, info: Info) -> bool:
        """Whether one may reveal."""
        return info.context.ctx.has("codes.reveal")


@strawberry.type
class MerchantFields:
    """The vault of the tenant one acts for."""

    @strawberry.field(description="Your pools of codes, newest first.")
    async def pools(
        self,
        info: Info,
        *,
        entitlement_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only pools of this entitlement.")
        ] = None,
        archived: Annotated[
            bool, strawberry.argument(description="Whether to show those that were put away, too.")
        ] = False,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Pool]:
        """A page of pools."""
        page = read_page(first, after, last, before, keys=(UUID,))
        (place,) = page.bound(1)
        wanted = None if entitlement_id is None else EntitlementId(key_of(entitlement_id, Entitlement))
        async with info.context.reading() as tx:
            rows = await codes.list_pools(
                tx, info.context.ctx, entitlement_id=wanted, archived=archived,
                after=place, backward=page.backward, count=page.limit,
            )  # fmt: skip
        return connect(page, rows, key=lambda row: (row.id,), make=Pool.of)

    @strawberry.field(description="One of your pools; null when you have no such pool.")
    async def pool(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The pool's id.")],
    ) -> Pool | None:
        """One pool."""
        return await Pool.load_node(info.context, key_of(id, Pool))
