"""A gateway that is a fake of the port, and payments through it: what every test of money from outside begins with."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

import orjson

from fondaco_core import clock
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.errors import Outage
from fondaco_core.ids import OrderId, PaymentId, PaymentRefundId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import orders, payments
from fondaco_tenants.payments import BackTo, GatewayDetails, PaymentView, RefundView, Through
from fondaco_tenants.payments.adapters import FACTORIES
from fondaco_tenants.payments.errors import ForgedNotification, GatewayRefused
from fondaco_tenants.payments.ports import (
    Acknowledgement,
    Created,
    Found,
    Gateway,
    GatewayConfig,
    NewPayment,
    NewRefund,
    Notified,
    PaymentFound,
    RawNotification,
    RefundFound,
    RefundStanding,
    StatementLine,
    StatementPage,
)
from tests.support.factories.identity import admin_ctx

RUN = system_ctx("test", permissions=frozenset({"system.run"}))
SECRET = "a secret that nobody knows but the gateway"


@dataclass(slots=True)
class Booked:
    """A payment as the fake has it."""

    amount: Money
    state: PaymentFound = PaymentFound.PENDING
    reference: str = field(default_factory=lambda: f"gw-{uuid4().hex[:12]}")
    paid: Money | None = None


@dataclass(slots=True)
class FakeGateway:
    """A gateway in memory. It does what the port says, unless a test tells it to misbehave."""

    key: str
    secret: str = SECRET
    payments: dict[PaymentId, Booked] = field(default_factory=dict)
    refunds: dict[PaymentRefundId, RefundFound] = field(default_factory=dict)
    refund_calls: list[PaymentRefundId] = field(default_factory=list)
    queries: int = 0
    # What goes wrong: calls that are not answered though they were done, calls that are refused, refunds that take a while.
    unanswered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    slow_refunds: bool = False
    # The next refund that is asked for is refused, and whoever asked hears of it when this is set.
    refused_late: asyncio.Event | None = None
    # Paid in the moment in which it is closed.
    paid_when_closed: bool = False
    # Answers queries of everybody at once: nobody goes on before so many have asked.
    together: asyncio.Barrier | None = None

    def _after(self, call: str) -> None:
        if call in self.unanswered:
            msg = f"{call} was not answered"
            raise Outage(msg)

    def _before(self, call: str) -> None:
        if call in self.refused:
            raise GatewayRefused(call.upper())

    async def create(self, new: NewPayment) -> Created:
        """Opens a payment."""
        self._before("create")
        booked = self.payments.setdefault(new.payment_id, Booked(new.amount))
        self._after("create")
        return Created(booked.reference, f"https://pay.example/{new.payment_id}", f"pay:{new.payment_id}")

    def read_notification(self, raw: RawNotification) -> Notified:
        """Checks the signature."""
        said = raw.headers.get("x-signature", "")
        if not hmac.compare_digest(said, _signature(self.secret, raw.body)):
            raise ForgedNotification
        told = orjson.loads(raw.body)
        amount = Money(told["amount_minor"], told["currency"])
        return Notified(
            told["id"], PaymentId(UUID(told["payment_id"])), told["reference"], PaymentFound(told["state"]), amount
        )

    async def query(self, payment_id: PaymentId) -> Found:
        """Where a payment stands."""
        self.queries += 1
        if self.together is not None:
            await self.together.wait()
        self._after("query")
        booked = self.payments.get(payment_id)
        if booked is None:
            return Found(PaymentFound.MISSING)
        return Found(booked.state, booked.paid, booked.reference, clock.now() if booked.paid else None)

    async def refund(self, new: NewRefund) -> RefundFound:
        """Gives money back, once for each refund id."""
        self.refund_calls.append(new.refund_id)
        if self.refused_late is not None:
            late, self.refused_late = self.refused_late, None
            await late.wait()
            raise GatewayRefused("LATE")
        self._before("refund")
        standing = RefundStanding.PENDING if self.slow_refunds else RefundStanding.DONE
        found = self.refunds.setdefault(new.refund_id, RefundFound(standing, new.amount))
        self._after("refund")
        return found

    async def query_refund(self, refund_id: PaymentRefundId) -> RefundFound:
        """Where a refund stands."""
        self._after("query_refund")
        return self.refunds.get(refund_id, RefundFound(RefundStanding.MISSING))

    async def close(self, payment_id: PaymentId) -> None:
        """Ends an unpaid payment."""
        booked = self.payments.get(payment_id)
        if self.paid_when_closed and booked is not None:
            self.pay(payment_id)
        if booked is None or booked.state is PaymentFound.PAID:
            raise GatewayRefused("PAID" if booked else "MISSING")
        booked.state = PaymentFound.CLOSED

    async def statement(self, day: date, *, after: str | None = None) -> StatementPage:
        """An empty statement; reconciliation has a gateway of its own."""
        assert day
        assert after is None
        return StatementPage(list[StatementLine]())

    def acknowledge(self, *, taken: bool) -> Acknowledgement:
        """The word that this gateway wants to hear."""
        return Acknowledgement(200, b"success") if taken else Acknowledgement(400, b"fail")

    # What payers do, and what the gateway sends.

    def pay(self, payment_id: PaymentId, amount: Money | None = None) -> None:
        """Somebody pays, as asked or another amount."""
        booked = self.payments[payment_id]
        booked.state, booked.paid = PaymentFound.PAID, amount or booked.amount

    def notification(self, payment_id: PaymentId, *, id_: str | None = None, forged: bool = False) -> RawNotification:
        """A notification as it is sent."""
        booked = self.payments.get(payment_id) or Booked(Money(1, "CNY"))
        amount = booked.paid or booked.amount
        body = orjson.dumps(
            {
                "id": id_ or uuid4().hex, "payment_id": str(payment_id), "reference": booked.reference,
                "state": booked.state.value, "amount_minor": amount.amount_minor, "currency": amount.currency,
            }
        )  # fmt: skip
        signature = _signature("somebody else's secret" if forged else self.secret, body)
        return RawNotification(body, {"x-signature": signature, "content-type": "application/json"}, clock.now())


def _signature(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


BOOKS: dict[str, FakeGateway] = {}


def fake(config: GatewayConfig, secret: Secret[str]) -> Gateway:
    """The factory of fakes: the one that was made for this key, with the secret that was entered."""
    found = BOOKS[config.key]
    found.secret = secret.reveal()
    return found


@asynccontextmanager
async def fake_gateways() -> AsyncGenerator[None]:
    """Has this process speak with fakes while the block lasts."""
    before, FACTORIES["SANDBOX"] = FACTORIES["SANDBOX"], fake
    yield
    FACTORIES["SANDBOX"] = before


def some_details(*, currencies: Sequence[str] = ("CNY",)) -> GatewayDetails:
    """Details that are valid."""
    return GatewayDetails("沙箱支付", "Sandbox", tuple(currencies), "https://gateway.example/api")


async def make_gateway(*, currencies: Sequence[str] = ("CNY",)) -> FakeGateway:
    """A gateway that is switched on, and the fake behind it."""
    key = f"g-{uuid4().hex[:12]}"
    admin = admin_ctx()
    async with payments.sealing_gateways(admin) as tx:
        await payments.add_gateway(
            tx, admin, key=key, kind="SANDBOX", details=some_details(currencies=currencies), secret=Secret(SECRET)
        )
    BOOKS[key] = FakeGateway(key)
    return BOOKS[key]


def through(gateway: FakeGateway, *, leftovers: BackTo = BackTo.SOURCE) -> Through:
    """A way to pay."""
    return Through(gateway.key, "https://shop.example/back", "https://shop.example", leftovers)


async def start_payment(
    gateway: FakeGateway, buyer: Ctx, order_id: OrderId, *, leftovers: BackTo = BackTo.SOURCE
) -> PaymentId:
    """A payment of an order that waits at the gateway."""
    async with transaction(buyer) as tx:
        started = await orders.start_payment(
            tx, buyer, order_id=order_id, through=through(gateway, leftovers=leftovers)
        )
    await payments.open_at_gateway(started.id)
    return started.id


async def start_top_up(gateway: FakeGateway, ctx: Ctx, *, amount: Money | None = None) -> PaymentId:
    """A payment into a wallet that waits at the gateway."""
    async with transaction(ctx) as tx:
        started = await payments.open_top_up(tx, ctx, amount=amount or Money(10_000, "CNY"), through=through(gateway))
    await payments.open_at_gateway(started.id)
    return started.id


async def settle(payment_id: PaymentId) -> None:
    """What the actor does that hears of captured money."""
    view = await payment_of(payment_id)
    ctx = system_ctx("test", tenant_id=view.tenant_id, permissions=frozenset({"system.run"}))
    async with trading(ctx) as tx:
        await orders.settle_payment(tx, ctx, payment_id=payment_id)


async def look_and_settle(payment_id: PaymentId) -> None:
    """What the actors do once a notification has come."""
    await payments.look_at_payment(RUN, payment_id)
    await settle(payment_id)


async def payment_of(payment_id: PaymentId) -> PaymentView:
    """A payment as it is stored."""
    async with governing(RUN) as tx:
        found = await payments.get_for_system(tx, RUN, payment_id)
    assert found is not None
    return found


async def refunds_of(payment_id: PaymentId) -> list[RefundView]:
    """What went back of a payment, or is on its way."""
    view = await payment_of(payment_id)
    ctx = Ctx(tenant_id=view.tenant_id, permissions=frozenset({"orders.read", "wallets.read"}))
    async with transaction(ctx) as tx:
        return (await payments.refunds_of(tx, ctx, [payment_id])).get(payment_id, [])


async def send_refunds(payment_id: PaymentId) -> None:
    """What the actor does that hears of money on its way back."""
    for refund in await refunds_of(payment_id):
        await payments.send_refund(RUN, refund.id)
