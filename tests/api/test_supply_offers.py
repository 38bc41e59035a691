"""Offers through the real front door: a supplier's own, the market, and what a reseller sees of either."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading, transaction
from fondaco_core.identity import MemberRole
from fondaco_tenants import webhooks
from fondaco_tenants.supply import StockView
from fondaco_workers.actors import offers as actors
from fondaco_workers.actors import webhooks as teller
from tests.support.actors import run_twice
from tests.support.door import Door, open_door
from tests.support.factories.catalog import make_entitlement
from tests.support.factories.chains import Merchant, stock_up
from tests.support.factories.codes import make_pool
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.offers import breaks_of, make_offer, make_prices, make_score_rows
from tests.support.factories.supply import make_agreement, make_terms, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.rows import texts_in
from tests.support.statements import counted
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
    pool = await make_pool(supplier, entitlement_id=entitlement.id)
    await door.do("addSource", {"offerId": made["id"], "poolId": node_id("Pool", pool.id)}, ctx=supplier)
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


FILTERED = """query ($e: ID, $h: Int, $c: [StockClass!], $n: Int, $a: String) {
  supplyMarket(entitlementId: $e, minHealth: $h, stock: $c, first: $n, after: $a) {
    nodes { title stock { view stockClass } } pageInfo { hasNextPage endCursor } } }"""


async def test_the_market_is_searched_by_health_and_by_stock_as_far_as_it_is_told(door: Door) -> None:
    entitlement, reseller = await make_entitlement(), await make_owner()
    for title, view, stock, health in (
        ("much", StockView.EXACT, 40, 900), ("little", StockView.BANDED, 1, None), ("hidden", StockView.HIDDEN, 1, 300),
        ("dry", StockView.HIDDEN, 0, 1_000),
    ):  # fmt: skip
        supplier = await make_owner()
        tier = await make_tier(supplier, entry=True, terms=make_terms(stock_view=view))
        offer = await make_offer(supplier, entitlement_id=entitlement.id, title=title, tier_id=tier.id, in_market=True)
        await stock_up(Merchant(supplier.tenant, supplier, tier), offer.id, entitlement.id, stock)
        if health is not None:
            await make_score_rows(supplier, offer_id=offer.id, health=health)

    async def titles(**asked: Any) -> list[str]:
        given = {"e": node_id("Entitlement", entitlement.id)} | asked
        found = (await door.ask(FILTERED, given, ctx=reseller))["supplyMarket"]
        return sorted(each["title"] for each in found["nodes"])

    assert await titles() == ["dry", "hidden", "little", "much"]
    assert await titles(h=800) == ["dry", "little", "much"], "what nobody has bought yet is neither good nor bad"
    assert await titles(h=801) == ["dry", "much"]
    assert await titles(c=["OUT"]) == ["dry"]
    assert await titles(c=["LOW"]) == ["little"]
    assert await titles(c=["IN_STOCK"]) == ["hidden", "much"], "of what is hidden nothing but whether there is any"
    assert await titles(c=["IN_STOCK"], h=800) == ["much"]


async def test_a_page_by_stock_ends_where_enough_was_looked_at_and_another_follows(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MARKET_ROUNDS_MAX", 1)
    monkeypatch.setattr(limits, "PAGE_MAX", 2)
    entitlement, reseller, supplier = await make_entitlement(), await make_owner(), await make_owner()
    tier = await make_tier(supplier, entry=True)
    for number in range(4):
        offer = await make_offer(
            supplier, entitlement_id=entitlement.id, title=f"{number}", tier_id=tier.id, in_market=True
        )
        await stock_up(Merchant(supplier.tenant, supplier, tier), offer.id, entitlement.id, 30 if number == 0 else 0)
    given: dict[str, Any] = {"e": node_id("Entitlement", entitlement.id), "c": ["IN_STOCK"], "n": 1}

    first = (await door.ask(FILTERED, given, ctx=reseller))["supplyMarket"]
    second = (await door.ask(FILTERED, given | {"a": first["pageInfo"]["endCursor"]}, ctx=reseller))["supplyMarket"]

    assert (first["nodes"], first["pageInfo"]["hasNextPage"]) == ([], True)
    assert [each["title"] for each in second["nodes"]] == ["0"]


async def make_offered(supplier: Ctx, **more: Any) -> tuple[str, str]:
    """A published offer of the supplier with one tier's price, and the tier; by their opaque ids."""
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, tier_id=tier.id, **more)
    return node_id("Offer", offer.id), node_id("Tier", tier.id)


