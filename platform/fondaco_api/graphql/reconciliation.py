"""Reconciliation in the schema: gateways' statements beside ours, for the platform's people."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.context import ActorKind
from fondaco_core.db import Tx, governing
from fondaco_core.ids import TenantId
from fondaco_tenants import payments
from fondaco_tenants.payments import DifferenceKind, DifferenceState, DifferenceSubject, ReconciliationState

described(
    ReconciliationState,
    "Where the comparison of a day is.",
    RUNNING="The statement is being fetched, or whoever did it was cut off: it is begun again then.",
    DONE="It was compared whole.",
)
described(
    DifferenceSubject,
    "What two books differ about.",
    PAYMENT="Money that came in.",
    REFUND="Money that went back to its source.",
)
described(
    DifferenceKind,
    "How a gateway's books and ours differ.",
    MISSING_HERE="The gateway lists it, and we know nothing of it.",
    MISSING_THERE="We have booked it, and the gateway does not list it.",
    AMOUNT="Both have it, with different amounts.",
    CURRENCY="Both have it, in different currencies.",
    STATE="The gateway lists it as done, and here it is not: a payment is verified again by itself.",
    REPEATED="The gateway lists it more than once.",
)
described(
    DifferenceState,
    "Whether somebody still has to look.",
    OPEN="Nobody has said yet what became of it.",
    RESOLVED="Somebody has, or it was gone at a later comparison.",
)

Gateway = Annotated[str | None, strawberry.argument(description="Only of the gateway of this key.")]


@strawberry.type(description="One day of one gateway, compared with its statement.")
class Reconciliation:
    """A comparison as it was read."""

    gateway: str = strawberry.field(description="The gateway's key.")
    day: date = strawberry.field(description="The day of the statement, UTC.")
    state: ReconciliationState = strawberry.field(description="Where it is.")
    started_at: datetime = strawberry.field(description="When it was last begun.")
    finished_at: datetime | None = strawberry.field(description="When it was last done; null before the first time.")
    lines: int = strawberry.field(description="How many lines the gateway's statement had.")
    differences: int = strawberry.field(
        description="How many differences the last comparison found, also those beyond the 1,000 that are listed."
    )

    @classmethod
    def of(cls, row: payments.Reconciliation) -> "Reconciliation":
        """The schema's form of a comparison."""
        return cls(
            gateway=row.gateway, day=row.day, state=row.state, started_at=row.started_at, finished_at=row.finished_at,
            lines=row.lines, differences=row.differences,
        )  # fmt: skip


async def load_differences(context: Context, ids: list[UUID]) -> "list[ReconciliationDifference | None]":
    """Differences by their ids, for the platform's people."""
    if context.ctx.actor is not ActorKind.PLATFORM_ADMIN:
        return [None for _ in ids]
    async with governing(context.ctx) as tx:
        found = await payments.differences_by_ids(tx, context.ctx, ids)
    return [ReconciliationDifference.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="Something in which a gateway's books and ours are not the same.")
