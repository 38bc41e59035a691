"""Ctx: who asks, for which tenant, holding which permissions. Made at a door, passed down, never global."""

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from fondaco_core.errors import NotAllowed, SecondFactorNeeded, Unauthenticated
from fondaco_core.ids import CustomerId, TenantId, new_id


class ActorKind(StrEnum):
    """What kind of asker it is; the audit log keeps it."""

    ANONYMOUS = "ANONYMOUS"
    MEMBER = "MEMBER"
    PLATFORM_ADMIN = "PLATFORM_ADMIN"
    CUSTOMER = "CUSTOMER"
    GUEST = "GUEST"
    API_CLIENT = "API_CLIENT"
    SYSTEM = "SYSTEM"
    BREAK_GLASS = "BREAK_GLASS"


@dataclass(frozen=True, slots=True)
class Ctx:
    """One asker and one request.

    `tenant_id` is the tenant that is acted for: the merchant's own for a member, the store's for a buyer; None for an
    anonymous visitor and for platform admins. `customer_id` is set when a buyer asks, by account, API client or guest
    token. `order_id` is set when a guest token opens just one order, with the version of that order's tokens it is of.
    """

    actor: ActorKind = ActorKind.ANONYMOUS
    actor_id: UUID | None = None
    tenant_id: TenantId | None = None
    customer_id: CustomerId | None = None
    order_id: UUID | None = None
    order_token_version: int = 0
    # The session or access token that was shown, where it is one; to end the others, not this one.
    session_id: UUID | None = None
    permissions: frozenset[str] = frozenset()
    # What the asker may do as soon as the tenant trades (again): a refusal tells the reason.
    withheld: frozenset[str] = frozenset()
    # What the asker may do and has to show a second factor for now; `enrol` says that they have none and need one first.
    guarded: frozenset[str] = frozenset()
    enrol: bool = False
    request_id: str = ""
    ip: str | None = None
    user_agent: str | None = None
    locale: str = "en"

    def has(self, permission: str) -> bool:
        """Whether the asker holds the permission."""
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """First line of every use case; raises Unauthenticated for nobody, NotAllowed for somebody without it.

        Here alone a second factor is asked for, so that no use case can forget to: SecondFactorNeeded.
        """
        if permission in self.permissions:
            if permission in self.guarded:
                raise SecondFactorNeeded(permission, enrol=self.enrol)
            return
        if self.actor is ActorKind.ANONYMOUS:
            raise Unauthenticated
        raise NotAllowed(permission, withheld=permission in self.withheld)

    @property
    def tenant(self) -> TenantId:
        """The tenant that is acted for; asking for it without one is a refusal to whoever is not a tenant's."""
        if self.tenant_id is None:
            if self.actor is ActorKind.ANONYMOUS:
                raise Unauthenticated
            raise NotAllowed("tenant")
        return self.tenant_id

    @property
    def is_customer(self) -> bool:
        """Whether a buyer asks by an account of their own: no machine, and no guest."""
        return self.actor is ActorKind.CUSTOMER and self.customer_id is not None

    def for_tenant(self, tenant_id: TenantId) -> "Ctx":
        """The same asker looking at another tenant's public side (a store, say)."""
        return replace(self, tenant_id=tenant_id)

    def visiting(self, tenant_id: TenantId | None) -> "Ctx":
        """The same request as a stranger at a tenant's public side, or at none's: nothing the asker may do comes along."""
        return Ctx(
            tenant_id=tenant_id, request_id=self.request_id, ip=self.ip, user_agent=self.user_agent, locale=self.locale
        )


def system_ctx(name: str, *, tenant_id: TenantId | None = None, permissions: frozenset[str] = frozenset()) -> Ctx:
    """The system itself acting, in a job or a command; `name` is what the audit log shows as the request."""
    return Ctx(
        actor=ActorKind.SYSTEM, tenant_id=tenant_id, permissions=permissions, request_id=f"{name}:{new_id().hex[:12]}"
    )
