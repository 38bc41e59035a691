"""Plans in the schema: what the platform takes of sales, as its people keep it and as a merchant sees its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money, MoneyInput
from fondaco_api.graphql.tenancy import Tenant
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, money, tenancy
from fondaco_core.context import ActorKind
from fondaco_core.db import Tx, governing
from fondaco_core.errors import Invalid, StaleVersion
from fondaco_core.ids import PlanId, TenantId


@strawberry.type(description="The platform's share of sales of one category of goods.")
class CategoryFee:
    """A deviating fee."""

    category: str = strawberry.field(description="The category, as `Entitlement.category` names it.")
    fee_bps: int = strawberry.field(description="The share, in basis points (1/100 of a percent).")


def _by_category(fees: tenancy.Fees) -> list[CategoryFee]:
    return [CategoryFee(category=category, fee_bps=fee_bps) for category, fee_bps in sorted(fees.by_category.items())]


@strawberry.type(description="What a plan took of sales from a moment on.")
class PlanVersion:
    """A version as it was read."""

    row: strawberry.Private[tenancy.PlanVersion]

    @strawberry.field(description="Counts the plan's changes.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="From when it held.")
    def changed_at(self) -> datetime:
        return self.row.changed_at

    @strawberry.field(description="The share of sales of goods of no other category, in basis points.")
    def fee_bps(self) -> int:
        return self.row.fees.fee_bps

    @strawberry.field(description="The categories of which it was another share.")
    def categories(self) -> list[CategoryFee]:
        return _by_category(self.row.fees)


async def load_plans(context: Context, ids: list[PlanId]) -> "list[Plan | None]":
    """Plans by their ids, for the platform's people."""
    ctx = context.ctx
    if ctx.actor is not ActorKind.PLATFORM_ADMIN or not ctx.has("platform.read"):
        return [None] * len(ids)
    async with governing(ctx) as tx:
        found = await tenancy.plans_by_ids(tx, ctx, ids)
    return [Plan(key=id_, row=found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="What the platform takes of sales, under a name. For the platform's people.")
class Plan(Node):
    """A plan as it was read."""

    row: strawberry.Private[tenancy.Plan]

    @classmethod
    def of(cls, row: tenancy.Plan) -> "Plan":
        """The schema's form of a plan."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Plan | None":
        """The plan, for the platform's people."""
        return await context.loaders.load(load_plans, PlanId(key))

    @strawberry.field(description="Its name, which merchants on it see.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(description="Counts its changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="Since when its fees hold.")
    def changed_at(self) -> datetime:
        return self.row.changed_at

    @strawberry.field(description="The share of sales of goods of no other category, in basis points.")
    def fee_bps(self) -> int:
        return self.row.fees.fee_bps

    @strawberry.field(description="The categories of which it is another share.")
    def categories(self) -> list[CategoryFee]:
        return _by_category(self.row.fees)

    @strawberry.field(description="What it took from when on, the latest first.")
    async def history(self, info: Info, first: First = None, after: After = None) -> Connection[PlanVersion]:
        page = read_page(first, after, None, None, keys=(int,))
        async with governing(info.context.ctx) as tx:
            rows = await tenancy.plan_history(
                tx, info.context.ctx, plan_id=self.row.id, before=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.version,), make=lambda row: PlanVersion(row=row))


@strawberry.type
class PlatformFields:
    """Plans as the platform's people see them."""

    @strawberry.field(description="All plans, newest first.")
    async def plans(self, info: Info, first: First = None, after: After = None) -> Connection[Plan]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with governing(info.context.ctx) as tx:
            rows = await tenancy.list_plans(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=Plan.of)


@strawberry.type(description="What the platform takes of a merchant's sales, to buyers and to other merchants.")
class Fees:
    """A merchant's own fees."""

    row: strawberry.Private[tenancy.OwnFees]

    @strawberry.field(description="The plan's name; null when the merchant pays the same share of all that it sells.")
    def plan(self) -> str | None:
        return self.row.plan

    @strawberry.field(description="Counts the plan's changes; null without a plan.")
    def version(self) -> int | None:
        return self.row.version

    @strawberry.field(description="Since when the plan's fees hold; null without a plan.")
    def since(self) -> datetime | None:
        return self.row.since

    @strawberry.field(
        description="The share of sales of goods of no other category, in basis points (1/100 of a percent)."
    )
    def fee_bps(self) -> int:
        return self.row.fees.fee_bps

    @strawberry.field(description="The categories of which it is another share.")
    def categories(self) -> list[CategoryFee]:
        return _by_category(self.row.fees)

    @strawberry.field(description="What an order of so much costs you now; it is taken when the order is paid.")
    def fee(
        self,
        amount: Annotated[
            MoneyInput, strawberry.argument(description="What your buyer pays for all units of one line.")
        ],
        category: Annotated[
            str, strawberry.argument(description="The category of the goods, as `Entitlement.category` names it.")
        ] = "",
    ) -> Money:
        asked = amount.read(path=("amount",))
        if asked.amount_minor < 0:
            raise Invalid("An amount is not below zero.", zh="金额不能为负数。", path=("amount",))
        return Money.of(money.Money(money.fee_of(asked.amount_minor, self.row.fees.of(category)), asked.currency))


@strawberry.type
class MerchantFields:
    """What a merchant pays."""

    @strawberry.field(description="What the platform takes of your sales. Needs the permission `merchant.read`.")
    async def fees(self, info: Info) -> Fees:
        async with info.context.reading() as tx:
            return Fees(row=await tenancy.own_fees(tx, info.context.ctx))


