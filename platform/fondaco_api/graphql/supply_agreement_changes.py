"""What is done about agreements: asked for, joined, accepted, declined, suspended, resumed, changed, ended."""

from typing import Any

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_api.graphql.supply import Partner, Tier
from fondaco_api.graphql.supply_agreements import Agreement
from fondaco_api.graphql.transaction import mutation
from fondaco_core import tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import AgreementId, TenantId, TierId
from fondaco_core.secret import Secret
from fondaco_tenants import supply


@strawberry.input(description="Which supplier to ask.")
class RequestAgreementInput:
    """What requestAgreement takes."""

    supplier_id: strawberry.ID = strawberry.field(description="The supplier, a `Partner`.")
    note: str | None = strawberry.field(
        default=None, description="What to tell it, at most 2000 characters; it reads this before it decides."
    )


@strawberry.input(description="The code of an invitation.")
class JoinSupplierInput:
    """What joinSupplier takes."""

    token: str = strawberry.field(description="The code that the supplier gave you, `fd_supply_…`.")


@strawberry.input
class _OneAgreement:
    """What names an agreement as it was read."""

    agreement_id: strawberry.ID = strawberry.field(description="The agreement.")
    version: int = strawberry.field(description="The version you read.")


@strawberry.input
class _WithReason(_OneAgreement):
    """What names an agreement, and says why."""

    reason: str = strawberry.field(
        description="Why, for the audit log and for both ends to read; 3 to 2000 characters."
    )


@strawberry.input(description="Which request to accept.")
class AcceptAgreementInput(_OneAgreement):
    """What acceptAgreement takes."""

    tier_id: strawberry.ID | None = strawberry.field(
        default=None, description="The tier to put the reseller in; left out: the one it asked for."
    )


@strawberry.input(description="Which request to refuse.")
class DeclineAgreementInput(_WithReason):
    """What declineAgreement takes."""


@strawberry.input(description="Which agreement to suspend.")
class SuspendAgreementInput(_WithReason):
    """What suspendAgreement takes."""


@strawberry.input(description="Which agreement to resume.")
class ResumeAgreementInput(_OneAgreement):
    """What resumeAgreement takes."""


@strawberry.input(description="Which agreement to end, or which request to take back.")
class EndAgreementInput(_WithReason):
    """What endAgreement takes."""


@strawberry.input(
    description="What an agreement has in the place of its tier's terms, whole: what is left out is the tier's."
)
class AgreementOverridesInput:
    """Overrides as they are given."""

    credit: MoneyInput | None = strawberry.field(
        default=None, description="How much the reseller may owe, in the currency of the tier's credit."
    )
    day_units_max: int | None = strawberry.field(
        default=None, description="How many units it may buy in a day (UTC), at least 1."
    )


@strawberry.input(description="What to change of an agreement; what is left out stays.")
class ChangeAgreementInput(_OneAgreement):
    """What changeAgreement takes."""

    tier_id: strawberry.ID | None = strawberry.field(default=None, description="The tier to move the reseller to.")
    overrides: AgreementOverridesInput | None = strawberry.field(
        default=None, description="What it has in the place of the tier's terms, whole; empty for nothing."
    )


@strawberry.type
class _Changed:
    """An agreement as it is now."""

    agreement: Agreement = strawberry.field(description="The agreement as it is now.")


@strawberry.type(description="The supplier is asked; it decides.")
class RequestAgreementSuccess(_Changed):
    """What requestAgreement answers."""


@strawberry.type(description="You may buy from the supplier now.")
class JoinSupplierSuccess(_Changed):
    """What joinSupplier answers."""


@strawberry.type(description="The reseller may buy now.")
class AcceptAgreementSuccess(_Changed):
    """What acceptAgreement answers."""


@strawberry.type(description="The request is refused.")
class DeclineAgreementSuccess(_Changed):
    """What declineAgreement answers."""


@strawberry.type(description="The reseller buys nothing for now.")
class SuspendAgreementSuccess(_Changed):
    """What suspendAgreement answers."""


@strawberry.type(description="The reseller may buy again.")
class ResumeAgreementSuccess(_Changed):
    """What resumeAgreement answers."""


@strawberry.type(description="The agreement has ended, or the request is taken back.")
class EndAgreementSuccess(_Changed):
    """What endAgreement answers."""


@strawberry.type(description="The agreement grants what was said.")
class ChangeAgreementSuccess(_Changed):
    """What changeAgreement answers."""


def _named(input_: _OneAgreement) -> dict[str, Any]:
    key = key_of(input_.agreement_id, Agreement, path=("agreement_id",))
    return {"agreement_id": AgreementId(key), "version": input_.version}


def _tier(text: str | None) -> TierId | None:
    return None if text is None else TierId(key_of(text, Tier, path=("tier_id",)))


