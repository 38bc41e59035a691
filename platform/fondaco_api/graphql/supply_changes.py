"""What is done about one's own side of supply: a name among merchants, tiers with their terms, invitations."""

from datetime import datetime
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.supply import Partner, Tier
from fondaco_api.graphql.supply_agreements import SupplyInvitation
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import SupplyInvitationId, TenantId, TierId
from fondaco_core.secret import Secret
from fondaco_tenants import supply
from fondaco_tenants.supply import StockView


@strawberry.input(description="How your merchant presents itself to others, whole: what is left out is emptied.")
class UpdatePartnerInput:
    """What updatePartner takes."""

    version: int = strawberry.field(
        description="The version you read; 0 when no other merchant has heard of yours yet."
    )
    name: str = strawberry.field(description="Its name among merchants, 1 to 200 characters.")
    about: str | None = strawberry.field(default=None, description="What it says of itself, at most 2000 characters.")


@strawberry.input(description="What a tier is to grant.")
class TierTermsInput:
    """Terms as they are given."""

    stock_view: StockView = strawberry.field(description="How much of the stock behind offers is told.")
    day_units_max: int | None = strawberry.field(
        default=None, description="How many units one reseller may buy in a day (UTC), at least 1; left out: no bound."
    )
    month_units_max: int | None = strawberry.field(
        default=None,
        description="How many units one reseller may buy in a calendar month (UTC), at least 1; left out: no bound.",
    )
    hold_units_max: int | None = strawberry.field(
        default=None,
        description="How many units one reseller may hold for orders that are not paid yet; left out: no bound.",
    )
    credit: MoneyInput | None = strawberry.field(
        default=None,
        description="How much one reseller may owe; left out: nothing. A tier's credit stays in its first currency.",
    )
    settle_days: int = strawberry.field(
        default=0,
        description=f"How many days after a sale its money is your own, from 0 to {limits.SETTLE_DAYS_MAX}.",
    )

    commissions_bps: list[int] = strawberry.field(
        default_factory=list,
        description="What of your sales to a reseller goes to who brought it (`createSupplyInvitation` with `referrerId`), to who brought "
        f"that one, and so on, in basis points: at most {limits.COMMISSION_LEVELS_MAX}, {limits.COMMISSION_BPS_MAX} together.",
    )

    def read(self) -> supply.Terms:
        """The terms as supply has them."""
        return supply.Terms(
            stock_view=self.stock_view, day_units_max=self.day_units_max, month_units_max=self.month_units_max,
            hold_units_max=self.hold_units_max, settle_days=self.settle_days,
            commissions=tuple(self.commissions_bps),
            credit=None if self.credit is None else self.credit.read(path=("terms", "credit")),
        )  # fmt: skip


@strawberry.input(description="A tier to make.")
class CreateTierInput:
    """What createTier takes."""

    name: str = strawberry.field(description="Its name, which its resellers see; 1 to 200 characters, yours only once.")
    entry: bool = strawberry.field(
        default=False,
        description="Whether merchants that ask for an agreement begin in it; it takes the place of the one that was. "
        "A supplier with no such tier takes resellers by invitation only.",
    )
    terms: TierTermsInput = strawberry.field(description="What it grants from now on.")


@strawberry.input(description="What to change of a tier; what is left out stays.")
class UpdateTierInput:
    """What updateTier takes."""

    tier_id: strawberry.ID = strawberry.field(description="The tier.")
    version: int = strawberry.field(description="The version you read.")
    name: str | None = strawberry.field(default=None, description="Its name.")
    entry: bool | None = strawberry.field(
        default=None, description="Whether merchants that ask for an agreement begin in it."
    )
    archived: bool | None = strawberry.field(
        default=None, description="Whether it is put away; only where no agreement stands in it."
    )


@strawberry.input(description="What a tier is to grant, and from when.")
class ChangeTierTermsInput:
    """What changeTierTerms takes."""

    tier_id: strawberry.ID = strawberry.field(description="The tier.")
    terms: TierTermsInput = strawberry.field(description="What it grants then, whole.")
    starts_at: datetime | None = strawberry.field(
        default=None, description=f"From when; left out: from now. At most {limits.TERMS_AHEAD_DAYS_MAX} days ahead."
    )


@strawberry.input(description="An invitation to make.")
class CreateSupplyInvitationInput:
    """What createSupplyInvitation takes."""

    tier_id: strawberry.ID = strawberry.field(description="The tier that who joins by it is in.")
    label: str = strawberry.field(default="", description="What you call it, at most 200 characters.")
    uses_max: int = strawberry.field(
        default=1, description=f"How many merchants may join by it, from 1 to {limits.SUPPLY_INVITATION_USES_MAX}."
    )
    days: int = strawberry.field(
        default=limits.SUPPLY_INVITATION_DAYS,
        description=f"For how many days it holds, from 1 to {limits.SUPPLY_INVITATION_DAYS_MAX}.",
    )
    referrer_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="A reseller of yours that hands it on: who joins by it is brought by that one, which gets commission as the tier says.",
    )


@strawberry.input(description="Which invitation is to let nobody in any more.")
class RevokeSupplyInvitationInput:
    """What revokeSupplyInvitation takes."""

    invitation_id: strawberry.ID = strawberry.field(description="The invitation.")
    reason: str = strawberry.field(description="Why, for the audit log; 3 to 2000 characters.")


@strawberry.type(description="Your merchant presents itself so from now on.")
class UpdatePartnerSuccess:
    """What updatePartner answers."""

    partner: Partner = strawberry.field(description="Your merchant as others know it.")


