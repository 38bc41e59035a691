"""A merchant's own ways of delivering, in the schema: settings, the words of its mails, the keys of machines."""

from datetime import datetime
from typing import Annotated

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.identity import ApiClient
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.storefront import Store
from fondaco_core.ids import ApiClientId, ListingId, StoreId
from fondaco_tenants import delivery
from fondaco_tenants.delivery import Form, Words


@strawberry.type(description="How a merchant's deliveries go out, and from where on showing codes is unusual.")
class DeliverySettings:
    """A merchant's settings as they were read."""

    form: Form = strawberry.field(description="In which form mails carry the codes.")
    link_opens_max: int = strawberry.field(description="How often a mailed link opens.")
    link_hours: int = strawberry.field(description="How long a mailed link lives, in hours.")
    staff_reveals_max: int = strawberry.field(
        description="How many codes a member is shown within an hour before an alarm."
    )
    client_reveals_max: int = strawberry.field(description="The same for a machine.")
    place_accounts_max: int = strawberry.field(
        description="How many buyers' codes are shown at one address within an hour before an alarm."
    )
    version: int = strawberry.field(description="Counts its changes; 0 before the first.")

    @classmethod
    def of(cls, row: delivery.DeliverySettings) -> "DeliverySettings":
        """The schema's form of settings."""
        return cls(
            form=row.form, link_opens_max=row.link_opens_max, link_hours=row.link_hours,
            staff_reveals_max=row.staff_reveals_max, client_reveals_max=row.client_reveals_max,
            place_accounts_max=row.place_accounts_max, version=row.version,
        )  # fmt: skip


@strawberry.type(description="The words of a store's mails, or of one listing's.")
class DeliveryTemplate:
    """A template as it was read."""

    locale: str = strawberry.field(description="Its language: zh-CN or en.")
    subject: str = strawberry.field(description="The subject line.")
    text: str = strawberry.field(description="The plain text.")
    html: str = strawberry.field(description="The same as HTML.")
    version: int = strawberry.field(description="Counts what was saved and reset; 0 before the first.")
    saved_at: datetime | None = strawberry.field(
        description="When this version was saved or reset; null for version 0."
    )
    own: bool = strawberry.field(
        description="Whether it was written for this very place; false for a listing that has its store's words, and for "
        "what comes with Fondaco."
    )
    words: strawberry.Private[Words]

    @strawberry.field(
        description="What is wrong with words that were saved under older rules, in the viewer's language: buyers get those that "
        "come with Fondaco until it is mended. Null when nothing is."
    )
    def problem(self, info: Info) -> str | None:
        """What is wrong with it."""
        try:
            delivery.preview_words(info.context.ctx, words=self.words, form=Form.LINK)
        except delivery.TemplateInvalid as wrong:
            return wrong.message_zh if info.context.locale == "zh-CN" else wrong.message
        return None

    @classmethod
    def of(cls, row: delivery.Template) -> "DeliveryTemplate":
        """The schema's form of a template."""
        return cls(
            locale=row.locale, subject=row.words.subject, text=row.words.text, html=row.words.html, version=row.version,
            saved_at=row.created_at, own=row.own, words=row.words,
        )  # fmt: skip


@strawberry.input(description="The three parts of a mail.")
class DeliveryWordsInput:
    """Words of a template."""

    subject: str = strawberry.field(description="The subject line; it may not hold the link.")
    text: str = strawberry.field(description="The plain text, with `{{ link.url }}` somewhere.")
    html: str = strawberry.field(description="The same as HTML, with `{{ link.url }}` somewhere.")

    def words(self) -> Words:
        """The words themselves."""
        return Words(self.subject, self.text, self.html)


@strawberry.type(description="What a template makes of a made up order.")
class DeliveryPreview:
    """A mail that is not sent, or what is wrong with its template."""

    subject: str | None = strawberry.field(description="The subject line; null when the template is wrong.")
    text: str | None = strawberry.field(description="The plain text; null when the template is wrong.")
    html: str | None = strawberry.field(description="The HTML; null when the template is wrong.")
    problem: str | None = strawberry.field(description="What is wrong, in the viewer's language; null when nothing is.")
    problem_part: str | None = strawberry.field(description="Which part is wrong: subject, text or html.")
    problem_line: int | None = strawberry.field(description="In which line, counted from 1.")


