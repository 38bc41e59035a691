"""Every field of the schema, asked for with another's ids: nobody learns what is not theirs.

The documents are made from the schema and the ids from the tables, so that what is new is asked for as well, or a test
fails and says what is missing.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType

from fondaco_api.graphql.schema import core_schema
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database
from fondaco_core.identity import MERCHANT_PERMISSIONS, MemberRole
from tests.support.documents import Documents
from tests.support.door import Door, open_door
from tests.support.factories.identity import admin_ctx
from tests.support.rows import as_owner, texts_in
from tests.support.strangers import NODES, PUBLIC_NODES, STRANGERS, TABLES, Known, everything, leaked, meet, row_key
from tests.support.world import node_id

# The permission that one of the merchant's people needs to see a node; a session is its bearer's alone.
NODE_PERMISSIONS = {
    "Agreement": "supply.read",
    "Allocation": "orders.read",
    "ApiClient": "clients.read",
    "BreakGlass": "merchant.read",
    "Code": "codes.read",
    "CodeBatch": "codes.read",
    "Customer": "customers.read",
    "Delivery": "orders.read",
    "DeliveryLink": "orders.read",
    "Leak": "supply.read",
    "Member": "members.read",
    "Offer": "supply.read",
    "Order": "orders.read",
    "Partner": "supply.read",
    "Payment": "orders.read",
    "Pool": "codes.read",
    "Redemption": "codes.read",
    "RefusedRefund": "orders.read",
    "Source": "catalog.read",
    "StockExport": "codes.read",
    "SupplyInvitation": "supply.read",
    "SupplyOffer": "supply.read",
    "SupplyPurchase": "supply.read",
    "SupplySale": "supply.read",
    "Tier": "supply.read",
    "Upload": "codes.import",
    "WebhookEndpoint": "webhooks.read",
    "WebhookMessage": "webhooks.read",
    "Withdrawal": "wallets.read",
    "WithdrawalDestination": "wallets.read",
}
# What some nodes are shown to as well: a till sees what it redeemed.
ALSO_WITH = {"Redemption": "codes.redeem"}
# What is the platform's own to see, though it be about a merchant.
PLATFORM_NODES = {"PaymentNotification", "Plan", "ReconciliationDifference"}
# The permission that each list of a merchant needs; None for what all of its people may see.
LIST_PERMISSIONS = {
    "accounts": "wallets.read",
    "agreements": "supply.read",
    "apiClients": "clients.read",
    "auditCheckpoint": "audit.read",
    "auditLog": "audit.read",
    "breakGlass": "merchant.read",
    "clientKey": "clients.read",
    "commissions": "supply.read",
    "customerWallets": "wallets.read",
    "customers": "customers.read",
    "deliverySettings": "merchant.read",
    "deliveryTemplate": "merchant.read",
    "expiryCalendar": "codes.read",
    "fees": "merchant.read",
    "findOrders": "orders.read",
    "gateways": None,
    "holdBudgets": "merchant.read",
    "identityProviders": "members.edit",
    "leaks": "supply.read",
    "leaksByReseller": "supply.read",
    "listings": "catalog.read",
    "members": "members.read",
    "offers": "supply.read",
    "orderExports": "orders.export",
    "orders": "orders.read",
    "partner": "supply.read",
    "payouts": "wallets.read",
    "pool": "codes.read",
    "pools": "codes.read",
    "previewDeliveryTemplate": "merchant.read",
    "profile": "merchant.read",
    "redemptions": "codes.read",
    "refundsNeedingAttention": "orders.read",
    "resaleBreaches": "supply.read",
    "revealAlarms": "audit.read",
    "routing": None,
    "settlementSummary": "wallets.read",
    "statement": "wallets.read",
    "statementExports": "wallets.read",
    "stockExports": "codes.read",
    "stores": "merchant.read",
    "supplyInvitations": "supply.read",
    "supplyOffers": "supply.read",
    "supplyPurchases": "supply.read",
    "supplySales": "supply.read",
    "explainRoute": "catalog.read",
    "tenant": None,
    "tiers": "supply.read",
    "topUps": "wallets.read",
    "webhookEndpoints": "webhooks.read",
    "webhookMessages": "webhooks.read",
    "withdrawalDestinations": "wallets.read",
    "withdrawals": "wallets.read",
}
# The rows of a merchant that its suppliers and resellers see: what they agreed on, and what is offered to them.
# The last two name what is the partner's own: its listing that breaks a rule, and its offer whose stock was told of.
SHOWN_TO_PARTNERS = {
    "agreement", "agreement_use", "offer", "offer_price", "partner", "tier", "tier_terms", "resale_breach", "stock_told",
}  # fmt: skip
# What a world may have none of: not every machine has a key.
MAY_BE_EMPTY = {"clientKey"}


@pytest.fixture(scope="module")
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def known(settings: Settings, door: Door) -> tuple[Known, Known]:
    """Two merchants who have nothing to do with each other."""
    async with as_owner(settings) as owner:
        return await meet(door, owner)


@pytest.fixture(params=STRANGERS)
def stranger(request: pytest.FixtureRequest, known: tuple[Known, Known]) -> Ctx | None:
    """Somebody who must not learn what only the first merchant's people may."""
    found: Ctx | None = STRANGERS[request.param](known[0].world, known[1].world)
    return found


