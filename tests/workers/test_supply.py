"""Actors of supply as workers run them: the other end of an agreement hears of it, once, and nobody else does."""

from datetime import timedelta

import orjson
import pytest
import redis

from fondaco_core import clock, limits, outbox
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading, transaction
from fondaco_tenants import supply, webhooks
from fondaco_workers.actors import supply as actors
from fondaco_workers.perform import perform
from fondaco_workers.subscriptions import subscriptions
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.supply import make_agreement, make_terms, make_tier
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
    """The owner of a merchant whose own system hears of agreements and of tiers."""
    owner = await make_member_ctx(await make_tenant())
    async with transaction(owner) as tx:
        types = ["agreement.changed", "tier.terms_set"]
        await webhooks.create_endpoint(tx, owner, url="https://127.0.0.1/hooks", event_types=types)
    return owner


async def tell() -> list[str]:
    """Has what was announced told, and says whose work it was; nothing is sent."""
    done: list[str] = []
    while True:
        async with governing(SYSTEM) as tx:
            relayed = await outbox.hand_over(tx, subscriptions())
        for note in relayed.notes:
            if note.actor != "webhooks.send_due":
                await perform(note)
                done.append(note.actor)
        if not relayed.events:
            return done


async def heard(owner: Ctx) -> list[dict[str, object]]:
    """What a merchant's system is told, oldest first."""
    async with reading(owner) as tx:
        messages = await webhooks.list_messages(tx, owner, count=limits.PAGE_MAX)
    return [{"type": each.type} | orjson.loads(each.body)["data"] for each in reversed(messages)]


async def test_both_ends_hear_of_an_agreement_and_nobody_else_does() -> None:
    supplier, reseller, other = [await make_listener() for _ in range(3)]
    agreement = await make_agreement(supplier, reseller)
    async with transaction(supplier) as tx:
        await supply.suspend_agreement(tx, supplier, agreement_id=agreement.id, version=1, reason="They did not pay.")

    done = await tell()

    named = {
        "type": "agreement.changed", "agreementId": node_id("Agreement", agreement.id),
        "supplierId": node_id("Partner", supplier.tenant), "resellerId": node_id("Partner", reseller.tenant),
    }  # fmt: skip
    told = [named | {"state": "ACTIVE", "change": "JOINED"}, named | {"state": "SUSPENDED", "change": "SUSPENDED"}]
    assert done.count("supply.tell_partner") == 2
    assert await heard(supplier) == await heard(reseller) == told
    assert await heard(other) == []


async def test_a_partner_is_told_once_of_what_is_told_twice() -> None:
    supplier, reseller = await make_listener(), await make_listener()
    agreement = await make_agreement(supplier, reseller)
    told = {
        "agreement_id": str(agreement.id), "supplier_tenant_id": str(supplier.tenant),
        "reseller_tenant_id": str(reseller.tenant), "state": "ACTIVE", "change": "JOINED",
        "changed_at": agreement.changed_at.isoformat(), "version": agreement.version,
    }  # fmt: skip

    for _ in range(2):
        await actors.tell_partner.perform(reseller.tenant, told)

    assert len(await heard(supplier)) == 1
    assert await heard(reseller) == []


async def test_every_reseller_of_a_tier_hears_once_of_what_it_is_going_to_grant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PAGE_MAX", 2)
    supplier, *resellers = [await make_listener() for _ in range(4)]
    other = await make_listener()
    tier = await make_tier(supplier)
    for reseller in resellers:
        await make_agreement(supplier, reseller, tier=tier)
    await make_agreement(supplier, other)
    await tell()
    moment = clock.now() + timedelta(days=3)
    async with transaction(supplier) as tx:
        terms = make_terms(settle_days=9)
        made = await supply.change_terms(tx, supplier, tier_id=tier.id, terms=terms, starts_at=moment)

    await tell()
    told = {
        "tier_id": str(tier.id),
        "terms_id": str(made.id),
        "set_at": made.created_at.isoformat(),
        "starts_at": moment.isoformat(),
    }
    await actors.tell_terms.perform(supplier.tenant, told)

    said = {"type": "tier.terms_set", "tierId": node_id("Tier", tier.id), "startsAt": moment.isoformat()}
    for reseller in resellers:
        assert [each for each in await heard(reseller) if each["type"] == "tier.terms_set"] == [said]
    assert [each for each in await heard(other) if each["type"] == "tier.terms_set"] == []
    assert said in await heard(supplier)
