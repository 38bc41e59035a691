"""Actors of offers as workers run them: from what a supplier does to what its resellers' systems are sent, once each."""

from datetime import timedelta

import orjson
import pytest
import redis

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_tenants import supply, webhooks
from fondaco_workers.perform import perform
from fondaco_workers.subscriptions import subscriptions
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.offers import breaks_of, make_offer, make_prices
from tests.support.factories.supply import make_agreement, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.webhooks import SYSTEM
from tests.support.outbox import empty_outbox
from tests.support.world import node_id

pytestmark = pytest.mark.usefixtures("queue")


@pytest.fixture(autouse=True)
async def alone(queue: redis.Redis) -> None:
    """Nothing that earlier tests did is still to be told."""
    assert queue
    await empty_outbox()


async def make_listener() -> Ctx:
    """The owner of a merchant whose own system hears of suppliers' offers."""
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        types = ["supply.offer_changed", "supply.price_coming"]
        await webhooks.create_endpoint(tx, owner, url="https://127.0.0.1/hooks", event_types=types)
    return owner


async def tell() -> None:
    """Has what was announced told, and what that announces; each task twice, and nothing is sent."""
    relayed = 1
    while relayed:
        async with governing(SYSTEM) as tx:
            done = await outbox.hand_over(tx, subscriptions())
        for note in done.notes:
            if note.actor != "webhooks.send_due":
                await perform(note)
                await perform(note)
        relayed = done.events


async def heard(owner: Ctx) -> list[dict[str, object]]:
    """What a merchant's system is told, oldest first."""
    async with reading(owner) as tx:
        messages = await webhooks.list_messages(tx, owner, count=limits.PAGE_MAX)
    return [{"type": each.type} | orjson.loads(each.body)["data"] for each in reversed(messages)]


async def test_who_buys_of_an_offer_hears_of_its_states_and_prices_and_who_does_not_hears_nothing() -> None:
    supplier, reseller, elsewhere, stranger = [await make_listener() for _ in range(4)]
    tier = await make_tier(supplier)
    await make_agreement(supplier, reseller, tier=tier)
    await make_agreement(supplier, elsewhere)
    draft = await make_offer(supplier, in_market=True, tier_id=tier.id, published=False)
    await tell()
    soon = clock.now().replace(microsecond=0) + timedelta(days=3)

    async with transaction(supplier) as tx:
        await supply.publish_offer(tx, supplier, offer_id=draft.id, version=1)
    await tell()
    await make_prices(supplier, offer_id=draft.id, tier_id=tier.id, breaks=breaks_of((1, 4_400)), starts_at=soon)
    await tell()
    await make_prices(supplier, offer_id=draft.id, tier_id=tier.id, breaks=[])
    await tell()

    offer, tier_id = node_id("SupplyOffer", draft.id), node_id("Tier", tier.id)
    published, coming, ended = await heard(reseller)
    assert published == {"type": "supply.offer_changed", "supplyOfferId": offer, "state": "PUBLISHED"}
    assert coming == {
        "type": "supply.price_coming", "supplyOfferId": offer, "tierId": tier_id, "startsAt": soon.isoformat(),
        "unitPriceMinor": 4_400, "currency": "CNY",
    }  # fmt: skip
    assert (ended["type"], ended["unitPriceMinor"]) == ("supply.price_coming", None)
    assert [await heard(each) for each in (supplier, elsewhere, stranger)] == [[], [], []]