@strawberry.type
class _TierChanged:
    """A tier as it is now."""

    tier: Tier = strawberry.field(description="The tier as it is now.")


@strawberry.type(description="The tier is made, and grants what was said.")
class CreateTierSuccess(_TierChanged):
    """What createTier answers."""


@strawberry.type(description="The tier is changed.")
class UpdateTierSuccess(_TierChanged):
    """What updateTier answers."""


@strawberry.type(description="The terms are set; the tier's resellers hear of them now.")
class ChangeTierTermsSuccess(_TierChanged):
    """What changeTierTerms answers."""


@strawberry.type(description="Merchants may join by the invitation.")
class CreateSupplyInvitationSuccess:
    """What createSupplyInvitation answers."""

    invitation: SupplyInvitation = strawberry.field(description="The invitation.")
    token: str | None = strawberry.field(
        description="The code, `fd_supply_…`; shown once, null when the request is repeated."
    )


@strawberry.type(description="Nobody joins by the invitation any more.")
class RevokeSupplyInvitationSuccess:
    """What revokeSupplyInvitation answers."""

    invitation: SupplyInvitation = strawberry.field(description="The invitation as it is now.")


def _tier_key(text: str) -> TierId:
    return TierId(key_of(text, Tier, path=("tier_id",)))


@strawberry.type
class Mutation:
    """What can be done about one's own side of supply."""

    @mutation(refusals=[StaleVersion, supply.PartnerNameTaken, tenancy.TenantNotActive])
    async def update_partner(self, info: Info, tx: Tx, input: UpdatePartnerInput) -> UpdatePartnerSuccess:
        """Writes how your merchant presents itself to other merchants. Needs `supply.edit`."""
        row = await supply.update_partner(
            tx, info.context.ctx, version=input.version, name=input.name, about=input.about
        )
        return UpdatePartnerSuccess(partner=Partner.of(row))

    @mutation(refusals=[supply.NameTaken, supply.TooManyTiers, tenancy.TenantNotActive])
    async def create_tier(self, info: Info, tx: Tx, input: CreateTierInput) -> CreateTierSuccess:
        """Makes a level for your resellers, with what it grants. Needs `supply.edit`."""
        row = await supply.create_tier(
            tx, info.context.ctx, name=input.name, entry=input.entry, terms=input.terms.read()
        )
        return CreateTierSuccess(tier=Tier.of(row))

    @mutation(refusals=[StaleVersion, supply.NameTaken, supply.TierInUse, supply.TierArchived, tenancy.TenantNotActive])
    async def update_tier(self, info: Info, tx: Tx, input: UpdateTierInput) -> UpdateTierSuccess:
        """Renames a tier, has newcomers begin in it or not, puts it away or brings it back. Needs `supply.edit`."""
        row = await supply.update_tier(
            tx, info.context.ctx, tier_id=_tier_key(input.tier_id), version=input.version, name=input.name,
            entry=input.entry, archived=input.archived,
        )  # fmt: skip
        return UpdateTierSuccess(tier=Tier.of(row))

    @mutation(refusals=[supply.TermsSetAlready, supply.CreditCurrencyFixed, tenancy.TenantNotActive])
    async def change_tier_terms(self, info: Info, tx: Tx, input: ChangeTierTermsInput) -> ChangeTierTermsSuccess:
        """Sets what a tier grants from a moment on, now or later. What was set is never changed, only followed.

        Its resellers read at once what is to come, and their webhooks hear of it. Needs `supply.edit`.
        """
        ctx, id_ = info.context.ctx, _tier_key(input.tier_id)
        await supply.change_terms(tx, ctx, tier_id=id_, terms=input.terms.read(), starts_at=input.starts_at)
        row = (await supply.tiers_by_ids(tx, ctx, [id_]))[id_]
        return ChangeTierTermsSuccess(tier=Tier.of(row))

    @mutation(refusals=[supply.TierArchived, supply.TooManyInvitations, tenancy.TenantNotActive])
    async def create_supply_invitation(
        self, info: Info, tx: Tx, input: CreateSupplyInvitationInput, repeat: Repeat | None
    ) -> CreateSupplyInvitationSuccess:
        """Makes a code by which merchants join a tier at once, without asking; shown once. Needs `supply.edit`."""
        ctx, tier_id = info.context.ctx, _tier_key(input.tier_id)

        given = input.referrer_id
        referrer_id = None if given is None else TenantId(key_of(given, Partner, path=("referrer_id",)))

        async def make() -> tuple[UUID, Secret[str]]:
            made, token = await supply.create_invitation(
                tx,
                ctx,
                tier_id=tier_id,
                label=input.label,
                uses_max=input.uses_max,
                days=input.days,
                referrer_id=referrer_id,
            )
            return made.id, token

        made, token = await shown_once(tx, ctx, repeat, make)
        row = await supply.get_invitation(tx, ctx, SupplyInvitationId(made))
        return CreateSupplyInvitationSuccess(invitation=SupplyInvitation.of(row), token=token)

    @mutation()
    async def revoke_supply_invitation(
        self, info: Info, tx: Tx, input: RevokeSupplyInvitationInput
    ) -> RevokeSupplyInvitationSuccess:
        """Has nobody join by an invitation any more; who has joined stays. Needs `supply.edit`."""
        id_ = SupplyInvitationId(key_of(input.invitation_id, SupplyInvitation, path=("invitation_id",)))
        row = await supply.revoke_invitation(tx, info.context.ctx, invitation_id=id_, reason=input.reason)
        return RevokeSupplyInvitationSuccess(invitation=SupplyInvitation.of(row))