async def test_an_owner_changes_withdraws_and_reads_the_history_by_pages(door: Door) -> None:
    supplier = await make_owner()
    offer, tier = await make_offered(supplier)
    later = (clock.now() + timedelta(days=3)).isoformat()
    await change(
        door,
        supplier,
        "setOfferPrices",
        {"offerId": offer, "tierId": tier, "breaks": priced((1, "39.00")), "startsAt": later},
    )
    ended = await change(door, supplier, "setOfferPrices", {"offerId": offer, "tierId": tier, "breaks": []})

    changed = await change(
        door, supplier, "updateOffer", {"id": offer, "version": 2, "title": "New", "minResale": None}
    )
    withdrawn = await change(door, supplier, "withdrawOffer", {"id": offer, "version": 3})
    document = """query ($id: ID!, $after: String, $tier: ID) { node(id: $id) { ... on Offer { viewerCanEdit withdrawnAt
        priceHistory(first: 2, after: $after, tierId: $tier) { pageInfo { endCursor hasNextPage }
          nodes { startsAt tier { id } breaks { unitPrice { amount } } } } } } }"""
    first = (await door.ask(document, {"id": offer, "tier": tier}, ctx=supplier))["node"]
    cursor = first["priceHistory"]["pageInfo"]["endCursor"]
    second = (await door.ask(document, {"id": offer, "after": cursor}, ctx=supplier))["node"]

    (prices,) = ended["offer"]["prices"]
    assert (prices["current"], len(prices["coming"])) == (None, 1)
    assert (changed["offer"]["title"], changed["offer"]["minResale"], changed["offer"]["version"]) == ("New", None, 3)
    assert (withdrawn["offer"]["state"], first["viewerCanEdit"]) == ("WITHDRAWN", True)
    lists = [*first["priceHistory"]["nodes"], *second["priceHistory"]["nodes"]]
    assert [[each["unitPrice"]["amount"] for each in found["breaks"]] for found in lists] == [["39.00"], [], ["40.00"]]
    assert {found["tier"]["id"] for found in lists} == {tier}
    assert (first["priceHistory"]["pageInfo"]["hasNextPage"], second["priceHistory"]["pageInfo"]["hasNextPage"]) == (
        True, False,
    )  # fmt: skip


async def test_an_offer_is_a_node_for_its_owner_and_a_supply_offer_for_its_resellers(door: Door) -> None:
    supplier, reseller, stranger = await make_owner(), await make_owner(), await make_owner()
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)
    asked = {"ids": [node_id("Offer", offer.id), node_id("SupplyOffer", offer.id)]}
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"

    seen = {
        name: [node and node["__typename"] for node in (await door.ask(document, asked, ctx=ctx))["nodes"]]
        for name, ctx in (("owner", supplier), ("reseller", reseller), ("stranger", stranger), ("nobody", None))
    }

    assert seen == {
        "owner": ["Offer", "SupplyOffer"], "reseller": [None, "SupplyOffer"], "stranger": [None, None], "nobody": [None, None],
    }  # fmt: skip


async def test_a_reseller_is_told_its_own_price_and_nothing_that_others_pay(door: Door) -> None:
    supplier, reseller = await make_owner("A supplier"), await make_owner()
    entry, mine, gold = await make_tier(supplier, entry=True), await make_tier(supplier), await make_tier(supplier)
    offer = await make_offer(supplier, in_market=True)
    for tier, price in ((entry, 4_701), (mine, 4_502), (gold, 4_203)):
        await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, price)))
    agreement = await make_agreement(supplier, reseller, tier=mine)
    fields = (
        "id title currency publishedAt minResale { amount } supplier { id name about } agreement { id state tier { name } } "
        "prices { startsAt setAt breaks { fromUnits unitPrice { amount } } } comingPrices { startsAt } "
        "unitPrice { amount } viewerCanBuy"
    )
    document = f"""query ($id: ID!, $e: ID) {{ node(id: $id) {{ ... on SupplyOffer {{ {fields} }} }}
        supplyMarket(entitlementId: $e) {{ nodes {{ {fields} }} }}
        merchant {{ supplyOffers(entitlementId: $e) {{ nodes {{ {fields} }} }} offers {{ nodes {{ id }} }} }} }}"""

    asked = {"id": node_id("SupplyOffer", offer.id), "e": node_id("Entitlement", offer.entitlement_id)}
    told = await door.ask(document, asked, ctx=reseller)

    (market,), (offered,) = told["supplyMarket"]["nodes"], told["merchant"]["supplyOffers"]["nodes"]
    assert told["node"] == market == offered
    assert (market["unitPrice"], market["viewerCanBuy"]) == ({"amount": "45.02"}, True)
    assert (market["supplier"]["name"], market["agreement"]["id"]) == ("A supplier", node_id("Agreement", agreement.id))
    assert told["merchant"]["offers"]["nodes"] == []
    assert not {"47.01", "42.03"} & set(texts_in(told))


