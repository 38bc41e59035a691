"""Use cases of customers: buyers register, guests are known again, merchants look after both."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, identity, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import bound_to, keyed_hash
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import ApiClientId, CustomerId, TenantId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.customers import store
from fondaco_tenants.customers.errors import BadContact, ContactTaken, CustomerBlocked
from fondaco_tenants.customers.events import CustomerBarred, CustomerReadmitted, CustomerRegistered
from fondaco_tenants.customers.rules import CustomerKind, masked_contact, normalised_phone


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer as one tenant knows them; of the contact only what may be shown."""

    id: CustomerId
    tenant_id: TenantId
    kind: CustomerKind
    name: str | None
    contact_masked: str
    contact_verified_at: datetime | None
    created_at: datetime
    blocked_at: datetime | None
    blocked_reason: str | None


def _customer(row: Any) -> Customer:
    fields: dict[str, Any] = {**row, "kind": CustomerKind(row["kind"])}
    return Customer(**fields)


def normalised_contact(text: str) -> str:
    """The form in which two spellings of one contact are equal: a small e-mail address, or a number as in E.164."""
    if "@" not in text:
        return normalised_phone(text)
    try:
        return identity.normalised_email(text)
    except identity.BadEmail:
        raise BadContact from None


def contact_lookup(tenant_id: TenantId, contact: str) -> bytes:
    """By what a normalised contact is found: a keyed hash of each tenant's own, so that nobody is followed over tenants."""
    # The purpose of a hash is a plain name, so the tenant stands with the value; a UUID's text ends before the bar.
    return keyed_hash(keyring().lookup_key, "contact", f"{tenant_id}|{contact}")


async def register_customer(
    tx: Tx, ctx: Ctx, *, contact: str, name: str | None = None, password_hash: str | None = None
) -> CustomerId:
    """Makes a buyer's account at the tenant of `ctx`; a visitor's own doing, so nobody needs a permission for it.

    The password comes hashed. What a guest with the same contact bought stays the guest's: nobody proved whose the
    contact is. Raises BadContact, ContactTaken, TenantNotActive.
    """
    await tenancy.require_active(tx, ctx)
    customer_id = await _add(tx, ctx, CustomerKind.REGISTERED, contact=contact, name=name, password_hash=password_hash)
    if customer_id is None:
        raise ContactTaken
    await audit.record(tx, ctx, "customer.registered", subject_kind="customer", subject_id=customer_id)
    await outbox.announce(tx, (ctx.tenant, CustomerRegistered(customer_id)))
    return customer_id


async def create_customer(tx: Tx, ctx: Ctx, *, contact: str, name: str | None = None) -> Customer:
    """Makes a buyer's account for them, without a password: for buyers that are served by API clients.

    Raises BadContact, ContactTaken, TenantNotActive.
    """
    ctx.require("customers.edit")
    return await get_customer(tx, ctx, await register_customer(tx, ctx, contact=contact, name=name))


async def find_or_create_guest(tx: Tx, ctx: Ctx, *, contact: str) -> CustomerId:
    """The guest with this contact at the tenant of `ctx`, known again or new; for checkouts, before anybody is anybody.

    Raises BadContact, and CustomerBlocked for a guest to whom the merchant does not sell.
    """
    lookup = contact_lookup(ctx.tenant, normalised_contact(contact))
    found = await tx.fetchval(store.FIND_BY_CONTACT, lookup, CustomerKind.GUEST.value)
    if found is None:
        found = await _add(tx, ctx, CustomerKind.GUEST, contact=contact)
    if found is None:
        # Two first orders of one guest at the same time: the other one has made the row, and it is committed now.
        found = await tx.fetchval(store.FIND_BY_CONTACT, lookup, CustomerKind.GUEST.value)
    assert found is not None
    await require_welcome(tx, CustomerId(found))
    return CustomerId(found)


async def require_welcome(tx: Tx, customer_id: CustomerId) -> None:
    """Refuses with CustomerBlocked when the merchant does not sell to this buyer, NotFound when it has no such buyer."""
    blocked = await tx.fetchval(store.BLOCKED, customer_id)
    if blocked is None:
        raise NotFound("customer")
    if blocked:
        raise CustomerBlocked


async def is_guest(tx: Tx, customer_id: CustomerId) -> bool:
    """Whether a buyer has no account, and so no wallet to keep money in. For use cases that know whom they deal with."""
    return bool(await tx.fetchval(store.KIND, customer_id) == CustomerKind.GUEST.value)


async def get_customer(tx: Tx, ctx: Ctx, customer_id: CustomerId) -> Customer:
    """A buyer: any of the tenant's to its people, oneself to a buyer. Raises NotFound."""
    if not (ctx.customer_id is not None and ctx.customer_id == customer_id):
        _require_staff(ctx)
    row = await tx.fetchrow(store.GET, customer_id)
    if row is None:
        raise NotFound("customer")
    return _customer(row)


async def customers_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[CustomerId]) -> dict[CustomerId, Customer]:
    """Several of the tenant's buyers at once, those that exist; a buyer sees oneself."""
    wanted = list(ids)
    if ctx.customer_id is not None:
        wanted = [each for each in wanted if each == ctx.customer_id]
    else:
        _require_staff(ctx)
    return {CustomerId(row["id"]): _customer(row) for row in await tx.fetch(store.BY_IDS, wanted)}


