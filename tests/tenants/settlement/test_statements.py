"""Statements: they add up whatever happened, two partners' say the same, and none tells of others' orders."""

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from fondaco_core import clock, ledger, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.ids import TenantId
from fondaco_core.ledger import InsufficientFunds
from fondaco_core.postings import AccountKind, Purpose
from fondaco_tenants import orders, settlement, supply
from fondaco_tenants.orders import ExportFormat, ExportNotReady, OutOfStock, Placed, TooManyExports
from fondaco_tenants.settlement import Line, Period, PeriodTooLong, Statement, StatementFile
from fondaco_workers.actors import settlement as actors
from tests.support.clock import later
from tests.support.factories.chains import Chain, make_chain
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.orders import fund, make_buyer, place
from tests.support.factories.settling import draw
from tests.support.factories.withdrawals import approve, ask, cancel, make_destination, pay, refuse

pytestmark = pytest.mark.usefixtures("database")

SYSTEM = system_ctx("settlement", permissions=frozenset({"system.run"}))
DAY = timedelta(days=1)
# Small, so that a statement has more pages than one.
PAGE = 3


def until_now(since: datetime, partner_id: TenantId | None = None) -> Period:
    """From a moment until after everything."""
    return Period("CNY", since, clock.now() + DAY, partner_id)


async def state(ctx: Ctx, period: Period) -> Statement:
    """A statement."""
    async with trading(ctx, read_only=True) as tx:
        return await settlement.read_statement(tx, ctx, period=period)


async def lines(ctx: Ctx, period: Period) -> list[Line]:
    """Every line of a statement, page by page."""
    found: list[Line] = []
    while True:
        async with trading(ctx, read_only=True) as tx:
            page = await settlement.read_lines(
                tx, ctx, period=period, after=found[-1].place if found else None, count=PAGE
            )
        found += page
        if len(page) < PAGE:
            return found


async def settle(tenant_id: TenantId) -> None:
    async with trading(SYSTEM) as tx:
        await settlement.settle_seller(tx, SYSTEM, tenant_id=tenant_id, currency="CNY")


async def give_back(chain: Chain, placed: Placed, units: int) -> None:
    """Refunds some units of an order."""
    async with trading(chain.shop.owner) as tx:
        of = await orders.list_allocations(tx, chain.shop.owner, order_id=placed.order_id)
        ids = [unit.id for unit in of if unit.refunded_at is None][:units]
        if ids:
            await orders.refund_order(tx, chain.shop.owner, order_id=placed.order_id, reason="bad", allocation_ids=ids)


async def held(tenant_id: TenantId) -> dict[AccountKind, int]:
    """What the ledger says that a merchant's accounts hold."""
    async with governing(SYSTEM) as tx:
        found = await ledger.balances(tx, tenant_id=tenant_id)
    return {each.kind: each.posted_minor for each in found}


def check_sums(statement: Statement, listed: list[Line]) -> None:
    """Openings and lines lead to closings, and the movements are the sums of the lines."""
    by_account: Counter[AccountKind] = Counter()
    by_purpose: Counter[tuple[AccountKind, Purpose, bool]] = Counter()
    for line in listed:
        by_account[line.account] += line.amount_minor
        by_purpose[line.account, line.purpose, line.amount_minor > 0] += abs(line.amount_minor)
    for each in statement.accounts:
        assert each.opening_minor + by_account[each.account] == each.closing_minor, each
    assert {(m.account, m.purpose, m.incoming): m.amount_minor for m in statement.movements} == by_purpose
    assert [line.place for line in listed] == sorted(line.place for line in listed)


def net(statement: Statement, *, at_end: bool = True) -> int:
    """What a statement with one partner comes to."""
    return sum(each.closing_minor if at_end else each.opening_minor for each in statement.accounts)


STEP = st.one_of(
    st.tuples(st.just("sell"), st.integers(1, 2)),
    st.tuples(st.just("refund"), st.integers(0, 3)),
    st.tuples(st.just("settle"), st.integers(0, 2)),
    st.tuples(st.just("repay"), st.integers(1, 900)),
    st.tuples(st.sampled_from(["paid", "refused", "cancelled", "asked"]), st.integers(0, 2)),
)