async def test_a_resellers_system_hears_of_a_price_to_come_and_finds_it_by_the_id(door: Door) -> None:
    supplier, reseller = await make_owner(), await make_owner()
    tier = await make_tier(supplier)
    offer = await make_offer(supplier, tier_id=tier.id)
    await make_agreement(supplier, reseller, tier=tier)
    async with transaction(reseller) as tx:
        await webhooks.create_endpoint(
            tx, reseller, url="https://127.0.0.1/hooks", event_types=["supply.price_coming"], description=""
        )
    soon = clock.now().replace(microsecond=0) + timedelta(days=3)
    await make_prices(supplier, offer_id=offer.id, tier_id=tier.id, breaks=breaks_of((1, 4_400)), starts_at=soon)
    set_ = {
        "offer_id": str(offer.id),
        "tier_id": str(tier.id),
        "starts_at": soon,
        "currency": "CNY",
        "unit_price_minor": 4_400,
    }

    await run_twice(actors.tell_prices, tenant_id=supplier.tenant, **set_)
    async with governing(reseller) as tx:
        (row,) = await tx.fetch(
            "SELECT seq, name, happened_at, payload::text AS told FROM outbox_event "
            "WHERE tenant_id = $1 AND name = 'supply.price_coming'", reseller.tenant,
        )  # fmt: skip
    await run_twice(
        teller.tell, tenant_id=reseller.tenant, event=row["name"], fact=str(row["seq"]),
        happened_at=row["happened_at"].isoformat(), told=row["told"],
    )  # fmt: skip

    async with reading(reseller) as tx:
        (message,) = await webhooks.list_messages(tx, reseller, count=10)
    data = orjson.loads(message.body)["data"]
    assert (data["unitPriceMinor"], data["currency"], data["tierId"]) == (4_400, "CNY", node_id("Tier", tier.id))
    document = "query ($id: ID!) { node(id: $id) { ... on SupplyOffer { comingPrices { startsAt } } } }"
    found = (await door.ask(document, {"id": data["supplyOfferId"]}, ctx=reseller))["node"]
    assert datetime.fromisoformat(found["comingPrices"]["startsAt"]) == datetime.fromisoformat(data["startsAt"]) == soon


