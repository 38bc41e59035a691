"""What a merchant sold through others opens for their buyers whatever becomes of its keys and of itself."""

import pytest

from fondaco_core import limits
from fondaco_core.db import reading, transaction
from fondaco_core.ids import CodeId
from fondaco_core.keyring import KeysDestroyed
from fondaco_tenants import codes, delivery
from tests.core.custody.test_destruction import close, destroy
from tests.core.custody.test_rotation import rotate
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, and nobody believes in a key for long."""
    for name in ("RESEAL_PAUSE_FACTOR", "KEY_SETTLE_S", "KEY_CACHE_S"):
        monkeypatch.setattr(limits, name, 0.0)


async def shown(made: ChainSale) -> list[str]:
    async with transaction(made.sale.buyer) as tx:
        units = await delivery.reveal_order(tx, made.sale.buyer, order_id=made.sale.order_id)
    return [unit.code.reveal() for unit in units]


async def test_buyers_of_resellers_open_what_they_bought_after_every_change_of_the_owners_keys() -> None:
    made = await make_chain_sale(units=2, spare=1)
    owner = made.chain.a.owner
    async with reading(owner) as tx:
        spare = CodeId(await tx.fetchval("SELECT id FROM code WHERE state = 'AVAILABLE'"))

    await rotate(owner.tenant)
    rotated = await shown(made)
    await close(owner.tenant)
    closed = await shown(made)
    change = await destroy(owner.tenant)
    destroyed = await shown(made)

    assert rotated == closed == destroyed == list(made.sale.codes)
    assert (change.finished_at is not None, change.moved) == (True, 2)
    with pytest.raises(KeysDestroyed):
        async with transaction(owner) as tx:
            await codes.reveal_codes(tx, owner, code_ids=[spare], via="BACK_OFFICE", reason="a look")
    await assert_invariants()
