"""A merchant that has left takes its keys along: nothing of it opens any more, but what its buyers bought."""

from datetime import timedelta

import pytest

from fondaco_core import clock, custody, limits, tenancy
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.custody import KeysStillNeeded
from fondaco_core.db import governing, reading, sealed_columns, transaction
from fondaco_core.errors import Refusal
from fondaco_core.identity import PLATFORM_ADMIN_PERMISSIONS
from fondaco_core.ids import TenantId
from fondaco_core.keyring import KeysDestroyed, keyring
from fondaco_tenants import codes, registry
from tests.support.clock import later
from tests.support.factories.orders import make_buyer, make_shop, place
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")

KEEPER = system_ctx("test", permissions=PLATFORM_ADMIN_PERMISSIONS | {"system.run"})
COLUMNS = sealed_columns(registry.metadata())
WHY = "The contract ended, and the dispute period with it."


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESEAL_PAUSE_FACTOR", 0.0)
    monkeypatch.setattr(limits, "KEY_CACHE_S", 0.0)


async def close(tenant_id: TenantId) -> None:
    async with governing(KEEPER) as tx:
        await tenancy.close_tenant(tx, KEEPER, tenant_id, reason=WHY)


async def destroy(tenant_id: TenantId) -> custody.Change:
    with later(days=limits.KEYS_KEPT_DAYS + 1):
        change = await custody.destroy_tenant_keys(KEEPER, tenant_id=tenant_id, reason=WHY, columns=COLUMNS)
        return await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS, patient=True)


async def open_code(ctx: Ctx, state: str, via: str) -> str:
    async with reading(ctx) as tx:
        code_id = await tx.fetchval("SELECT id FROM code WHERE state = $1 LIMIT 1", state)
    async with transaction(ctx) as tx:
        (shown,) = await codes.reveal_codes(tx, ctx, code_ids=[code_id], via=via, reason="a look")
    return shown.code.reveal()


async def test_after_the_destruction_only_what_buyers_bought_opens() -> None:
    shop = await make_shop(stock=5)
    buyer = await make_buyer(shop)
    await place(shop, buyer)
    bought = await open_code(buyer, "DELIVERED", "ACCOUNT")
    await open_code(shop.owner, "AVAILABLE", "BACK_OFFICE")
    await close(shop.owner.tenant)

    change = await destroy(shop.owner.tenant)

    assert change.finished_at is not None
    assert change.moved == 1
    assert await open_code(buyer, "DELIVERED", "ACCOUNT") == bought
    with pytest.raises(KeysDestroyed):
        await open_code(shop.owner, "AVAILABLE", "BACK_OFFICE")
    with pytest.raises(KeysDestroyed):
        await keyring().sealing_key(shop.owner.tenant)
    async with governing(KEEPER) as tx:
        left = await tx.fetchval(
            "SELECT count(*) FROM data_key WHERE tenant_id = $1 AND (wrapped <> '' OR destroyed_at IS NULL)",
            shop.owner.tenant,
        )
        told = await tx.fetch(
            "SELECT reason FROM audit_entry WHERE tenant_id = $1 AND action = 'keys.destroyed'", shop.owner.tenant
        )
    assert left == 0
    assert [row["reason"] for row in told] == [WHY]
    await assert_invariants()


async def test_a_merchant_that_trades_or_has_just_left_keeps_its_keys() -> None:
    shop = await make_shop(stock=1)

    with pytest.raises(KeysStillNeeded) as trading:
        await custody.destroy_tenant_keys(KEEPER, tenant_id=shop.owner.tenant, reason=WHY, columns=COLUMNS)
    await close(shop.owner.tenant)
    with pytest.raises(KeysStillNeeded) as early:
        await custody.destroy_tenant_keys(KEEPER, tenant_id=shop.owner.tenant, reason=WHY, columns=COLUMNS)

    assert trading.value.until is None
    assert early.value.until is not None
    assert early.value.until > clock.now() + timedelta(days=limits.KEYS_KEPT_DAYS - 1)


async def test_keys_are_destroyed_once_and_for_a_reason() -> None:
    shop = await make_shop(stock=1)
    await close(shop.owner.tenant)

    with later(days=limits.KEYS_KEPT_DAYS + 1), pytest.raises(Refusal):
        await custody.destroy_tenant_keys(KEEPER, tenant_id=shop.owner.tenant, reason=" ", columns=COLUMNS)
    await destroy(shop.owner.tenant)
    with pytest.raises(KeysDestroyed):
        await destroy(shop.owner.tenant)
    with pytest.raises(KeysDestroyed):
        await custody.rotate_tenant_key(KEEPER, tenant_id=shop.owner.tenant, columns=COLUMNS)
