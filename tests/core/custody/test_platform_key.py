"""The platform gets a new key of its own while it runs: all that it keeps opens at every moment, and the old key is destroyed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from fondaco_core import custody, identity, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import Database, governing
from fondaco_core.errors import Bug, NotAllowed, Unauthenticated
from fondaco_core.identity import SecondFactorRequired
from fondaco_core.keyring import KeysDestroyed, keyring
from tests.core.custody.kept import (
    CLIENT_SECRET,
    COLUMNS,
    EVERY_KIND,
    KEEPER,
    depart,
    make_kept,
    open_bought,
    under,
)
from tests.core.custody.test_rotation import cut_off
from tests.core.identity.people import PASSWORD, add_app, code_of, make_person, visitor
from tests.support.clock import later
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.orders import make_buyer, make_shop, place
from tests.support.factories.payments import fake_gateways
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants
from tests.support.rows import as_owner

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, no pauses, and nobody seals with an old key a moment later."""
    monkeypatch.setattr(limits, "RESEAL_BATCH", 2)
    monkeypatch.setattr(limits, "RESEAL_PAUSE_FACTOR", 0.0)
    monkeypatch.setattr(limits, "KEY_SETTLE_S", 0.0)
    monkeypatch.setattr(limits, "KEY_CACHE_S", 0.0)


@pytest.fixture
async def gateways(database: Database) -> AsyncIterator[None]:
    assert database
    async with fake_gateways():
        yield


async def rotate(told: Callable[[custody.Change], None] | None = None) -> custody.Change:
    """A whole rotation of the platform's key."""
    change = await custody.rotate_platform_key(KEEPER, columns=COLUMNS)
    more: dict[str, Any] = {} if told is None else {"told": told}
    return await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS, patient=True, **more)


@pytest.mark.usefixtures("gateways")
async def test_all_that_the_platform_keeps_opens_before_during_and_after_a_new_key(settings: Settings) -> None:
    kept = await make_kept()
    await kept.assert_opens(0)
    old = (await keyring().sealing_key(None)).number
    before = await under(settings, old)
    during: list[asyncio.Task[str]] = []

    async def look() -> str:
        # What is there now is opened, whichever of the keys it is under by now.
        await kept.assert_stored()
        return kept.bought

    done = await rotate(lambda _: during.append(asyncio.ensure_future(look())))

    assert before.keys() == EVERY_KIND
    assert len(during) > len(EVERY_KIND)
    assert set(await asyncio.gather(*during)) == {kept.bought}
    assert done.finished_at is not None
    assert done.moved == sum(before.values())
    assert await under(settings, old) == {}
    assert await under(settings, done.number) == before
    await kept.assert_opens(1)
    await assert_invariants()


@pytest.mark.usefixtures("gateways")
async def test_the_old_key_is_destroyed_and_the_log_says_so(settings: Settings) -> None:
    await make_kept()
    old = await keyring().sealing_key(None)
    leftover = old.seal(b"a value that nobody stored", aad=b"nowhere")
    async with as_owner(settings) as owner:
        wrapped = await owner.fetchval("SELECT wrapped FROM data_key WHERE number = $1", old.number)

    done = await rotate()

    async with as_owner(settings) as owner:
        dumped = [bytes(row["wrapped"]) for row in await owner.fetch("SELECT wrapped FROM data_key")]
        left = await owner.fetchval(
            "SELECT array_agg(number) FROM data_key WHERE tenant_id IS NULL AND purpose = 'SEAL' AND destroyed_at IS NULL"
        )
        told = await owner.fetch(
            "SELECT action, subject_kind, tenant_id FROM audit_entry WHERE detail->>'change_id' = $1 ORDER BY id",
            str(done.id),
        )
    assert wrapped not in dumped
    assert left == [done.number]
    assert [tuple(row) for row in told] == [
        ("keys.rotation_begun", "platform", None), ("keys.rotated", "platform", None),
    ]  # fmt: skip
    # A process that has not heard of the new key, and is shown what the old one sealed.
    keyring()._current[None] = (old.number, float("inf"))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its memory
    with pytest.raises(KeysDestroyed):
        await keyring().open(leftover, aad=b"nowhere")
    assert (await keyring().sealing_key(None)).number == done.number


