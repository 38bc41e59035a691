"""Actors of identity: what is told to people by mail, and what ends soon."""

from uuid import UUID

from fondaco_core import identity
from fondaco_core.context import Ctx
from fondaco_tenants import customers
from fondaco_workers.actor import actor


@actor(name="identity.mail_invitation", permissions={"system.run"}, deadline_s=60)
async def mail_invitation(ctx: Ctx, *, invitation_id: UUID) -> None:
    """Sends somebody their invitation."""
    await identity.mail_invitation(ctx, invitation_id=invitation_id)


@actor(name="identity.mail_reset", permissions={"system.run"}, deadline_s=60)
async def mail_reset(ctx: Ctx, *, reset_id: UUID) -> None:
    """Sends somebody what they choose a new password with."""
    await identity.mail_reset(ctx, reset_id=reset_id)


@actor(name="identity.mail_elsewhere", permissions={"system.run"}, deadline_s=60)
async def mail_elsewhere(ctx: Ctx, *, session_id: UUID) -> None:
    """Tells somebody that they signed in with something new."""
    await identity.mail_elsewhere(ctx, session_id=session_id)


@actor(name="identity.mail_factor_changed", permissions={"system.run"}, deadline_s=60)
async def mail_factor_changed(ctx: Ctx, *, user_id: UUID) -> None:
    """Tells somebody that their second factor is another one."""
    await identity.mail_factor_changed(ctx, user_id=user_id)


@actor(name="identity.mail_proof", permissions={"system.run"}, deadline_s=60)
async def mail_proof(ctx: Ctx, *, proof_id: UUID) -> None:
    """Sends a buyer what they prove their contact with, or choose a new password."""
    await customers.mail_proof(ctx, proof_id=proof_id)


@actor(name="identity.announce_endings", permissions={"system.run"}, deadline_s=300)
async def announce_endings(ctx: Ctx) -> None:
    """Announces which machines' credentials end soon."""
    await identity.announce_endings(ctx)
