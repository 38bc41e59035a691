"""A merchant's profile in the schema."""

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.scalars import CurrencyCode
from fondaco_api.graphql.tenancy import Tenant, load_tenants
from fondaco_api.graphql.transaction import mutation
from fondaco_core import tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_tenants import merchants


@strawberry.type(description="What a merchant says of itself.")
class MerchantProfile:
    """A profile as it was read."""

    display_name: str = strawberry.field(description="The name that buyers and partners see.")
    legal_name: str | None = strawberry.field(description="The company's registered name; null when it was not given.")
    support_contact: str | None = strawberry.field(description="Where buyers find help; null when it was not given.")
    currency: CurrencyCode = strawberry.field(description="The currency that its figures are summed up in.")
    version: int = strawberry.field(description="Counts its changes; a change names the version it was made on.")

    @classmethod
    def of(cls, row: merchants.MerchantProfile) -> "MerchantProfile":
        """The schema's form of a profile."""
        return cls(
            display_name=row.display_name, legal_name=row.legal_name, support_contact=row.support_contact,
            currency=CurrencyCode(row.currency), version=row.version,
        )  # fmt: skip

    @strawberry.field(description="Whether you may change it.")
    def viewer_can_edit(self, info: Info) -> bool:
        return info.context.ctx.has("merchant.edit")


@strawberry.type
class MerchantFields:
    """The merchant itself."""

    @strawberry.field(description="The company as the platform knows it.")
    async def tenant(self, info: Info) -> Tenant:
        found = await info.context.loaders.load(load_tenants, info.context.ctx.tenant)
        assert found is not None
        return found

    @strawberry.field(description="What it says of itself. Needs the permission `merchant.read`.")
    async def profile(self, info: Info) -> MerchantProfile:
        async with info.context.reading() as tx:
            return MerchantProfile.of(await merchants.get_profile(tx, info.context.ctx))


@strawberry.input(description="A profile, whole: what is left out is emptied.")
class UpdateMerchantProfileInput:
    """What updateMerchantProfile takes."""

    version: int = strawberry.field(description="The version you read; 0 when it was never written.")
    display_name: str = strawberry.field(description="The name that buyers and partners see, 1 to 200 characters.")
    legal_name: str | None = strawberry.field(default=None, description="The registered name, at most 200 characters.")
    support_contact: str | None = strawberry.field(
        default=None, description="Where buyers find help, at most 200 characters."
    )
    currency: CurrencyCode = strawberry.field(description="The currency that its figures are summed up in.")


@strawberry.type(description="The profile as it is now.")
class UpdateMerchantProfileSuccess:
    """What updateMerchantProfile answers."""

    profile: MerchantProfile = strawberry.field(description="The profile.")


@strawberry.type
class Mutation:
    """Changing a profile."""

    @mutation(refusals=[StaleVersion, tenancy.TenantNotActive])
    async def update_merchant_profile(
        self, info: Info, tx: Tx, input: UpdateMerchantProfileInput
    ) -> UpdateMerchantProfileSuccess:
        """Writes what the merchant says of itself. Needs the permission `merchant.edit`."""
        row = await merchants.update_profile(
            tx, info.context.ctx, version=input.version, display_name=input.display_name, legal_name=input.legal_name,
            support_contact=input.support_contact, currency=input.currency,
        )  # fmt: skip
        return UpdateMerchantProfileSuccess(profile=MerchantProfile.of(row))
