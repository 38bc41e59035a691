"""Mutations of offers: what a merchant does with what it offers others."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import UNSET

from fondaco_api.graphql.catalog import Entitlement, given
from fondaco_api.graphql.context import Info
from fondaco_api.graphql.errors import Failure, failure
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import CurrencyCode, MoneyInput
from fondaco_api.graphql.supply import Tier
from fondaco_api.graphql.supply_offers import Offer
from fondaco_api.graphql.transaction import mutation
from fondaco_core import limits, tenancy
from fondaco_core.db import Tx
from fondaco_core.errors import StaleVersion
from fondaco_core.ids import EntitlementId, OfferId, TierId
from fondaco_tenants import catalog, routing, supply
from fondaco_tenants.supply import OfferState, PriceBreak

_LEAST = "The least that a reseller's store may ask for a unit, in the offer's currency."


@failure(supply.OfferInWrongState)
class OfferInWrongState(Failure):
    """The offer is in a state from which this cannot be done."""

    state: OfferState = strawberry.field(description="The state it is in.")


@strawberry.input(description="A new offer; it is a draft until it is published.")
class CreateOfferInput:
    """All of an offer but its prices."""

    entitlement_id: strawberry.ID = strawberry.field(description="What it is.")
    title: str = strawberry.field(description=f"What you call it, 1 to {limits.NAME_MAX} characters.")
    currency: CurrencyCode = strawberry.field(description="The currency of all of its prices; it never changes.")
    in_market: bool = strawberry.field(
        default=False, description="Whether merchants without an agreement find it once it is published."
    )
    min_resale: MoneyInput | None = strawberry.field(default=None, description=_LEAST)


@strawberry.input(description="Changes to an offer. What is left out stays; null clears the minimum resale price.")
class UpdateOfferInput:
    """What may change of an offer."""

    id: strawberry.ID = strawberry.field(description="The offer.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")
    title: str | None = strawberry.field(default=UNSET, description="What you call it.")
    in_market: bool | None = strawberry.field(
        default=UNSET, description="Whether merchants without an agreement find it."
    )
    min_resale: MoneyInput | None = strawberry.field(default=UNSET, description=_LEAST)


@strawberry.input
class _OfferAsRead:
    """An offer and its version."""

    id: strawberry.ID = strawberry.field(description="The offer.")
    version: int = strawberry.field(description="The version that was read; refused when it is not the latest.")


@strawberry.input(description="Which offer to show to those whom it is for, as it was read.")
class PublishOfferInput(_OfferAsRead):
    """What publishOffer takes."""


@strawberry.input(description="Which offer to take back, as it was read.")
class WithdrawOfferInput(_OfferAsRead):
    """What withdrawOffer takes."""


@strawberry.input(description="What a unit costs from a quantity on.")
class PriceBreakInput:
    """One break."""

    from_units: int = strawberry.field(
        description=f"How many units one line of an order must have at least, 1 to {limits.HOLD_CODES_MAX}."
    )
    unit_price: MoneyInput = strawberry.field(description="What each unit costs then, in the offer's currency.")


@strawberry.input(description="What one of your tiers is to pay for an offer from a moment on.")
class SetOfferPricesInput:
    """What setOfferPrices takes."""

    offer_id: strawberry.ID = strawberry.field(description="The offer.")
    tier_id: strawberry.ID = strawberry.field(description="The tier.")
    breaks: list[PriceBreakInput] = strawberry.field(
        description=f"The price of a unit by quantity, at most {limits.PRICE_BREAKS_MAX}: the first is for one unit, quantities "
        "rise, and prices do not rise with them. None at all: the tier does not get the offer from then on."
    )
    starts_at: datetime | None = strawberry.field(
        default=None,
        description=f"From when on, at most {limits.PRICES_AHEAD_DAYS_MAX} days ahead; now when it is left out or over.",
    )


@strawberry.type
class _Changed:
    """An offer as it is now."""

    offer: Offer = strawberry.field(description="The offer as it is now.")


@strawberry.type(description="The offer was drafted.")
class CreateOfferSuccess(_Changed):
    """What createOffer answers."""


@strawberry.type(description="The offer was changed.")
class UpdateOfferSuccess(_Changed):
    """What updateOffer answers."""


@strawberry.type(description="The offer is shown to those whom it is for.")
class PublishOfferSuccess(_Changed):
    """What publishOffer answers."""


@strawberry.type(description="The offer is taken back.")
class WithdrawOfferSuccess(_Changed):
    """What withdrawOffer answers."""


@strawberry.type(description="The prices are set; the tier's resellers are told.")
class SetOfferPricesSuccess(_Changed):
    """What setOfferPrices answers."""

    starts_at: datetime = strawberry.field(
        description="From when they hold; earlier than the request when they were the tier's prices already."
    )


@strawberry.type
class Mutation:
    """What a merchant does with its offers."""

    @mutation(refusals=[catalog.EntitlementRetired, tenancy.TenantNotActive])
    async def create_offer(self, info: Info, tx: Tx, input: CreateOfferInput) -> CreateOfferSuccess:
        """Drafts an offer of an entitlement to other merchants. Needs `supply.edit`."""
        made = await supply.create_offer(
            tx,
            info.context.ctx,
            entitlement_id=EntitlementId(key_of(input.entitlement_id, Entitlement, path=("entitlement_id",))),
            title=input.title,
            currency=input.currency,
            in_market=input.in_market,
            min_resale=None if input.min_resale is None else input.min_resale.read(path=("min_resale",)),
        )
        return CreateOfferSuccess(offer=Offer.of(made))

    @mutation(refusals=[StaleVersion, tenancy.TenantNotActive])
    async def update_offer(self, info: Info, tx: Tx, input: UpdateOfferInput) -> UpdateOfferSuccess:
        """Changes what is said of an offer, at once; placed orders keep theirs. Needs `supply.edit`."""
        changes: dict[str, Any] = given(input, clearable=frozenset({"min_resale"}))
        if changes.get("min_resale") is not None:
            changes["min_resale"] = changes["min_resale"].read(path=("min_resale",))
        offer_id = OfferId(key_of(input.id, Offer))
        row = await supply.update_offer(tx, info.context.ctx, offer_id=offer_id, version=input.version, **changes)
        return UpdateOfferSuccess(offer=Offer.of(row))

    @mutation(
        refusals=[
            StaleVersion, supply.OfferInWrongState, supply.TooManyOffers, catalog.EntitlementRetired, routing.NoSource,
            tenancy.TenantNotActive,
        ]
    )  # fmt: skip
    async def publish_offer(self, info: Info, tx: Tx, input: PublishOfferInput) -> PublishOfferSuccess:
        """Shows an offer to the resellers whose tiers have a price for it, and to all when it is in the market.

        Something must fill it (`addSource`).
        """
        row = await routing.publish_offer(
            tx, info.context.ctx, offer_id=OfferId(key_of(input.id, Offer)), version=input.version
        )
        return PublishOfferSuccess(offer=Offer.of(row))

    @mutation(refusals=[StaleVersion, supply.OfferInWrongState, tenancy.TenantNotActive])
    async def withdraw_offer(self, info: Info, tx: Tx, input: WithdrawOfferInput) -> WithdrawOfferSuccess:
        """Takes an offer back, at once: nobody buys from it any more, and what was bought stays bought."""
        row = await supply.withdraw_offer(
            tx, info.context.ctx, offer_id=OfferId(key_of(input.id, Offer)), version=input.version
        )
        return WithdrawOfferSuccess(offer=Offer.of(row))

    @mutation(refusals=[supply.TierArchived, supply.PricesSetAlready, supply.TooManyPrices, tenancy.TenantNotActive])
    async def set_offer_prices(self, info: Info, tx: Tx, input: SetOfferPricesInput) -> SetOfferPricesSuccess:
        """Sets what a tier pays for an offer from a moment on. What was set stays as history, and is followed by this."""
        ctx = info.context.ctx
        breaks = [
            PriceBreak(each.from_units, each.unit_price.read(path=("breaks", str(place), "unit_price")))
            for place, each in enumerate(input.breaks[: limits.PRICE_BREAKS_MAX + 1])
        ]
        offer_id = OfferId(key_of(input.offer_id, Offer, path=("offer_id",)))
        made = await supply.set_prices(
            tx,
            ctx,
            offer_id=offer_id,
            tier_id=TierId(key_of(input.tier_id, Tier, path=("tier_id",))),
            breaks=breaks or None,
            starts_at=input.starts_at,
        )
        row = (await supply.own_offers_by_ids(tx, ctx, [offer_id]))[offer_id]
        return SetOfferPricesSuccess(offer=Offer.of(row), starts_at=made.starts_at)
