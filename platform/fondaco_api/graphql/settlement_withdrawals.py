"""Withdrawals and where they are paid to, in the schema."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_core import limits
from fondaco_core.context import ActorKind
from fondaco_core.db import governing
from fondaco_core.ids import DestinationId, WithdrawalId
from fondaco_tenants import settlement
from fondaco_tenants.settlement import DestinationKind, WithdrawalState

described(
    WithdrawalState,
    "Where a withdrawal is. Its money is set aside while it is REQUESTED or APPROVED.",
    REQUESTED="It waits for the platform's people; the merchant may cancel it.",
    APPROVED="It will be paid.",
    PAID="The money has left; `bankReference` names the transfer.",
    REFUSED="It is not paid, for the reason in `refusal`; the money is in the wallet again.",
    CANCELLED="The merchant took it back; the money is in the wallet again.",
)
described(
    DestinationKind,
    "What kind of account money is paid to.",
    BANK="A bank account.",
    ALIPAY="An Alipay account.",
    WECHAT_PAY="A WeChat Pay account.",
    PAYPAL="A PayPal account.",
    OTHER="Another account; `institution` says which.",
)


async def load_destinations(context: Context, ids: list[DestinationId]) -> "list[WithdrawalDestination | None]":
    """Destinations of the viewer's merchant; of any, for the platform's people."""
    ctx = context.ctx
    if not ctx.has("wallets.read" if ctx.tenant_id is not None else "platform.read"):
        return [None for _ in ids]
    async with context.reading() if ctx.tenant_id is not None else governing(ctx) as tx:
        found = await settlement.destinations_by_ids(tx, ctx, ids)
    return [WithdrawalDestination.of(found[each]) if each in found else None for each in ids]


async def load_withdrawals(context: Context, ids: list[WithdrawalId]) -> "list[Withdrawal | None]":
    """Withdrawals of the viewer's merchant; of any, for the platform's people."""
    ctx = context.ctx
    if not ctx.has("wallets.read" if ctx.tenant_id is not None else "platform.read"):
        return [None for _ in ids]
    async with context.reading() if ctx.tenant_id is not None else governing(ctx) as tx:
        found = await settlement.withdrawals_by_ids(tx, ctx, ids)
    return [Withdrawal.of(found[each]) if each in found else None for each in ids]


@strawberry.type(
    description="An account that money may be paid to. Who holds it is sealed, and opened for whoever of the platform pays."
)
class WithdrawalDestination(Node):
    """A destination as it was read."""

    kind: DestinationKind = strawberry.field(description="What kind of account it is.")
    masked: str = strawberry.field(description="The last characters of its number.")
    added_at: datetime = strawberry.field(description="When it was added.")
    usable_from: datetime = strawberry.field(
        description=f"From when money may be paid there: {limits.DESTINATION_WAIT_HOURS} hours after it was added."
    )
    removed_at: datetime | None = strawberry.field(description="When it was removed; null while it is there.")

    @classmethod
    def of(cls, row: settlement.Destination) -> "WithdrawalDestination":
        """The schema's form of a destination."""
        return cls(
            key=row.id, kind=row.kind, masked=row.masked, added_at=row.added_at, usable_from=row.usable_from,
            removed_at=row.removed_at,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "WithdrawalDestination | None":
        """The destination, for its merchant's people and the platform's."""
        return await context.loaders.load(load_destinations, DestinationId(key))


@strawberry.type(description="Money of a merchant's wallet that it asked to have paid out.")
class Withdrawal(Node):
    """A withdrawal as it was read."""

    amount: Money = strawberry.field(description="How much.")
    state: WithdrawalState = strawberry.field(description="Where it is.")
    requested_at: datetime = strawberry.field(description="When it was asked for, and its money set aside.")
    approved_at: datetime | None = strawberry.field(description="When it was approved; null while it was not.")
    closed_at: datetime | None = strawberry.field(
        description="When it was paid, refused or cancelled; null while it is open."
    )
    bank_reference: str | None = strawberry.field(
        description="Under which number the bank has it; null until it is paid."
    )
    refusal: str | None = strawberry.field(description="Why it was refused; null unless it was.")
    version: int = strawberry.field(description="Counts its changes.")
    row: strawberry.Private[settlement.Withdrawal]

    @classmethod
    def of(cls, row: settlement.Withdrawal) -> "Withdrawal":
        """The schema's form of a withdrawal."""
        return cls(
            key=row.id, amount=Money.of(row.amount), state=row.state, requested_at=row.requested_at,
            approved_at=row.approved_at, closed_at=row.closed_at, bank_reference=row.bank_reference, refusal=row.refusal,
            version=row.version, row=row,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Withdrawal | None":
        """The withdrawal, for its merchant's people and the platform's."""
        return await context.loaders.load(load_withdrawals, WithdrawalId(key))

    @strawberry.field(description="Where it is paid to.")
    async def destination(self, info: Info) -> WithdrawalDestination | None:
        return await info.context.loaders.load(load_destinations, self.row.destination_id)

    @strawberry.field(description="Whether you may cancel it now (cancelWithdrawal).")
    def viewer_can_cancel(self, info: Info) -> bool:
        ctx = info.context.ctx
        waits = self.row.state in settlement.STEPS[settlement.Act.CANCEL].of
        return waits and ctx.tenant_id is not None and ctx.has("wallets.withdraw")

    @strawberry.field(description="Whether you may approve it now (approveWithdrawal): never who asked for it.")
    def viewer_can_approve(self, info: Info) -> bool:
        ctx = info.context.ctx
        waits = self.row.state in settlement.STEPS[settlement.Act.APPROVE].of
        return waits and ctx.has("platform.withdrawals") and ctx.actor_id != self.row.requested_by

    @strawberry.field(description="The merchant; null for everybody but the platform's people.")
    async def tenant(self, info: Info) -> Tenant | None:
        if info.context.ctx.actor is not ActorKind.PLATFORM_ADMIN:
            return None
        return await info.context.loaders.load(load_tenants, self.row.tenant_id)


@strawberry.type
class MerchantFields:
    """What a merchant has paid out of the platform."""

    @strawberry.field(description="Withdrawals that were asked for, newest first. Needs `wallets.read`.")
    async def withdrawals(self, info: Info, first: First = None, after: After = None) -> Connection[Withdrawal]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await settlement.list_withdrawals(tx, info.context.ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=Withdrawal.of)

    @strawberry.field(
        description=f"Where money may be paid to, newest first, at most {limits.DESTINATIONS_MAX}. Needs `wallets.read`."
    )
    async def withdrawal_destinations(self, info: Info) -> list[WithdrawalDestination]:
        async with info.context.reading() as tx:
            return [WithdrawalDestination.of(row) for row in await settlement.list_destinations(tx, info.context.ctx)]


@strawberry.type
class PlatformFields:
    """What waits for the platform's people."""

    @strawberry.field(
        description="Merchants' withdrawals: those that wait, the oldest first, or all, the newest first. Needs `platform.read`."
    )
    async def withdrawals(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        *,
        waiting: Annotated[bool, strawberry.argument(description="Only those that are not at their end.")] = True,
    ) -> Connection[Withdrawal]:
        info.context.ctx.require("platform.read")
        page = read_page(first, after, None, None, keys=(UUID,))
        async with governing(info.context.ctx) as tx:
            rows = await settlement.list_all_withdrawals(
                tx, info.context.ctx, waiting=waiting, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Withdrawal.of)