@pytest.mark.usefixtures("gateways")
async def test_a_rotation_of_the_platforms_key_that_is_cut_off_at_steps_of_it_goes_on_where_it_stood(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await make_kept()
    # Few values, so that there are not a thousand steps: what other tests left is brought along first.
    await rotate()
    steps: list[str] = []
    monkeypatch.setattr(limits, "RESEAL_BATCH", 500)
    # A batch takes seven steps, so that deaths at each third come to all kinds of places.
    for at in count(1, 3):
        old = (await keyring().sealing_key(None)).number
        with cut_off(at) as taken, suppress(BaseException):
            await rotate()
        keyring().forget(None)
        steps = taken
        await rotate()
        assert await kept.client_secret() == CLIENT_SECRET
        assert await under(settings, old) == {}
        if len(steps) < at:
            break

    assert steps.count("COMMIT") > 2 * len(EVERY_KIND)
    current = (await keyring().sealing_key(None)).number
    assert (await under(settings, current)).keys() == EVERY_KIND
    await kept.assert_opens(0)
    await assert_invariants()


async def test_what_a_process_sealed_with_the_old_key_meanwhile_is_found_before_that_is_destroyed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEY_SETTLE_S", 60.0)
    old = await keyring().sealing_key(None)
    change = await custody.rotate_platform_key(KEEPER, columns=COLUMNS)
    early = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS)
    # What a process does that has not heard of the new key yet.
    keyring()._current[None] = (old.number, float("inf"))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its memory
    keyring()._by_number[old.number] = (old, float("inf"))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - its memory
    person = await make_person()
    app, _ = await add_app(person)
    keyring().forget(None)
    late = await under(settings, old.number)

    with later(minutes=2):
        found = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS)
        waiting = await keyring().numbered(old.number)
    with later(minutes=5):
        done = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS)

    assert early.finished_at is None
    assert late == {"second_factor.secret_sealed": 1}
    # It was moved, and who had read it a moment before still opens it.
    assert found.finished_at is None
    assert waiting.number == old.number
    assert done.finished_at is not None
    assert await under(settings, old.number) == {}
    with pytest.raises(SecondFactorRequired) as required:
        await identity.sign_in(visitor(), email=person.email, password=PASSWORD)
    with later(minutes=2):
        assert await identity.complete_sign_in(visitor(), challenge=required.value.challenge, code=code_of(app))


async def test_a_merchant_that_leaves_meanwhile_leaves_nothing_under_the_old_key(settings: Settings) -> None:
    shop = await make_shop(stock=5)
    buyer = await make_buyer(shop)
    await place(shop, buyer)
    bought = await open_bought(buyer)
    # Its destruction was begun under the old key, and nobody carries it on.
    going = await depart(shop, wholly=False)

    done = await rotate()

    async with governing(KEEPER) as tx:
        ended = await custody.get_change(tx, KEEPER, change_id=going.id)
    assert ended.finished_at is not None
    assert done.finished_at is not None
    assert await under(settings, going.number) == {}
    assert await open_bought(buyer) == bought
    await assert_invariants()


async def test_a_value_that_does_not_open_keeps_the_old_key(settings: Settings) -> None:
    await make_person_with_app()
    old = await keyring().sealing_key(None)
    async with as_owner(settings) as owner:
        row = await owner.fetchrow("SELECT user_id, secret_sealed FROM second_factor LIMIT 1")
        assert row is not None
        broken = bytes(row["secret_sealed"][:-1]) + bytes([row["secret_sealed"][-1] ^ 1])
        change_it = "UPDATE second_factor SET secret_sealed = $2 WHERE user_id = $1"
        await owner.execute(change_it, row["user_id"], broken)

        with pytest.raises(Bug):
            await rotate()
        still = await keyring().numbered(old.number)
        await owner.execute(change_it, row["user_id"], row["secret_sealed"])
        done = await rotate()

    assert still.number == old.number
    assert done.finished_at is not None
    assert await under(settings, old.number) == {}


async def make_person_with_app() -> None:
    """Somebody whose app the platform keeps the secret of."""
    await add_app(await make_person())


async def test_two_who_carry_on_the_platforms_rotation_do_it_once(settings: Settings) -> None:
    await make_person_with_app()
    old = (await keyring().sealing_key(None)).number

    first, second = await asyncio.gather(rotate(), rotate())

    assert first.id == second.id
    assert first.finished_at is not None
    assert await under(settings, old) == {}


async def test_a_key_of_the_platforms_that_has_sealed_a_lot_is_rotated_by_itself() -> None:
    old = await keyring().sealing_key(None)
    async with governing(KEEPER) as tx:
        await tx.execute("UPDATE data_key SET seals = $2 WHERE number = $1", old.number, limits.SEALS_ROTATE_AT)

    await custody.look_after_keys(KEEPER, columns=COLUMNS)
    await rotate()

    assert (await keyring().sealing_key(None)).number != old.number
    await assert_invariants()


async def test_only_who_keeps_keys_rotates_the_platforms() -> None:
    owner = await make_member_ctx(await make_tenant())

    for ctx in (owner, Ctx(), system_ctx("test", permissions=frozenset({"platform.tenants"}))):
        with pytest.raises((NotAllowed, Unauthenticated)):
            await custody.rotate_platform_key(ctx, columns=COLUMNS)