@strawberry.type(description="The public key of an API client, to which its codes are encrypted.")
class ClientKey:
    """A key by its thumbprint."""

    thumbprint: str = strawberry.field(
        description="The SHA-256 thumbprint of the key (RFC 7638); envelopes name it as `kid`."
    )
    registered_at: datetime = strawberry.field(description="Since when.")


StoreArgument = Annotated[strawberry.ID, strawberry.argument(description="The store.")]
ListingArgument = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The listing, for words of its own; null for the whole store's."),
]
LocaleArgument = Annotated[str, strawberry.argument(description="The language: zh-CN or en.")]


@strawberry.type
class MerchantFields:
    """A merchant's own ways of delivering."""

    @strawberry.field(description="How deliveries go out. Needs the permission `merchant.read`.")
    async def delivery_settings(self, info: Info) -> DeliverySettings:
        """The settings."""
        async with info.context.reading() as tx:
            return DeliverySettings.of(await delivery.get_settings(tx, info.context.ctx))

    @strawberry.field(description="The words of a store's mails. Needs the permission `merchant.read`.")
    async def delivery_template(
        self, info: Info, store_id: StoreArgument, listing_id: ListingArgument = None, locale: LocaleArgument = "zh-CN"
    ) -> DeliveryTemplate:
        """The words that count now."""
        return DeliveryTemplate.of(await _template(info, store_id, listing_id, locale))

    @strawberry.field(description="What words make of a made up order; nothing is stored. Needs `merchant.read`.")
    async def preview_delivery_template(
        self,
        info: Info,
        *,
        store_id: StoreArgument,
        listing_id: ListingArgument = None,
        locale: LocaleArgument = "zh-CN",
        words: Annotated[
            DeliveryWordsInput | None, strawberry.argument(description="Words to try; null for those that count now.")
        ] = None,
        form: Annotated[Form, strawberry.argument(description="As the mail would carry the codes.")] = Form.LINK,
    ) -> DeliveryPreview:
        """A mail to look at."""
        tried = (await _template(info, store_id, listing_id, locale)).words if words is None else words.words()
        try:
            made = delivery.preview_words(info.context.ctx, words=tried, form=form)
        except delivery.TemplateInvalid as wrong:
            told = wrong.message_zh if info.context.locale == "zh-CN" else wrong.message
            return DeliveryPreview(
                subject=None, text=None, html=None, problem=told, problem_part=wrong.part, problem_line=wrong.line
            )
        return DeliveryPreview(
            subject=made.subject, text=made.text, html=made.html, problem=None, problem_part=None, problem_line=None
        )

    @strawberry.field(
        description="The key of an API client; null when it has none. Needs the permission `clients.read`."
    )
    async def client_key(
        self,
        info: Info,
        api_client_id: Annotated[strawberry.ID, strawberry.argument(description="The API client.")],
    ) -> ClientKey | None:
        """The key that counts now."""
        key = ApiClientId(key_of(api_client_id, ApiClient, path=("api_client_id",)))
        async with info.context.reading() as tx:
            found = (await delivery.list_client_keys(tx, info.context.ctx, [key])).get(key)
        return None if found is None else ClientKey(thumbprint=found.thumbprint, registered_at=found.registered_at)


async def _template(
    info: Info, store_id: strawberry.ID, listing_id: strawberry.ID | None, locale: str
) -> delivery.Template:
    async with info.context.reading() as tx:
        return await delivery.get_template(
            tx,
            info.context.ctx,
            store_id=StoreId(key_of(store_id, Store, path=("store_id",))),
            listing_id=None if listing_id is None else ListingId(key_of(listing_id, Listing, path=("listing_id",))),
            locale=locale,
        )