def test_every_type_of_node_has_its_table_and_every_list_its_permission() -> None:
    documents = Documents(core_schema(), lambda *_: "x")
    merchant = core_schema().type_map["Merchant"]
    assert isinstance(merchant, GraphQLObjectType)

    nodes = {kind.name for kind in documents.nodes()}

    assert set(TABLES) == nodes
    assert set(NODE_PERMISSIONS) | PUBLIC_NODES | PLATFORM_NODES | {"Session", "Tenant"} == nodes
    assert set(LIST_PERMISSIONS) == set(merchant.fields)


def test_the_documents_ask_for_every_field_of_the_schema() -> None:
    documents = Documents(core_schema(), lambda *_: "x")
    schema = core_schema()
    assert schema.mutation_type is not None
    assert schema.subscription_type is not None

    written = [document for _, document in documents.queries()]
    written += [documents.node(kind) for kind in documents.nodes()]
    written += [documents.mutation(name) for name in schema.mutation_type.fields]
    written += [documents.subscription(name) for name in schema.subscription_type.fields]

    assert documents.all_fields() - documents.visited == set()
    assert len(written) > 100


async def test_its_own_people_are_told_what_strangers_must_not_be(known: tuple[Known, Known]) -> None:
    a, _ = known

    assert set(a.world.private) <= a.told, "the owner and the buyer see it, so that the documents do ask for it"
    assert set(a.world.private) <= a.marks, "it is what strangers are searched for"
    assert a.public.isdisjoint(a.world.private)


async def test_a_stranger_is_told_nothing(door: Door, known: tuple[Known, Known], stranger: Ctx | None) -> None:
    a, _ = known
    forbidden = a.marks - a.may_know(stranger)

    answers = await everything(door, a, stranger)

    found = {name: leaks for name, answer in answers.items() if (leaks := leaked(answer, forbidden))}
    assert found == {}


async def test_a_stranger_finds_no_node(door: Door, known: tuple[Known, Known], stranger: Ctx | None) -> None:
    a, _ = known
    seen: dict[str, list[str]] = {}

    for kind in set(TABLES) - PUBLIC_NODES:
        answer = await door.ask(NODES, {"ids": a.ids(kind)[:100]}, ctx=stranger)
        seen[kind] = [node["id"] for node in answer["nodes"] if node is not None]

    assert {kind: found for kind, found in seen.items() if found and not set(found) <= a.nodes_of(stranger)} == {}


async def test_a_partner_is_told_a_name_what_is_agreed_and_what_is_offered_to_it(
    door: Door, known: tuple[Known, Known]
) -> None:
    a, _ = known
    shown = [row for table, row in a.rows if table in SHOWN_TO_PARTNERS and row.get("state") != "DRAFT"]
    seen = set(texts_in(shown)) | traded_with(a.rows, str(a.world.partner.tenant))
    forbidden = (a.marks & a.texts()) - seen - {str(a.world.partner.tenant_id)}

    answers = await everything(door, a, a.world.partner)
    partner = str(a.world.partner.tenant_id)
    agreed = [UUID(row["id"]) for table, row in a.rows if table == "agreement" and partner in row.values()]
    ids = [*(node_id("Agreement", id_) for id_ in agreed), *a.ids("Partner")]
    nodes = await door.ask(NODES, {"ids": ids}, ctx=a.world.partner)

    assert {name: leaks for name, answer in answers.items() if (leaks := leaked(answer, forbidden))} == {}
    assert len(forbidden) > 100
    assert all(nodes["nodes"])


