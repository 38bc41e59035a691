"""What is asked for when orders are placed or simulated."""

from collections.abc import Sequence

import strawberry

from fondaco_api.graphql.context import Context
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.listings import Listing
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.scalars import MoneyInput
from fondaco_core import limits
from fondaco_core.context import ActorKind
from fondaco_core.ids import ListingId
from fondaco_tenants import orders
from fondaco_tenants.orders import OrderRequest, PayBy

described(
    PayBy,
    "How an order is paid.",
    WALLET="From the buyer's wallet at this merchant, at once; fulfilled in the same moment.",
    LATER="Later, with `payOrder`; the stock is held until then, or until the hold runs out.",
)


@strawberry.input(description="A listing and how many of it.")
class OrderLineInput:
    """One line that is asked for."""

    listing_id: strawberry.ID = strawberry.field(description="The listing.")
    quantity: int = strawberry.field(default=1, description=f"How many, from 1 to {limits.HOLD_CODES_MAX}.")


@strawberry.input(description="Who buys without an account.")
class GuestInput:
    """A guest."""

    contact: str = strawberry.field(description="An e-mail address, or a phone number with its country code (+86…).")


@strawberry.input(description="Somebody else for whom an order is.")
class GiftToInput:
    """Who gets it."""

    contact: str = strawberry.field(description="Where they are told: an e-mail address, or a phone number (+86…).")
    name: str | None = strawberry.field(
        default=None, description=f"By which name they are addressed, up to {limits.NAME_MAX} characters."
    )
    message: str | None = strawberry.field(
        default=None, description=f"What you tell them, plain text of up to {limits.GIFT_MESSAGE_MAX} characters."
    )
    locale: str = strawberry.field(default="en", description="Their language: `zh-CN` or `en`.")


@strawberry.input(description="What to order.")
class PlaceOrderInput:
    """What is asked for."""

    lines: list[OrderLineInput] = strawberry.field(
        description=f"1 to {limits.ORDER_LINES_MAX} lines, each listing once."
    )
    pay_by: PayBy = strawberry.field(default=PayBy.WALLET, description="How to pay.")
    expected_total: MoneyInput | None = strawberry.field(
        default=None, description="The total you agreed to; at any other the order is refused with PriceChanged."
    )
    reference: str | None = strawberry.field(default=None, description="A reference of your own, up to 200 characters.")
    guest: GuestInput | None = strawberry.field(
        default=None, description="Who you are when you have no account here; else leave it out."
    )
    device_id: str | None = strawberry.field(
        default=None,
        description=f"What you call the device that is bought from, up to {limits.DEVICE_ID_MAX} characters; the header X-Device-Id "
        "says the same. Only a keyed hash of it is kept.",
    )
    gift_to: GiftToInput | None = strawberry.field(
        default=None,
        description="Somebody else for whom it is; they get a link to the goods, and you do not see the codes.",
    )


@strawberry.input(description="What would be ordered: the same as `placeOrder` takes.")
class SimulateOrderInput(PlaceOrderInput):
    """What simulateOrder takes."""


@strawberry.input(description="Orders that are independent of each other.")
class PlaceOrdersInput:
    """Many orders."""

    orders: list[PlaceOrderInput] = strawberry.field(
        description=f"1 to {limits.ORDERS_PER_REQUEST_MAX} orders, without guests."
    )


def _lines_of(lines: Sequence[OrderLineInput], *prefix: str) -> tuple[tuple[ListingId, int], ...]:
    return tuple(
        (ListingId(key_of(line.listing_id, Listing, path=(*prefix, "lines", str(n), "listing_id"))), line.quantity)
        for n, line in enumerate(lines)
    )


def request_of(given: PlaceOrderInput, context: Context, *prefix: str) -> OrderRequest:
    """What is asked for, as orders take it; refuses what no order can be."""
    agreed, gift = given.expected_total, given.gift_to
    if given.reference is not None and (len(given.reference) > limits.NAME_MAX or "\0" in given.reference):
        raise orders.InvalidOrder(
            f"A reference has at most {limits.NAME_MAX} characters, none of them null.",
            zh=f"参考号最多 {limits.NAME_MAX} 个字符，且不得含空字符。",
            path=(*prefix, "reference"),
        )
    return OrderRequest(
        lines=_lines_of(given.lines, *prefix),
        pay_by=given.pay_by,
        # A machine's orders are fetched by the machine; people are written to.
        channel="API" if context.ctx.actor is ActorKind.API_CLIENT else "WEB",
        agreed=None if agreed is None else agreed.read(path=(*prefix, "expected_total")),
        reference=given.reference,
        device=given.device_id or _device_of(context),
        gift=None if gift is None else orders.NewGift(gift.contact, gift.name, gift.message, gift.locale),
    )


def _device_of(context: Context) -> str | None:
    return None if context.request is None else context.request.headers.get("x-device-id")
