"""Keys in the schema, for the platform's admins: a merchant's new key, and the end of the keys of one that has left."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.tenancy import Tenant
from fondaco_api.graphql.transaction import mutation
from fondaco_core import custody, limits
from fondaco_core.custody import ChangeKind
from fondaco_core.db import governing, sealed_columns
from fondaco_core.ids import TenantId
from fondaco_core.keyring import KeysDestroyed
from fondaco_tenants import registry

described(
    ChangeKind,
    "What happens to a merchant's keys.",
    ROTATION="A new key seals; what older ones sealed is re-sealed while everything goes on.",
    DESTRUCTION="All keys are destroyed once what buyers bought is under the platform's key.",
)
# How many changes of one merchant's keys are listed.
CHANGES_LISTED_MAX = 20


@failure(custody.KeysStillNeeded)
class KeysStillNeeded(Failure):
    """The merchant has not left, or not for long enough: its keys are not destroyed yet."""

    until: datetime | None = strawberry.field(description="From when on they may be; null for one that is not closed.")


@strawberry.type(description="A change of a merchant's keys, and how far it is.")
class KeyChange:
    """A change; nothing of any key is in it."""

    kind: ChangeKind = strawberry.field(description="What happens to them.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it was done; null while it goes on.")
    values: int = strawberry.field(description="About how many sealed values there were at the start.")
    resealed: int = strawberry.field(description="How many have been re-sealed.")
    reason: str | None = strawberry.field(description="Why the keys are destroyed; null for a rotation.")

    @classmethod
    def of(cls, change: custody.Change) -> "KeyChange":
        """The schema's form of a change."""
        return cls(
            kind=change.kind, started_at=change.started_at, finished_at=change.finished_at, values=change.total,
            resealed=change.moved, reason=change.reason,
        )  # fmt: skip


@strawberry.input(description="Whose key to replace, and why.")
class RotateTenantKeyInput:
    """A merchant, and why."""

    tenant_id: strawberry.ID = strawberry.field(description="The merchant.")
    reason: str = strawberry.field(
        description=f"Why, in at least {limits.REASON_CHARS_MIN} characters; it is kept in the audit log."
    )


@strawberry.input(description="Whose keys to destroy, and why.")
class DestroyTenantKeysInput:
    """A merchant and a reason."""

    tenant_id: strawberry.ID = strawberry.field(
        description=f"The merchant; it must have been closed for {limits.KEYS_KEPT_DAYS} days."
    )
    reason: str = strawberry.field(description="Why; it is kept in the audit log.")


@strawberry.type(description="A new key seals for the merchant; workers re-seal what older ones sealed.")
class RotateTenantKeySuccess:
    """The result."""

    change: KeyChange = strawberry.field(description="The change that goes on.")


@strawberry.type(description="The keys are being destroyed; nobody takes that back.")
class DestroyTenantKeysSuccess:
    """The result."""

    change: KeyChange = strawberry.field(description="The change that goes on.")


@strawberry.type
class Mutation:
    """Keeping keys."""

    @mutation(refusals=[KeysDestroyed], replays=False)
    async def rotate_tenant_key(
        self, info: Info, input: Annotated[RotateTenantKeyInput, strawberry.argument(description="Whose.")]
    ) -> RotateTenantKeySuccess:
        """Gives a merchant a new key while it sells; asked again, it goes on with the same change. For the platform's admins."""
        tenant_id = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        columns = sealed_columns(registry.metadata())
        change = await custody.rotate_tenant_key(
            info.context.ctx, tenant_id=tenant_id, columns=columns, reason=input.reason
        )
        return RotateTenantKeySuccess(change=KeyChange.of(change))

    @mutation(refusals=[custody.KeysStillNeeded, KeysDestroyed], replays=False)
    async def destroy_tenant_keys(
        self, info: Info, input: Annotated[DestroyTenantKeysInput, strawberry.argument(description="Whose, and why.")]
    ) -> DestroyTenantKeysSuccess:
        """Destroys the keys of a merchant that has left: nothing that was sealed for it opens any more, except what its buyers bought. Nobody takes that back."""
        tenant_id = TenantId(key_of(input.tenant_id, Tenant, path=("tenant_id",)))
        columns = sealed_columns(registry.metadata())
        change = await custody.destroy_tenant_keys(
            info.context.ctx, tenant_id=tenant_id, reason=input.reason, columns=columns
        )
        return DestroyTenantKeysSuccess(change=KeyChange.of(change))


@strawberry.type
class PlatformFields:
    """Keys, for the platform's admins."""

    @strawberry.field(description="The last changes of a merchant's keys, the newest first.")
    async def key_changes(
        self, info: Info, tenant_id: Annotated[strawberry.ID, strawberry.argument(description="The merchant.")]
    ) -> list[KeyChange]:
        """Changes of one merchant's keys."""
        ctx = info.context.ctx
        ctx.require("platform.keys")
        wanted = TenantId(key_of(tenant_id, Tenant, path=("tenant_id",)))
        async with governing(ctx) as tx:
            found = await custody.latest_changes(tx, ctx, tenant_ids=[wanted], count=CHANGES_LISTED_MAX)
        return [KeyChange.of(change) for change in found]
