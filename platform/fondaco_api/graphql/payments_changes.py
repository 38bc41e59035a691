"""What can be done with payments: start one for an order or a wallet; and, for the platform's people, keep gateways."""

from typing import Annotated, Any

import strawberry

from fondaco_api.graphql.context import Info
from fondaco_api.graphql.node import key_of
from fondaco_api.graphql.order_refusals import START_REFUSALS
from fondaco_api.graphql.orders import Order
from fondaco_api.graphql.payments import GatewaySettings, Payment
from fondaco_api.graphql.scalars import CurrencyCode, MoneyInput
from fondaco_api.graphql.transaction import mutation
from fondaco_core.db import Tx, governing
from fondaco_core.errors import NotFound, Refusal, StaleVersion
from fondaco_core.ids import OrderId
from fondaco_core.secret import Secret
from fondaco_core.tenancy import TenantNotActive
from fondaco_tenants import orders, payments
from fondaco_tenants.payments import BackTo, GatewayDetails, Through

GATEWAY_REFUSALS: tuple[type[Refusal], ...] = (
    payments.GatewayUnavailable, payments.PaymentNotOpened, payments.TooManyPayments, payments.InvalidGateway,
    TenantNotActive,
)  # fmt: skip


@strawberry.input(description="Which order to pay, and how.")
class StartPaymentInput:
    """A payment of an order."""

    order_id: strawberry.ID = strawberry.field(description="The unpaid order, of your own.")
    gateway: str = strawberry.field(description="The way to pay, by its `key` of `Store.gateways`.")
    return_url: str | None = strawberry.field(
        default=None, description="Where the gateway leads back to; https. The platform's own address when left out."
    )
    leftovers: BackTo = strawberry.field(
        default=BackTo.SOURCE,
        description="Where money goes that does not fit: too much, too little, too late. A guest's always to its source.",
    )


@strawberry.input(description="How much money to bring in, and how.")
class StartTopUpInput:
    """A payment into a wallet."""

    amount: MoneyInput = strawberry.field(description="How much, more than nothing.")
    gateway: str = strawberry.field(description="The way to pay, by its key.")
    return_url: str | None = strawberry.field(
        default=None, description="Where the gateway leads back to; https. The platform's own address when left out."
    )


@strawberry.type(description="The payment waits to be paid: at its `payUrl`, or with its QR code.")
class StartPaymentSuccess:
    """A payment that was started."""

    payment: Payment = strawberry.field(
        description="The payment. While its state is UNKNOWN the gateway has not answered yet; follow `paymentChanged`."
    )


@strawberry.type(description="The payment waits to be paid: at its `payUrl`, or with its QR code.")
class StartTopUpSuccess:
    """A top-up that was started."""

    payment: Payment = strawberry.field(
        description="The payment. While its state is UNKNOWN the gateway has not answered yet; follow `paymentChanged`."
    )


@strawberry.input(description="One option of a gateway.")
class GatewayOptionInput:
    """A name and a value."""

    name: str = strawberry.field(description="Its name, as the adapter knows it.")
    value: str = strawberry.field(description="Its value; nothing secret.")


@strawberry.input
class GatewayFields:
    """What is entered of a gateway, its secret apart."""

    title_zh: str = strawberry.field(description="Its name in Chinese.")
    title_en: str = strawberry.field(description="Its name in English.")
    currencies: list[CurrencyCode] = strawberry.field(description="The currencies that it takes.")
    base_url: str = strawberry.field(description="Where it is reached.")
    options: list[GatewayOptionInput] = strawberry.field(
        default_factory=list, description="What its adapter wants to know beside: an account number, say."
    )

    def read(self) -> GatewayDetails:
        """The module's details."""
        return GatewayDetails(
            self.title_zh, self.title_en, tuple(self.currencies), self.base_url,
            tuple((option.name, option.value) for option in self.options),
        )  # fmt: skip


@strawberry.input(description="A way to pay.")
class AddGatewayInput(GatewayFields):
    """A gateway to be added."""

    key: str = strawberry.field(description="Its short name in addresses; it never changes.")
    kind: str = strawberry.field(description="Which protocol it speaks: `SANDBOX`.")
    secret: str = strawberry.field(description="The secret that both sides sign with. Nobody can read it afterwards.")


@strawberry.input(description="A way to pay as it shall be.")
class UpdateGatewayInput(GatewayFields):
    """A gateway to be changed."""

    key: str = strawberry.field(description="Which one.")
    version: int = strawberry.field(description="The version that you have read.")
    enabled: bool = strawberry.field(description="Whether buyers may choose it.")


@strawberry.input(description="Another secret of a gateway.")
class SetGatewaySecretInput:
    """A secret to be replaced."""

    key: str = strawberry.field(description="Which gateway's.")
    secret: str = strawberry.field(description="The secret that both sides sign with from now on.")