async def act(chain: Chain, buyer: Ctx, placed: list[Placed], what: str, number: int) -> None:
    """One step of a history; one that cannot be done changes nothing."""
    merchants = (chain.a, chain.b, chain.c)
    try:
        if what == "sell":
            placed.append(await place(chain.shop, buyer, number))
        elif what == "refund" and placed:
            await give_back(chain, placed[number % len(placed)], 1)
        elif what == "settle":
            with later(days=40):
                await settle(merchants[number].tenant_id)
        elif what == "repay":
            with later(days=40):
                await fund(chain.b.tenant_id, None, number)
                await draw(chain.b.tenant_id)
        elif what != "refund":
            owner, admin = merchants[number].owner, admin_ctx()
            asked = await ask(owner, (await make_destination(owner)).id, 1_000)
            if what == "cancelled":
                await cancel(owner, asked.id)
            elif what == "refused":
                await refuse(admin, asked.id)
            elif what == "paid":
                await approve(admin, asked.id)
                await pay(admin, asked.id)
    except (InsufficientFunds, OutOfStock, settlement.TooManyWithdrawals):
        return


@settings(max_examples=8, deadline=None)
@given(st.lists(STEP, min_size=4, max_size=9), st.data())
async def test_any_history_adds_up_and_two_partners_say_the_same(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    begun = clock.now() - DAY
    chain = await make_chain(codes=8, funds_of_b=2_000, funds_of_c=5_000, credit_of_a=3_000)
    buyer = await make_buyer(chain.shop)
    placed: list[Placed] = []
    moments = [begun]
    for what, number in steps:
        await act(chain, buyer, placed, what, number)
        moments.append(clock.now())
    # What was settled was settled in a time to come.
    end = clock.now() + timedelta(days=60)
    cut = data.draw(st.sampled_from(moments))
    first, second = (
        Period("CNY", begun, max(cut, begun + DAY / 2), None),
        Period("CNY", max(cut, begun + DAY / 2), end, None),
    )

    for merchant in (chain.a, chain.b, chain.c):
        before, after = await state(merchant.owner, first), await state(merchant.owner, second)
        check_sums(before, await lines(merchant.owner, first))
        check_sums(after, await lines(merchant.owner, second))
        assert all(each.opening_minor == 0 for each in before.accounts)
        assert [each.closing_minor for each in before.accounts] == [each.opening_minor for each in after.accounts]
        now = await held(merchant.tenant_id)
        assert {each.account: each.closing_minor for each in after.accounts} == {
            each.account: now.get(each.account, 0) for each in after.accounts
        }
    for seller, reseller in ((chain.a, chain.b), (chain.b, chain.c), (chain.a, chain.c)):
        for period in (first, second):
            theirs = replace(period, partner_id=reseller.tenant_id)
            sold, bought = (
                await state(seller.owner, theirs),
                await state(reseller.owner, replace(period, partner_id=seller.tenant_id)),
            )
            check_sums(sold, await lines(seller.owner, theirs))
            assert net(sold) + net(bought) == 0
            assert net(sold, at_end=False) + net(bought, at_end=False) == 0
            sums = Counter[tuple[Purpose, bool]]()
            for each in sold.movements:
                sums[each.purpose, each.incoming] += each.amount_minor
            for each in bought.movements:
                sums[each.purpose, not each.incoming] -= each.amount_minor
            # Out of the reseller's wallet and off what it owes: the supplier has had that since the sale.
            assert sums.pop((Purpose.REPAYMENT, True), 0) == sums.pop((Purpose.REPAYMENT, False), 0)
            assert not any(sums.values())


async def test_a_line_names_the_neighbour_and_of_orders_only_ones_own() -> None:
    begun = clock.now() - DAY
    chain = await make_chain(fee_bps=0, codes=5)
    placed = await place(chain.shop, await make_buyer(chain.shop), 2)
    await give_back(chain, placed, 1)

    of_a, of_b, of_c = [await lines(each.owner, until_now(begun)) for each in (chain.a, chain.b, chain.c)]

    assert {line.partner_id for line in of_a} == {chain.b.tenant_id}
    assert {line.partner_id for line in of_b} == {chain.a.tenant_id, chain.c.tenant_id, None}
    assert {line.partner_id for line in of_c} == {chain.b.tenant_id, None}
    codes = [{line.order_code for line in of} - {None} for of in (of_a, of_b, of_c)]
    async with governing(SYSTEM) as tx:
        code = await tx.fetchval('SELECT code FROM "order" WHERE id = $1', placed.order_id)
        hops = {
            row["seller_tenant_id"]: row["lot_id"]
            for row in await tx.fetch(
                "SELECT lot_id, seller_tenant_id FROM hop WHERE order_id = $1 AND depth > 0", placed.order_id
            )
        }
        secret = await tx.fetch("SELECT id FROM refund WHERE order_id = $1", placed.order_id)
    assert codes == [set(), set(), {code}]
    assert {line.sale_id for line in of_a} == {hops[chain.a.tenant_id]}
    assert {line.sale_id for line in of_b if line.partner_id == chain.c.tenant_id} == {hops[chain.b.tenant_id]}
    assert {line.purchase_id for line in of_b if line.partner_id == chain.a.tenant_id} == {hops[chain.a.tenant_id]}
    told = repr((of_a, of_b))
    assert str(placed.order_id) not in told
    assert not any(str(row["id"]) in told for row in secret)
    assert str(chain.c.tenant_id) not in repr(of_a)


async def test_nobody_reads_a_statement_without_the_permission_or_of_somebody_else() -> None:
    chain = await make_chain()
    await place(chain.shop, await make_buyer(chain.shop), 1)
    period = until_now(clock.now() - DAY)
    stranger = await make_chain()
    blind = replace(chain.a.owner, permissions=frozenset())

    with pytest.raises(NotAllowed):
        await state(blind, period)
    with pytest.raises(NotAllowed):
        await lines(blind, period)

    theirs = replace(period, partner_id=chain.a.tenant_id)
    assert await lines(stranger.a.owner, theirs) == []
    assert (await state(stranger.a.owner, theirs)).movements == ()


@pytest.mark.parametrize("days", [0, -1, limits.STATEMENT_DAYS_MAX + 1])
async def test_a_period_that_is_none_or_too_long_is_refused(days: int) -> None:
    ctx = (await make_chain()).a.owner
    now = clock.now()

    with pytest.raises(PeriodTooLong):
        await state(ctx, Period("CNY", now, now + days * DAY))


async def request(
    ctx: Ctx, form: ExportFormat, since: datetime, *, partner_id: TenantId | None = None
) -> StatementFile:
    """Asks for a file of what is past."""
    async with transaction(ctx) as tx:
        period = Period("CNY", since, clock.now(), partner_id)
        return await settlement.request_statement(tx, ctx, period=period, form=form)


async def fetch(ctx: Ctx, export_id: UUID) -> bytes:
    """A whole file."""
    async with transaction(ctx) as tx:
        await settlement.fetch_statement_file(tx, ctx, export_id=export_id)
    made, number = b"", 0
    while True:
        async with reading(ctx) as tx:
            piece = await settlement.read_statement_piece(tx, ctx, export_id=export_id, number=number)
        if piece is None:
            return made
        made, number = made + piece.reveal(), number + 1


def table(form: ExportFormat, data: bytes) -> list[list[str]]:
    """The rows of a file."""
    if form is ExportFormat.CSV:
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    sheet = load_workbook(io.BytesIO(data), read_only=True).worksheets[0]
    return [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("form", list(ExportFormat))
async def test_a_file_holds_every_line_between_the_balances_at_both_ends(
    form: ExportFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STATEMENT_PAGE", PAGE)
    begun = clock.now() - DAY
    chain = await make_chain(codes=5)
    placed = await place(chain.shop, await make_buyer(chain.shop), 2)
    await give_back(chain, placed, 1)
    owner = chain.b.owner

    asked = await request(owner, form, begun)
    with pytest.raises(ExportNotReady):
        await fetch(owner, asked.id)
    for _ in range(2):
        await actors.write_statement.perform(owner.tenant, {"export_id": str(asked.id)})
    heading, *rows = table(form, await fetch(owner, asked.id))

    totals = (await state(owner, asked.period)).accounts
    assert [row[2] for row in rows[:3]] == ["OPENING"] * 3
    assert [row[2] for row in rows[-3:]] == ["CLOSING"] * 3
    balance = heading.index("balance")
    assert [int(float(row[balance]) * 100) for row in rows[-3:]] == [each.closing_minor for each in totals]
    assert len(rows) - 6 == len(await lines(owner, asked.period))
    assert str(placed.order_id) not in repr(rows)


@pytest.mark.parametrize("form", list(ExportFormat))
@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1 Cards", "@SUM Cards", "-2 Cards"])
async def test_a_partners_name_is_no_formula_in_a_file(form: ExportFormat, name: str) -> None:
    begun = clock.now() - DAY
    chain = await make_chain(codes=5)
    name = f"{name} {uuid4().hex[:8]}"
    async with transaction(chain.a.owner) as tx:
        known = (await supply.partners_by_ids(tx, chain.a.owner, [chain.a.tenant_id]))[chain.a.tenant_id]
        await supply.update_partner(tx, chain.a.owner, version=known.version, name=name, about=None)
    await place(chain.shop, await make_buyer(chain.shop))
    owner = chain.b.owner

    asked = await request(owner, form, begun, partner_id=chain.a.tenant_id)
    await actors.write_statement.perform(owner.tenant, {"export_id": str(asked.id)})
    heading, *rows = table(form, await fetch(owner, asked.id))

    assert {row[heading.index("partner")] for row in rows} == {"", f"'{name}"}


async def test_a_file_is_for_those_who_may_and_goes_after_its_time() -> None:
    begun = clock.now() - DAY
    chain = await make_chain()
    asked = await request(chain.a.owner, ExportFormat.CSV, begun)
    await actors.write_statement.perform(chain.a.tenant_id, {"export_id": str(asked.id)})
    glass = replace(await make_member_ctx(chain.a.tenant_id), permissions=frozenset({"wallets.read"}))

    with pytest.raises(NotFound):
        await fetch(chain.b.owner, asked.id)
    with pytest.raises(NotAllowed):
        await fetch(glass, asked.id)
    with pytest.raises(NotAllowed):
        await request(glass, ExportFormat.CSV, begun)
    with later(hours=limits.EXPORT_KEPT_HOURS + 1):
        await actors.forget_statements.perform(None, {})
        with pytest.raises(ExportNotReady):
            await fetch(chain.a.owner, asked.id)

    async with governing(SYSTEM) as tx:
        assert await tx.fetchval("SELECT count(number) FROM statement_export_piece WHERE export_id = $1", asked.id) == 0


async def test_only_so_many_files_are_kept() -> None:
    begun, owner = clock.now() - DAY, (await make_chain()).a.owner
    for _ in range(limits.STATEMENTS_KEPT_MAX):
        await request(owner, ExportFormat.CSV, begun)

    with pytest.raises(TooManyExports):
        await request(owner, ExportFormat.CSV, begun)


async def test_a_summary_says_what_comes_when() -> None:
    chain = await make_chain(codes=5, settle_days=3)
    placed = await place(chain.shop, await make_buyer(chain.shop), 2)
    await give_back(chain, placed, 1)

    async with reading(chain.a.owner) as tx:
        (summary,) = await settlement.settlement_summary(tx, chain.a.owner)

    assert summary.receivable.amount_minor == 700
    assert [each.amount.amount_minor for each in summary.due] == [700]
    assert summary.due[0].day == (clock.now() + 3 * DAY).date()
