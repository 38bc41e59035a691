"""Second factors and passkeys in the schema: one's own, set up, shown, taken away."""

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.sessions import SessionCarrier, SignedIn, signed_in
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity, tenancy
from fondaco_core.context import ActorKind
from fondaco_core.errors import SecondFactorNeeded
from fondaco_core.secret import Secret

PEOPLE = {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN}


@strawberry.type(description="What you have beside a password.")
class SecondFactors:
    """One's own factors."""

    app: bool = strawberry.field(description="Whether an app of codes is set up.")
    passkey: bool = strawberry.field(description="Whether there is a passkey.")
    recovery_codes_left: int = strawberry.field(description="How many codes on paper are left.")
    needed: bool = strawberry.field(description="Whether you need one here and have none: nothing else works before.")
    show_again: bool = strawberry.field(
        description="Whether sensitive acts ask for it now, since it was shown too long ago (`verifySecondFactor`)."
    )


@strawberry.type
class ViewerFields:
    """What the viewer proves oneself with."""

    @strawberry.field(description="What you have beside a password; null for buyers, machines and strangers.")
    async def second_factors(self, info: Info) -> SecondFactors | None:
        ctx = info.context.ctx
        if ctx.actor not in PEOPLE:
            return None
        found = await identity.own_factors(ctx)
        return SecondFactors(
            app=found.app, passkey=found.passkey, recovery_codes_left=found.codes_left, needed=ctx.enrol,
            show_again=bool(ctx.guarded) and not ctx.enrol,
        )  # fmt: skip


@strawberry.input
class Password:
    """One's own password."""

    password: str | None = strawberry.field(default=None, description="Your password, when the account has one.")


@strawberry.input
class _Code:
    """A code."""

    code: str = strawberry.field(description="Six digits from the app, or one of the codes on paper.")


@strawberry.input(description="An app of codes to set up.")
class BeginSecondFactorInput(Password):
    """What beginSecondFactor takes."""


@strawberry.input(description="A code of the app that is being set up.")
class ConfirmSecondFactorInput(_Code):
    """What confirmSecondFactor takes."""


@strawberry.input(description="A code of the app that is to go.")
class RemoveSecondFactorInput(_Code):
    """What removeSecondFactor takes."""


@strawberry.input(description="A code of who wants new codes for paper.")
class RenewRecoveryCodesInput(_Code):
    """What renewRecoveryCodes takes."""


@strawberry.input(description="A code, shown again.")
class VerifySecondFactorInput(_Code):
    """What verifySecondFactor takes."""


@strawberry.input(description="The second step of signing in.")
class CompleteSignInInput(_Code):
    """What completeSignIn takes."""

    challenge: str = strawberry.field(description="The challenge that `SecondFactorRequired` told.")
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.type(description="An app's secret, which counts once a code of it was shown (`confirmSecondFactor`).")
class BeginSecondFactorSuccess:
    """What beginSecondFactor answers."""

    secret: str = strawberry.field(description="The secret to type into an app, in base 32.")
    uri: str = strawberry.field(description="The same as an `otpauth:` address.")
    qr_svg: str = strawberry.field(description="The address as a QR code to scan, in SVG.")


@strawberry.type
class _Codes:
    """Codes for paper."""

    recovery_codes: list[str] = strawberry.field(
        description="Ten codes for paper, each for once; shown now and never again."
    )


@strawberry.type(description="The app counts from now on.")
class ConfirmSecondFactorSuccess(_Codes):
    """What confirmSecondFactor answers."""


@strawberry.type(description="New codes for paper; those before count no longer.")
class RenewRecoveryCodesSuccess(_Codes):
    """What renewRecoveryCodes answers."""


@strawberry.type
class Done:
    """What changes of one's own factors answer."""

    done: bool = strawberry.field(default=True, description="Always true.")


@strawberry.type(description="The app and the codes on paper are gone.")
class RemoveSecondFactorSuccess(Done):
    """What removeSecondFactor answers."""


@strawberry.type(description="Sensitive acts work for the next minutes.")
class VerifySecondFactorSuccess(Done):
    """What verifySecondFactor answers."""


@strawberry.type(description="You are signed in, with both factors.")
class CompleteSignInSuccess(SignedIn):
    """What completeSignIn answers."""


_WRONG = [identity.WrongCode, identity.TooManyAttempts]
PASSWORD_REFUSALS = [identity.WrongCredentials, identity.TooManyAttempts, SecondFactorNeeded]


@strawberry.type
class Mutation:
    """One's own factors."""

    @mutation(refusals=[identity.ChallengeInvalid, *_WRONG, tenancy.TenantNotActive], replays=False)
    async def complete_sign_in(self, info: Info, input: CompleteSignInInput) -> CompleteSignInSuccess:
        """The second step of signing in: shows a code of the app or on paper."""
        result = await identity.complete_sign_in(info.context.ctx, challenge=Secret(input.challenge), code=input.code)
        return await signed_in(info, result, input.carrier, CompleteSignInSuccess)

    @mutation(refusals=[identity.SecondFactorExists, *PASSWORD_REFUSALS], replays=False)
    async def begin_second_factor(self, info: Info, input: BeginSecondFactorInput) -> BeginSecondFactorSuccess:
        """Makes the secret of an app of codes for your account; it counts once a code of it was shown."""
        password = None if input.password is None else Secret(input.password)
        made = await identity.begin_second_factor(info.context.ctx, password=password)
        return BeginSecondFactorSuccess(secret=made.secret.reveal(), uri=made.uri.reveal(), qr_svg=made.qr_svg.reveal())

    @mutation(refusals=_WRONG, replays=False)
    async def confirm_second_factor(self, info: Info, input: ConfirmSecondFactorInput) -> ConfirmSecondFactorSuccess:
        """Shows a code of the new app, which counts from then on."""
        codes = await identity.confirm_second_factor(info.context.ctx, code=input.code)
        return ConfirmSecondFactorSuccess(recovery_codes=[code.reveal() for code in codes])

    @mutation(refusals=_WRONG, replays=False)
    async def remove_second_factor(self, info: Info, input: RemoveSecondFactorInput) -> RemoveSecondFactorSuccess:
        """Takes the app and the codes on paper away."""
        await identity.remove_second_factor(info.context.ctx, code=input.code)
        return RemoveSecondFactorSuccess()

    @mutation(refusals=_WRONG, replays=False)
    async def renew_recovery_codes(self, info: Info, input: RenewRecoveryCodesInput) -> RenewRecoveryCodesSuccess:
        """Makes new codes for paper in place of those before."""
        codes = await identity.renew_recovery_codes(info.context.ctx, code=input.code)
        return RenewRecoveryCodesSuccess(recovery_codes=[code.reveal() for code in codes])

    @mutation(refusals=_WRONG, replays=False)
    async def verify_second_factor(self, info: Info, input: VerifySecondFactorInput) -> VerifySecondFactorSuccess:
        """Shows your second factor again, for sensitive acts of the next minutes."""
        await identity.verify_second_factor(info.context.ctx, code=input.code)
        return VerifySecondFactorSuccess()
