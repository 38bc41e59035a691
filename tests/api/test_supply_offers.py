"""Offers through the real front door: a supplier's own, the market, and what a reseller sees of either."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.supply import make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.world import node_id

OFFER = (
    "offer { id title state version inMarket minResale { amount } prices { tier { name } "
    "current { startsAt breaks { fromUnits unitPrice { amount currency } } } coming { startsAt breaks { fromUnits } } } }"
)
MARKET = (
    "query ($e: ID, $s: String, $m: MoneyInput) { supplyMarket(entitlementId: $e, search: $s, maxPrice: $m) { nodes { id title "
    "supplier { name } entitlement { sku } agreement { state } viewerCanBuy unitPrice(quantity: 10) { amount } "
    "prices { breaks { fromUnits unitPrice { amount } } } comingPrices { startsAt } } } }"
)


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


async def make_owner(name: str = "Some merchant") -> Ctx:
    return await make_member_ctx(await make_tenant(name=name))


def priced(*breaks: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"fromUnits": units, "unitPrice": {"amount": price, "currency": "CNY"}} for units, price in breaks]


async def change(door: Door, ctx: Ctx, mutation: str, given: dict[str, Any], show: str = OFFER) -> dict[str, Any]:
    kind = mutation[0].upper() + mutation[1:]
    return await door.do(mutation, given, ctx=ctx, show=f"... on {kind}Success {{ {show} }}")


async def test_an_offer_is_drafted_priced_published_and_found_in_the_market(door: Door) -> None:
    supplier, other = await make_owner("Some supplier"), await make_owner()
    entitlement, tier = await make_entitlement(), await make_tier(supplier, name="Newcomers", entry=True)
    given = {
        "entitlementId": node_id("Entitlement", entitlement.id), "title": "Steam 50", "currency": "CNY", "inMarket": True,
        "minResale": {"amount": "45.00", "currency": "CNY"},
    }  # fmt: skip

    made = (await change(door, supplier, "createOffer", given))["offer"]
    breaks = priced((1, "42.00"), (10, "41.50"))
    prices = {"offerId": made["id"], "tierId": node_id("Tier", tier.id), "breaks": breaks}
    set_ = await change(door, supplier, "setOfferPrices", prices, f"startsAt {OFFER}")
    hidden = await door.ask(MARKET, {"e": given["entitlementId"]}, ctx=other)
    published = await change(door, supplier, "publishOffer", {"id": made["id"], "version": 1})
    found = await door.ask(MARKET, {"e": given["entitlementId"], "s": "steam"}, ctx=other)

    assert (made["state"], made["prices"], made["minResale"]) == ("DRAFT", [], {"amount": "45.00"})
    (mine,) = set_["offer"]["prices"]
    assert mine["tier"] == {"name": "Newcomers"}
    assert mine["current"] == {"startsAt": set_["startsAt"], "breaks": breaks}
    assert hidden["supplyMarket"]["nodes"] == []
    assert published["offer"]["state"] == "PUBLISHED"
    (seen,) = found["supplyMarket"]["nodes"]
    assert seen["supplier"] == {"name": "Some supplier"}
    assert [each["unitPrice"]["amount"] for each in seen["prices"]["breaks"]] == ["42.00", "41.50"]
    assert (seen["unitPrice"], seen["agreement"], seen["viewerCanBuy"]) == ({"amount": "41.50"}, None, False)
