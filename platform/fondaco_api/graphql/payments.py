"""Payments through gateways: what payers, merchants and the platform's people see of them.

Orders show theirs through `OrderPayments`, which Order inherits; stores show ways to pay through `StorePayments`.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast
from uuid import UUID

import segno
import strawberry

from fondaco_api.graphql.context import Context, Info
from fondaco_api.graphql.enums import described
from fondaco_api.graphql.errors import ApiError
from fondaco_api.graphql.node import Node, key_of, load_named
from fondaco_api.graphql.paging import After, Before, Connection, First, Last, connect, read_page
from fondaco_api.graphql.scalars import CurrencyCode, Money
from fondaco_core import clock, limits
from fondaco_core.context import ActorKind
from fondaco_core.db import governing
from fondaco_core.ids import GatewayId, OrderId, PaymentId
from fondaco_tenants import orders, payments
from fondaco_tenants.orders import OrderState
from fondaco_tenants.payments import (
    BackTo,
    GatewaySetup,
    GatewayView,
    Outcome,
    PaymentPurpose,
    PaymentState,
    PaymentView,
    RefundReason,
    RefundState,
    RefundView,
)

if TYPE_CHECKING:
    from fondaco_api.graphql.orders import Order
    from fondaco_api.graphql.storefront import Store

described(PaymentPurpose, "What a payment is for.", ORDER="It pays an order.", TOP_UP="It brings money into a wallet.")
described(
    PaymentState,
    "Where a payment stands.",
    CREATING="It is on its way to the gateway.",
    UNKNOWN="The gateway has not said whether it took it; it is asked again.",
    PENDING="It can be paid at `payUrl`, or with the QR code.",
    CAPTURED="The money is there; `outcome` says what became of it.",
    CLOSED="It ended without money.",
    FAILED="The gateway did not take it.",
)
described(
    Outcome,
    "What became of money that came in.",
    name="PaymentOutcome",
    ORDER_PAID="It paid the order; what was too much went back.",
    ORDER_PAID_LATE="It came after the hold had run out; the stock was held again, and the order paid.",
    TOPPED_UP="It is in the wallet.",
    UNDERPAID="It was less than the order costs, and went back.",
    WRONG_CURRENCY="It was of another currency, and went back.",
    DUPLICATE="The order was paid already; it went back.",
    TOO_LATE="The order was over and its stock sold, or it was cancelled; it went back.",
    NOT_SERVED="The merchant does not trade now, or not with this buyer; it went back.",
)
described(
    RefundState,
    "Where money on its way back to its source stands.",
    name="PaymentRefundState",
    REQUESTED="The gateway is told.",
    UNKNOWN="The gateway has not said that it is done; it is asked again.",
    DONE="It went back.",
    REFUSED="The gateway does not give it back; where no wallet took it, a person sends it again or another way.",
    PAID_OUT="Somebody paid it out by hand, outside of the gateway.",
)
described(
    RefundReason,
    "Why money goes back to its source.",
    name="PaymentRefundReason",
    ORDER_REFUNDED="Units of the order were refunded.",
    OVERPAID="It was more than the order costs.",
    UNDERPAID="It was less than the order costs.",
    WRONG_CURRENCY="It was of another currency.",
    DUPLICATE="The order was paid already.",
    TOO_LATE="The order was over.",
    NOT_SERVED="The merchant does not trade now, or not with this buyer.",
)
described(
    BackTo,
    "Where money goes that is given back.",
    name="RefundTarget",
    SOURCE="To where it was paid from.",
    WALLET="Into the buyer's wallet, at once.",
)


async def load_payments(context: Context, ids: list[PaymentId]) -> list[PaymentView | None]:
    """Payments that the asker may see, by id."""
    async with context.reading() as tx:
        found = await orders.find_payments(tx, context.ctx, ids)
    return [found.get(each) for each in ids]


async def load_order_payments(context: Context, ids: list[OrderId]) -> list[list[PaymentView]]:
    """The payments of orders that the asker has read."""
    async with context.reading() as tx:
        found = await payments.payments_of_orders(tx, context.ctx, ids)
    return [found.get(each, []) for each in ids]


async def load_refunds(context: Context, ids: list[PaymentId]) -> list[list[RefundView]]:
    """What went back of payments."""
    async with context.reading() as tx:
        found = await payments.refunds_of(tx, context.ctx, ids)
    return [found.get(each, []) for each in ids]


async def load_gateways(context: Context, ids: list[GatewayId]) -> list[GatewayView | None]:
    """Gateways, also those that are switched off."""
    async with context.reading() as tx:
        found = await payments.gateways_by_ids(tx, ids)
    return [found.get(each) for each in ids]


@strawberry.type(description="A way to pay: an outside gateway that the platform has an account with.")
class PaymentGateway:
    """A gateway as everybody may see it."""

    key: str = strawberry.field(description="Its short name, by which it is chosen.")
    title: str = strawberry.field(description="Its name in your language.")
    currencies: list[CurrencyCode] = strawberry.field(description="The currencies that it takes.")

    @classmethod
    def of(cls, view: GatewayView, locale: str) -> "PaymentGateway":
        """A gateway as the schema shows it."""
        title = view.title_zh if locale == "zh-CN" else view.title_en
        return cls(key=view.key, title=title, currencies=[CurrencyCode(code) for code in view.currencies])


@strawberry.type(description="Money of a payment that goes back to its source.")
class PaymentRefund:
    """Money on its way back."""

    amount: Money = strawberry.field(description="How much.")
    reason: RefundReason = strawberry.field(description="Why.")
    state: RefundState = strawberry.field(description="Where it stands.")
    into_wallet: bool = strawberry.field(
        description="Whether it came into the buyer's wallet because the source did not take it back."
    )
    requested_at: datetime = strawberry.field(description="When it was sent on its way.")
    ended_at: datetime | None = strawberry.field(description="When it arrived or was refused; null before.")

    @classmethod
    def of(cls, view: RefundView) -> "PaymentRefund":
        """A refund as the schema shows it."""
        return cls(
            amount=Money.of(view.amount), reason=view.reason, state=view.state, into_wallet=view.into_wallet,
            requested_at=view.requested_at, ended_at=view.ended_at,
        )  # fmt: skip


@strawberry.type(description="One attempt to pay an order, or to bring money into a wallet, through a gateway.")
class Payment(Node):
    """A payment."""

    purpose: PaymentPurpose = strawberry.field(description="What it is for.")
    state: PaymentState = strawberry.field(description="Where it stands.")
    amount: Money = strawberry.field(description="What is to be paid.")
    captured: Money | None = strawberry.field(description="What was really paid; null before.")
    outcome: Outcome | None = strawberry.field(description="What became of the money; null before that is known.")
    pay_url: str | None = strawberry.field(
        description="The gateway's page to pay at; null while the gateway has not given one."
    )
    qr_text: str | None = strawberry.field(description="What a QR code to pay with says; null as `payUrl` is.")
    expires_at: datetime = strawberry.field(description="Until when it can be paid.")
    created_at: datetime = strawberry.field(description="When it was started.")
    captured_at: datetime | None = strawberry.field(
        description="When the gateway confirmed, asked by us, that the money is there; null before."
    )
    view: strawberry.Private[PaymentView]

    @classmethod
    def of(cls, view: PaymentView) -> "Payment":
        """A payment as the schema shows it."""
        return cls(
            key=view.id, purpose=view.purpose, state=view.state, amount=Money.of(view.amount),
            captured=None if view.captured is None else Money.of(view.captured), outcome=view.outcome, pay_url=view.pay_url,
            qr_text=view.qr_text, expires_at=view.expires_at, created_at=view.created_at, captured_at=view.captured_at,
            view=view,
        )  # fmt: skip

    @classmethod
    async def load_node(cls, context: Context, key: UUID) -> "Payment | None":
        """The payment as the asker may see it."""
        view = await context.loaders.load(load_payments, PaymentId(key))
        return None if view is None else cls.of(view)

    @strawberry.field(description="The QR code to pay with as an image: an address that is its own content (SVG).")
    def qr_image(self) -> str | None:
        """Drawn here, so that no client needs a library for it."""
        if self.qr_text is None:
            return None
        try:
            return segno.make(self.qr_text, error="m", micro=False).svg_data_uri(
                scale=4, border=2, xmldecl=False, nl=False
            )
        except segno.DataOverflowError:
            return None

    @strawberry.field(description="The way it is paid.")
    async def gateway(self, info: Info) -> PaymentGateway | None:
        """The gateway."""
        view = await info.context.loaders.load(load_gateways, self.view.gateway_id)
        return None if view is None else PaymentGateway.of(view, info.context.locale)

    @strawberry.field(description="What of it goes back to its source, or went.")
    async def refunds(self, info: Info) -> list[PaymentRefund]:
        """Money on its way back."""
        return [PaymentRefund.of(each) for each in await info.context.loaders.load(load_refunds, self.view.id)]

    @strawberry.field(description="The order that it pays; null for a top-up.")
    async def order(self, info: Info) -> Annotated["Order", strawberry.lazy("fondaco_api.graphql.orders")] | None:
        """The order."""
        if self.view.order_id is None:
            return None
        found: Any = await load_named(info.context, "Order", self.view.order_id)
        return cast("Order | None", found)


@strawberry.type
class OrderPayments:
    """What an order shows of its payments; Order inherits it."""

    @strawberry.field(
        description=f"Its payments through gateways, newest first, at most {limits.PAYMENTS_LISTED_MAX}; "
        "one that is paid from a wallet has none."
    )
    async def payments(self, info: Info) -> list[Payment]:
        """The payments."""
        order_id = OrderId(cast("Order", self).key)
        return [Payment.of(each) for each in await info.context.loaders.load(load_order_payments, order_id)]

    @strawberry.field(description="Whether you may start a payment of it through a gateway now.")
    def viewer_can_start_payment(self, info: Info) -> bool:
        """An own order that is unpaid, still held, and costs something."""
        view = cast("Order", self).view
        held = view.hold_expires_at is not None and view.hold_expires_at > clock.now()
        waits = view.state is OrderState.PENDING_PAYMENT and held and view.total.amount_minor > 0
        return waits and info.context.ctx.has("buyer.order")


@strawberry.type
class StorePayments:
    """What a store shows of ways to pay; Store inherits it."""

    @strawberry.field(description="The ways to pay in the store's currency, beside a wallet.")
    async def gateways(self, info: Info) -> list[PaymentGateway]:
        """The gateways that are switched on."""
        currency = cast("Store", self).row.currency
        async with info.context.reading() as tx:
            found = await payments.gateways_for(tx, currency=currency)
        return [PaymentGateway.of(each, info.context.locale) for each in found]


async def _page(
    info: Info, *, first: int | None, after: str | None, last: int | None, before: str | None
) -> Connection[Payment]:
    page = read_page(first, after, last, before, keys=(UUID,))
    (bound,) = page.bound(1)
    async with info.context.reading() as tx:
        rows = await payments.list_payments(
            tx, info.context.ctx, bound=bound, backwards=page.backward, count=page.limit
        )
    return connect(page, rows, key=lambda row: (row.id,), make=Payment.of)


@strawberry.type
class ViewerFields:
    """Payments as their payer sees them."""

    @strawberry.field(description="Your own payments at this merchant, newest first; a guest's are with the order.")
    async def payments(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Payment]:
        """The buyer's payments."""
        ctx = info.context.ctx
        ctx.require("buyer.read")
        if ctx.customer_id is None or ctx.actor is ActorKind.GUEST:
            return connect(read_page(first, after, last, before, keys=(UUID,)), [], key=_no_key, make=Payment.of)
        return await _page(info, first=first, after=after, last=last, before=before)


