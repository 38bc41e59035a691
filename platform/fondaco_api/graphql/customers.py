"""Buyers in the schema: as their merchant sees them, and as they register and sign in to a store."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.node import Node, key_of
from fondaco_api.graphql.paging import After, Connection, First, connect, read_page
from fondaco_api.graphql.sessions import (
    PasswordChange,
    PasswordChanged,
    SessionCarrier,
    SignedIn,
    signed_in,
)
from fondaco_api.graphql.transaction import mutation
from fondaco_core import identity, limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.ids import CustomerId
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from fondaco_tenants.customers import CustomerKind

described(
    CustomerKind,
    "Whether a buyer has an account.",
    REGISTERED="A buyer with an account.",
    GUEST="A buyer without one, known by a contact alone.",
)


async def load_customers(context: Context, ids: list[CustomerId]) -> "list[Customer | None]":
    """Buyers by their ids: the merchant's to its people, oneself to a buyer."""
    ctx = context.ctx
    if ctx.tenant_id is None or not (ctx.customer_id or ctx.has("customers.read")):
        return [None for _ in ids]
    async with context.reading() as tx:
        found = await customers.customers_by_ids(tx, ctx, ids)
    return [Customer.of(found[id_]) if id_ in found else None for id_ in ids]


@strawberry.type(description="A buyer as one merchant knows them.")
class Customer(Node):
    """A buyer as they were read."""

    row: strawberry.Private[customers.Customer]

    @classmethod
    def of(cls, row: customers.Customer) -> "Customer":
        """The schema's form of a buyer."""
        return cls(key=row.id, row=row)

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Customer | None":
        """The buyer, for the merchant's people and themselves."""
        return await context.loaders.load(load_customers, CustomerId(key))

    @strawberry.field(description="Whether they have an account.")
    def kind(self) -> CustomerKind:
        return self.row.kind

    @strawberry.field(description="The name they gave; null when they gave none.")
    def name(self) -> str | None:
        return self.row.name

    @strawberry.field(description="Their e-mail address or phone number, masked: `a***@example.com`.")
    def masked_contact(self) -> str:
        return self.row.contact_masked

    @strawberry.field(description="When the buyer proved that the contact is theirs; null when they did not.")
    def contact_verified_at(self) -> datetime | None:
        return self.row.contact_verified_at

    @strawberry.field(description="Since when the merchant knows them.")
    def created_at(self) -> datetime:
        return self.row.created_at

    @strawberry.field(description="Since when the merchant does not sell to them; null when it does.")
    def blocked_at(self) -> datetime | None:
        return self.row.blocked_at

    @strawberry.field(description="Why not; null when it does, and for the buyer.")
    def blocked_reason(self, info: Info) -> str | None:
        return self.row.blocked_reason if info.context.ctx.has("customers.read") else None

    @strawberry.field(description="Whether you may block them now.")
    def viewer_can_block(self, info: Info) -> bool:
        return info.context.ctx.has("customers.edit") and self.row.blocked_at is None

    @strawberry.field(description="Whether you may unblock them now.")
    def viewer_can_unblock(self, info: Info) -> bool:
        return info.context.ctx.has("customers.edit") and self.row.blocked_at is not None


@strawberry.type
class MerchantFields:
    """The merchant's buyers."""

    @strawberry.field(description="The buyers of this merchant, newest first. Needs the permission `customers.read`.")
    async def customers(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        contact: Annotated[
            str | None, strawberry.argument(description="Only with this whole e-mail address or phone number.")
        ] = None,
        kind: Annotated[CustomerKind | None, strawberry.argument(description="Only of this kind.")] = None,
    ) -> Connection[Customer]:
        page = read_page(first, after, None, None, keys=(UUID,))
        ctx = info.context.ctx
        async with info.context.reading() as tx:
            rows = await customers.list_customers(
                tx, ctx, contact=contact, kind=kind, after=page.bound(1)[0], count=page.limit
            )
        return connect(page, rows, key=lambda row: (row.id,), make=Customer.of)


@strawberry.input(description="A buyer to whom the merchant opens an account.")
class CreateCustomerInput:
    """What createCustomer takes."""

    contact: str = strawberry.field(description="An e-mail address, or a phone number with its country code.")
    name: str | None = strawberry.field(default=None, description="What to call them, at most 200 characters.")


@strawberry.input
class _CustomerAndReason:
    """A buyer and a reason."""

    customer_id: strawberry.ID = strawberry.field(description="The buyer's id.")
    reason: str = strawberry.field(
        description=f"Why, for the record, {limits.REASON_CHARS_MIN} to {limits.NOTE_MAX} characters."
    )


