"""The people and buyers of the demo world, each with the sign-in that demo.json lists."""

import base64
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fondaco_core import identity
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password
from fondaco_core.db import governing, transaction
from fondaco_core.identity import BUYER_PERMISSIONS, BUYER_SCOPES, ROLE_PERMISSIONS, MemberRole, PlatformRole
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import customers, payments

DOMAIN = "demo.fondaco.example"
BUYER_FUNDS_MINOR = 5_000_000


def global_id(kind: str, key: UUID) -> str:
    """An object's id as the API gives it: its type's name and its row's id, which a client treats as opaque."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Password:
    """A password and its hash, which takes its time to make."""

    text: str
    hashed: str


async def new_password() -> Password:
    """A password that nobody had before."""
    text = secrets.token_urlsafe(9)
    return Password(text, await hash_password(Secret(text)))


async def make_person(
    admin: Ctx, who: str, name: str, *, platform_role: PlatformRole | None = None, password: Password | None = None
) -> dict[str, str]:
    """Somebody with a password, a new one unless it is given."""
    email = f"{who}@{DOMAIN}"
    chosen = password or await new_password()
    async with governing(admin) as tx:
        user = await identity.create_user(
            tx, admin, email=email, name=name, password_hash=chosen.hashed, platform_role=platform_role
        )
    return {"key": str(user), "email": email, "name": name, "password": chosen.text}


def owner_ctx(tenant_id: TenantId, owner: dict[str, str]) -> Ctx:
    """Acting as a merchant's owner."""
    return Ctx(
        actor=ActorKind.MEMBER, actor_id=UUID(owner["key"]), tenant_id=tenant_id,
        permissions=ROLE_PERMISSIONS[MemberRole.OWNER], request_id="seed",
    )  # fmt: skip


def buyer_ctx(tenant_id: TenantId, customer_id: CustomerId) -> Ctx:
    """Acting as a merchant's customer."""
    return Ctx(
        actor=ActorKind.CUSTOMER, actor_id=customer_id, tenant_id=tenant_id, customer_id=customer_id,
        permissions=BUYER_PERMISSIONS, request_id="seed",
    )  # fmt: skip


async def make_buyer(owner: Ctx, slug: str, who: str, *, password: Password | None = None) -> dict[str, Any]:
    """A customer of the owner's merchant with a password, a new one unless it is given, money, and a machine that acts for it."""
    chosen = password or await new_password()
    email = f"{who}.{slug}@{DOMAIN}"
    visitor = Ctx(tenant_id=owner.tenant_id, request_id="seed")
    async with transaction(visitor) as tx:
        customer_id = await customers.register_customer(
            tx, visitor, contact=email, name=who.title(), password_hash=chosen.hashed
        )
    async with transaction(owner) as tx:
        await payments.credit_customer_wallet(
            tx, owner, customer_id=customer_id, amount=Money(BUYER_FUNDS_MINOR, "CNY"), reason="demo balance"
        )
    buyer = buyer_ctx(owner.tenant, customer_id)
    async with transaction(buyer) as tx:
        client, secret = await identity.create_own_client(
            tx, buyer, name=f"{who.title()}'s system", scopes=sorted(BUYER_SCOPES)
        )
    return {
        "id": global_id("Customer", customer_id), "key": str(customer_id), "email": email, "password": chosen.text,
        "wallet": {"amount": str(Money(BUYER_FUNDS_MINOR, "CNY").decimal), "currency": "CNY"},
        "api_client": {"client_id": client.client_id, "client_secret": secret.reveal(), "scopes": list(client.scopes)},
    }  # fmt: skip