@strawberry.type(description="The gateway is there, and buyers may choose it.")
class AddGatewaySuccess:
    """A new gateway."""

    gateway: GatewaySettings = strawberry.field(description="The gateway.")


@strawberry.type(description="The gateway is changed.")
class UpdateGatewaySuccess:
    """A changed gateway."""

    gateway: GatewaySettings = strawberry.field(description="The gateway as it is now.")


@strawberry.type(description="The secret is replaced.")
class SetGatewaySecretSuccess:
    """A gateway with another secret."""

    gateway: GatewaySettings = strawberry.field(description="The gateway as it is now.")


def _through(info: Info, gateway: str, return_url: str | None, leftovers: BackTo = BackTo.SOURCE) -> Through:
    home = info.context.settings.public_url
    return Through(gateway, return_url or home, home, leftovers)


async def _at_the_gateway(info: Info, result: Any, _: dict[str, Any]) -> Any:
    """Takes the payment to its gateway once it is committed; a repeated request does so again, and opens nothing twice."""
    payment: Payment = result.payment
    await payments.open_at_gateway(payment.view.id)
    found = await Payment.load_node(info.context, payment.key)
    if found is None:
        raise NotFound("payment")
    return type(result)(payment=found)


@strawberry.type
class Mutation:
    """What can be done with payments and gateways."""

    @mutation(refusals=(*START_REFUSALS, *GATEWAY_REFUSALS), then=_at_the_gateway)
    async def start_payment(
        self, info: Info, tx: Tx, input: Annotated[StartPaymentInput, strawberry.argument(description="What, and how.")]
    ) -> StartPaymentSuccess:
        """Starts a payment of an unpaid order through a gateway, for its buyer or who holds its token.

        The order is paid when the gateway confirms the money; follow `paymentChanged` or `orderChanged`. One that waits at the
        same gateway already is answered again.
        """
        order_id = OrderId(key_of(input.order_id, Order, path=("order_id",)))
        view = await orders.start_payment(
            tx, info.context.ctx, order_id=order_id,
            through=_through(info, input.gateway, input.return_url, input.leftovers),
        )  # fmt: skip
        return StartPaymentSuccess(payment=Payment.of(view))

    @mutation(refusals=(*GATEWAY_REFUSALS, payments.InvalidAmount), then=_at_the_gateway)
    async def start_top_up(
        self, info: Info, tx: Tx, input: Annotated[StartTopUpInput, strawberry.argument(description="What, and how.")]
    ) -> StartTopUpSuccess:
        """Starts a payment into your wallet at this merchant; for a merchant's people, into the merchant's own wallet.

        What is really paid comes into the wallet when the gateway confirms it.
        """
        amount = input.amount.read(path=("amount",))
        through = _through(info, input.gateway, input.return_url)
        view = await payments.open_top_up(tx, info.context.ctx, amount=amount, through=through)
        return StartTopUpSuccess(payment=Payment.of(view))

    @mutation(
        refusals=[payments.InvalidGateway, payments.GatewayExists], opens=payments.sealing_gateways, replays=False
    )
    async def add_gateway(
        self, info: Info, tx: Tx, input: Annotated[AddGatewayInput, strawberry.argument(description="The gateway.")]
    ) -> AddGatewaySuccess:
        """Adds a way to pay, switched on. For the platform's admins."""
        added = await payments.add_gateway(
            tx, info.context.ctx, key=input.key, kind=input.kind, details=input.read(), secret=Secret(input.secret)
        )
        return AddGatewaySuccess(gateway=GatewaySettings.of(added))

    @mutation(refusals=[payments.InvalidGateway, StaleVersion], opens=governing)
    async def update_gateway(
        self, info: Info, tx: Tx, input: Annotated[UpdateGatewayInput, strawberry.argument(description="The gateway.")]
    ) -> UpdateGatewaySuccess:
        """Changes a way to pay, or switches it on or off. For the platform's admins."""
        changed = await payments.update_gateway(
            tx, info.context.ctx, key=input.key, version=input.version, details=input.read(), enabled=input.enabled
        )
        return UpdateGatewaySuccess(gateway=GatewaySettings.of(changed))

    @mutation(refusals=[payments.InvalidGateway], opens=payments.sealing_gateways)
    async def set_gateway_secret(
        self,
        info: Info,
        tx: Tx,
        input: Annotated[SetGatewaySecretInput, strawberry.argument(description="The secret.")],
    ) -> SetGatewaySecretSuccess:
        """Gives a gateway another secret; nobody can read the old one or the new one. For the platform's admins."""
        changed = await payments.set_gateway_secret(tx, info.context.ctx, key=input.key, secret=Secret(input.secret))
        return SetGatewaySecretSuccess(gateway=GatewaySettings.of(changed))
