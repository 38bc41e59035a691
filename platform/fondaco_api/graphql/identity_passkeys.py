"""Passkeys in the schema: one's own, made, shown, renamed, taken away."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.identity_factors import PASSWORD_REFUSALS, PEOPLE, Done, Password
from fondaco_api.graphql.sessions import SessionCarrier, SignedIn, signed_in
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity, tenancy
from fondaco_core.errors import Invalid, SecondFactorNeeded
from fondaco_core.secret import Secret


@strawberry.type(description="A passkey of your own.")
class Passkey:
    """A passkey as it was read."""

    key: str = strawberry.field(description="What names it in `renamePasskey` and `removePasskey`.")
    name: str = strawberry.field(description="What you call it.")
    created_at: datetime = strawberry.field(description="Since when you have it.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used; null when it never was.")

    @classmethod
    def of(cls, row: identity.Passkey) -> "Passkey":
        """The schema's form of a passkey."""
        return cls(key=str(row.id), name=row.name, created_at=row.created_at, last_used_at=row.last_used_at)


@strawberry.input
class _Shown:
    """What a device answered."""

    challenge: str = strawberry.field(description="The challenge that came with the options.")
    credential: str = strawberry.field(
        description="What `navigator.credentials` answered, as JSON (`PublicKeyCredential.toJSON()`)."
    )


@strawberry.input(description="A passkey to make.")
class BeginPasskeyInput(Password):
    """What beginPasskey takes."""


@strawberry.input(description="A passkey that a device has made.")
class AddPasskeyInput(_Shown):
    """What addPasskey takes."""

    name: str = strawberry.field(description="What to call it, 1 to 200 characters.")


@strawberry.input(description="Another name for a passkey.")
class RenamePasskeyInput:
    """What renamePasskey takes."""

    key: str = strawberry.field(description="The passkey's `key`.")
    name: str = strawberry.field(description="What to call it, 1 to 200 characters.")


@strawberry.input(description="A passkey that is to go.")
class RemovePasskeyInput:
    """What removePasskey takes."""

    key: str = strawberry.field(description="The passkey's `key`.")


@strawberry.input(description="A passkey, shown to sign in.")
class SignInWithPasskeyInput(_Shown):
    """What signInWithPasskey takes."""

    tenant: str | None = strawberry.field(
        default=None, description="The short name of the merchant to act for; needed when you belong to several."
    )
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.input(description="A passkey, shown again.")
class VerifyWithPasskeyInput(_Shown):
    """What verifyWithPasskey takes."""


@strawberry.type(description="Sensitive acts work for the next minutes.")
class VerifyWithPasskeySuccess(Done):
    """What verifyWithPasskey answers."""


@strawberry.type(description="The passkey is gone.")
class RemovePasskeySuccess(Done):
    """What removePasskey answers."""


@strawberry.type(description="You are signed in, with both factors.")
class SignInWithPasskeySuccess(SignedIn):
    """What signInWithPasskey answers."""


@strawberry.type
class _Asked:
    """What a browser is to be asked."""

    challenge: str = strawberry.field(description="What to come back with.")
    options: str = strawberry.field(
        description="What to ask the browser, as JSON for `PublicKeyCredential.parse…OptionsFromJSON`."
    )
    expires_at: datetime = strawberry.field(description="Until when an answer counts.")


@strawberry.type(description="What to ask the browser for a new passkey.")
class BeginPasskeySuccess(_Asked):
    """What beginPasskey answers."""


@strawberry.type(description="What to ask the browser for a passkey to sign in with.")
class BeginPasskeySignInSuccess(_Asked):
    """What beginPasskeySignIn answers."""


@strawberry.type(description="The passkey counts from now on.")
class AddPasskeySuccess:
    """What addPasskey answers."""

    passkey: Passkey = strawberry.field(description="The passkey.")


@strawberry.type(description="The passkey has another name.")
class RenamePasskeySuccess:
    """What renamePasskey answers."""

    passkey: Passkey = strawberry.field(description="The passkey as it is now.")


