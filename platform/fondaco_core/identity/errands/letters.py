"""Mails that identity sends: invitations, new passwords, sign-ins at new places, changed factors. Each may be run again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, mail
from fondaco_core.context import Ctx
from fondaco_core.db import governing
from fondaco_core.identity import store
from fondaco_core.identity.derived import derived_token
from fondaco_core.identity.errands.attempts import count_attempt, may_write_to, take_letter_back
from fondaco_core.identity.letters import Letter, address_of, write_letter
from fondaco_core.identity.service.people import make_reset
from fondaco_core.identity.ways import ways
from fondaco_core.ids import TenantId, UserId, new_id
from fondaco_core.secret import Secret

# How many letters within a while, by one merchant or by all of them.
_Bound = tuple[int, TenantId | None]


async def ask_for_reset(stranger: Ctx, *, email: str) -> None:
    """Has a token for a new password mailed to an account's address; whether there is one shows in nothing.

    Not in the time it takes either: for nobody's account the same statements run, and the last of them finds nothing to mail.
    Raises TooManyAttempts. Without a way for mail nothing happens: the platform's people hand tokens out then.
    """
    address = email.strip().lower()
    await count_attempt(stranger, account=f"reset {address}")
    if not mail.configured():
        return
    nobody = stranger.visiting(None)
    async with governing(nobody) as tx:
        user = await tx.fetchrow(store.USER_BY_EMAIL, address)
        user_id = None if user is None or user["disabled_at"] is not None else UserId(user["id"])
        await audit.record(tx, nobody, "user.reset_asked", subject_kind="user", subject_id=user_id)
        await make_reset(tx, user_id or UserId(new_id()))


async def mail_invitation(ctx: Ctx, *, invitation_id: UUID) -> None:
    """Sends an invitation that was not sent yet and still holds. Raises Undelivered.

    Anybody may be invited, by any merchant and again after being removed: beyond a few letters an address gets no more.
    """
    row = await _waiting(ctx, store.INVITATION_TO_MAIL, invitation_id)
    if row is None:
        return
    bounds: list[_Bound] = [
        (limits.INVITATIONS_BY_MERCHANT_MAX, TenantId(row["tenant_id"])),
        (limits.LETTERS_OF_INVITATIONS_MAX, None),
    ]
    token = derived_token("invite", invitation_id)
    letter = write_letter(
        "invitation", row["locale"], tenant=row["tenant"], hours=limits.INVITATION_HOURS,
        url=address_of(ways().public_url, "invitation", token),
    )  # fmt: skip
    if await _send(row["email"], letter, "invitation", invitation_id, bounds=bounds):
        await _mark(ctx, store.INVITATION_MAILED, invitation_id)


async def mail_reset(ctx: Ctx, *, reset_id: UUID) -> None:
    """Sends a token for a new password that was not sent yet and still holds. Raises Undelivered."""
    row = await _waiting(ctx, store.RESET_TO_MAIL, reset_id)
    if row is None:
        return
    url = address_of(ways().public_url, "password", derived_token("reset", reset_id))
    letter = write_letter("reset", row["locale"], hours=limits.INVITATION_HOURS, url=url)
    if await _send(row["email"], letter, "reset", reset_id, bounds=[(limits.LETTERS_OF_RESETS_MAX, None)]):
        await _mark(ctx, store.RESET_MAILED, reset_id)


async def mail_elsewhere(ctx: Ctx, *, session_id: UUID) -> None:
    """Tells a person that they signed in with something new. Raises Undelivered."""
    row = await _waiting(ctx, store.SESSION_TO_MAIL, session_id)
    if row is None:
        return
    letter = write_letter(
        "elsewhere", row["locale"], time=_minute(row["created_at"]), ip=row["ip"] or "?", agent=row["user_agent"] or "?",
        url=address_of(ways().public_url, "forgotten"),
    )  # fmt: skip
    await _send(row["email"], letter, "session", session_id)


async def mail_factor_changed(ctx: Ctx, *, user_id: UUID) -> None:
    """Tells a person that their second factor is another one. Raises Undelivered."""
    row = await _waiting(ctx, store.PERSON_TO_MAIL, user_id)
    if row is None:
        return
    now = clock.now()
    url = address_of(ways().public_url, "forgotten")
    letter = write_letter("factor", row["locale"], time=_minute(now), url=url)
    await _send(row["email"], letter, "factor", f"{user_id}.{int(now.timestamp()) // 60}")


async def mail_owners(ctx: Ctx, *, tenant_id: TenantId, kind: str, number: UUID, **values: object) -> None:
    """Writes to every owner of a merchant. Raises Undelivered; who has the letter gets it again then, marked as the same."""
    ctx.require("system.run")
    if not mail.configured():
        return
    async with governing(ctx) as tx:
        owners = await tx.fetch(store.OWNERS_TO_MAIL, tenant_id)
    url = address_of(ways().public_url, "forgotten")
    for owner in owners:
        letter = write_letter(kind, owner["locale"], tenant=owner["tenant"], url=url, **values)
        await _send(owner["email"], letter, kind, f"{number}.{owner['id']}")


async def _waiting(ctx: Ctx, sql: str, row_id: UUID) -> Any | None:
    ctx.require("system.run")
    if not mail.configured():
        return None
    async with governing(ctx) as tx:
        return await tx.fetchrow(sql, row_id, clock.now())


async def _mark(ctx: Ctx, sql: str, row_id: UUID) -> None:
    async with governing(ctx) as tx:
        await tx.execute(sql, row_id, clock.now())


async def _send(to: str, letter: Letter, kind: str, number: object, *, bounds: Sequence[_Bound] = ()) -> bool:
    """Sends a letter, unless there were as many lately as the bounds allow; says whether that is done with."""
    address, counted = Secret(to), list[_Bound]()
    for most, by in bounds:
        if not await may_write_to(address, most=most, by=by):
            return False
        counted.append((most, by))
    message = mail.Mail(
        to=address, subject=letter.subject, text=letter.text.reveal(), message_id=mail.message_id_of(kind, number)
    )
    try:
        await mail.send_mail(message)
    except mail.Undelivered as lost:
        for most, by in () if lost.sent else counted:
            await take_letter_back(address, most=most, by=by)
        raise
    except mail.Refused:
        # The address takes no mail, and never will: whoever invited sees that nobody accepts.
        pass
    return True


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