@strawberry.input(description="Which buyer to stop selling to, and why.")
class BlockCustomerInput(_CustomerAndReason):
    """What blockCustomer takes."""


@strawberry.input(description="Which buyer to sell to again, and why.")
class UnblockCustomerInput(_CustomerAndReason):
    """What unblockCustomer takes."""


@strawberry.input(description="A buyer who opens an account in a store.")
class RegisterCustomerInput:
    """What registerCustomer takes."""

    store: str = strawberry.field(description="The store's slug.")
    contact: str = strawberry.field(description="Your e-mail address, or phone number with its country code.")
    password: str = strawberry.field(description="The password you choose, 10 characters at least.")
    name: str | None = strawberry.field(default=None, description="What to call you, at most 200 characters.")
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.input(description="Credentials of a buyer.")
class SignInCustomerInput:
    """What signInCustomer takes."""

    store: str = strawberry.field(description="The store's slug.")
    contact: str = strawberry.field(description="Your e-mail address or phone number.")
    password: str = strawberry.field(description="Your password.")
    carrier: SessionCarrier = strawberry.field(default=SessionCarrier.COOKIE, description="How the token travels.")


@strawberry.input(description="A new password.")
class ChangeCustomerPasswordInput(PasswordChange):
    """What changeCustomerPassword takes."""


@strawberry.input(description="A buyer who forgot the password.")
class AskForCustomerPasswordInput:
    """What askForCustomerPassword takes."""

    store: str = strawberry.field(description="The store's slug.")
    contact: str = strawberry.field(description="Your e-mail address or phone number.")


@strawberry.input(description="A password chosen anew by a buyer who forgot the old one.")
class ResetCustomerPasswordInput:
    """What resetCustomerPassword takes."""

    token: str = strawberry.field(description="The token that was mailed to you.")
    password: str = strawberry.field(description="The password you choose, 10 characters at least.")


@strawberry.input(description="A contact that is yours.")
class VerifyContactInput:
    """What verifyContact takes."""

    token: str = strawberry.field(description="The token that was mailed to you.")


@strawberry.type
class _Asked:
    """What asking for a mail answers."""

    asked: bool = strawberry.field(default=True, description="Always true; whether a mail leaves is not told.")


@strawberry.type(description="If there is such an account, what to choose a new password with is on its way by mail.")
class AskForCustomerPasswordSuccess(_Asked):
    """What askForCustomerPassword answers."""


@strawberry.type(description="What to prove your address with is on its way, where mail reaches it.")
class AskForContactVerificationSuccess(_Asked):
    """What askForContactVerification answers."""


@strawberry.type(description="The password is changed, and all sessions have ended.")
class ResetCustomerPasswordSuccess(PasswordChanged):
    """What resetCustomerPassword answers."""


@strawberry.type(description="The contact is proved to be yours.")
class VerifyContactSuccess:
    """What verifyContact answers."""

    verified: bool = strawberry.field(default=True, description="Always true.")


@strawberry.type(description="You have an account, and are signed in.")
class RegisterCustomerSuccess(SignedIn):
    """What registerCustomer answers."""


@strawberry.type(description="You are signed in.")
class SignInCustomerSuccess(SignedIn):
    """What signInCustomer answers."""


@strawberry.type(description="The password is changed, and other sessions have ended.")
class ChangeCustomerPasswordSuccess(PasswordChanged):
    """What changeCustomerPassword answers."""


@strawberry.type
class _CustomerAsIs:
    """What changes of a buyer answer."""

    customer: Customer = strawberry.field(description="The buyer as they are now.")


@strawberry.type(description="The buyer has an account.")
class CreateCustomerSuccess(_CustomerAsIs):
    """What createCustomer answers."""


@strawberry.type(description="The merchant sells to the buyer no longer.")
class BlockCustomerSuccess(_CustomerAsIs):
    """What blockCustomer answers."""


@strawberry.type(description="The merchant sells to the buyer again.")
class UnblockCustomerSuccess(_CustomerAsIs):
    """What unblockCustomer answers."""


