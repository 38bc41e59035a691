"""Buyers sign up and sign in: hashing a password takes a moment, and a wrong one must stay counted."""

from dataclasses import replace

from fondaco_core import audit, identity, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password, verify_password
from fondaco_core.db import Tx, reading, transaction
from fondaco_core.errors import NotFound, Unauthenticated
from fondaco_core.identity import BUYER_PERMISSIONS, SessionKind, SignedIn, WrongCredentials, permissions_in_state
from fondaco_core.ids import CustomerId, TenantId
from fondaco_core.secret import Secret
from fondaco_tenants.customers import store
from fondaco_tenants.customers.errors import BadContact, CustomerBlocked
from fondaco_tenants.customers.proofs import ProofPurpose, ask_for_customer_reset, end_proofs, issue_proof
from fondaco_tenants.customers.service import contact_lookup, normalised_contact, register_customer


async def sign_up_customer(
    stranger: Ctx, *, store_slug: str, contact: str, password: Secret[str], name: str | None = None
) -> SignedIn:
    """Makes a buyer's account in a store and signs them in.

    That a contact has an account shows, since no message proves whose it is; so the tries are counted as those of signing
    in are, and stay counted: one address opens so many accounts and no more. Raises NotFound, BadContact, WeakPassword, ContactTaken, TenantNotActive, TooManyAttempts.
    """
    identity.check_password(password.reveal())
    address = normalised_contact(contact)
    ctx = stranger.visiting(await _tenant_of(store_slug))
    await identity.count_attempt(stranger, account=f"new buyer {ctx.tenant} {address}")
    hashed = await hash_password(password)
    async with transaction(ctx) as tx:
        customer_id = await register_customer(tx, ctx, contact=address, name=name, password_hash=hashed)
        await issue_proof(tx, ctx, customer_id, ProofPurpose.VERIFY)
        return await _begin(tx, ctx, customer_id)


async def sign_in_customer(stranger: Ctx, *, store_slug: str, contact: str, password: Secret[str]) -> SignedIn:
    """Signs a buyer in to a store; whether an account exists is told by nothing.

    Raises NotFound for the store, WrongCredentials, TooManyAttempts, CustomerBlocked (to who knows the password).
    """
    ctx = stranger.visiting(await _tenant_of(store_slug))
    try:
        address = normalised_contact(contact)
    except BadContact:
        address = ""
    attempt = await identity.count_attempt(stranger, account=f"buyer {ctx.tenant} {address or contact}")
    async with reading(ctx) as tx:
        row = await tx.fetchrow(store.CREDENTIALS, contact_lookup(ctx.tenant, address))
    right = await verify_password(None if row is None else row["password_hash"], password)
    if row is None or not right:
        raise WrongCredentials
    await attempt.forgive()
    if row["blocked_at"] is not None:
        raise CustomerBlocked
    async with transaction(ctx) as tx:
        return await _begin(tx, ctx, CustomerId(row["id"]))


async def ask_for_password(stranger: Ctx, *, store_slug: str, contact: str) -> None:
    """Has a token for a new password sent to a buyer of a store. Raises NotFound for the store, TooManyAttempts."""
    await ask_for_customer_reset(stranger, await _tenant_of(store_slug), contact=contact)


async def change_customer_password(ctx: Ctx, *, current: Secret[str], chosen: Secret[str]) -> None:
    """Changes a buyer's own password and ends their other sessions.

    Raises WrongCredentials, WeakPassword, TooManyAttempts; Unauthenticated for whoever is no buyer with an account.
    """
    if ctx.actor is not ActorKind.CUSTOMER or ctx.customer_id is None:
        raise Unauthenticated
    identity.check_password(chosen.reveal())
    attempt = await identity.count_attempt(ctx, account=f"buyer {ctx.customer_id}")
    async with reading(ctx) as tx:
        stored = await tx.fetchval(store.PASSWORD, ctx.customer_id)
    if not await verify_password(stored, current):
        raise WrongCredentials(signed_in=True)
    await attempt.forgive()
    hashed = await hash_password(chosen)
    async with transaction(ctx) as tx:
        await tx.execute(store.SET_PASSWORD, ctx.customer_id, hashed)
        await end_proofs(tx, ctx.customer_id, ProofPurpose.RESET)
        await identity.end_sessions(tx, customer_id=ctx.customer_id, keep=ctx.session_id)
        await audit.record(tx, ctx, "customer.password_changed", subject_kind="customer", subject_id=ctx.customer_id)


async def _tenant_of(store_slug: str) -> TenantId:
    async with reading(Ctx()) as tx:
        tenant_id = await tenancy.find_door(tx, tenancy.DoorKind.STORE, store_slug)
    if tenant_id is None:
        raise NotFound("store", path=("store",))
    return tenant_id


async def _begin(tx: Tx, ctx: Ctx, customer_id: CustomerId) -> SignedIn:
    state = await tenancy.state_of(tx, ctx.tenant)
    assert state is not None
    buyer = replace(
        ctx, actor=ActorKind.CUSTOMER, actor_id=customer_id, customer_id=customer_id,
        permissions=permissions_in_state(BUYER_PERMISSIONS, state),
    )  # fmt: skip
    started = await identity.start_session(
        tx, buyer, kind=SessionKind.CUSTOMER, tenant_id=ctx.tenant, customer_id=customer_id
    )
    await audit.record(tx, buyer, "session.started", subject_kind="session", subject_id=started.id)
    return SignedIn(replace(buyer, session_id=started.id), started)
