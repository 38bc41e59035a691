"""Sessions in the schema: signing people in and out, and where one is signed in."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.transaction import mutation
from fondaco_api.http.sessions import clear_cookie, set_cookie, shown_session
from fondaco_core import identity, tenancy
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import Tx, governing, transaction
from fondaco_core.identity import FactorKind
from fondaco_core.ids import SessionId
from fondaco_core.secret import Secret


class SessionCarrier(StrEnum):
    """How a session's token travels."""

    COOKIE = "COOKIE"
    TOKEN = "TOKEN"  # noqa: S105 - the name of a way


described(
    SessionCarrier,
    "How a session's token travels.",
    COOKIE="As a cookie that no script can read; for browsers.",
    TOKEN="In the answer, to be sent as a bearer token; for everything else.",  # noqa: S106 - a description
)


@failure(identity.TooManyAttempts, name="TooManyAttempts")
class TooManyAttemptsFailure(Failure):
    """Signing in was tried too often; it holds for anybody, whether the account exists or not."""

    retry_after_s: int = strawberry.field(description="In how many seconds it may be tried again.")


@failure(identity.TenantChoiceNeeded, name="TenantChoiceNeeded")
class TenantChoiceNeededFailure(Failure):
    """The credentials are right, and you belong to several merchants: say for which to sign in."""

    tenants: list[str] = strawberry.field(description="The short names of the merchants to choose from.")


described(
    FactorKind,
    "What somebody may show beside a password.",
    APP="A code of six digits from an app (`completeSignIn`).",
    PASSKEY="A passkey (`beginPasskeySignIn`, `signInWithPasskey`), which needs no password.",
    RECOVERY_CODE="A code on paper (`completeSignIn`); each counts once.",
)


@failure(identity.SecondFactorRequired, name="SecondFactorRequired")
class SecondFactorRequiredFailure(Failure):
    """The password is right, and the account has a second factor: show it to go on."""

    challenge: str = strawberry.field(description="What to show the code with (`completeSignIn`); holds ten minutes.")
    kinds: list[FactorKind] = strawberry.field(description="What may be shown, the easiest first.")
    expires_at: datetime = strawberry.field(description="Until when.")

    @classmethod
    def data(cls, refusal: identity.SecondFactorRequired, context: object) -> dict[str, object]:
        """The challenge in clear: it is for who gave the right password."""
        _ = context
        return {
            "challenge": refusal.challenge.reveal(), "kinds": refusal.kinds, "expires_at": refusal.expires_at,
        }  # fmt: skip


