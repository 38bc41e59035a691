"""Commission at the front door: a supplier says what it gives, a reseller hands a code on, and each sees its own side."""

from collections.abc import AsyncIterator

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import agree, make_front, make_merchant, make_offer
from tests.support.factories.orders import make_buyer, place
from tests.support.world import node_id

SIDE = "{ merchant { commissions { nodes { amount { amount } level refunded settledAt partner { id } } } } }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def test_a_reseller_that_hands_a_code_on_gets_commission_of_what_is_bought_by_it(door: Door) -> None:
    supplier, agent, shop_owner = await make_merchant(), await make_merchant(), await make_merchant(funds_minor=100_000)
    await agree(supplier, agent)
    tier = node_id("Tier", supplier.tier.id)
    terms = {"tierId": tier, "terms": {"stockView": "EXACT", "commissionsBps": [500]}}
    set_ = await door.do(
        "changeTierTerms", terms, ctx=supplier.owner,
        show="... on ChangeTierTermsSuccess { tier { terms { commissionsBps } } }",
    )  # fmt: skip
    given = {"tierId": tier, "referrerId": node_id("Partner", agent.tenant_id)}
    made = await door.do(
        "createSupplyInvitation", given, ctx=supplier.owner,
        show="... on CreateSupplyInvitationSuccess { token invitation { referrer { id } } }",
    )  # fmt: skip
    joined = await door.do(
        "joinSupplier", {"token": made["token"]}, ctx=shop_owner.owner,
        show="... on JoinSupplierSuccess { agreement { id referrer { id } } }",
    )  # fmt: skip
    entitlement = await make_entitlement()
    offer = await make_offer(supplier, entitlement.id, price_minor=700, codes=2)
    shop = await make_front(shop_owner, entitlement.id, offer)
    await place(shop, await make_buyer(shop))

    sides = [
        (await door.ask(SIDE, ctx=each.owner))["merchant"]["commissions"]["nodes"]
        for each in (supplier, agent, shop_owner)
    ]

    assert set_["tier"]["terms"]["commissionsBps"] == [500]
    assert made["invitation"]["referrer"]["id"] == given["referrerId"]
    assert joined["agreement"]["referrer"] is None, "the newcomer does not know the agent as a partner"
    assert [[(one["amount"]["amount"], one["partner"]["id"]) for one in side] for side in sides] == [
        [("-0.35", given["referrerId"])], [("0.35", node_id("Partner", supplier.tenant_id))], [],
    ]  # fmt: skip


async def test_a_stranger_hands_no_code_on(door: Door) -> None:
    supplier, stranger = await make_merchant(), await make_merchant()

    given = {"tierId": node_id("Tier", supplier.tier.id), "referrerId": node_id("Partner", stranger.tenant_id)}
    refused = await door.do("createSupplyInvitation", given, ctx=supplier.owner)

    assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "referrerId"])
