"""Tokens that are sent to a buyer's contact: to prove that it is theirs, and to choose a password anew."""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, identity, limits, mail, outbox
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.crypto import hash_password
from fondaco_core.db import Tx, governing, reading, transaction
from fondaco_core.errors import Unauthenticated
from fondaco_core.ids import CustomerId, TenantId, new_id
from fondaco_core.secret import Secret
from fondaco_tenants.customers import store
from fondaco_tenants.customers.errors import BadContact, ProofInvalid
from fondaco_tenants.customers.events import CustomerProofMade
from fondaco_tenants.customers.service import contact_lookup, normalised_contact, open_contact


class ProofPurpose(StrEnum):
    """What a token that was sent to a contact is for."""

    VERIFY = "VERIFY"
    RESET = "RESET"


async def ask_for_verification(ctx: Ctx) -> None:
    """Has a token sent to one's own contact, as a buyer. Raises TooManyAttempts; Unauthenticated for whoever is none."""
    if ctx.actor is not ActorKind.CUSTOMER or ctx.customer_id is None:
        raise Unauthenticated
    await identity.count_attempt(ctx, account=f"verify {ctx.customer_id}")
    async with transaction(ctx) as tx:
        await issue_proof(tx, ctx, ctx.customer_id, ProofPurpose.VERIFY)


async def ask_for_customer_reset(stranger: Ctx, tenant_id: TenantId, *, contact: str) -> None:
    """Has a token for a new password sent to a buyer's contact; whether there is an account shows in nothing.

    Raises TooManyAttempts. A contact that mail does not reach gets none.
    """
    ctx = stranger.visiting(tenant_id)
    try:
        address = normalised_contact(contact)
    except BadContact:
        address = ""
    await identity.count_attempt(stranger, account=f"reset buyer {tenant_id} {address or contact}")
    async with transaction(ctx) as tx:
        row = await tx.fetchrow(store.CREDENTIALS, contact_lookup(tenant_id, address))
        # For nobody's account the same statements run, so that not even the time it takes tells that there is none.
        customer_id = CustomerId(new_id() if row is None else row["id"])
        await issue_proof(tx, ctx, customer_id, ProofPurpose.RESET)


async def issue_proof(tx: Tx, ctx: Ctx, customer_id: CustomerId, purpose: ProofPurpose) -> None:
    """Makes a token and announces that it waits to be sent; without a way for mail nothing is made."""
    if not mail.configured():
        return
    proof_id, now = new_id(), clock.now()
    stale = now - timedelta(seconds=limits.LETTERS_WINDOW_S)
    await tx.execute(store.END_UNSENT_PROOFS, customer_id, purpose.value, stale, now)
    ends = now + timedelta(hours=limits.INVITATION_HOURS)
    await tx.execute(store.ADD_PROOF, proof_id, ctx.tenant, customer_id, purpose.value, ctx.locale, now, ends)
    await outbox.announce(tx, (ctx.tenant, CustomerProofMade(proof_id)))


async def end_proofs(tx: Tx, customer_id: CustomerId, purpose: ProofPurpose) -> None:
    """Ends the tokens of a buyer for which there is no need any more."""
    await tx.execute(store.END_PROOFS, customer_id, purpose.value, clock.now())


async def verify_contact(stranger: Ctx, *, token: Secret[str]) -> None:
    """Says that who reads what is sent to a contact has the account, once. Raises ProofInvalid."""
    ctx, proof = await _find(stranger, token, ProofPurpose.VERIFY)
    async with transaction(ctx) as tx:
        await _use(tx, ctx, proof, ProofPurpose.VERIFY)