async def list_customers(
    tx: Tx,
    ctx: Ctx,
    *,
    contact: str | None = None,
    kind: CustomerKind | None = None,
    after: CustomerId | None = None,
    count: int = limits.PAGE_DEFAULT,
) -> list[Customer]:
    """A page of the tenant's buyers, newest first; by whole contact, since contacts are not readable. Raises BadContact."""
    ctx.require("customers.read")
    assert 0 < count <= limits.PAGE_MAX + 1
    lookup = None if contact is None else contact_lookup(ctx.tenant, normalised_contact(contact))
    rows = await tx.fetch(store.LIST, after, lookup, kind.value if kind else None, count)
    return [_customer(row) for row in rows]


async def block_customer(tx: Tx, ctx: Ctx, *, customer_id: CustomerId, reason: str) -> Customer:
    """Stops selling to a buyer and signs them out everywhere; what they bought stays theirs. Raises NotFound."""
    ctx.require("customers.edit")
    checked = tenancy.checked_reason(reason)
    await get_customer(tx, ctx, customer_id)
    if await tx.execute(store.BLOCK, customer_id, clock.now(), checked):
        await identity.end_sessions(tx, customer_id=customer_id)
        await identity.suspend_clients(tx, customer_id=customer_id)
        await audit.record(tx, ctx, "customer.blocked", subject_kind="customer", subject_id=customer_id, reason=checked)
        await outbox.announce(tx, (ctx.tenant, CustomerBarred(customer_id)))
    return await get_customer(tx, ctx, customer_id)


async def unblock_customer(tx: Tx, ctx: Ctx, *, customer_id: CustomerId, reason: str) -> Customer:
    """Sells to a buyer again. Raises NotFound."""
    ctx.require("customers.edit")
    checked = tenancy.checked_reason(reason)
    await get_customer(tx, ctx, customer_id)
    if await tx.execute(store.UNBLOCK, customer_id):
        await identity.resume_clients(tx, customer_id=customer_id)
        await audit.record(
            tx, ctx, "customer.unblocked", subject_kind="customer", subject_id=customer_id, reason=checked
        )
        await outbox.announce(tx, (ctx.tenant, CustomerReadmitted(customer_id)))
    return await get_customer(tx, ctx, customer_id)


async def create_buyer_client(
    tx: Tx,
    ctx: Ctx,
    *,
    customer_id: CustomerId,
    name: str,
    scopes: Sequence[str],
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[identity.ApiClient, Secret[str]]:
    """Makes credentials of a machine that acts for one of the tenant's buyers; the secret is shown once.

    A buyer who looks after the account themselves, having a password, agrees first (identity.approve_client): the merchant
    does not spend their money behind their back. An account that the merchant opened for them has nobody to ask. A guest has
    no account for a machine to act for: what they bought is between them and their order's token. Raises NotFound, CustomerBlocked, UnknownScope, LimitReached, BadNetwork, BadMoment.
    """
    ctx.require("clients.edit")
    await require_welcome(tx, customer_id)
    if await is_guest(tx, customer_id):
        raise NotFound("customer")
    own = await tx.fetchval(store.PASSWORD, customer_id) is not None
    return await identity.create_api_client(
        tx, ctx, name=name, scopes=scopes, customer_id=customer_id, awaits_consent=own, networks=networks,
        expires_at=expires_at,
    )  # fmt: skip


async def rotate_client_secret(
    tx: Tx, ctx: Ctx, *, api_client_id: ApiClientId, overlap_hours: int
) -> tuple[identity.ApiClient, Secret[str]]:
    """Gives a machine another secret, shown once: by the merchant's people, or by the buyer whom it acts for.

    One that acts for a buyer who looks after the account themselves is the buyer's alone to rotate: they agreed to who
    held its secret then, and to nobody who is shown one now. Raises NotFound, RoleTooHigh, BadMoment.
    """
    if not ctx.is_customer:
        ctx.require("clients.edit")
        client = await identity.get_api_client(tx, ctx, api_client_id)
        if client.customer_id is not None and await tx.fetchval(store.PASSWORD, client.customer_id) is not None:
            raise identity.RoleTooHigh("buyer.clients")
    return await identity.rotate_secret(tx, ctx, api_client_id=api_client_id, overlap_hours=overlap_hours)


async def open_contact(tx: Tx, ctx: Ctx, customer_id: CustomerId) -> Secret[str]:
    """A buyer's contact in clear, for sending something there; only jobs of the system do. Raises NotFound."""
    ctx.require("system.run")
    sealed = await tx.fetchval(store.SEALED_CONTACT, customer_id)
    if sealed is None:
        raise NotFound("customer")
    opened = await keyring().open(sealed, aad=bound_to("contact", customer_id, ctx.tenant))
    return Secret(opened.reveal().decode())


def _require_staff(ctx: Ctx) -> None:
    if ctx.actor is ActorKind.SYSTEM and ctx.has("system.run"):
        return
    if not ctx.has("customers.edit"):
        ctx.require("customers.read")


async def _add(
    tx: Tx, ctx: Ctx, kind: CustomerKind, *, contact: str, name: str | None = None, password_hash: str | None = None
) -> CustomerId | None:
    """Adds the row, or answers None when the contact has one of the kind already."""
    address, customer_id = normalised_contact(contact), CustomerId(new_id())
    key = await keyring().sealing_key(ctx.tenant)
    sealed = key.seal(address.encode(), aad=bound_to("contact", customer_id, ctx.tenant))
    added = await tx.execute(
        store.ADD, customer_id, ctx.tenant, kind.value, tenancy.checked_name(name) if name else None,
        contact_lookup(ctx.tenant, address), sealed, masked_contact(address), password_hash, clock.now(),
    )  # fmt: skip
    return customer_id if added else None