@pytest.mark.parametrize(
    ("asked", "code", "path"),
    [
        (("createOffer", {"title": "x" * 500}), "INVALID_INPUT", ["input", "title"]),
        (("createOffer", {"minResale": {"amount": "1", "currency": "USD"}}), "INVALID_INPUT", ["input", "minResale", "currency"]),
        (("createOffer", {"entitlementId": node_id("Entitlement", uuid4())}), "NOT_FOUND", ["input", "entitlementId"]),
        (("updateOffer", {"version": 7}), "STALE_VERSION", None),
        (("publishOffer", {"version": 2}), "OFFER_IN_WRONG_STATE", None),
        (("withdrawOffer", {"id": node_id("Offer", uuid4())}), "NOT_FOUND", None),
        (("setOfferPrices", {"breaks": priced((2, "1"))}), "INVALID_INPUT", ["input", "breaks", "0", "fromUnits"]),
        (("setOfferPrices", {"breaks": priced((1, "1.001"))}), "INVALID_INPUT", ["input", "breaks", "0", "unitPrice", "amount"]),
        (("setOfferPrices", {"breaks": priced(*[(1, "1")] * 11)}), "INVALID_INPUT", ["input", "breaks"]),
        (("setOfferPrices", {"startsAt": "2999-01-01T00:00:00Z"}), "INVALID_INPUT", ["input", "startsAt"]),
        (("setOfferPrices", {"tierId": node_id("Tier", uuid4())}), "NOT_FOUND", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_what_cannot_be_is_refused_by_name_in_ones_language(
    door: Door, asked: tuple[str, dict[str, Any]], code: str, path: list[str] | None, locale: str
) -> None:
    supplier, (mutation, given) = await make_owner(), asked
    offer, tier = await make_offered(supplier)
    valid: dict[str, dict[str, Any]] = {
        "createOffer": {
            "entitlementId": node_id("Entitlement", (await make_entitlement()).id), "title": "Steam", "currency": "CNY",
        },
        "setOfferPrices": {"offerId": offer, "tierId": tier, "breaks": priced((1, "39.00"))},
    }  # fmt: skip

    whole = valid.get(mutation, {"id": offer, "version": 2}) | given
    refused = await door.do(mutation, whole, ctx=supplier, locale=locale)

    assert (refused["code"], refused["path"]) == (code, path)
    assert refused["message"].isascii() == (locale == "en")


async def test_a_moment_that_is_taken_and_a_tier_that_is_put_away_are_refused(door: Door) -> None:
    supplier = await make_owner()
    offer, tier = await make_offered(supplier)
    soon = (clock.now() + timedelta(days=1)).isoformat()
    given = {"offerId": offer, "tierId": tier, "breaks": priced((1, "39.00")), "startsAt": soon}

    await change(door, supplier, "setOfferPrices", given)
    taken = await door.do("setOfferPrices", given, ctx=supplier)
    await door.do("updateTier", {"tierId": tier, "version": 1, "archived": True}, ctx=supplier)
    away = await door.do("setOfferPrices", given | {"startsAt": None}, ctx=supplier)

    assert (taken["code"], taken["path"]) == ("PRICES_SET_ALREADY", ["input", "startsAt"])
    assert away["code"] == "TIER_ARCHIVED"


async def test_a_repeated_request_sets_prices_once_and_drafts_one_offer(door: Door) -> None:
    supplier = await make_owner()
    offer, tier = await make_offered(supplier)
    entitlement = node_id("Entitlement", (await make_entitlement()).id)
    document = """mutation ($p: SetOfferPricesInput!, $c: CreateOfferInput!, $k1: String, $k2: String) {
        set: setOfferPrices(input: $p, idempotencyKey: $k1) { ... on SetOfferPricesSuccess { startsAt offer { id } } }
        made: createOffer(input: $c, idempotencyKey: $k2) { ... on CreateOfferSuccess { offer { id } } } }"""
    asked = {
        "p": {"offerId": offer, "tierId": tier, "breaks": priced((1, "38.00"))},
        "c": {"entitlementId": entitlement, "title": "Steam", "currency": "CNY"}, "k1": uuid4().hex, "k2": uuid4().hex,
    }  # fmt: skip

    first, second = [await door.ask(document, asked, ctx=supplier) for _ in range(2)]

    assert first == second
    assert first["set"]["offer"]["id"] == offer
    listed = (await door.ask("{ merchant { offers { nodes { id } } } }", ctx=supplier))["merchant"]["offers"]["nodes"]
    assert [each["id"] for each in listed] == [first["made"]["offer"]["id"], offer]


async def test_supply_is_for_those_of_a_merchant_who_may_see_it(door: Door) -> None:
    supplier = await make_owner()
    support = await make_member_ctx(supplier.tenant, role=MemberRole.SUPPORT)
    auditor = await make_member_ctx(supplier.tenant, role=MemberRole.AUDITOR)
    offer, _ = await make_offered(supplier)
    documents = (
        "{ merchant { offers { nodes { id } } } }", "{ merchant { supplyOffers { nodes { id } } } }",
        "{ supplyMarket(first: 1) { nodes { id } } }",
    )  # fmt: skip

    refused = [(await door.post(document, ctx=support))["errors"][0]["extensions"]["code"] for document in documents]
    nobody = (await door.post(documents[2]))["errors"][0]["extensions"]["code"]
    withheld = await door.do("withdrawOffer", {"id": offer, "version": 2}, ctx=auditor)
    read = await door.ask("{ merchant { offers { nodes { viewerCanEdit } } } }", ctx=auditor)

    assert refused == ["FORBIDDEN"] * 3
    assert nobody == "UNAUTHENTICATED"
    assert withheld["code"] == "NOT_ALLOWED"
    assert read["merchant"]["offers"]["nodes"] == [{"viewerCanEdit": False}]


async def test_a_page_of_own_offers_with_goods_and_prices_is_four_statements(door: Door) -> None:
    supplier = await make_owner()
    for _ in range(3):
        await make_offered(supplier)

    with counted() as sent:
        shown = await door.ask(
            "{ merchant { offers { nodes { title entitlement { sku } prices { tier { name } current { startsAt } } } } } }",
            ctx=supplier,
        )

    assert len(shown["merchant"]["offers"]["nodes"]) == 3
    assert len(sent) == 4


async def test_a_page_of_the_market_with_suppliers_goods_and_agreements_is_four_statements(door: Door) -> None:
    reseller, entitlement = await make_owner(), await make_entitlement()
    for _ in range(3):
        supplier = await make_owner()
        tier = await make_tier(supplier)
        await make_offer(supplier, entitlement_id=entitlement.id, in_market=True, tier_id=tier.id)
        await make_agreement(supplier, reseller, tier=tier)

    with counted() as sent:
        shown = await door.ask(MARKET, {"e": node_id("Entitlement", entitlement.id)}, ctx=reseller)

    assert [each["viewerCanBuy"] for each in shown["supplyMarket"]["nodes"]] == [True] * 3
    assert len(sent) == 4