def traded_with(rows: list[tuple[str, dict[str, Any]]], partner: str) -> set[str]:
    """What a partner knows of what the two sold to each other: lots, masks of their units, its own codes, sources and orders."""
    hops, units, codes = ([row for table, row in rows if table == name] for name in ("hop", "allocation", "code"))
    own = {unit["id"] for unit in units}
    known = {hop[name] for hop in hops for name in ("lot_id", "lot") if partner in hop.values()}
    known |= {hop["order_id"] for hop in hops if hop["buyer_tenant_id"] == partner}
    known |= {hop["source_id"] for hop in hops if hop["seller_tenant_id"] == partner}
    known |= {unit[name] for unit in units for name in ("code_id", "masked") if unit["leaf_tenant_id"] == partner}
    # What one of the two paid the other: a line in the statements of both.
    paid = [row for table, row in rows if table == "ledger_transfer"]
    known |= {row["id"] for row in paid if partner in {row["payer_tenant_id"], row["payee_tenant_id"]}}
    # Its own sales, of which the other gets commission.
    known |= {row["hop_id"] for table, row in rows if table == "commission" and row["partner_tenant_id"] == partner}
    # The units of its own orders, whose codes are the other's.
    bought = [code for code in codes if code["allocation_id"] and code["allocation_id"] not in own]
    return known | {code[name] for code in bought for name in ("id", "allocation_id", "masked")}


@pytest.mark.parametrize("kind", sorted(NODE_PERMISSIONS))
async def test_a_node_is_for_who_has_its_permission(door: Door, known: tuple[Known, Known], kind: str) -> None:
    a, _ = known
    needed = NODE_PERMISSIONS[kind]
    missing = {needed, ALSO_WITH.get(kind, needed)}
    # Who sent the files: an upload is its sender's, for those who may not see codes.
    without = replace(a.world.owner, permissions=MERCHANT_PERMISSIONS - missing)
    only = replace(without, permissions=frozenset({needed}))

    ids = sources_of(a, "listing_id") if kind == "Source" else a.ids(kind)[:100]
    refused = await door.ask(NODES, {"ids": ids}, ctx=without)
    shown = await door.ask(NODES, {"ids": ids}, ctx=only)

    assert [node for node in refused["nodes"] if node is not None] == []
    assert all(node is not None for node in shown["nodes"])


def sources_of(known: Known, head: str) -> list[str]:
    """The nodes of what listings, or offers, are filled from."""
    return [node_id("Source", row_key(row)) for table, row in known.rows if table == "source" and row[head]]


async def test_a_source_of_an_offer_is_for_who_may_see_supply(door: Door, known: tuple[Known, Known]) -> None:
    a, _ = known
    ids = sources_of(a, "offer_id")
    with_catalog, with_supply = (
        replace(a.world.owner, permissions=frozenset({needed})) for needed in ("catalog.read", "supply.read")
    )

    refused = await door.ask(NODES, {"ids": ids}, ctx=with_catalog)
    shown = await door.ask(NODES, {"ids": ids}, ctx=with_supply)

    assert ids
    assert set(map(bool, refused["nodes"])) == {False}
    assert set(map(bool, shown["nodes"])) == {True}


@pytest.mark.parametrize("kind", sorted(PLATFORM_NODES))
async def test_what_is_the_platforms_is_shown_to_its_people_alone(
    door: Door, known: tuple[Known, Known], kind: str
) -> None:
    a, _ = known
    owner, admin = a.world.members[MemberRole.OWNER], admin_ctx()

    refused = await door.ask(NODES, {"ids": a.ids(kind)}, ctx=owner)
    shown = await door.ask(NODES, {"ids": a.ids(kind)}, ctx=admin)

    assert [node for node in refused["nodes"] if node is not None] == []
    assert shown["nodes"]
    assert all(node is not None for node in shown["nodes"])


@pytest.mark.parametrize("name", sorted(name for name, needed in LIST_PERMISSIONS.items() if needed))
async def test_a_list_is_for_who_has_its_permission(door: Door, known: tuple[Known, Known], name: str) -> None:
    a, _ = known
    needed = LIST_PERMISSIONS[name]
    assert needed is not None
    document = dict(a.documents().queries())[f"Merchant.{name}"]
    without = replace(a.world.members[MemberRole.OWNER], permissions=MERCHANT_PERMISSIONS - {needed})

    refused = await door.post(document, ctx=without)
    shown = await door.post(document, ctx=replace(without, permissions=frozenset({needed})))

    assert leaked(refused, a.marks) == []
    assert leaked(shown, a.marks) != [] or shown["data"]["merchant"][name] or name in MAY_BE_EMPTY
    assert "errors" not in shown
    assert "errors" in refused or refused["data"]["merchant"][name] is None