@strawberry.type(description="One place where you are signed in.")
class Session(Node):
    """A session of the viewer's own."""

    row: strawberry.Private[identity.Session]

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Session | None":
        """One's own session."""
        if context.ctx.actor not in {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN, ActorKind.CUSTOMER}:
            return None
        async with context.reading() as tx:
            row = await identity.find_session(tx, context.ctx, SessionId(key))
        return None if row is None else cls(key=row.id, row=row)

    @strawberry.field(description="When you signed in.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="When it was last used, to the minute.")
    def used_at(self) -> datetime:
        return self.row.used_at

    @strawberry.field(description="When it ends at the latest.")
    def expires_at(self) -> datetime:
        return self.row.expires_at

    @strawberry.field(description="The network address you signed in from.")
    def ip(self) -> str | None:
        return self.row.ip

    @strawberry.field(description="The browser or program you signed in with, as it named itself.")
    def user_agent(self) -> str | None:
        return self.row.user_agent

    @strawberry.field(description="When a second factor was last shown in it; null when none was.")
    def verified_at(self) -> datetime | None:
        return self.row.verified_at

    @strawberry.field(description="Whether you may end it now: it is one of your own.")
    def viewer_can_revoke(self) -> bool:
        return True

    @strawberry.field(description="Whether this request came with it.")
    def current(self, info: Info) -> bool:
        return self.row.id == info.context.ctx.session_id


@strawberry.type
class SignedIn:
    """What every way of signing in answers."""

    token: str | None = strawberry.field(
        description="The bearer token, when the carrier is TOKEN; null when a cookie was set instead."
    )
    expires_at: datetime = strawberry.field(description="When the session ends at the latest.")
    tenant_slug: str | None = strawberry.field(
        description="The short name of the merchant you are signed in for; null for buyers and the platform's people."
    )


@strawberry.type(description="You are signed in.")
class SignInSuccess(SignedIn):
    """What signIn answers."""


@strawberry.type(description="You work for the merchant now, and are signed in.")
class AcceptInvitationSuccess(SignedIn):
    """What acceptInvitation answers."""


SignedInT = TypeVar("SignedInT", bound=SignedIn)


@strawberry.type(description="You are signed out.")
class SignOutSuccess:
    """What signOut answers."""

    ended: bool = strawberry.field(description="Whether there was a session to end.")


@strawberry.type(description="Your other sessions have ended.")
class RevokeOtherSessionsSuccess:
    """What revokeOtherSessions answers."""

    ended: int = strawberry.field(description="How many there were.")


@strawberry.type(description="If there is such an account, what to choose a new password with is on its way by mail.")
class AskForPasswordResetSuccess:
    """What askForPasswordReset answers."""

    asked: bool = strawberry.field(default=True, description="Always true, whether there is such an account or not.")


@strawberry.input(description="Somebody who forgot their password.")
class AskForPasswordResetInput:
    """What askForPasswordReset takes."""

    email: str = strawberry.field(description="The account's e-mail address.")


@strawberry.type(description="The session has ended.")
class RevokeSessionSuccess:
    """What revokeSession answers."""

    revoked_session_id: strawberry.ID = strawberry.field(description="The id of the session that has ended.")


@strawberry.type
class PasswordChanged:
    """What every change of a password answers."""

    changed: bool = strawberry.field(default=True, description="Always true.")


@strawberry.type(description="The password is changed, and other sessions have ended.")
class ChangePasswordSuccess(PasswordChanged):
    """What changePassword answers."""


@strawberry.type(description="The password is changed, and all sessions have ended.")
class ResetPasswordSuccess(PasswordChanged):
    """What resetPassword answers."""


@strawberry.input(description="Credentials of somebody who works for a merchant or for the platform.")
class SignInInput:
    """What signIn takes."""

    email: str = strawberry.field(description="The account's e-mail address.")
    password: str = strawberry.field(description="The account's password.")
    tenant: str | None = strawberry.field(
        default=None, description="The short name of the merchant to act for; needed when you belong to several."
    )
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.input(description="An invitation, accepted.")
class AcceptInvitationInput:
    """What acceptInvitation takes."""

    token: str = strawberry.field(description="The invitation's token.")
    password: str = strawberry.field(
        description="The password you choose, 10 characters at least; your own, when you have an account already."
    )
    name: str | None = strawberry.field(default=None, description="Your name, when the account is new.")
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.input(description="A session to end.")
class RevokeSessionInput:
    """What revokeSession takes."""

    session_id: strawberry.ID = strawberry.field(description="The session's id.")


@strawberry.input(description="A password chosen anew by who forgot the old one.")
class ResetPasswordInput:
    """What resetPassword takes."""

    token: str = strawberry.field(description="The token that was mailed, or that the platform's people handed out.")
    password: str = strawberry.field(description="The password you choose, 10 characters at least.")


@strawberry.input
class PasswordChange:
    """A password for another one."""

    current: str = strawberry.field(description="The password you have.")
    chosen: str = strawberry.field(description="The password you want, 10 characters at least.")


@strawberry.input(description="A new password.")
class ChangePasswordInput(PasswordChange):
    """What changePassword takes."""


async def signed_in(
    info: Info, result: identity.SignedIn, carrier: SessionCarrier, success: type[SignedInT]
) -> SignedInT:
    """Hands the token over the way that was asked for; the rest of this request is asked by who signed in."""
    context = info.context
    if carrier is SessionCarrier.COOKIE:
        context.response_headers.append(set_cookie(context.settings, result.session))
    context.ctx = result.ctx
    slug = None
    if result.ctx.actor is ActorKind.MEMBER:
        async with context.reading() as tx:
            slug = (await tenancy.get_tenant(tx, result.ctx)).slug
    token = result.session.token.reveal() if carrier is SessionCarrier.TOKEN else None
    return success(token=token, expires_at=result.session.expires_at, tenant_slug=slug)


def by_side(ctx: Ctx) -> AbstractAsyncContextManager[Tx]:
    """The platform's people act as the platform, everybody else within their tenant."""
    return governing(ctx) if ctx.actor is ActorKind.PLATFORM_ADMIN else transaction(ctx)


@strawberry.type
class ViewerFields:
    """Where the viewer is signed in."""

    @strawberry.field(
        description="Where you are signed in, the latest first; empty for machines, guests and strangers."
    )
    async def sessions(self, info: Info, first: First = None, after: After = None) -> Connection[Session]:
        page = read_page(first, after, None, None, keys=(UUID,))
        ctx = info.context.ctx
        rows: list[identity.Session] = []
        if ctx.actor in {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN, ActorKind.CUSTOMER}:
            async with info.context.reading() as tx:
                rows = await identity.list_sessions(tx, ctx, after=page.bound(1)[0], count=page.limit)
        return connect(page, rows, key=lambda row: (row.id,), make=lambda row: Session(key=row.id, row=row))


@strawberry.type
class Mutation:
    """Signing in and out."""

    @mutation(
        refusals=[
            identity.WrongCredentials, identity.TooManyAttempts, identity.TenantChoiceNeeded, tenancy.TenantNotActive,
            identity.SecondFactorRequired,
        ],
        replays=False,
    )  # fmt: skip
    async def sign_in(self, info: Info, input: SignInInput) -> SignInSuccess:
        """Signs in somebody who works for a merchant or for the platform; buyers have `signInCustomer`.

        Whether an account exists is not told, neither by the answer nor by its time. Who has a second factor gets
        `SecondFactorRequired`, and goes on with `completeSignIn`.
        """
        result = await identity.sign_in(
            info.context.ctx, email=input.email, password=Secret(input.password), tenant=input.tenant
        )
        return await signed_in(info, result, input.carrier, SignInSuccess)

    @mutation(
        refusals=[
            identity.InvitationInvalid, identity.WeakPassword, identity.WrongCredentials, identity.TooManyAttempts,
            tenancy.TenantNotActive, identity.SecondFactorRequired,
        ],
        replays=False,
    )  # fmt: skip
    async def accept_invitation(self, info: Info, input: AcceptInvitationInput) -> AcceptInvitationSuccess:
        """Accepts an invitation to work for a merchant, and signs in."""
        result = await identity.accept_invitation(
            info.context.ctx, token=Secret(input.token), password=Secret(input.password), name=input.name
        )
        return await signed_in(info, result, input.carrier, AcceptInvitationSuccess)

    @mutation(replays=False)
    async def sign_out(self, info: Info) -> SignOutSuccess:
        """Ends the session this request came with, of whatever kind, and makes a browser forget it."""
        context = info.context
        shown = None if context.request is None else shown_session(context.request)
        ended = False if shown is None else await identity.sign_out(context.ctx, shown)
        context.response_headers.append(clear_cookie(context.settings))
        context.ctx = context.ctx.visiting(None)
        return SignOutSuccess(ended=ended)

    @mutation(refusals=[], opens=by_side)
    async def revoke_session(self, info: Info, tx: Tx, input: RevokeSessionInput) -> RevokeSessionSuccess:
        """Ends one of your own sessions, or, with the permission `members.edit`, one of somebody who works here."""
        id_ = SessionId(key_of(input.session_id, Session, path=("session_id",)))
        await identity.revoke_session(tx, info.context.ctx, session_id=id_)
        return RevokeSessionSuccess(revoked_session_id=input.session_id)

    @mutation(opens=by_side)
    async def revoke_other_sessions(self, info: Info, tx: Tx) -> RevokeOtherSessionsSuccess:
        """Ends all your sessions but the one this request came with."""
        return RevokeOtherSessionsSuccess(ended=await identity.revoke_other_sessions(tx, info.context.ctx))

    @mutation(refusals=[identity.TooManyAttempts], replays=False)
    async def ask_for_password_reset(self, info: Info, input: AskForPasswordResetInput) -> AskForPasswordResetSuccess:
        """Has a token for a new password mailed to your account's address.

        Whether there is an account is not told. Where no mail leaves, the platform's people hand tokens out instead.
        """
        await identity.ask_for_reset(info.context.ctx, email=input.email)
        return AskForPasswordResetSuccess()

    @mutation(refusals=[identity.WrongCredentials, identity.WeakPassword, identity.TooManyAttempts], replays=False)
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordSuccess:
        """Changes your own password and ends your other sessions."""
        await identity.change_password(info.context.ctx, current=Secret(input.current), chosen=Secret(input.chosen))
        return ChangePasswordSuccess()

    @mutation(refusals=[identity.ResetInvalid, identity.WeakPassword], replays=False)
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> ResetPasswordSuccess:
        """Chooses a password by a one-time token and ends all your sessions; sign in afterwards."""
        await identity.reset_password(info.context.ctx, token=Secret(input.token), password=Secret(input.password))
        return ResetPasswordSuccess()
