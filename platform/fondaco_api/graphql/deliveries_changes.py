"""What is done about deliveries that are sent: once more, in other words, in another form, to a machine's key."""

from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.deliveries import Delivery
from fondaco_api.graphql.delivery_settings import ClientKey, DeliverySettings, DeliveryTemplate, DeliveryWordsInput
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.identity import ApiClient
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.storefront import Store
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import ApiClientId, DeliveryId, ListingId, StoreId
from fondaco_core.secret import Secret
from fondaco_tenants import customers, delivery
from fondaco_tenants.delivery import Form


@failure(delivery.TemplateInvalid)
class TemplateInvalid(Failure):
    """Where a template is wrong, and why."""

    part: str = strawberry.field(description="Which part is wrong: subject, text or html.")
    line: int = strawberry.field(description="In which line, counted from 1.")


@strawberry.input(description="What to send once more.")
class ResendDeliveryInput:
    """One delivery."""

    delivery_id: strawberry.ID = strawberry.field(description="The delivery to repeat.")
    contact: str | None = strawberry.field(
        default=None,
        description="A corrected contact, when the first was wrong. Needs `delivery.edit` and `codes.reveal`: whoever names one "
        "could name their own. Links that were mailed before open no more.",
    )
    reason: str | None = strawberry.field(
        default=None, description="Why the contact is another; needed with one, kept in the audit log."
    )


@strawberry.input(description="The words of a store's mails, or of one listing's.")
class SaveDeliveryTemplateInput:
    """The next version of a template."""

    store_id: strawberry.ID = strawberry.field(description="The store.")
    listing_id: strawberry.ID | None = strawberry.field(
        default=None, description="The listing, for words of its own; left out for the whole store's."
    )
    locale: str = strawberry.field(default="zh-CN", description="The language: zh-CN or en.")
    words: DeliveryWordsInput = strawberry.field(description="The words.")
    version: int = strawberry.field(description="The version you read; 0 for what comes with Fondaco.")


@strawberry.input(description="Words of one's own that are to go.")
class ResetDeliveryTemplateInput:
    """Which words, as they were read."""

    store_id: strawberry.ID = strawberry.field(description="The store.")
    listing_id: strawberry.ID | None = strawberry.field(
        default=None, description="The listing that is to have its store's words again; left out for the whole store's."
    )
    locale: str = strawberry.field(default="zh-CN", description="The language: zh-CN or en.")
    version: int = strawberry.field(description="The version you read.")


@strawberry.input(description="How deliveries go out, whole.")
class UpdateDeliverySettingsInput:
    """A merchant's settings."""

    version: int = strawberry.field(description="The version you read; 0 when nothing was ever said.")
    form: Form = strawberry.field(
        default=Form.LINK, description="In which form mails carry the codes: LINK, ZIP or PDF."
    )
    link_opens_max: int = strawberry.field(
        default=limits.MAILED_LINK_OPENS, description=f"How often a mailed link opens, 1 to {limits.LINK_OPENS_MAX}."
    )
    link_hours: int = strawberry.field(
        default=limits.MAILED_LINK_HOURS,
        description=f"How long a mailed link lives, in hours, 1 to {limits.LINK_HOURS_MAX}.",
    )
    staff_reveals_max: int = strawberry.field(
        default=limits.STAFF_REVEALS_USUAL,
        description="How many codes a member is shown within an hour before an alarm.",
    )
    client_reveals_max: int = strawberry.field(
        default=limits.CLIENT_REVEALS_USUAL, description="The same for a machine."
    )
    place_accounts_max: int = strawberry.field(
        default=limits.PLACE_ACCOUNTS_USUAL,
        description="How many buyers' codes are shown at one address within an hour before an alarm.",
    )


@strawberry.input(description="A machine's public key.")
class RegisterClientKeyInput:
    """A key."""

    api_client_id: strawberry.ID = strawberry.field(description="The API client.")
    jwk: str = strawberry.field(
        description="The public key as a JWK, in JSON: RSA of 2048 bits or more, or EC on P-256, P-384 or P-521."
    )


@strawberry.input(description="A machine that is to have no key any more.")
class RetireClientKeyInput:
    """One machine."""

    api_client_id: strawberry.ID = strawberry.field(description="The API client.")
    reason: str = strawberry.field(description="Why; kept in the audit log.")


@strawberry.input(description="Why the key that signs redemption addresses is to be shown.")
class ShowLinkKeyInput:
    """A reason."""

    reason: str = strawberry.field(description="Why; kept in the audit log.")


@strawberry.type(description="The key that signs redemption addresses.")
class ShowLinkKeySuccess:
    """The key, for whoever checks signatures."""

    shown: strawberry.Private[Secret[str]]

    @strawberry.field(
        description="The key, 256 bits in base64url: of HMAC-SHA256 over the address without its signature."
    )
    def key(self) -> str:
        """The key in clear."""
        return self.shown.reveal()


@strawberry.type(description="It is on its way once more.")
class ResendDeliverySuccess:
    """The repetition."""

    delivery: Delivery = strawberry.field(description="The repetition, which has a log of its own.")


@strawberry.type(description="The words are saved.")
class SaveDeliveryTemplateSuccess:
    """The new version."""

    template: DeliveryTemplate = strawberry.field(description="The version that counts from now on.")


@strawberry.type(description="The words are those that come with Fondaco again, or the store's.")
class ResetDeliveryTemplateSuccess:
    """What counts now."""

    template: DeliveryTemplate = strawberry.field(description="The words that count from now on.")


@strawberry.type(description="The settings are saved.")
class UpdateDeliverySettingsSuccess:
    """The settings."""

    settings: DeliverySettings = strawberry.field(description="The settings as they are now.")