class ReconciliationDifference(Node):
    """A difference as it was read."""

    gateway: str = strawberry.field(description="The gateway's key.")
    day: date = strawberry.field(description="The day of the statement, UTC.")
    subject: DifferenceSubject = strawberry.field(description="What they differ about.")
    kind: DifferenceKind = strawberry.field(description="How they differ.")
    written_id: str = strawberry.field(
        description="The payment's or refund's id, as the gateway wrote it or as we have it."
    )
    gateway_reference: str | None = strawberry.field(description="The gateway's own number of it, where known.")
    our_state: str | None = strawberry.field(
        description="The state we had it in when it was compared; null when we have it not."
    )
    our_amount: Money | None = strawberry.field(description="The amount we have; null when we have it not.")
    their_amount: Money | None = strawberry.field(
        description="The amount the gateway lists; null when it does not list it."
    )
    state: DifferenceState = strawberry.field(description="Whether somebody still has to look.")
    found_at: datetime = strawberry.field(description="When it was first found.")
    resolved_at: datetime | None = strawberry.field(description="When it was resolved; null while it is open.")
    resolved_by_person: bool = strawberry.field(
        description="Whether a person resolved it; false also when it was gone by itself."
    )
    reason: str | None = strawberry.field(description="What became of it; null while it is open.")
    tenant_id: strawberry.Private[TenantId | None]

    @strawberry.field(description="Whether you may say what became of it.")
    def viewer_can_resolve(self, info: Info) -> bool:
        """By permission and state."""
        return self.state is DifferenceState.OPEN and info.context.ctx.has("platform.wallets")

    @classmethod
    def of(cls, row: payments.Difference) -> "ReconciliationDifference":
        """The schema's form of a difference."""
        return cls(
            key=row.id, gateway=row.gateway, day=row.day, subject=row.subject, kind=row.kind, written_id=row.written_id,
            gateway_reference=row.gateway_reference, our_state=row.ours_state,
            our_amount=None if row.ours is None else Money.of(row.ours),
            their_amount=None if row.theirs is None else Money.of(row.theirs),
            state=row.state, found_at=row.found_at, resolved_at=row.resolved_at,
            resolved_by_person=row.resolved_by is not None, reason=row.reason, tenant_id=row.tenant_id,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "ReconciliationDifference | None":
        """The difference, for the platform's people."""
        return await context.loaders.load(load_differences, key)

    @strawberry.field(description="The merchant whose payment or refund it is; null when it is nobody's here.")
    async def tenant(self, info: Info) -> Tenant | None:
        return None if self.tenant_id is None else await info.context.loaders.load(load_tenants, self.tenant_id)


@strawberry.type
class PlatformFields:
    """Reconciliation as the platform's people see it."""

    @strawberry.field(description="The days of gateways that were compared with their statements, the latest first.")
    async def reconciliations(
        self, info: Info, first: First = None, after: After = None, gateway: Gateway = None
    ) -> Connection[Reconciliation]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with governing(info.context.ctx) as tx:
            rows = await payments.list_reconciliations(
                tx, info.context.ctx, gateway=gateway, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Reconciliation.of)

    @strawberry.field(description="In what gateways' books and ours are not the same, the latest first.")
    async def reconciliation_differences(  # noqa: PLR0917 - arguments of a field
        self,
        info: Info,
        first: First = None,
        after: After = None,
        gateway: Gateway = None,
        day: Annotated[date | None, strawberry.argument(description="Only of the statement of this day, UTC.")] = None,
        state: Annotated[DifferenceState | None, strawberry.argument(description="Only those in this state.")] = None,
    ) -> Connection[ReconciliationDifference]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with governing(info.context.ctx) as tx:
            rows = await payments.list_differences(
                tx, info.context.ctx, gateway=gateway, day=day, state=state, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=ReconciliationDifference.of)


@strawberry.input(description="What became of a difference.")
class ResolveDifferenceInput:
    """What resolveDifference takes."""

    difference_id: strawberry.ID = strawberry.field(description="The difference.")
    reason: str = strawberry.field(
        description=f"What became of it, in {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters; kept in the audit log."
    )


@strawberry.type(description="The difference is off the list.")
class ResolveDifferenceSuccess:
    """What resolveDifference answers."""

    difference: ReconciliationDifference = strawberry.field(description="The difference as it is now.")


@strawberry.input(description="Which day of which gateway to compare.")
class ReconcileGatewayInput:
    """What reconcileGateway takes."""

    gateway: str = strawberry.field(description="The gateway's key.")
    day: date = strawberry.field(description="The day of the statement, UTC; today's is not complete yet.")


@strawberry.type(description="The day will be compared in a moment.")
class ReconcileGatewaySuccess:
    """What reconcileGateway answers."""

    gateway: str = strawberry.field(description="The gateway's key.")


@strawberry.type
class Mutation:
    """What the platform's people do about gateways' statements."""

    @mutation(refusals=[payments.DifferenceResolved], opens=governing)
    async def resolve_difference(self, info: Info, tx: Tx, input: ResolveDifferenceInput) -> ResolveDifferenceSuccess:
        """Takes a difference off the list, with a reason; it stays off however often the day is compared. For admins."""
        difference_id = key_of(input.difference_id, ReconciliationDifference, path=("difference_id",))
        row = await payments.resolve_difference(tx, info.context.ctx, difference_id=difference_id, reason=input.reason)
        return ResolveDifferenceSuccess(difference=ReconciliationDifference.of(row))

    @mutation(refusals=[payments.InvalidDay], opens=governing)
    async def reconcile_gateway(self, info: Info, tx: Tx, input: ReconcileGatewayInput) -> ReconcileGatewaySuccess:
        """Has a gateway's statement of a day fetched and compared once more. For admins."""
        await payments.request_reconciliation(tx, info.context.ctx, gateway=input.gateway, day=input.day)
        return ReconcileGatewaySuccess(gateway=input.gateway)
