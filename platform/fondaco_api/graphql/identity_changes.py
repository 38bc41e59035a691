"""Who and what may act for a merchant or the platform: asked in, changed, removed."""

from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.identity import Member
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.once import shown_once
from fondaco_api.graphql.replay import Repeat
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity
from fondaco_core.db import Tx, governing
from fondaco_core.errors import StaleVersion
from fondaco_core.identity import MemberRole, PlatformRole
from fondaco_core.ids import MemberId
from fondaco_core.secret import Secret


@strawberry.input(description="Somebody to ask in.")
class InviteMemberInput:
    """What inviteMember takes."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name, 1 to 200 characters; used when they have no account yet.")
    role: MemberRole = strawberry.field(description="What they are to do; nothing beyond what you may do yourself.")


@strawberry.input(description="Another role for somebody.")
class ChangeMemberRoleInput:
    """What changeMemberRole takes."""

    member_id: strawberry.ID = strawberry.field(description="The member's id.")
    role: MemberRole = strawberry.field(description="What they are to do; nothing beyond what you may do yourself.")
    version: int = strawberry.field(description="The version you read.")


@strawberry.input(description="Somebody who is to work here no longer.")
class RemoveMemberInput:
    """What removeMember takes."""

    member_id: strawberry.ID = strawberry.field(description="The member's id.")


@strawberry.input(description="Whether the merchant's people need a second factor.")
class RequireSecondFactorInput:
    """What requireSecondFactor takes."""

    required: bool = strawberry.field(description="Whether they do nothing here before they have one.")


@strawberry.type(description="It holds from now on, for everybody who works here.")
class RequireSecondFactorSuccess:
    """What requireSecondFactor answers."""

    required: bool = strawberry.field(description="Whether the merchant's people need a second factor.")


@strawberry.input(description="One of the platform's own people.")
class InvitePlatformUserInput:
    """What invitePlatformUser takes."""

    email: str = strawberry.field(description="Their e-mail address.")
    name: str = strawberry.field(description="Their name, 1 to 200 characters.")
    role: PlatformRole = strawberry.field(description="What they may do.")


@strawberry.input(description="Somebody who forgot their password.")
class IssuePasswordResetInput:
    """What issuePasswordReset takes."""

    email: str = strawberry.field(description="The account's e-mail address; see that it is really they who ask.")


@strawberry.type
class _PasswordToken:
    """What hands out a token for a password."""

    reset_token: str | None = strawberry.field(
        description="What they choose a password with (`resetPassword`), where no mail leaves; shown once. Null where it is mailed to them, and when the request is repeated."
    )


@strawberry.type(description="The account is there; its owner has to choose a password.")
class InvitePlatformUserSuccess(_PasswordToken):
    """What invitePlatformUser answers."""


@strawberry.type(description="The account's owner may choose another password.")
class IssuePasswordResetSuccess(_PasswordToken):
    """What issuePasswordReset answers."""


@strawberry.type(description="Somebody was asked in.")
class InviteMemberSuccess:
    """What inviteMember answers."""

    member: Member = strawberry.field(description="The member, who has not accepted yet.")
    invitation_token: str | None = strawberry.field(
        description="What they accept with (`acceptInvitation`), where no mail leaves; shown once. Null where it is mailed to them, and when the request is repeated."
    )


@strawberry.type(description="The member has another role.")
class ChangeMemberRoleSuccess:
    """What changeMemberRole answers."""

    member: Member = strawberry.field(description="The member as they are now.")


@strawberry.type(description="They work here no longer.")
class RemoveMemberSuccess:
    """What removeMember answers."""

    removed_member_id: strawberry.ID = strawberry.field(description="The id of who was removed.")


@strawberry.type
class Mutation:
    """Who and what may act for a merchant."""

    @mutation(refusals=[identity.BadEmail, identity.RoleTooHigh, identity.AlreadyMember, identity.LimitReached])
    async def invite_member(
        self, info: Info, tx: Tx, input: InviteMemberInput, repeat: Repeat | None
    ) -> InviteMemberSuccess:
        """Asks somebody to work for the merchant. Needs the permission `members.edit`."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            return await identity.invite_member(tx, ctx, email=input.email, name=input.name, role=input.role)

        made, token = await shown_once(tx, ctx, repeat, make)
        member = await identity.get_member(tx, ctx, MemberId(made))
        return InviteMemberSuccess(member=Member.of(member), invitation_token=token)

    @mutation(refusals=[identity.RoleTooHigh, identity.LastOwner, StaleVersion])
    async def change_member_role(self, info: Info, tx: Tx, input: ChangeMemberRoleInput) -> ChangeMemberRoleSuccess:
        """Gives somebody another role. Needs the permission `members.edit`."""
        id_ = MemberId(key_of(input.member_id, Member, path=("member_id",)))
        row = await identity.change_member_role(
            tx, info.context.ctx, member_id=id_, role=input.role, version=input.version
        )
        return ChangeMemberRoleSuccess(member=Member.of(row))

    @mutation(refusals=[identity.RoleTooHigh, identity.LastOwner])
    async def remove_member(self, info: Info, tx: Tx, input: RemoveMemberInput) -> RemoveMemberSuccess:
        """Ends somebody's work for the merchant and signs them out. Needs the permission `members.edit`."""
        id_ = MemberId(key_of(input.member_id, Member, path=("member_id",)))
        await identity.remove_member(tx, info.context.ctx, member_id=id_)
        return RemoveMemberSuccess(removed_member_id=input.member_id)

    @mutation()
    async def require_second_factor(
        self, info: Info, tx: Tx, input: RequireSecondFactorInput
    ) -> RequireSecondFactorSuccess:
        """Says whether everybody who works for the merchant needs a second factor. Needs `members.edit`."""
        await identity.require_second_factor(tx, info.context.ctx, required=input.required)
        return RequireSecondFactorSuccess(required=input.required)

    @mutation(refusals=[identity.BadEmail, identity.EmailTaken], opens=governing)
    async def invite_platform_user(
        self, info: Info, tx: Tx, input: InvitePlatformUserInput, repeat: Repeat | None
    ) -> InvitePlatformUserSuccess:
        """Makes an account of one of the platform's own people. For the platform's admins.

        An account that somebody else's invitation made, and whose address nobody proved, becomes theirs, without its password,
        factors and sessions.
        """
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            return await identity.invite_platform_user(tx, ctx, email=input.email, name=input.name, role=input.role)

        _, token = await shown_once(tx, ctx, repeat, make)
        return InvitePlatformUserSuccess(reset_token=token)

    @mutation(refusals=[identity.BadEmail], opens=governing)
    async def issue_password_reset(
        self, info: Info, tx: Tx, input: IssuePasswordResetInput, repeat: Repeat | None
    ) -> IssuePasswordResetSuccess:
        """Lets somebody who forgot their password choose another one. For the platform's admins."""
        ctx = info.context.ctx

        async def make() -> tuple[UUID, Secret[str] | None]:
            return await identity.issue_password_reset(tx, ctx, email=input.email)

        _, token = await shown_once(tx, ctx, repeat, make)
        return IssuePasswordResetSuccess(reset_token=token)
