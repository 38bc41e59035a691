"""Codes of a merchant's own: made so many and no more, redeemed once, taken back in time, never guessed."""

import asyncio
from dataclasses import replace

import pytest

from fondaco_core import clock, limits
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotAllowed, NotFound
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes
from fondaco_tenants.catalog import FulfilmentKind
from fondaco_tenants.codes import (
    Asked,
    BadCodeForm,
    BatchState,
    CodeForm,
    CodeFormGuessable,
    CodeLocked,
    CodeMistyped,
    CodeNotRedeemable,
    CodeRedeemed,
    CodeStatus,
    EntitlementHasNoCodes,
    ReasonTooShort,
    ReversalTooLate,
    TooManyWrongCodes,
    UnknownCode,
)
from tests.support.clock import later
from tests.support.factories.codes import MadePool, make_codes, make_pool
from tests.support.factories.own_codes import SoldCode, make_own_codes, sell_own_code, till_of
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

WHY = "The till credited the wrong account."
SYSTEM = system_ctx("test")


async def redeem(
    sold: SoldCode, text: str | None = None, *, till: Ctx | None = None, key: str | None = None
) -> codes.Redemption:
    asked = None if key is None else Asked(key, "redeemCode", b"input")
    return await codes.redeem_code(till or sold.till, text=Secret(text or sold.text), reference="R-1", asked=asked)


async def state_of(sold: SoldCode) -> str:
    async with reading(sold.shop.owner) as tx:
        return str(await tx.fetchval("SELECT state FROM code WHERE id = $1", sold.code_id))


async def actions(sold: SoldCode) -> list[str]:
    async with governing(SYSTEM) as tx:
        rows = await tx.fetch(
            "SELECT action FROM audit_entry WHERE tenant_id = $1 AND action LIKE ANY (ARRAY['code.re%', 'code.l%', 'code.un%', 'redemption%']) ORDER BY id",
            sold.shop.owner.tenant,
        )
    return [row["action"] for row in rows if row["action"] != "code.revealed"]


async def test_as_many_codes_are_made_as_were_asked_for_all_of_the_form_and_different(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 40)
    pool = await make_pool()

    batch = await make_own_codes(pool.ctx, pool.id, 100, form=CodeForm(prefix="GAME"))

    assert (batch.state, batch.origin, batch.accepted, batch.duplicates) == (BatchState.READY, "GENERATED", 100, 0)
    async with reading(pool.ctx) as tx:
        ids = [code.id for code in await codes.list_codes(tx, pool.ctx, pool_id=pool.id, count=100)]
    async with transaction(pool.ctx) as tx:
        shown = {
            each.code.reveal()
            for each in await codes.reveal_codes(tx, pool.ctx, code_ids=ids, via="BACK_OFFICE", reason=WHY)
        }
    assert len(shown) == 100
    assert all(text.startswith("GAME-") and len(text) == 28 for text in shown)
    await assert_invariants()


async def test_codes_that_two_workers_make_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMPORT_CHUNK_LINES", 10)
    pool = await make_pool()
    async with transaction(pool.ctx) as tx:
        batch = await codes.generate_codes(
            tx, pool.ctx, pool_id=pool.id, count=45, form=CodeForm(), unit_cost=Money(0, "CNY")
        )
    maker = system_ctx("test", tenant_id=pool.tenant_id, permissions=frozenset({"codes.import", "codes.read"}))

    await asyncio.gather(*(codes.make_codes(maker, batch_id=batch.id) for _ in range(3)))

    async with transaction(pool.ctx) as tx:
        done = await codes.get_batch(tx, pool.ctx, batch_id=batch.id)
        stock = (await codes.stock_of_pools(tx, [pool.id]))[pool.id]
    assert (done.state, done.accepted, stock) == (BatchState.READY, 45, 45)
    await assert_invariants()


async def test_forms_that_make_no_sense_or_could_be_guessed_are_refused_by_name() -> None:
    pool = await make_pool()
    link_pool = await make_pool(kind=FulfilmentKind.LINK)

    async def ask(form: CodeForm, *, count: int = 1, at: MadePool = pool) -> None:
        async with transaction(at.ctx) as tx:
            await codes.generate_codes(tx, at.ctx, pool_id=at.id, count=count, form=form, unit_cost=Money(0, "CNY"))

    with pytest.raises(CodeFormGuessable) as guessable:
        await ask(CodeForm(groups=4, group_length=4, check_symbols=1))
    with pytest.raises(BadCodeForm):
        await ask(CodeForm(prefix="O"))
    with pytest.raises(Invalid):
        await ask(CodeForm(), count=limits.CODES_MADE_MAX + 1)
    with pytest.raises(EntitlementHasNoCodes):
        await ask(CodeForm(), at=link_pool)
    assert guessable.value.bits < guessable.value.bits_min == 80