@strawberry.type
class Mutation:
    """Buyers: their own doing, and their merchant's."""

    @mutation(
        refusals=[
            customers.BadContact, customers.ContactTaken, identity.WeakPassword, identity.TooManyAttempts,
            tenancy.TenantNotActive,
        ],
        replays=False,
    )  # fmt: skip
    async def register_customer(self, info: Info, input: RegisterCustomerInput) -> RegisterCustomerSuccess:
        """Opens a buyer's account in a store and signs in. What you bought there as a guest stays the guest's."""
        result = await customers.sign_up_customer(
            info.context.ctx,
            store_slug=input.store,
            contact=input.contact,
            password=Secret(input.password),
            name=input.name,
        )
        return await signed_in(info, result, input.carrier, RegisterCustomerSuccess)

    @mutation(refusals=[identity.WrongCredentials, identity.TooManyAttempts, customers.CustomerBlocked], replays=False)
    async def sign_in_customer(self, info: Info, input: SignInCustomerInput) -> SignInCustomerSuccess:
        """Signs a buyer in to a store. Whether an account exists is not told."""
        result = await customers.sign_in_customer(
            info.context.ctx, store_slug=input.store, contact=input.contact, password=Secret(input.password)
        )
        return await signed_in(info, result, input.carrier, SignInCustomerSuccess)

    @mutation(refusals=[identity.WrongCredentials, identity.WeakPassword, identity.TooManyAttempts], replays=False)
    async def change_customer_password(
        self, info: Info, input: ChangeCustomerPasswordInput
    ) -> ChangeCustomerPasswordSuccess:
        """Changes your own password as a buyer and ends your other sessions."""
        await customers.change_customer_password(
            info.context.ctx, current=Secret(input.current), chosen=Secret(input.chosen)
        )
        return ChangeCustomerPasswordSuccess()

    @mutation(refusals=[identity.TooManyAttempts], replays=False)
    async def ask_for_customer_password(
        self, info: Info, input: AskForCustomerPasswordInput
    ) -> AskForCustomerPasswordSuccess:
        """Has a token for a new password mailed to a buyer of a store. Whether there is an account is not told."""
        await customers.ask_for_password(info.context.ctx, store_slug=input.store, contact=input.contact)
        return AskForCustomerPasswordSuccess()

    @mutation(refusals=[customers.ProofInvalid, identity.WeakPassword], replays=False)
    async def reset_customer_password(
        self, info: Info, input: ResetCustomerPasswordInput
    ) -> ResetCustomerPasswordSuccess:
        """Chooses a buyer's password by a one-time token and ends all sessions; sign in afterwards."""
        await customers.reset_customer_password(
            info.context.ctx, token=Secret(input.token), password=Secret(input.password)
        )
        return ResetCustomerPasswordSuccess()

    @mutation(refusals=[identity.TooManyAttempts], replays=False)
    async def ask_for_contact_verification(self, info: Info) -> AskForContactVerificationSuccess:
        """Has a token mailed to you, as a buyer, by which you prove that the address is yours."""
        await customers.ask_for_verification(info.context.ctx)
        return AskForContactVerificationSuccess()

    @mutation(refusals=[customers.ProofInvalid], replays=False)
    async def verify_contact(self, info: Info, input: VerifyContactInput) -> VerifyContactSuccess:
        """Proves, by a one-time token, that a buyer's contact is theirs."""
        await customers.verify_contact(info.context.ctx, token=Secret(input.token))
        return VerifyContactSuccess()

    @mutation(refusals=[customers.BadContact, customers.ContactTaken, tenancy.TenantNotActive])
    async def create_customer(self, info: Info, tx: Tx, input: CreateCustomerInput) -> CreateCustomerSuccess:
        """Opens an account for a buyer who is served by an API client. Needs the permission `customers.edit`."""
        row = await customers.create_customer(tx, info.context.ctx, contact=input.contact, name=input.name)
        return CreateCustomerSuccess(customer=Customer.of(row))

    @mutation()
    async def block_customer(self, info: Info, tx: Tx, input: BlockCustomerInput) -> BlockCustomerSuccess:
        """Stops selling to a buyer and signs them out; what they bought stays theirs. Needs `customers.edit`."""
        id_ = CustomerId(key_of(input.customer_id, Customer, path=("customer_id",)))
        row = await customers.block_customer(tx, info.context.ctx, customer_id=id_, reason=input.reason)
        return BlockCustomerSuccess(customer=Customer.of(row))

    @mutation()
    async def unblock_customer(self, info: Info, tx: Tx, input: UnblockCustomerInput) -> UnblockCustomerSuccess:
        """Sells to a buyer again. Needs the permission `customers.edit`."""
        id_ = CustomerId(key_of(input.customer_id, Customer, path=("customer_id",)))
        row = await customers.unblock_customer(tx, info.context.ctx, customer_id=id_, reason=input.reason)
        return UnblockCustomerSuccess(customer=Customer.of(row))