# What a decision of the supplier may be refused with.
_DECIDING = [StaleVersion, supply.SuppliersChoice, supply.AgreementInWrongState]


@strawberry.type
class Mutation:
    """What can be done about agreements."""

    @mutation(
        refusals=[
            supply.WithItself, supply.ByInvitationOnly, supply.SupplierNotTrading, supply.AlreadyAgreed, supply.AskedTooSoon, supply.TooManyRequests,
            tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def request_agreement(self, info: Info, tx: Tx, input: RequestAgreementInput) -> RequestAgreementSuccess:
        """Asks a supplier to let you buy, in the tier that newcomers begin in; it decides. Needs `supply.edit`."""
        supplier = TenantId(key_of(input.supplier_id, Partner, path=("supplier_id",)))
        row = await supply.request_agreement(tx, info.context.ctx, supplier_id=supplier, note=input.note)
        return RequestAgreementSuccess(agreement=Agreement.of(row))

    @mutation(
        refusals=[
            supply.InvitationNotGood, supply.WithItself, supply.SupplierNotTrading, supply.AlreadyAgreed, supply.CreditStillOwed,
            tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def join_supplier(self, info: Info, tx: Tx, input: JoinSupplierInput) -> JoinSupplierSuccess:
        """Begins an agreement at once by a supplier's invitation; a request of yours that waits is answered by it.

        Needs `supply.edit`.
        """
        row = await supply.join_supplier(tx, info.context.ctx, token=Secret(input.token))
        return JoinSupplierSuccess(agreement=Agreement.of(row))

    @mutation(refusals=[*_DECIDING, supply.TierArchived, supply.CreditStillOwed, tenancy.TenantNotActive])
    async def accept_agreement(self, info: Info, tx: Tx, input: AcceptAgreementInput) -> AcceptAgreementSuccess:
        """Lets a reseller that asked buy, in the tier it asked for or in another one; the supplier's. Needs `supply.edit`."""
        row = await supply.accept_agreement(tx, info.context.ctx, **_named(input), tier_id=_tier(input.tier_id))
        return AcceptAgreementSuccess(agreement=Agreement.of(row))

    @mutation(refusals=_DECIDING)
    async def decline_agreement(self, info: Info, tx: Tx, input: DeclineAgreementInput) -> DeclineAgreementSuccess:
        """Refuses a reseller that asked; the supplier's. Needs `supply.edit`."""
        row = await supply.decline_agreement(tx, info.context.ctx, **_named(input), reason=input.reason)
        return DeclineAgreementSuccess(agreement=Agreement.of(row))

    @mutation(refusals=_DECIDING)
    async def suspend_agreement(self, info: Info, tx: Tx, input: SuspendAgreementInput) -> SuspendAgreementSuccess:
        """Stops a reseller from buying for now; the supplier's. Needs `supply.edit`."""
        row = await supply.suspend_agreement(tx, info.context.ctx, **_named(input), reason=input.reason)
        return SuspendAgreementSuccess(agreement=Agreement.of(row))

    @mutation(refusals=[*_DECIDING, tenancy.TenantNotActive])
    async def resume_agreement(self, info: Info, tx: Tx, input: ResumeAgreementInput) -> ResumeAgreementSuccess:
        """Lets a suspended reseller buy again; the supplier's. Needs `supply.edit`."""
        row = await supply.resume_agreement(tx, info.context.ctx, **_named(input))
        return ResumeAgreementSuccess(agreement=Agreement.of(row))

    @mutation(refusals=[StaleVersion, supply.AgreementInWrongState])
    async def end_agreement(self, info: Info, tx: Tx, input: EndAgreementInput) -> EndAgreementSuccess:
        """Ends an agreement for good, from either end; as the reseller also takes a request back. Needs `supply.edit`.

        What was bought stays bought, and what is owed stays owed.
        """
        row = await supply.end_agreement(tx, info.context.ctx, **_named(input), reason=input.reason)
        return EndAgreementSuccess(agreement=Agreement.of(row))

    @mutation(
        refusals=[
            *_DECIDING, supply.TierArchived, supply.CreditCurrencyFixed, supply.CreditStillOwed, tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def change_agreement(self, info: Info, tx: Tx, input: ChangeAgreementInput) -> ChangeAgreementSuccess:
        """Moves a reseller to another tier, and says what it has in the place of its terms; the supplier's. Needs `supply.edit`."""
        given = input.overrides
        overrides = None
        if given is not None:
            credit = None if given.credit is None else given.credit.read(path=("overrides", "credit"))
            overrides = supply.Overrides(credit=credit, day_units_max=given.day_units_max)
        row = await supply.change_agreement(
            tx, info.context.ctx, **_named(input), tier_id=_tier(input.tier_id), overrides=overrides
        )
        return ChangeAgreementSuccess(agreement=Agreement.of(row))
