"""Use cases of a merchant's own ways: the words of its mails, in which form codes go out, and what showing is usual."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import Invalid, NotFound, StaleVersion
from fondaco_core.ids import ListingId, StoreId, new_id
from fondaco_tenants import catalog, storefront
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.rules import (
    SAMPLE,
    SAMPLE_ATTACHED,
    Form,
    Words,
    Written,
    check_link_terms,
    check_words,
    fill,
)
from fondaco_tenants.delivery.service.letters import LOCALES, default_words

# A version that says nothing of its own. Nobody saves such words: a mail needs all three parts.
_NONE = Words("", "", "")


@dataclass(frozen=True, slots=True)
class Template:
    """The words of a store's mails, or of a listing's; without `own` they are the store's, or ours, at whatever version."""

    store_id: StoreId
    listing_id: ListingId | None
    locale: str
    version: int
    words: Words
    created_at: datetime | None
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How a merchant's deliveries go out, and what it finds usual; version 0 is what holds before anything is said."""

    form: Form = Form.LINK
    link_opens_max: int = limits.MAILED_LINK_OPENS
    link_hours: int = limits.MAILED_LINK_HOURS
    staff_reveals_max: int = limits.STAFF_REVEALS_USUAL
    client_reveals_max: int = limits.CLIENT_REVEALS_USUAL
    place_accounts_max: int = limits.PLACE_ACCOUNTS_USUAL
    version: int = 0


async def get_template(tx: Tx, ctx: Ctx, *, store_id: StoreId, listing_id: ListingId | None, locale: str) -> Template:
    """The words that a store's mails have now, or a listing's: the merchant's last version, or ours. Raises NotFound, Invalid."""
    ctx.require("merchant.read")
    await _check_place(tx, ctx, store_id, listing_id, locale)
    last = await tx.fetchrow(store.TEMPLATE, store_id, listing_id, locale)
    row = await tx.fetchrow(store.WORDS, store_id, listing_id, locale)
    words = default_words(locale) if row is None else Words(row["subject"], row["body_text"], row["body_html"])
    if last is None:
        return Template(store_id, listing_id, locale, 0, words, None, own=False)
    return Template(
        store_id, listing_id, locale, last["version"], words, last["created_at"], own=last["subject"] != _NONE.subject
    )


async def save_template(
    tx: Tx, ctx: Ctx, *, store_id: StoreId, listing_id: ListingId | None, locale: str, words: Words, version: int
) -> Template:
    """Writes the next version, if the last is still the one that was read; earlier ones are kept.

    Raises TemplateInvalid with the part and the line, StaleVersion, NotFound, Invalid, TenantNotActive.
    """
    ctx.require("merchant.edit")
    return await _add_version(
        tx, ctx, store_id=store_id, listing_id=listing_id, locale=locale, words=words, version=version
    )


async def reset_template(
    tx: Tx, ctx: Ctx, *, store_id: StoreId, listing_id: ListingId | None, locale: str, version: int
) -> Template:
    """Gives the merchant's own words up: a store's mails have ours again, a listing's have the store's; all versions are kept.

    Where there are no own words nothing changes. Raises StaleVersion, NotFound, Invalid, TenantNotActive.
    """
    ctx.require("merchant.edit")
    return await _add_version(
        tx, ctx, store_id=store_id, listing_id=listing_id, locale=locale, words=None, version=version
    )


async def _add_version(
    tx: Tx, ctx: Ctx, *, store_id: StoreId, listing_id: ListingId | None, locale: str, words: Words | None, version: int
) -> Template:
    await tenancy.require_active(tx, ctx)
    current = await get_template(tx, ctx, store_id=store_id, listing_id=listing_id, locale=locale)
    if words is not None:
        check_words(words)
    if current.version != version:
        raise StaleVersion("template", current_version=current.version)
    if words is None and not current.own:
        return current
    id_, kept = new_id(), words or _NONE
    row = await tx.fetchrow(
        store.ADD_TEMPLATE, id_, ctx.tenant, store_id, listing_id, locale, version + 1, kept.subject, kept.text, kept.html,
        ctx.actor_id, clock.now(),
    )  # fmt: skip
    if row is None:
        # Somebody wrote the same version at the same moment.
        raise StaleVersion("template", current_version=version + 1)
    detail = {"store_id": store_id, "listing_id": listing_id, "locale": locale, "version": version + 1}
    action = "delivery_template.reset" if words is None else "delivery_template.saved"
    await audit.record(tx, ctx, action, subject_kind="delivery_template", subject_id=id_, detail=detail)
    return await get_template(tx, ctx, store_id=store_id, listing_id=listing_id, locale=locale)


def preview_words(ctx: Ctx, *, words: Words, form: Form) -> Written:
    """The mail that words make of a made up order; nothing is stored or sent. Raises TemplateInvalid."""
    ctx.require("merchant.read")
    check_words(words)
    return fill(words, SAMPLE if form is Form.LINK else SAMPLE_ATTACHED)


async def get_settings(tx: Tx, ctx: Ctx) -> DeliverySettings:
    """How the merchant's deliveries go out."""
    ctx.require("merchant.read")
    row = await tx.fetchrow(store.SETTINGS, ctx.tenant)
    if row is None:
        return DeliverySettings()
    values: dict[str, Any] = {**row, "form": Form(row["form"])}
    return DeliverySettings(**values)


async def update_settings(tx: Tx, ctx: Ctx, *, settings: DeliverySettings) -> DeliverySettings:
    """Writes the settings whole, if they are still at their version. Raises StaleVersion, Invalid, TenantNotActive."""
    ctx.require("merchant.edit")
    await tenancy.require_active(tx, ctx)
    _check_settings(settings)
    version = await tx.fetchval(
        store.PUT_SETTINGS, ctx.tenant, settings.version, settings.form.value, settings.link_opens_max, settings.link_hours,
        settings.staff_reveals_max, settings.client_reveals_max, settings.place_accounts_max,
    )  # fmt: skip
    if version is None:
        raise StaleVersion("settings", current_version=(await get_settings(tx, ctx)).version)
    await audit.record(
        tx, ctx, "delivery_setting.changed", subject_kind="tenant", subject_id=ctx.tenant, detail=asdict(settings)
    )
    return await get_settings(tx, ctx)


def _check_settings(settings: DeliverySettings) -> None:
    if settings.form is Form.PAGE:
        raise Invalid("A form is LINK, ZIP or PDF.", zh="交付形式须为 LINK、ZIP 或 PDF。", path=("form",))
    check_link_terms(opens_max=settings.link_opens_max, expires_in_hours=settings.link_hours)
    for name in ("staff_reveals_max", "client_reveals_max", "place_accounts_max"):
        if not 1 <= getattr(settings, name) <= limits.REVEALS_USUAL_MAX:
            raise Invalid(
                f"This is a number from 1 to {limits.REVEALS_USUAL_MAX}.",
                zh=f"须为 1 至 {limits.REVEALS_USUAL_MAX} 的数字。",
                path=(name,),
            )


async def _check_place(tx: Tx, ctx: Ctx, store_id: StoreId, listing_id: ListingId | None, locale: str) -> None:
    if locale not in LOCALES:
        raise Invalid("A mail is in zh-CN or in en.", zh="邮件语言须为 zh-CN 或 en。", path=("locale",))
    await storefront.get_store(tx, ctx, store_id)
    if listing_id is None:
        return
    listing = (await catalog.listings_by_ids(tx, [listing_id])).get(listing_id)
    if listing is None or listing.store_id != store_id:
        raise NotFound("listing", path=("listing_id",))