@strawberry.type(description="The machine has a key: codes leave for it encrypted to that key, and in no other way.")
class RegisterClientKeySuccess:
    """The key."""

    key: ClientKey = strawberry.field(description="The key that counts from now on.")


@strawberry.type(description="The machine has no key any more: it is shown codes in the open.")
class RetireClientKeySuccess:
    """Nothing is left to show."""

    retired: bool = strawberry.field(description="Always true.")


@strawberry.type
class Mutation:
    """What can be done about deliveries that are sent."""

    @mutation(refusals=[delivery.TooManyResends, delivery.NotResendable, delivery.CodesOfOthers, customers.BadContact])
    async def resend_delivery(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ResendDeliveryInput, strawberry.argument(description="What to send once more.")],
    ) -> ResendDeliverySuccess:
        """Sends an order once more: to the same contact, or to a corrected one.

        To the same contact its buyer may, and support; a few times an hour for each order. An order with codes of another
        merchant goes to no corrected one.
        """
        made = await delivery.resend_delivery(
            tx,
            info.context.ctx,
            delivery_id=DeliveryId(key_of(input.delivery_id, Delivery, path=("delivery_id",))),
            contact=input.contact,
            reason=input.reason,
        )
        return ResendDeliverySuccess(delivery=Delivery.of(made))

    @mutation(refusals=[delivery.TemplateInvalid, StaleVersion], replays=False)
    async def save_delivery_template(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[SaveDeliveryTemplateInput, strawberry.argument(description="The words.")],
    ) -> SaveDeliveryTemplateSuccess:
        """Saves the next version of the words of a store's mails; earlier versions are kept.

        Words may name order, store, link, attachment, items and gift, ask `if`, and go over items once. There is no name for a code.
        """
        listing = input.listing_id
        saved = await delivery.save_template(
            tx,
            info.context.ctx,
            store_id=StoreId(key_of(input.store_id, Store, path=("store_id",))),
            listing_id=None if listing is None else ListingId(key_of(listing, Listing, path=("listing_id",))),
            locale=input.locale,
            words=input.words.words(),
            version=input.version,
        )
        return SaveDeliveryTemplateSuccess(template=DeliveryTemplate.of(saved))

    @mutation(refusals=[StaleVersion], replays=False)
    async def reset_delivery_template(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ResetDeliveryTemplateInput, strawberry.argument(description="Which words.")],
    ) -> ResetDeliveryTemplateSuccess:
        """Gives words of your own up: a store's mails have those that come with Fondaco again, a listing's its store's.

        Earlier versions are kept. Where there are no words of your own nothing changes.
        """
        listing = input.listing_id
        left = await delivery.reset_template(
            tx,
            info.context.ctx,
            store_id=StoreId(key_of(input.store_id, Store, path=("store_id",))),
            listing_id=None if listing is None else ListingId(key_of(listing, Listing, path=("listing_id",))),
            locale=input.locale,
            version=input.version,
        )
        return ResetDeliveryTemplateSuccess(template=DeliveryTemplate.of(left))

    @mutation(refusals=[StaleVersion], replays=False)
    async def update_delivery_settings(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[UpdateDeliverySettingsInput, strawberry.argument(description="The settings, whole.")],
    ) -> UpdateDeliverySettingsSuccess:
        """Changes how a merchant's deliveries go out, and from where on showing codes raises an alarm."""
        wanted = delivery.DeliverySettings(
            form=input.form, link_opens_max=input.link_opens_max, link_hours=input.link_hours,
            staff_reveals_max=input.staff_reveals_max, client_reveals_max=input.client_reveals_max,
            place_accounts_max=input.place_accounts_max, version=input.version,
        )  # fmt: skip
        saved = await delivery.update_settings(tx, info.context.ctx, settings=wanted)
        return UpdateDeliverySettingsSuccess(settings=DeliverySettings.of(saved))

    @mutation(refusals=[delivery.KeyRefused], replays=False)
    async def register_client_key(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RegisterClientKeyInput, strawberry.argument(description="The key.")],
    ) -> RegisterClientKeySuccess:
        """Gives an API client a public key. From then on `revealCode` and `revealOrder` answer it with JWE alone."""
        key = ApiClientId(key_of(input.api_client_id, ApiClient, path=("api_client_id",)))
        made = await delivery.register_client_key(tx, info.context.ctx, api_client_id=key, jwk=input.jwk)
        return RegisterClientKeySuccess(
            key=ClientKey(thumbprint=made.thumbprint, registered_at=made.registered_at)
        )  # fmt: skip

    @mutation(refusals=[], replays=False)
    async def retire_client_key(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[RetireClientKeyInput, strawberry.argument(description="Whose key, and why.")],
    ) -> RetireClientKeySuccess:
        """Takes an API client's public key away, so that it is shown codes in the open again. Needs `codes.reveal` as well."""
        key = ApiClientId(key_of(input.api_client_id, ApiClient, path=("api_client_id",)))
        await delivery.retire_client_key(tx, info.context.ctx, api_client_id=key, reason=input.reason)
        return RetireClientKeySuccess(retired=True)

    @mutation(replays=False)
    async def show_link_key(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[ShowLinkKeyInput, strawberry.argument(description="Why.")],
    ) -> ShowLinkKeySuccess:
        """Shows the key that signs your redemption addresses, for the shop that checks them; who saw it and why is on record.

        A code of the kind LINK may hold `{order}`, `{buyer}`, `{expires}` and `{signature}`, filled in whenever it is shown.
        """
        return ShowLinkKeySuccess(shown=await delivery.show_link_key(tx, info.context.ctx, reason=input.reason))