async def reset_customer_password(stranger: Ctx, *, token: Secret[str], password: Secret[str]) -> None:
    """Sets the password of the buyer who holds the token, once, and ends their sessions. Raises ProofInvalid, WeakPassword.

    Where nobody had proved the contact, somebody else may have signed up with it: the account's machines end, too.
    """
    identity.check_password(password.reveal())
    ctx, proof = await _find(stranger, token, ProofPurpose.RESET)
    hashed, customer_id = await hash_password(password), CustomerId(proof["customer_id"])
    async with transaction(ctx) as tx:
        unproved = await tx.fetchval(store.UNPROVED, customer_id)
        await _use(tx, ctx, proof, ProofPurpose.RESET)
        await tx.execute(store.SET_PASSWORD, customer_id, hashed)
        await identity.end_sessions(tx, customer_id=customer_id)
        if unproved:
            await identity.revoke_clients_of(tx, ctx, customer_id=customer_id)
        await audit.record(tx, ctx, "customer.password_reset", subject_kind="customer", subject_id=customer_id)


async def mail_proof(ctx: Ctx, *, proof_id: UUID) -> None:
    """Sends a token that was not sent yet and still holds; for jobs. Raises Undelivered."""
    ctx.require("system.run")
    async with reading(ctx) as tx:
        row = await tx.fetchrow(store.PROOF_TO_MAIL, proof_id, clock.now())
        if row is None or not mail.configured():
            return
        contact = await open_contact(tx, ctx, CustomerId(row["customer_id"]))
    if "@" not in contact.reveal() or not await _may_send(contact, row["purpose"], ctx.tenant):
        return
    page = "verify" if row["purpose"] == ProofPurpose.VERIFY else "buyer-password"
    url = identity.address_of(identity.ways().public_url, page, identity.derived_token("proof", proof_id))
    kind = "verify" if row["purpose"] == ProofPurpose.VERIFY else "reset"
    letter = identity.write_letter(kind, row["locale"], tenant=row["tenant"], hours=limits.INVITATION_HOURS, url=url)
    message = mail.Mail(
        to=contact, subject=letter.subject, text=letter.text.reveal(), message_id=mail.message_id_of("proof", proof_id)
    )
    try:
        await mail.send_mail(message)
    except mail.Undelivered as lost:
        for most, by in () if lost.sent else _bounds(row["purpose"], ctx.tenant):
            await identity.take_letter_back(contact, most=most, by=by)
        raise
    except mail.Refused:
        return
    async with transaction(ctx) as tx:
        await tx.execute(store.PROOF_MAILED, proof_id, clock.now())


def _bounds(purpose: str, tenant_id: TenantId) -> list[tuple[int, TenantId | None]]:
    """How many letters within a while, by one merchant or by all of them."""
    if purpose == ProofPurpose.VERIFY:
        return [(limits.LETTERS_UNPROVED_MAX, None)]
    return [(limits.LETTERS_OF_RESETS_MAX, tenant_id), (limits.LETTERS_OF_BUYERS_RESETS_MAX, None)]


async def _may_send(contact: Secret[str], purpose: str, tenant_id: TenantId) -> bool:
    for most, by in _bounds(purpose, tenant_id):
        if not await identity.may_write_to(contact, most=most, by=by):
            return False
    return True


async def _find(stranger: Ctx, token: Secret[str], purpose: ProofPurpose) -> tuple[Ctx, Any]:
    """Whose token this is, and its row; a token says no tenant, so that the platform looks first."""
    proof_id, nobody = identity.read_derived("proof", token), stranger.visiting(None)
    if proof_id is None:
        raise ProofInvalid
    async with governing(nobody) as tx:
        row = await tx.fetchrow(store.FIND_PROOF, proof_id, purpose.value, clock.now())
    if row is None:
        raise ProofInvalid
    return replace(nobody, tenant_id=TenantId(row["tenant_id"])), row


async def _use(tx: Tx, ctx: Ctx, proof: Any, purpose: ProofPurpose) -> None:
    now = clock.now()
    if await tx.execute(store.USE_PROOF, proof["id"], now) == 0:
        raise ProofInvalid
    await end_proofs(tx, CustomerId(proof["customer_id"]), purpose)
    await tx.execute(store.CONTACT_VERIFIED, proof["customer_id"], now)
    await audit.record(tx, ctx, "customer.contact_verified", subject_kind="customer", subject_id=proof["customer_id"])