def _no_key(row: PaymentView) -> tuple[UUID]:
    return (row.id,)


@strawberry.type
class MerchantFields:
    """Payments of the merchant itself."""

    @strawberry.field(description="Payments into the merchant's own wallet, newest first.")
    async def top_ups(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Payment]:
        """The merchant's top-ups."""
        info.context.ctx.require("wallets.read")
        return await _page(info, first=first, after=after, last=last, before=before)

    @strawberry.field(description="The ways to bring money of a currency into the merchant's own wallet.")
    async def gateways(
        self, info: Info, currency: Annotated[CurrencyCode, strawberry.argument(description="The currency.")]
    ) -> list[PaymentGateway]:
        """The gateways that are switched on."""
        async with info.context.reading() as tx:
            found = await payments.gateways_for(tx, currency=currency)
        return [PaymentGateway.of(each, info.context.locale) for each in found]


@strawberry.type(description="What an adapter wants to know of a gateway beside its address; nothing secret.")
class GatewayOption:
    """One option."""

    name: str = strawberry.field(description="Its name, as the adapter knows it.")
    value: str = strawberry.field(description="Its value.")


@strawberry.type(description="A gateway as the platform's people keep it. Its secret can be replaced, and never read.")
class GatewaySettings:
    """A gateway with what makes it work."""

    key: str = strawberry.field(description="Its short name in addresses: `/gateways/<key>/notify`; it never changes.")
    kind: str = strawberry.field(description="Which protocol it speaks: `SANDBOX`.")
    title_zh: str = strawberry.field(description="Its name in Chinese.")
    title_en: str = strawberry.field(description="Its name in English.")
    currencies: list[CurrencyCode] = strawberry.field(description="The currencies that it takes.")
    base_url: str = strawberry.field(description="Where it is reached.")
    options: list[GatewayOption] = strawberry.field(description="What its adapter wants to know beside.")
    enabled: bool = strawberry.field(description="Whether buyers may choose it. Payments that wait go on in any case.")
    changed_at: datetime = strawberry.field(description="When it was last changed.")
    version: int = strawberry.field(description="Goes up with every change; give it back when you change it.")

    @strawberry.field(description="Whether you may change it: its details, its secret, and whether it is on.")
    def viewer_can_edit(self, info: Info) -> bool:
        """By permission alone."""
        return info.context.ctx.has("platform.gateways")

    @classmethod
    def of(cls, setup: GatewaySetup) -> "GatewaySettings":
        """A gateway as the schema shows it to admins."""
        shown = setup.shown
        return cls(
            key=shown.key, kind=shown.kind, title_zh=shown.title_zh, title_en=shown.title_en,
            currencies=[CurrencyCode(code) for code in shown.currencies], base_url=setup.base_url,
            options=[GatewayOption(name=name, value=value) for name, value in setup.options], enabled=shown.enabled,
            changed_at=shown.changed_at, version=shown.version,
        )  # fmt: skip


