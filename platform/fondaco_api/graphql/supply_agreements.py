"""Agreements and invitations in the schema, as both ends of an agreement see it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.scalars import Money
from fondaco_api.graphql.settlement_debts import AgreementDebt, CreditRepayment, load_debts
from fondaco_api.graphql.supply import Partner, Tier, load_partners, load_terms, load_tiers
from fondaco_core.ids import AgreementId, SupplyInvitationId, TenantId
from fondaco_tenants import settlement, supply
from fondaco_tenants.supply import AgreementRole, AgreementState, AgreementStep

described(
    AgreementState,
    "Where an agreement stands.",
    REQUESTED="The reseller has asked; the supplier has not decided yet.",
    ACTIVE="The reseller may buy.",
    SUSPENDED="The supplier has stopped the reseller from buying for now.",
    ENDED="Either side has ended it, or the reseller has taken its request back.",
    DECLINED="The supplier has refused the request.",
)
described(
    AgreementRole,
    "Which end of an agreement a merchant is.",
    SUPPLIER="It sells to the other one.",
    RESELLER="It buys from the other one.",
)


async def load_agreements(context: Context, ids: list[AgreementId]) -> "list[Agreement | None]":
    """Agreements of the viewer's merchant, by their ids."""
    if not context.ctx.has("supply.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.agreements_by_ids(tx, context.ctx, ids)
    return [Agreement.of(found[id_]) if id_ in found else None for id_ in ids]


async def load_invitations(context: Context, ids: list[SupplyInvitationId]) -> "list[SupplyInvitation | None]":
    """Invitations of the viewer's merchant, by their ids."""
    if not context.ctx.has("supply.read"):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await supply.invitations_by_ids(tx, context.ctx, ids)
    return [SupplyInvitation.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="What a reseller has used of an agreement.")
class AgreementUse:
    """Use as it was read."""

    credit: Money | None = strawberry.field(
        description="What it owes the supplier; null when it was never granted credit."
    )
    day_units: int = strawberry.field(description="Units bought today (UTC).")
    month_units: int = strawberry.field(description="Units bought in this calendar month (UTC).")
    held_units: int = strawberry.field(description="Units held for orders that are not paid yet.")

    @classmethod
    def of(cls, row: supply.Used) -> "AgreementUse":
        """The schema's form of use."""
        return cls(
            credit=None if row.credit is None else Money.of(row.credit), day_units=row.day_units,
            month_units=row.month_units, held_units=row.held_units,
        )  # fmt: skip


@strawberry.type(description="What an agreement has in the place of its tier's terms.")
class AgreementOverrides:
    """Overrides as they were read."""

    credit: Money | None = strawberry.field(description="How much the reseller may owe; null: what the tier grants.")
    day_units_max: int | None = strawberry.field(
        description="How many units it may buy in a day; null: what the tier grants."
    )


@strawberry.type(description="That a reseller may buy from a supplier. Both ends see the same of it.")
class Agreement(Node):
    """An agreement as it was read."""

    row: strawberry.Private[supply.Agreement]

    @classmethod
    def of(cls, row: supply.Agreement) -> "Agreement":
        """The schema's form of an agreement."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Agreement | None":
        """The agreement, for who may see supply at either end."""
        return await context.loaders.load(load_agreements, AgreementId(key))

    @strawberry.field(description="Which end your merchant is.")
    def role(self, info: Info) -> AgreementRole:
        return self.row.role_of(info.context.ctx.tenant)

    @strawberry.field(description="The other end.")
    async def partner(self, info: Info) -> Partner:
        return await _known(info, self.row.partner_of(info.context.ctx.tenant))

    @strawberry.field(description="Who sells.")
    async def supplier(self, info: Info) -> Partner:
        return await _known(info, self.row.supplier_tenant_id)

    @strawberry.field(description="Who buys.")
    async def reseller(self, info: Info) -> Partner:
        return await _known(info, self.row.reseller_tenant_id)

    @strawberry.field(
        description="Who brought the reseller and gets commission; null for nobody, and for one that you do not know."
    )
    async def referrer(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.referrers[0]) if self.row.referrers else None

    @strawberry.field(description="The supplier's tier that it is in, or is asked for.")
    async def tier(self, info: Info) -> Tier:
        found = await info.context.loaders.load(load_tiers, self.row.tier_id)
        assert found is not None
        return found

    @strawberry.field(description="Where it stands.")
    def state(self) -> AgreementState:
        return self.row.state

    @strawberry.field(description="What the reseller wrote when it asked; null when nothing, or when it was invited.")
    def note(self) -> str | None:
        return self.row.note

    @strawberry.field(description="Why it was declined, suspended or ended; both ends read it. Else null.")
    def reason(self) -> str | None:
        return self.row.reason

    @strawberry.field(description="What it has in the place of its tier's terms.")
    def overrides(self) -> AgreementOverrides:
        given = self.row.overrides
        return AgreementOverrides(
            credit=None if given.credit is None else Money.of(given.credit), day_units_max=given.day_units_max
        )

    @strawberry.field(
        description="How much the reseller may owe now, by its tier or in the place of that; null: nothing was ever granted, "
        "or it has left."
    )
    async def credit(self, info: Info) -> Money | None:
        granted = await self._granted(info)
        return None if granted is None or granted.credit is None else Money.of(granted.credit)

    @strawberry.field(
        description="How many units it may buy in a day (UTC) now, by its tier or in the place of that; null: no bound, "
        "or it has left."
    )
    async def day_units_max(self, info: Info) -> int | None:
        granted = await self._granted(info)
        return None if granted is None else granted.day_units_max

    async def _granted(self, info: Info) -> supply.Terms | None:
        rows = await info.context.loaders.load(load_terms, self.row.tier_id)
        return supply.granted(rows[0].terms, self.row.overrides) if rows else None

    @strawberry.field(description="What was used of it; null until it was first in force.")
    def use(self) -> AgreementUse | None:
        return None if self.row.used is None else AgreementUse.of(self.row.used)

    @strawberry.field(
        description="What is owed by it for orders that are paid, and what of that is due; null: nothing ever was."
    )
    async def debt(self, info: Info) -> AgreementDebt | None:
        return await info.context.loaders.load(load_debts, AgreementId(self.key))

    @strawberry.field(description="What was paid of what was owed by it, latest first.")
    async def repayments(self, info: Info, first: First = None, after: After = None) -> Connection[CreditRepayment]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await settlement.list_repayments(
                tx, info.context.ctx, agreement_id=AgreementId(self.key), after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=CreditRepayment.of)

    @strawberry.field(description="When it was asked for or begun.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it was last changed.")
    def changed_at(self) -> datetime:
        return self.row.changed_at

    @strawberry.field(description="Counts changes; a change names the version it was made on.")
    def version(self) -> int:
        return self.row.version

    @strawberry.field(description="Whether you may accept or decline it.")
    def viewer_can_decide(self, info: Info) -> bool:
        return self._may(info, AgreementStep.ACCEPT)

    @strawberry.field(description="Whether you may suspend it.")
    def viewer_can_suspend(self, info: Info) -> bool:
        return self._may(info, AgreementStep.SUSPEND)

    @strawberry.field(description="Whether you may resume it.")
    def viewer_can_resume(self, info: Info) -> bool:
        return self._may(info, AgreementStep.RESUME)

    @strawberry.field(
        description="Whether you may move it to another tier, and change what it has in the place of its terms."
    )
    def viewer_can_change(self, info: Info) -> bool:
        return self._may(info, AgreementStep.CHANGE)

    @strawberry.field(description="Whether you may end it, or take your request back.")
    def viewer_can_end(self, info: Info) -> bool:
        return self._may(info, AgreementStep.END)

    def _may(self, info: Info, step: AgreementStep) -> bool:
        ctx = info.context.ctx
        return ctx.has("supply.edit") and supply.may(step, self.row.state, self.row.role_of(ctx.tenant))


async def _known(info: Info, id_: TenantId) -> Partner:
    """One end of an agreement: each has a name before there is one."""
    found = await info.context.loaders.load(load_partners, id_)
    assert found is not None
    return found


@strawberry.type(
    description="A code by which merchants join a tier of yours without being asked about; it was shown once."
)
class SupplyInvitation(Node):
    """An invitation as it was read; never the code."""

    row: strawberry.Private[supply.Invitation]

    @classmethod
    def of(cls, row: supply.Invitation) -> "SupplyInvitation":
        """The schema's form of an invitation."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "SupplyInvitation | None":
        """The invitation, for who may see supply."""
        return await context.loaders.load(load_invitations, SupplyInvitationId(key))

    @strawberry.field(description="The tier that who joins by it is in.")
    async def tier(self, info: Info) -> Tier:
        found = await info.context.loaders.load(load_tiers, self.row.tier_id)
        assert found is not None
        return found

    @strawberry.field(description="What you call it; may be empty.")
    def label(self) -> str:
        return self.row.label

    @strawberry.field(description="Which reseller hands it on, and gets commission; null for none.")
    async def referrer(self, info: Info) -> Partner | None:
        return await info.context.loaders.load(load_partners, self.row.referrers[0]) if self.row.referrers else None

    @strawberry.field(description="How many merchants may join by it.")
    def uses_max(self) -> int:
        return self.row.uses_max

    @strawberry.field(description="How many have joined by it.")
    def uses(self) -> int:
        return self.row.uses

    @strawberry.field(description="Whether somebody may still join by it.")
    def open(self) -> bool:
        return self.row.open

    @strawberry.field(description="Until when it holds.")
    def expires_at(self) -> datetime:
        return self.row.expires_at

    @strawberry.field(description="When it was made.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it was revoked; null while it is not.")
    def revoked_at(self) -> datetime | None:
        return self.row.revoked_at

    @strawberry.field(description="Whether you may revoke it.")
    def viewer_can_revoke(self, info: Info) -> bool:
        return info.context.ctx.has("supply.edit") and self.row.open


@strawberry.type
class MerchantFields:
    """A merchant's own agreements and invitations."""

    @strawberry.field(description="Your merchant's agreements, newest first. Needs `supply.read`.")
    async def agreements(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        role: Annotated[
            AgreementRole | None, strawberry.argument(description="Only those in which you are this end.")
        ] = None,
        states: Annotated[
            list[AgreementState] | None, strawberry.argument(description="Only those in one of these states.")
        ] = None,
    ) -> Connection[Agreement]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await supply.list_agreements(
                tx, info.context.ctx, role=role, states=states, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Agreement.of)

    @strawberry.field(description="Codes by which merchants join your tiers, newest first. Needs `supply.read`.")
    async def supply_invitations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        *,
        open: Annotated[bool, strawberry.argument(description="Only those by which somebody may still join.")] = False,
    ) -> Connection[SupplyInvitation]:
        page = read_page(first, after, None, None, keys=(UUID,))
        async with info.context.reading() as tx:
            rows = await supply.list_invitations(
                tx, info.context.ctx, only_open=open, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=SupplyInvitation.of)