def _shown(asked: identity.Asked) -> dict[str, Any]:
    return {"challenge": asked.challenge.reveal(), "options": asked.options, "expires_at": asked.expires_at}


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("This is not a passkey's key.", zh="通行密钥标识无效。", path=("key",)) from None


@strawberry.type
class ViewerFields:
    """The viewer's passkeys."""

    @strawberry.field(description="Your passkeys, the oldest first; empty for buyers, machines and strangers.")
    async def passkeys(self, info: Info) -> list[Passkey]:
        if info.context.ctx.actor not in PEOPLE:
            return []
        return [Passkey.of(row) for row in await identity.list_passkeys(info.context.ctx)]


@strawberry.type
class Mutation:
    """One's own passkeys."""

    @mutation(refusals=[*PASSWORD_REFUSALS, identity.LimitReached], replays=False)
    async def begin_passkey(self, info: Info, input: BeginPasskeyInput) -> BeginPasskeySuccess:
        """Begins to make a passkey for your account."""
        password = None if input.password is None else Secret(input.password)
        asked = await identity.begin_passkey(info.context.ctx, password=password)
        return BeginPasskeySuccess(**_shown(asked))

    @mutation(refusals=[identity.ChallengeInvalid, identity.PasskeyInvalid, identity.LimitReached], replays=False)
    async def add_passkey(self, info: Info, input: AddPasskeyInput) -> AddPasskeySuccess:
        """Keeps the passkey that your device has made."""
        row = await identity.add_passkey(
            info.context.ctx, challenge=Secret(input.challenge), credential=input.credential, name=input.name
        )
        return AddPasskeySuccess(passkey=Passkey.of(row))

    @mutation(refusals=[SecondFactorNeeded], replays=False)
    async def rename_passkey(self, info: Info, input: RenamePasskeyInput) -> RenamePasskeySuccess:
        """Calls one of your passkeys something else."""
        row = await identity.rename_passkey(info.context.ctx, passkey_id=_key(input.key), name=input.name)
        return RenamePasskeySuccess(passkey=Passkey.of(row))

    @mutation(refusals=[SecondFactorNeeded], replays=False)
    async def remove_passkey(self, info: Info, input: RemovePasskeyInput) -> RemovePasskeySuccess:
        """Takes one of your passkeys away."""
        await identity.remove_passkey(info.context.ctx, passkey_id=_key(input.key))
        return RemovePasskeySuccess()

    @mutation(refusals=[identity.TooManyAttempts], replays=False)
    async def begin_passkey_sign_in(self, info: Info) -> BeginPasskeySignInSuccess:
        """Begins to sign in by a passkey, or to show one again; nobody is named."""
        return BeginPasskeySignInSuccess(**_shown(await identity.begin_passkey_sign_in(info.context.ctx)))

    @mutation(
        refusals=[
            identity.ChallengeInvalid, identity.PasskeyInvalid, identity.WrongCredentials, identity.TenantChoiceNeeded,
            tenancy.TenantNotActive,
        ],
        replays=False,
    )  # fmt: skip
    async def sign_in_with_passkey(self, info: Info, input: SignInWithPasskeyInput) -> SignInWithPasskeySuccess:
        """Signs in by a passkey, which is both factors at once."""
        result = await identity.sign_in_with_passkey(
            info.context.ctx, challenge=Secret(input.challenge), credential=input.credential, tenant=input.tenant
        )
        return await signed_in(info, result, input.carrier, SignInWithPasskeySuccess)

    @mutation(refusals=[identity.ChallengeInvalid, identity.PasskeyInvalid], replays=False)
    async def verify_with_passkey(self, info: Info, input: VerifyWithPasskeyInput) -> VerifyWithPasskeySuccess:
        """Shows a passkey, for sensitive acts of the next minutes."""
        await identity.verify_with_passkey(
            info.context.ctx, challenge=Secret(input.challenge), credential=input.credential
        )
        return VerifyWithPasskeySuccess()