@strawberry.type
class PlatformFields:
    """Gateways as the platform's people keep them."""

    @strawberry.field(description=f"Every gateway, at most {limits.GATEWAYS_MAX}.")
    async def gateways(self, info: Info) -> list[GatewaySettings]:
        """All of them."""
        async with governing(info.context.ctx) as tx:
            return [GatewaySettings.of(each) for each in await payments.list_gateways(tx, info.context.ctx)]


@strawberry.type
class Subscription:
    """Payments as they change."""

    @strawberry.subscription(
        description="A payment now and after each change, until its money has done what it came for, or it has ended "
        "without. Closes by itself then."
    )
    async def payment_changed(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The payment's id.")]
    ) -> AsyncGenerator[Payment, None]:
        """Follows one payment; holds no transaction between two looks."""
        payment_id = PaymentId(key_of(id, Payment))
        seen = -1
        while True:
            async with info.context.reading() as tx:
                view = (await orders.find_payments(tx, info.context.ctx, [payment_id])).get(payment_id)
            if view is None:
                msg = "No such payment."
                raise ApiError(msg)
            if view.version != seen:
                seen = view.version
                yield Payment.of(view)
            if view.settled_at is not None or view.state in {PaymentState.CLOSED, PaymentState.FAILED}:
                return
            await asyncio.sleep(limits.FOLLOW_POLL_S)