@strawberry.input(description="The share of sales of one category of goods.")
class CategoryFeeInput:
    """A deviating fee as it is given."""

    category: str = strawberry.field(description="The category, exactly as `Entitlement.category` names it.")
    fee_bps: int = strawberry.field(description="The share, 0 to 10000 basis points.")


def _read(fee_bps: int, categories: list[CategoryFeeInput]) -> tenancy.Fees:
    by_category: Mapping[str, int] = {each.category: each.fee_bps for each in categories}
    if len(by_category) < len(categories):
        raise Invalid("A category is named twice.", zh="品类重复。", path=("categories",))
    return tenancy.Fees(fee_bps, by_category)


@strawberry.input(description="A plan to make.")
class CreatePlanInput:
    """What createPlan takes."""

    name: str = strawberry.field(description="Its name, 1 to 200 characters; no two plans share one.")
    fee_bps: int = strawberry.field(
        description="The share of sales of goods of no other category, 0 to 10000 basis points."
    )
    categories: list[CategoryFeeInput] = strawberry.field(
        default_factory=list,
        description=f"The categories of which it is another share, at most {limits.PLAN_CATEGORIES_MAX}.",
    )


@strawberry.input(description="What a plan is to be. Orders that were placed keep the fee that they were placed with.")
class ChangePlanInput:
    """What changePlan takes."""

    plan_id: strawberry.ID = strawberry.field(description="The plan's id.")
    version: int = strawberry.field(description="The version you read.")
    name: str = strawberry.field(description="Its name, 1 to 200 characters; no two plans share one.")
    fee_bps: int = strawberry.field(
        description="The share of sales of goods of no other category, 0 to 10000 basis points."
    )
    categories: list[CategoryFeeInput] = strawberry.field(
        default_factory=list,
        description=f"All categories of which it is another share, at most {limits.PLAN_CATEGORIES_MAX}; what is left out is none any more.",
    )


@strawberry.input(
    description="What a merchant is to pay for orders from now on: by a plan, or one share of all that it sells."
)
class SetTenantFeesInput:
    """What setTenantFees takes."""

    tenant_id: strawberry.ID = strawberry.field(description="The merchant's id.")
    plan_id: strawberry.ID | None = strawberry.field(default=None, description="The plan to put it on; or `feeBps`.")
    fee_bps: int | None = strawberry.field(
        default=None, description="The share of all that it sells, 0 to 10000 basis points, on no plan; or `planId`."
    )
    reason: str = strawberry.field(
        description=f"Why, for the record, {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters."
    )


@strawberry.type(description="The plan is made; `setTenantFees` puts merchants on it.")
class CreatePlanSuccess:
    """What createPlan answers."""

    plan: Plan = strawberry.field(description="The plan.")


@strawberry.type(description="The plan is another, for orders that are placed from now on.")
class ChangePlanSuccess:
    """What changePlan answers."""

    plan: Plan = strawberry.field(description="The plan as it is now.")


@strawberry.type(description="The merchant pays otherwise, for orders that are placed from now on.")
class SetTenantFeesSuccess:
    """What setTenantFees answers."""

    tenant: Tenant = strawberry.field(description="The merchant.")
    plan: Plan | None = strawberry.field(description="The plan that it is on; null for none.")


@strawberry.type
class Mutation:
    """What the platform's people decide about fees."""

    @mutation(refusals=[tenancy.PlanNameTaken, tenancy.TooManyPlans], opens=governing)
    async def create_plan(self, info: Info, tx: Tx, input: CreatePlanInput) -> CreatePlanSuccess:
        """Makes a plan. For the platform's admins."""
        fees = _read(input.fee_bps, input.categories)
        return CreatePlanSuccess(
            plan=Plan.of(await tenancy.create_plan(tx, info.context.ctx, name=input.name, fees=fees))
        )

    @mutation(refusals=[tenancy.PlanNameTaken, StaleVersion], opens=governing)
    async def change_plan(self, info: Info, tx: Tx, input: ChangePlanInput) -> ChangePlanSuccess:
        """Gives a plan another name or other fees; its merchants hear of it. For the platform's admins."""
        row = await tenancy.change_plan(
            tx, info.context.ctx, plan_id=PlanId(key_of(input.plan_id, Plan, path=("plan_id",))), version=input.version,
            name=input.name, fees=_read(input.fee_bps, input.categories),
        )  # fmt: skip
        return ChangePlanSuccess(plan=Plan.of(row))

    @mutation(opens=governing)
    async def set_tenant_fees(self, info: Info, tx: Tx, input: SetTenantFeesInput) -> SetTenantFeesSuccess:
        """Puts a merchant on a plan, or has it pay one share of all that it sells. For the platform's admins."""
        ctx = info.context.ctx
        plan_id = None if input.plan_id is None else PlanId(key_of(input.plan_id, Plan, path=("plan_id",)))
        row = await tenancy.set_tenant_fees(
            tx, ctx, tenant_id=TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",))), plan_id=plan_id,
            fee_bps=input.fee_bps, reason=input.reason,
        )  # fmt: skip
        plan = None if plan_id is None else Plan.of(await tenancy.get_plan(tx, ctx, plan_id))
        return SetTenantFeesSuccess(tenant=Tenant.of(row), plan=plan)
