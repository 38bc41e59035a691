"""Tracing a code that turned up, in the schema: by the code for its owner, by the lot for its neighbours, over all for the platform."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.codes import Code
from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.leaks import Leak, code_asked_for
from fondaco_api.graphql.node import load_named
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.supply_sales import SupplyPurchase, SupplySale
from fondaco_api.graphql.tenancy import Tenant
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.db import Tx, governing, trading
from fondaco_core.errors import Invalid
from fondaco_core.ids import CodeId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants import aftersales, codes
from fondaco_tenants.orders import AllocationState

_WHY = f"Why, in {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters; it is kept in the audit log. Never the code itself."


async def load_shown(context: Context, ids: list[CodeId]) -> "list[list[CodeShown]]":
    """When own codes were shown."""
    async with context.reading() as tx:
        found = await aftersales.reveals_of(tx, context.ctx, code_ids=ids)
    return [[CodeShown(via=e.via, to=e.actor_kind, shown_at=e.shown_at) for e in found.get(id_, ())] for id_ in ids]


async def load_sold(context: Context, ids: list[CodeId]) -> list[aftersales.Sold | None]:
    """Where own codes went."""
    async with trading(context.ctx, read_only=True) as tx:
        found = await aftersales.sold_of(tx, context.ctx, code_ids=ids)
    return [found.get(id_) for id_ in ids]


async def load_leaks_of(context: Context, ids: list[CodeId]) -> list[aftersales.Leak | None]:
    """The leaks of own codes."""
    async with context.reading() as tx:
        found = await aftersales.leaks_of_codes(tx, context.ctx, ids)
    return [found.get(id_) for id_ in ids]


@strawberry.type(description="That a code was shown in the open.")
class CodeShown:
    """A showing, as the owner may know it."""

    via: str = strawberry.field(description="By which door: ACCOUNT, API, LINK, GUEST, EMAIL or BACK_OFFICE.")
    to: str = strawberry.field(description="To what kind of asker; where another merchant sold it, CUSTOMER.")
    shown_at: datetime = strawberry.field(description="When.")


@strawberry.type(description="Where one of your codes came from and went: your part of its path.")
class CodeTrace:
    """A trace of an own code."""

    row: strawberry.Private[codes.Code]

    @strawberry.field(description="The code, with its pool and its import.")
    def code(self) -> Code:
        return Code.of(self.row)

    @strawberry.field(
        description="The lot in which it went to a reseller, with the reseller and the moment; null when your own store sold it, or nobody "
        "bought it yet."
    )
    async def sale(self, info: Info) -> SupplySale | None:
        sold = await info.context.loaders.load(load_sold, self.row.id)
        return None if sold is None or sold.lot_id is None else await SupplySale.load_node(info.context, sold.lot_id)

    @strawberry.field(
        description="The order of your own store that it went into, also when it was replaced there as a bad one; null when a reseller bought it, or nobody."
    )
    async def order(self, info: Info) -> Order | None:
        sold = await info.context.loaders.load(load_sold, self.row.id)
        return None if sold is None or sold.order_id is None else await load_named(info.context, "Order", sold.order_id)

    @strawberry.field(description="When it was shown in the open, the newest first.")
    async def shown(self, info: Info) -> list[CodeShown]:
        return await info.context.loaders.load(load_shown, self.row.id)

    @strawberry.field(description="Where it turned up before; null while it was not reported.")
    async def leak(self, info: Info) -> Leak | None:
        leak = await info.context.loaders.load(load_leaks_of, self.row.id)
        return None if leak is None else Leak.of(leak)


@strawberry.type(
    description="A unit of a lot, followed to your other side: the lot it came in, the lot or order it went on in."
)
class TracedUnit:
    """A unit as one party of its lot may follow it."""

    row: strawberry.Private[aftersales.TracedUnit]

    @strawberry.field(
        description="Its code with most of it hidden; null where it has none. A unit whose code was bad and replaced is there once for each."
    )
    def masked_code(self) -> str | None:
        return self.row.masked

    @strawberry.field(description="How it stands.")
    def state(self) -> AllocationState:
        return self.row.state

    @strawberry.field(description="Its code, when it is your own; null for another merchant's.")
    async def code(self, info: Info) -> Code | None:
        return None if self.row.code_id is None else await Code.load_node(info.context, self.row.code_id)

    @strawberry.field(description="The lot that it came to you in; null for your own code.")
    async def purchase(self, info: Info) -> SupplyPurchase | None:
        return (
            None if self.row.purchase_id is None else await SupplyPurchase.load_node(info.context, self.row.purchase_id)
        )

    @strawberry.field(description="The lot that it went on to a reseller in; null for what your own store sold.")
    async def sale(self, info: Info) -> SupplySale | None:
        return None if self.row.sale_id is None else await SupplySale.load_node(info.context, self.row.sale_id)

    @strawberry.field(
        description="The order of your own store that it went into, with its buyer; null for what a reseller bought, and for who may not see "
        "orders."
    )
    async def order(self, info: Info) -> Order | None:
        return None if self.row.order_id is None else await load_named(info.context, "Order", self.row.order_id)


@strawberry.input(description="A code that turned up, by its text or its id, and why it is traced.")
class TraceCodeInput:
    """What traceCode takes."""

    text: str | None = strawberry.field(
        default=None, description="The code as it was found, however it is spelled. It is kept nowhere."
    )
    fingerprint: str | None = strawberry.field(
        default=None, description="Or its fingerprint, as `Code.fingerprint` tells it."
    )
    code_id: strawberry.ID | None = strawberry.field(default=None, description="Or the code's id.")
    reason: str = strawberry.field(description=_WHY)


@strawberry.input(description="A lot that you sold or bought, and why it is traced.")
class TraceLotInput:
    """What traceLot takes."""

    lot: str = strawberry.field(description="The lot's number, such as LT-06EY-3K9P-X4QD-7M2C.")
    masked_code: str | None = strawberry.field(
        default=None, description="Only units whose code has this mask, as `maskedCode` shows it."
    )
    reason: str = strawberry.field(description=_WHY)


@strawberry.input(description="A code or a lot whose whole path is wanted, and why.")
class TracePathInput:
    """What tracePath takes."""

    text: str | None = strawberry.field(
        default=None, description="The code as it was found, however it is spelled. It is kept nowhere."
    )
    lot: str | None = strawberry.field(default=None, description="Or the number of a lot.")
    reason: str = strawberry.field(description=f"{_WHY} The merchants on the path read it.")


@strawberry.type(description="What is known of the code: nothing when it is none of yours, whoever else's it may be.")
class TraceCodeSuccess:
    """What traceCode answers."""

    traces: list[CodeTrace] = strawberry.field(
        description="Your codes with this text: at most one that is or was for sale, and those voided before it."
    )


@strawberry.type(description="The units of the lot.")
class TraceLotSuccess:
    """What traceLot answers."""

    units: list[TracedUnit] = strawberry.field(description="Unit by unit.")


@strawberry.type(description="One step of a code's path, from its owner on.")
class PathStep:
    """A step as the platform sees it."""

    row: strawberry.Private[aftersales.PathStep]

    @strawberry.field(description="Who sold.")
    async def seller(self, info: Info) -> Tenant | None:
        return await Tenant.load_node(info.context, self.row.seller_id)

    @strawberry.field(description="Which merchant bought; null for the last step, whose buyer is a customer.")
    async def buyer(self, info: Info) -> Tenant | None:
        return None if self.row.buyer_id is None else await Tenant.load_node(info.context, self.row.buyer_id)

    @strawberry.field(description="The lot that both of them know it by; null for the last step.")
    def lot(self) -> str | None:
        return self.row.lot

    @strawberry.field(description="How many units went this way.")
    def units(self) -> int:
        return self.row.units

    @strawberry.field(description="The number of the order at the end of the path.")
    def order_code(self) -> str:
        return self.row.order_code

    @strawberry.field(description="When it was placed.")
    def placed_at(self) -> datetime:
        return self.row.placed_at


@strawberry.type(description="The path, of which every merchant on it was told.")
class TracePathSuccess:
    """What tracePath answers."""

    owner_ids: strawberry.Private[list[TenantId]]
    steps: list[PathStep] = strawberry.field(
        description="From the code's owner to the store; empty for what nobody bought."
    )

    @strawberry.field(description="Whose code it is; null when a lot was asked for.")
    async def owner(self, info: Info) -> Tenant | None:
        return await Tenant.load_node(info.context, self.owner_ids[0]) if self.owner_ids else None


@strawberry.type
class Mutation:
    """Tracing what turned up. They change nothing but the record, and are mutations so that no text is ever in an address."""

    @mutation(refusals=[codes.TooManyWrongCodes], replays=False)
    async def trace_code(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[TraceCodeInput, strawberry.argument(description="Which code, and why.")],
    ) -> TraceCodeSuccess:
        """Tells where a code of yours came from and to whom it went. Needs `codes.read` and `supply.read`.

        Another merchant's code is answered as one that does not exist; how many such texts may be asked for is bounded.
        """
        asked = code_asked_for(input.text, input.fingerprint, input.code_id)
        found = await aftersales.trace_code(tx, info.context.ctx, asked, reason=input.reason)
        return TraceCodeSuccess(traces=[CodeTrace(row=row) for row in found])

    @mutation(opens=trading, replays=False)
    async def trace_lot(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[TraceLotInput, strawberry.argument(description="Which lot, and why.")],
    ) -> TraceLotSuccess:
        """Follows the units of a lot that you sold or bought to your other side, unit by unit. Needs `supply.read`."""
        _, units = await aftersales.trace_lot(
            tx, info.context.ctx, lot=input.lot, reason=input.reason, masked=input.masked_code
        )
        return TraceLotSuccess(units=[TracedUnit(row=row) for row in units])

    @mutation(opens=governing, replays=False)
    async def trace_path(
        self, info: Info, tx: Tx, input: Annotated[TracePathInput, strawberry.argument(description="What, and why.")]
    ) -> TracePathSuccess:
        """Tells the whole path of a code or a lot over all merchants; each of them sees that it was traced and why. For the platform's admins."""
        if (input.text is None) == (input.lot is None):
            raise Invalid("Give the code's text or a lot.", zh="卡密文本与批次号须且只须提供其一。", path=("text",))
        owners, steps = await aftersales.trace_path(
            tx, info.context.ctx, text=None if input.text is None else Secret(input.text), lot=input.lot,
            reason=input.reason,
        )  # fmt: skip
        return TracePathSuccess(owner_ids=list(owners), steps=[PathStep(row=row) for row in steps])