async def test_a_code_is_redeemed_once_and_everybody_sees_that_it_is() -> None:
    sold = await sell_own_code()

    verified = await codes.verify_code(sold.till, text=Secret(sold.text.lower().replace("-", " ")))
    done = await redeem(sold)
    after = await codes.verify_code(sold.till, text=Secret(sold.text))

    assert (verified.status, verified.code_id) == (CodeStatus.REDEEMABLE, sold.code_id)
    assert (done.state.value, done.reference, done.code_id) == ("REDEEMED", "R-1", sold.code_id)
    assert (after.status, after.redeemed_at) == (CodeStatus.REDEEMED, done.redeemed_at)
    assert await state_of(sold) == "REDEEMED"
    async with reading(sold.buyer) as tx:
        assert await codes.redeemed_at(tx, sold.buyer, allocation_ids=[sold.allocation_id]) == {
            sold.allocation_id: done.redeemed_at
        }
    with pytest.raises(CodeRedeemed):
        await redeem(sold)
    assert await actions(sold) == ["code.redeemed"]
    await assert_invariants()


async def test_of_ten_who_redeem_a_code_at_once_one_wins() -> None:
    sold = await sell_own_code()

    answers = await asyncio.gather(*(redeem(sold, till=till_of(sold.shop)) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(answer, codes.Redemption) for answer in answers) == 1
    assert sum(isinstance(answer, CodeRedeemed) for answer in answers) == 9
    await assert_invariants()


async def test_a_repeated_request_gets_the_first_answer_also_at_the_same_moment() -> None:
    sold = await sell_own_code()

    first, second = await asyncio.gather(redeem(sold, key="k"), redeem(sold, key="k"))
    third = await redeem(sold, key="k")

    assert first == second == third
    assert await actions(sold) == ["code.redeemed"]


async def test_a_locked_code_is_its_tills_until_the_lease_ends() -> None:
    sold = await sell_own_code()
    other = till_of(sold.shop)

    locked = await codes.lock_code(sold.till, text=Secret(sold.text), lease_s=60)
    with pytest.raises(CodeLocked):
        await redeem(sold, till=other)
    with pytest.raises(CodeLocked):
        await codes.lock_code(other, text=Secret(sold.text))
    again = await codes.lock_code(sold.till, text=Secret(sold.text), lease_s=90)
    redeemed = await redeem(sold)

    assert again.id == locked.id == redeemed.id
    assert redeemed.state.value == "REDEEMED"
    assert await actions(sold) == ["code.locked", "code.redeemed"]


async def test_a_lease_that_is_over_or_given_back_binds_nobody() -> None:
    sold = await sell_own_code()
    other = till_of(sold.shop)

    locked = await codes.lock_code(sold.till, text=Secret(sold.text), lease_s=60)
    async with transaction(sold.till) as tx:
        released = await codes.release_lock(tx, sold.till, redemption_id=locked.id)
    await codes.lock_code(other, text=Secret(sold.text), lease_s=60)
    with later(minutes=2):
        done = await redeem(sold)

    assert released.state.value == "RELEASED"
    assert done.state.value == "REDEEMED"
    async with transaction(other) as tx:
        with pytest.raises(NotFound):
            await codes.release_lock(tx, other, redemption_id=locked.id)
    await assert_invariants()


async def test_a_redemption_is_taken_back_in_time_and_for_a_reason_and_the_code_is_good_again() -> None:
    sold = await sell_own_code()
    first = await redeem(sold)

    async with transaction(sold.till) as tx:
        with pytest.raises(ReasonTooShort):
            await codes.reverse_redemption(tx, sold.till, redemption_id=first.id, reason=" ")
    other = till_of(sold.shop)
    async with transaction(other) as tx:
        with pytest.raises(NotAllowed):
            await codes.reverse_redemption(tx, other, redemption_id=first.id, reason=WHY)
    async with transaction(sold.till) as tx:
        reversed_ = await codes.reverse_redemption(tx, sold.till, redemption_id=first.id, reason=WHY)
    second = await redeem(sold)
    with later(hours=limits.REDEMPTION_REVERSAL_HOURS + 1):
        async with transaction(sold.till) as tx:
            with pytest.raises(ReversalTooLate):
                await codes.reverse_redemption(tx, sold.till, redemption_id=second.id, reason=WHY)

    assert (reversed_.state.value, reversed_.reversal_reason) == ("REVERSED", WHY)
    assert second.id != first.id
    assert await actions(sold) == ["code.redeemed", "redemption.reversed", "code.redeemed"]
    await assert_invariants()


async def test_two_who_take_back_the_same_redemption_do_it_once() -> None:
    sold = await sell_own_code()
    done = await redeem(sold)

    async def reverse() -> codes.Redemption:
        async with transaction(sold.till) as tx:
            return await codes.reverse_redemption(tx, sold.till, redemption_id=done.id, reason=WHY)

    answers = await asyncio.gather(reverse(), reverse(), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Redemption", "ReversalTooLate"]
    await assert_invariants()


async def test_a_slip_is_told_with_its_place_and_counts_as_no_guess() -> None:
    sold = await sell_own_code()
    wrong = "3" if sold.text[0] == "2" else "2"

    told: list[tuple[int, ...]] = []
    for _ in range(limits.REDEMPTION_MISSES_MAX + 1):
        with pytest.raises(CodeMistyped) as slip:
            await redeem(sold, wrong + sold.text[1:])
        told.append(tuple(slip.value.places))

    assert set(told) == {(1,)}
    assert (await redeem(sold)).state.value == "REDEEMED"


async def test_who_guesses_is_shut_out_for_a_while_and_an_alarm_is_raised_once() -> None:
    sold = await sell_own_code()
    guesses = [f"GUESS-{n:012d}" for n in range(limits.REDEMPTION_MISSES_MAX)]

    for guess in guesses:
        with pytest.raises(UnknownCode):
            await redeem(sold, guess)
    with pytest.raises(TooManyWrongCodes) as shut_out:
        await redeem(sold)
    elsewhere = replace(till_of(sold.shop), ip="198.51.100.9")
    still = await codes.verify_code(elsewhere, text=Secret(sold.text))
    with later(seconds=limits.REDEMPTION_MISSES_S + 1):
        done = await redeem(sold)

    assert 0 < shut_out.value.retry_after_s <= limits.REDEMPTION_MISSES_S
    assert still.status is CodeStatus.REDEEMABLE
    assert done.state.value == "REDEEMED"
    async with governing(SYSTEM) as tx:
        alarms = await tx.fetchval(
            "SELECT count(*) FROM outbox_event WHERE tenant_id = $1 AND name = 'redemption.alarm'",
            sold.shop.owner.tenant,
        )
    assert alarms == 1
    assert (await actions(sold)).count("code.unknown") == len(guesses)


async def test_what_a_code_is_that_cannot_be_redeemed_is_told_to_who_may_know() -> None:
    sold = await sell_own_code()
    only_redeems = till_of(sold.shop, "codes.redeem")
    async with reading(sold.shop.owner) as tx:
        free = [
            row["id"]
            for row in await tx.fetch("SELECT id FROM code WHERE pool_id = $1 AND state = 'AVAILABLE'", sold.pool_id)
        ]
    async with transaction(sold.shop.owner) as tx:
        shown = await codes.reveal_codes(tx, sold.shop.owner, code_ids=free, via="BACK_OFFICE", reason=WHY)
        await codes.void_codes(tx, sold.shop.owner, code_ids=free[:1], reason=WHY)
        await codes.quarantine_codes(tx, sold.shop.owner, code_ids=free[1:2], reason=WHY)
    void, blocked = (Secret(each.code.reveal()) for each in shown)

    assert (await codes.verify_code(sold.till, text=void)).status is CodeStatus.VOID
    assert (await codes.verify_code(sold.till, text=blocked)).status is CodeStatus.QUARANTINED
    for text in (void, blocked):
        with pytest.raises(CodeNotRedeemable):
            await codes.redeem_code(sold.till, text=text)
        with pytest.raises(UnknownCode):
            await codes.redeem_code(only_redeems, text=text)
    async with transaction(sold.shop.owner) as tx:
        await codes.release_quarantined(tx, sold.shop.owner, code_ids=free[1:2], reason=WHY)
    assert (await codes.verify_code(sold.till, text=blocked)).status is CodeStatus.NOT_SOLD


async def test_another_merchants_code_and_an_imported_one_are_unknown() -> None:
    sold, other = await sell_own_code(), await sell_own_code()
    (imported,) = await make_codes(sold.shop.pools[0], 1)

    for text in (other.text, imported):
        with pytest.raises(UnknownCode):
            await codes.verify_code(sold.till, text=Secret(text))
    assert await state_of(other) == "DELIVERED"


async def test_a_code_that_has_expired_is_not_redeemed_any_more() -> None:
    sold = await sell_own_code()
    async with transaction(sold.shop.owner) as tx:
        await tx.execute("UPDATE code SET expires_at = $2 WHERE id = $1", sold.code_id, clock.now())

    with pytest.raises(CodeNotRedeemable) as refused:
        await redeem(sold)

    assert refused.value.status == "EXPIRED"


async def test_only_who_may_redeem_does() -> None:
    sold = await sell_own_code()

    for ctx in (sold.buyer, till_of(sold.shop, "codes.read")):
        with pytest.raises(NotAllowed):
            await redeem(sold, till=ctx)
        with pytest.raises(NotAllowed):
            await codes.verify_code(ctx, text=Secret(sold.text))
