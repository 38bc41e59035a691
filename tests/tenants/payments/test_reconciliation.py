"""Two books are compared in both directions; what differs is on a list until it is gone or somebody says what became of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from fondaco_core import clock
from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.errors import Invalid, NotAllowed, NotFound, Outage
from fondaco_core.ids import GatewayId, PaymentId
from fondaco_core.money import Money
from fondaco_tenants import payments
from fondaco_tenants.orders import PayBy
from fondaco_tenants.payments import (
    Difference,
    DifferenceKind,
    DifferenceResolved,
    DifferenceState,
    DifferenceSubject,
    InvalidDay,
    PaymentState,
)
from fondaco_tenants.payments.ports import StatementKind, StatementLine, StatementPage
from tests.support.factories.identity import admin_ctx
from tests.support.factories.orders import PRICE, Shop, make_buyer, make_shop, place
from tests.support.factories.payments import (
    BOOKS,
    RUN,
    FakeGateway,
    fake_gateways,
    look_and_settle,
    make_gateway,
    payment_of,
    refunds_of,
    send_refunds,
    start_payment,
)
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

PAYMENT, REFUND = StatementKind.PAYMENT, StatementKind.REFUND


@dataclass(slots=True)
class Bookkeeper(FakeGateway):
    """A gateway that says of a day what a test has it say, so many lines a part."""

    lines: list[StatementLine] = field(default_factory=list)
    a_part: int = 100
    away: bool = False
    endless: bool = False

    async def statement(self, day: date, *, after: str | None = None) -> StatementPage:
        """The lines of the day, part by part."""
        if self.away:
            msg = "the statement was not answered"
            raise Outage(msg)
        if self.endless:
            return StatementPage([], "again")
        lines = [line for line in self.lines if line.happened_at.date() == day]
        begin = int(after or 0)
        more = str(begin + self.a_part) if begin + self.a_part < len(lines) else None
        return StatementPage(lines[begin : begin + self.a_part], more)


def line(
    our_id: object, amount: Money | None = None, *, kind: StatementKind = PAYMENT, at: datetime | None = None
) -> StatementLine:
    return StatementLine(kind, str(our_id), f"gw-{our_id}", amount or Money(PRICE, "CNY"), at or clock.now())


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """The clock goes on from noon of today: no test runs over the end of the day that it compares."""
    begun = datetime.now(UTC)
    shift = begun.replace(hour=12) - begun
    clock.use(lambda: datetime.now(UTC) + shift)
    yield
    clock.use(None)


@pytest.fixture
async def gateway(database: object) -> AsyncIterator[Bookkeeper]:
    assert database
    async with fake_gateways():
        made = await make_gateway()
        BOOKS[made.key] = Bookkeeper(made.key)
        yield BOOKS[made.key]  # type: ignore[misc]


async def id_of(gateway: FakeGateway) -> GatewayId:
    async with governing(RUN) as tx:
        return GatewayId(await tx.fetchval("SELECT id FROM gateway WHERE key = $1", gateway.key))


async def compare(gateway: FakeGateway, day: date | None = None) -> int | None:
    return await payments.reconcile_day(RUN, gateway_id=await id_of(gateway), day=day or clock.now().date())


async def differences(gateway: FakeGateway, state: DifferenceState | None = None) -> list[Difference]:
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        return await payments.list_differences(
            tx, ctx, gateway=gateway.key, day=None, state=state, after=None, count=100
        )


async def paid(gateway: FakeGateway, shop: Shop, *, captured: bool = True) -> PaymentId:
    """A payment of an order that was paid at the gateway, and (`captured`) is booked here."""
    buyer = await make_buyer(shop)
    order = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, order.order_id)
    gateway.pay(payment_id)
    if captured:
        await look_and_settle(payment_id)
    return payment_id


async def paid_too_much(gateway: FakeGateway, shop: Shop) -> tuple[PaymentId, UUID]:
    """A payment of one cent more, which went back; and the refund."""
    buyer = await make_buyer(shop)
    order = await place(shop, buyer, pay_by=PayBy.LATER)
    payment_id = await start_payment(gateway, buyer, order.order_id)
    gateway.pay(payment_id, Money(PRICE + 1, "CNY"))
    await look_and_settle(payment_id)
    await send_refunds(payment_id)
    (refund,) = await refunds_of(payment_id)
    return payment_id, refund.id


async def events_since(mark: int) -> list[str]:
    async with governing(RUN) as tx:
        rows = await tx.fetch("SELECT name FROM outbox_event WHERE seq > $1 ORDER BY seq", mark)
    return [row["name"] for row in rows]


async def last_event() -> int:
    async with governing(RUN) as tx:
        return int(await tx.fetchval("SELECT coalesce(max(seq), 0) FROM outbox_event"))


async def test_books_that_agree_differ_in_nothing(gateway: Bookkeeper) -> None:
    shop = await make_shop()
    first = await paid(gateway, shop)
    second, refund = await paid_too_much(gateway, shop)
    gateway.lines = [line(first), line(second, Money(PRICE + 1, "CNY")), line(refund, Money(1, "CNY"), kind=REFUND)]
    gateway.a_part = 2

    found = [await compare(gateway) for _ in range(2)]

    assert found == [0, 0]
    assert await differences(gateway) == []
    ctx = admin_ctx()
    async with governing(ctx) as tx:
        (day,) = await payments.list_reconciliations(tx, ctx, gateway=gateway.key, after=None, count=10)
    assert (day.day, day.state, day.lines, day.differences) == (clock.now().date(), "DONE", 3, 0)
    await assert_invariants()


async def test_every_way_in_which_books_differ_is_found_and_told_once(gateway: Bookkeeper) -> None:
    shop = await make_shop(stock=12)
    other = await make_gateway()
    lost, amount, currency, state, twice = [await paid(gateway, shop, captured=n != 3) for n in range(5)]
    elsewhere = await paid(other, shop)
    over, refund = await paid_too_much(gateway, shop)
    unknown, odd = uuid4(), "x\0" + "y" * 500
    gateway.lines = [
        line(amount, Money(PRICE - 1, "CNY")), line(currency, Money(PRICE, "USD")), line(state), line(twice), line(twice),
        line(elsewhere), line(unknown), line(odd), line(over, Money(PRICE + 1, "CNY")), line(uuid4(), kind=REFUND),
    ]  # fmt: skip
    mark = await last_event()

    total = await compare(gateway)
    once = await differences(gateway)
    told = await events_since(mark)
    again = await compare(gateway)

    kinds = {(found.our_id or found.written_id): (found.subject, found.kind) for found in once}
    assert kinds[lost] == (DifferenceSubject.PAYMENT, DifferenceKind.MISSING_THERE)
    assert kinds[amount][1] is DifferenceKind.AMOUNT
    assert kinds[currency][1] is DifferenceKind.CURRENCY
    assert kinds[state][1] is DifferenceKind.STATE
    assert kinds[twice][1] is DifferenceKind.REPEATED
    assert kinds[str(elsewhere)][1] is kinds[str(unknown)][1] is DifferenceKind.MISSING_HERE
    assert kinds[refund] == (DifferenceSubject.REFUND, DifferenceKind.MISSING_THERE)
    assert (total, again, len(once)) == (10, 10, 10)
    assert {found.id for found in await differences(gateway)} == {found.id for found in once}
    ours = next(found for found in once if found.our_id == amount)
    assert (ours.ours, ours.theirs, ours.tenant_id) == (Money(PRICE, "CNY"), Money(PRICE - 1, "CNY"), shop.tenant_id)
    assert told.count("reconciliation.difference") == 10
    assert told.count("payment.reconciled") == 1
    assert (await events_since(mark)).count("reconciliation.difference") == 10


async def test_what_was_paid_there_and_waits_here_is_verified_again_and_gone_from_the_list(gateway: Bookkeeper) -> None:
    shop = await make_shop()
    payment_id = await paid(gateway, shop, captured=False)
    gateway.lines = [line(payment_id)]
    mark = await last_event()

    assert await compare(gateway) == 1
    assert "payment.notified" in await events_since(mark)
    # What the actor does that hears of it.
    await look_and_settle(payment_id)
    assert await compare(gateway) == 0

    assert (await payment_of(payment_id)).state is PaymentState.CAPTURED
    (healed,) = await differences(gateway)
    assert (healed.state, healed.resolved_by) == (DifferenceState.RESOLVED, None)
    assert healed.reason
    await assert_invariants()


async def test_what_a_person_resolved_stays_resolved_and_what_came_back_is_open_again(gateway: Bookkeeper) -> None:
    admin, gone = admin_ctx(), uuid4()
    gateway.lines = [line(uuid4()), line(gone)]
    await compare(gateway)
    by_id = {found.written_id: found for found in await differences(gateway)}
    judged = next(found for written, found in by_id.items() if written != str(gone))
    both = gateway.lines

    async with governing(admin) as tx:
        await payments.resolve_difference(tx, admin, difference_id=judged.id, reason="the gateway's test payment")
    gateway.lines = [each for each in both if each.our_id != str(gone)]
    await compare(gateway)
    after = {found.written_id: found.state for found in await differences(gateway)}
    gateway.lines = both
    await compare(gateway)

    assert set(after.values()) == {DifferenceState.RESOLVED}
    assert [found.written_id for found in await differences(gateway, DifferenceState.OPEN)] == [str(gone)]
    with pytest.raises(DifferenceResolved):
        async with governing(admin) as tx:
            await payments.resolve_difference(tx, admin, difference_id=judged.id, reason="again")


async def test_a_difference_is_resolved_with_a_reason_by_who_may(gateway: Bookkeeper) -> None:
    gateway.lines = [line(uuid4())]
    await compare(gateway)
    (found,) = await differences(gateway)
    admin = admin_ctx()
    nobody = system_ctx("nobody", permissions=frozenset({"platform.read"}))

    for ctx, reason, refusal in ((admin, " ", Invalid), (nobody, "why", NotAllowed)):
        with pytest.raises(refusal):
            async with governing(ctx) as tx:
                await payments.resolve_difference(tx, ctx, difference_id=found.id, reason=reason)
    with pytest.raises(NotFound):
        async with governing(admin) as tx:
            await payments.resolve_difference(tx, admin, difference_id=uuid4(), reason="why")
    with pytest.raises(InvalidDay):
        async with governing(admin) as tx:
            await payments.request_reconciliation(
                tx, admin, gateway=gateway.key, day=clock.now().date() + timedelta(days=1)
            )


async def test_what_was_booked_around_midnight_is_missing_nowhere(gateway: Bookkeeper) -> None:
    shop = await make_shop()
    before, after = [await paid(gateway, shop) for _ in range(2)]
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    async with governing(RUN) as tx:
        # Booked here two seconds before and after the gateway's midnight, and there the other way round.
        for payment_id, seconds in ((before, -2), (after, 2)):
            await tx.execute(
                "UPDATE payment SET captured_at = $2 WHERE id = $1", payment_id, midnight + timedelta(seconds=seconds)
            )
    gateway.lines = [
        line(before, at=midnight + timedelta(seconds=2)), line(after, at=midnight - timedelta(seconds=2)),
    ]  # fmt: skip
    first, second = date(2026, 2, 28), date(2026, 3, 1)

    assert [await compare(gateway, day) for day in (first, second)] == [0, 0]


async def test_a_statement_that_fails_or_has_no_end_changes_nothing_and_is_asked_for_again(gateway: Bookkeeper) -> None:
    gateway.lines = [line(uuid4())]
    gateway.away = True
    with pytest.raises(Outage):
        await compare(gateway)
    gateway.away, gateway.endless = False, True
    async with governing(RUN) as tx:
        # The run before was cut off a while ago.
        await tx.execute("UPDATE reconciliation SET started_at = started_at - interval '1 hour'")
    with pytest.raises(Outage):
        await compare(gateway)
    gateway.endless = False

    assert await compare(gateway) is None
    assert await differences(gateway) == []
    async with governing(RUN) as tx:
        await tx.execute("UPDATE reconciliation SET started_at = started_at - interval '1 hour'")
    assert await compare(gateway) == 1


async def test_a_day_is_compared_by_one_at_a_time(gateway: Bookkeeper) -> None:
    gateway.lines = [line(uuid4()) for _ in range(30)]
    gateway.a_part = 3

    results = await asyncio.gather(*(compare(gateway) for _ in range(5)))

    assert 30 in results
    assert set(results) <= {None, 30}
    assert len(await differences(gateway)) == 30


async def test_the_schedule_compares_yesterday_of_every_gateway_that_is_switched_on(gateway: Bookkeeper) -> None:
    today = clock.now().date()
    async with governing(RUN) as tx:
        await tx.execute("UPDATE gateway SET enabled = key = $1", gateway.key)
        await tx.execute("UPDATE gateway SET created_at = created_at - interval '2 days' WHERE key = $1", gateway.key)
    gateway.lines = [line(uuid4(), at=clock.now() - timedelta(days=1))]
    try:
        first, second = await payments.reconcile_due(RUN), await payments.reconcile_due(RUN)
        async with governing(RUN) as tx:
            await tx.execute("UPDATE reconciliation SET finished_at = finished_at - interval '2 hours'")
        third = await payments.reconcile_due(RUN)
    finally:
        async with governing(RUN) as tx:
            await tx.execute("UPDATE gateway SET enabled = true")

    # Two days were due; nothing is; then the one with an open difference is looked at again.
    assert (first, second, third) == (2, 0, 1)
    (found,) = await differences(gateway)
    assert found.day == today - timedelta(days=1)


async def test_a_day_that_was_compared_before_it_was_over_is_compared_again_when_it_is(gateway: Bookkeeper) -> None:
    noon = clock.now
    async with governing(RUN) as tx:
        await tx.execute("UPDATE gateway SET enabled = key = $1", gateway.key)
        await tx.execute("UPDATE gateway SET created_at = $2 WHERE key = $1", gateway.key, noon())
    early = await compare(gateway)
    gateway.lines = [line(uuid4())]
    try:
        before = await payments.reconcile_due(RUN)
        shown = noon() + timedelta(days=1)
        clock.use(lambda: shown)
        first, second = await payments.reconcile_due(RUN), await payments.reconcile_due(RUN)
    finally:
        async with governing(RUN) as tx:
            await tx.execute("UPDATE gateway SET enabled = true")

    assert (early, before, first, second) == (0, 0, 1, 0)
    assert len(await differences(gateway, DifferenceState.OPEN)) == 1
