"""How much a merchant lets be held unpaid."""

from dataclasses import asdict
from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_tenants import orders

_ORDERS = f"1 to {limits.HOLD_BUDGET_ORDERS_MAX}."
_UNITS = f"1 to {limits.HOLD_BUDGET_UNITS_MAX}."


@strawberry.type(
    description="How much may be held unpaid at this merchant, against those who take stock and never pay."
)
class HoldBudgets:
    """Budgets as they were read."""

    buyer_orders_max: int = strawberry.field(description="How many orders of one account may wait to be paid.")
    buyer_units_max: int = strawberry.field(description="How many units these may have together.")
    guest_orders_max: int = strawberry.field(description="How many orders of one guest, by contact, may wait.")
    guest_units_max: int = strawberry.field(description="How many units these may have together.")
    device_orders_max: int = strawberry.field(description="How many orders of one device may wait.")
    device_units_max: int = strawberry.field(description="How many units these may have together.")
    address_orders_max: int = strawberry.field(description="How many orders of people at one address may wait.")
    address_units_max: int = strawberry.field(description="How many units these may have together.")
    guest_share_percent: int = strawberry.field(
        description="Of what a pool has for sale, how much all guests together may hold unpaid, in percent; never less than one may alone."
    )
    version: int = strawberry.field(description="Counts changes; 0 are the platform's defaults.")

    @classmethod
    def of(cls, view: orders.BudgetsView) -> "HoldBudgets":
        """The schema's form of budgets."""
        return cls(**asdict(view.budgets), version=view.version)


@strawberry.input(description="All budgets together.")
class SetHoldBudgetsInput:
    """What setHoldBudgets takes."""

    version: int = strawberry.field(description="The version you read; 0 for the defaults.")
    buyer_orders_max: int = strawberry.field(description=f"Orders of one account, {_ORDERS}")
    buyer_units_max: int = strawberry.field(description=f"Units of these, {_UNITS}")
    guest_orders_max: int = strawberry.field(description=f"Orders of one guest, {_ORDERS}")
    guest_units_max: int = strawberry.field(description=f"Units of these, {_UNITS}")
    device_orders_max: int = strawberry.field(description=f"Orders of one device, {_ORDERS}")
    device_units_max: int = strawberry.field(description=f"Units of these, {_UNITS}")
    address_orders_max: int = strawberry.field(description=f"Orders of people at one address, {_ORDERS}")
    address_units_max: int = strawberry.field(description=f"Units of these, {_UNITS}")
    guest_share_percent: int = strawberry.field(description="The share of all guests of a pool, 1 to 100 percent.")


@strawberry.type(description="The budgets as they are now.")
class SetHoldBudgetsSuccess:
    """What setHoldBudgets answers."""

    hold_budgets: HoldBudgets = strawberry.field(description="The budgets.")


@strawberry.type
class MerchantFields:
    """The merchant's budgets."""

    @strawberry.field(description="How much may be held unpaid. Needs the permission `merchant.read`.")
    async def hold_budgets(self, info: Info) -> HoldBudgets:
        """The budgets that hold now."""
        async with info.context.reading() as tx:
            return HoldBudgets.of(await orders.get_hold_budgets(tx, info.context.ctx))


@strawberry.type
class Mutation:
    """Setting budgets."""

    @mutation(refusals=[StaleVersion, tenancy.TenantNotActive])
    async def set_hold_budgets(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[SetHoldBudgetsInput, strawberry.argument(description="The budgets, all of them.")],
    ) -> SetHoldBudgetsSuccess:
        """Sets how much may be held unpaid, for orders from now on. Needs the permission `merchant.edit`."""
        given = {name: value for name, value in vars(input).items() if name != "version"}
        view = await orders.set_hold_budgets(
            tx, info.context.ctx, version=input.version, budgets=orders.HoldBudgets(**given)
        )
        return SetHoldBudgetsSuccess(hold_budgets=HoldBudgets.of(view))
