"""Two worlds, who is a stranger to the first, and what no stranger may be told of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from graphql import GraphQLArgument, get_named_type

from fondaco_api.graphql.schema import core_schema
from fondaco_core import clock
from fondaco_core.context import Ctx
from fondaco_core.identity import PERMISSIONS
from tests.support.documents import Documents, told, words_of
from tests.support.door import Door
from tests.support.notary import seal_all
from tests.support.rows import rows_of, texts_in
from tests.support.world import World, make_worlds, node_id

# The table behind each type of node.
TABLES = {
    "Agreement": "agreement",
    "Allocation": "allocation",
    "ApiClient": "api_client",
    "BreakGlass": "break_glass",
    "Code": "code",
    "CodeBatch": "code_batch",
    "Customer": "customer",
    "Delivery": "delivery",
    "DeliveryLink": "delivery_link",
    "Entitlement": "entitlement",
    "Leak": "leak",
    "Listing": "listing",
    "Member": "member",
    "Offer": "offer",
    "Order": "order",
    "Partner": "partner",
    "Payment": "payment",
    "PaymentNotification": "payment_notification",
    "Plan": "plan",
    "Pool": "code_pool",
    "ReconciliationDifference": "reconciliation_difference",
    "Redemption": "code_redemption",
    "RefusedRefund": "payment_refund",
    "Session": "session",
    "Source": "source",
    "StockExport": "stock_export",
    "Store": "store",
    "SupplyInvitation": "supply_invitation",
    # As others see it.
    "SupplyOffer": "offer",
    # As its two parties see it.
    "SupplyPurchase": "hop",
    "SupplySale": "hop",
    "Tenant": "tenant",
    "Tier": "tier",
    "Upload": "upload",
    "WebhookEndpoint": "webhook_endpoint",
    "WebhookMessage": "webhook_message",
    "Withdrawal": "withdrawal",
    "WithdrawalDestination": "withdrawal_destination",
}
# Which party sees a lot as a node of this type.
PARTY_OF_LOTS = {"SupplyPurchase": "buyer_tenant_id", "SupplySale": "seller_tenant_id"}
# What a field is asked with when its argument is an id: the type that it is of; None where one's own would leave nothing.
ID_ARGUMENTS: dict[tuple[str, str, str], str | None] = {
    ("Merchant", "clientKey", "apiClientId"): "ApiClient",
    ("Merchant", "customerWallets", "customerId"): "Customer",
    ("Merchant", "deliveryTemplate", "listingId"): "Listing",
    ("Merchant", "deliveryTemplate", "storeId"): "Store",
    ("Merchant", "previewDeliveryTemplate", "listingId"): "Listing",
    ("Merchant", "previewDeliveryTemplate", "storeId"): "Store",
    ("Merchant", "explainRoute", "listingId"): "Listing",
    ("Merchant", "leaks", "partnerId"): None,
    ("Merchant", "listings", "storeId"): "Store",
    ("Merchant", "offers", "entitlementId"): "Entitlement",
    ("Merchant", "pool", "id"): "Pool",
    ("Merchant", "pools", "entitlementId"): "Entitlement",
    ("Merchant", "webhookMessages", "endpointId"): "WebhookEndpoint",
    ("Merchant", "redemptions", "codeId"): "Code",
    ("Merchant", "statement", "partnerId"): None,
    ("Merchant", "supplyOffers", "entitlementId"): "Entitlement",
    ("Merchant", "supplyOffers", "supplierId"): None,
    ("Merchant", "supplyPurchases", "partnerId"): None,
    ("Merchant", "supplySales", "partnerId"): None,
    ("Offer", "priceHistory", "tierId"): "Tier",
    ("Platform", "keyChanges", "tenantId"): "Tenant",
    ("Platform", "paymentNotifications", "paymentId"): "Payment",
    ("Platform", "tenant", "id"): "Tenant",
    ("Pool", "codes", "batchId"): "CodeBatch",
    ("Query", "codeBatch", "id"): "CodeBatch",
    ("Query", "listing", "id"): "Listing",
    ("Query", "supplyMarket", "entitlementId"): "Entitlement",
    ("Query", "supplyMarket", "supplierId"): None,
    ("Subscription", "importProgress", "batchId"): "CodeBatch",
    ("Subscription", "orderChanged", "id"): "Order",
    ("Subscription", "paymentChanged", "id"): "Payment",
    ("Subscription", "stockChanged", "ids"): "Listing",
}
# What a visitor of the store may see: the nodes that are public, and the questions by which they are found.
PUBLIC_NODES = {"Entitlement", "Listing", "Store"}
PUBLIC_QUERIES = ("Query.store", "Query.listing", "Query.entitlements", "Query.webhookEventTypes")
# The nodes that a buyer may see when they are the buyer's own, and the merchant.
NODES_OF_BUYERS = {
    "Allocation",
    "Payment",
    "ApiClient",
    "Customer",
    "Delivery",
    "DeliveryLink",
    "Order",
    "Session",
    "Tenant",
}
# The rows of a merchant that its own buyers may see beside their own.
SHOWN_TO_BUYERS = {"tenant", "merchant_profile", "store", "listing"}
# What the people of two worlds have in common without a row that says so: the name of made up members, masked addresses,
# the names of an audit entry's details.
COINCIDENCES = {
    "Some person",
    "192.0.*.*",
    "2001:0db8:0000:***",
    "currency",
    "customer_id",
    "total_minor",
    "event_types",
    "change_id",
    "export_id",
    "redemption_id",
    "recipient",
}
# A mark that is shorter may stand in any answer by chance.
MARK_CHARS = 8
# Moments, amounts and lists of permissions are alike everywhere; a picture shows what stands beside it as a text.
PLAIN = re.compile(
    r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|\+\d\d:\d\d)?)?|-?infinity|-?\d+\.\d\d|\[\"[a-z.\",]+\"\]|data:image/svg\+xml.*"
)


@dataclass(slots=True)
class Known:
    """A world with everything that is in it: the rows, and the id of one row for each type of node."""

    world: World
    rows: list[tuple[str, dict[str, Any]]]
    # What its own people are told, what its visitors are told, and what nobody but its own people may be told.
    told: set[str] = field(default_factory=set)
    public: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)

    def ids(self, kind: str) -> list[str]:
        """Every node of a type, those around the buyer's delivered order first."""
        if kind == "Entitlement":
            return [node_id(kind, self.world.pool.entitlement_id)]
        if kind == "Plan":
            return [node_id(kind, self.world.plan_id)]
        around = {str(self.world.order_id), str(self.world.buyer.customer_id), str(self.world.link_id)}
        rows = [row for table, row in self.rows if table == TABLES[kind]]
        if kind in PARTY_OF_LOTS:
            rows = [row for row in rows if is_lot_of(row, PARTY_OF_LOTS[kind], str(self.world.tenant_id))]
        rows.sort(key=lambda row: around.isdisjoint(texts_in(row)))
        return [node_id(kind, row_key(row)) for row in rows]

    def fill(self, kind: str, field: str, argument: str, given: GraphQLArgument) -> Any:
        """What a field is asked with."""
        if get_named_type(given.type).name == "ID":
            of = ID_ARGUMENTS[kind, field, argument]
            return None if of is None else self.ids(of)[0]
        named = {
            ("Fees", "fee", "amount"): {"amount": "1.00", "currency": "CNY"},
            ("Merchant", "gateways", "currency"): "CNY",
            ("Merchant", "statement", "currency"): "CNY",
            ("Merchant", "statement", "from"): f"{clock.now() - timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
            ("Merchant", "statement", "to"): f"{clock.now() + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}",
            ("Query", "store", "slug"): self.world.store_slug,
            ("Query", "order", "code"): self.world.order_code,
            ("Merchant", "customers", "contact"): self.world.contact,
        }
        return named.get((kind, field, argument), False if str(given.type) == "Boolean!" else None)

    def documents(self) -> Documents:
        """Documents that ask for this world."""
        return Documents(core_schema(), self.fill)

    def texts(self) -> set[str]:
        """Every text of every row."""
        return set(texts_in([row for _, row in self.rows]))

    def rows_of_buyer(self, ctx: Ctx) -> list[tuple[str, dict[str, Any]]]:
        """The rows that are a buyer's own, or a guest's, and those that every buyer of the merchant may see."""
        mine = {str(ctx.customer_id or ctx.order_id)}
        if ctx.order_id is not None:
            mine |= {row["customer_id"] for table, row in self.rows if table == "order" and row["id"] in mine}
        for tables in (
            ("order", "ledger_account"),
            ("order_line", "allocation", "delivery", "delivery_link"),
            ("code",),
        ):
            found = [row for table, row in self.rows if table in tables and not mine.isdisjoint(texts_in(row))]
            mine |= {row["id"] for row in found} | {row["code_id"] for row in found if row.get("code_id")}
        return [
            (table, row) for table, row in self.rows if table in SHOWN_TO_BUYERS or not mine.isdisjoint(texts_in(row))
        ]

    def nodes_of(self, ctx: Ctx | None) -> set[str]:
        """The nodes that are an asker's own at this merchant, and the merchant itself."""
        if ctx is None or ctx.tenant_id != self.world.tenant_id:
            return set()
        own = self.rows_of_buyer(ctx)
        return {
            node_id(kind, row_key(row))
            for kind, behind in TABLES.items()
            for table, row in own
            if table == behind and (kind in NODES_OF_BUYERS)
        }

    def may_know(self, ctx: Ctx | None) -> set[str]:
        """The texts of the rows that an asker may be told of: a buyer's own at this merchant, nothing to others."""
        if ctx is None or ctx.tenant_id != self.world.tenant_id:
            return set()
        return set(texts_in([row for _, row in self.rows_of_buyer(ctx)]))


def is_lot_of(row: dict[str, Any], party: str, tenant_id: str) -> bool:
    """Whether a hop is the one that its lot is named after, of this seller or buyer, and paid."""
    return row["lot_id"] == row["id"] and row[party] == tenant_id and row["settles_at"] is not None


def row_key(row: dict[str, Any]) -> UUID:
    """By what a node of a row is fetched: its own id, or the merchant's of which there is one row."""
    return UUID(row["id"] if "id" in row else row["tenant_id"])


async def meet(door: Door, owner: Any) -> tuple[Known, Known]:
    """Two merchants who have nothing to do with each other, and what only the first one's people may be told."""
    worlds = await make_worlds(door)
    await seal_all()
    a, b = [Known(world, await rows_of(owner, world.tenant_id)) for world in worlds]
    for asker in (a.world.owner, a.world.buyer, a.world.other_buyer, a.world.guest, a.world.machine):
        a.told |= told([answer["data"] for answer in (await everything(door, a, asker)).values()])
    for name, document in a.documents().queries():
        if name in PUBLIC_QUERIES:
            a.public |= told(await door.post(document))
    # Every page of the store says where it helps.
    a.public.add(f"help-{a.world.tag}@example.com")
    common = b.texts() | words_of(core_schema()) | set(PERMISSIONS) | a.public | COINCIDENCES
    # The root over the entries of all merchants is every merchant's to keep.
    common |= told(await door.post(dict(b.documents().queries())["Merchant.auditCheckpoint"], ctx=b.world.owner))
    texts = (a.told | a.texts()) - common
    a.marks = {text for text in texts if len(text) >= MARK_CHARS and not PLAIN.fullmatch(text)}
    return a, b


NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def everything(door: Door, known: Known, ctx: Ctx | None) -> dict[str, Any]:
    """The answers to every query about a world, by what was asked."""
    documents = known.documents()
    answers = {name: await door.post(text, ctx=ctx) for name, text in documents.queries()}
    for kind in documents.nodes():
        ids = known.ids(kind.name)
        answers[f"node {kind.name}"] = await door.post(documents.node(kind), {"id": ids[0]}, ctx=ctx)
        answers[f"nodes {kind.name}"] = await door.post(NODES, {"ids": ids[:100]}, ctx=ctx)
    return answers


def leaked(answer: Any, forbidden: set[str]) -> list[str]:
    """The marks that an answer holds, in whatever text."""
    text = "\n".join(told(answer))
    return sorted(mark for mark in forbidden if mark in text)


GOVERNING = frozenset(name for name in PERMISSIONS if name.startswith(("platform.", "system.")))
# Who must not learn what only the first merchant's people may: made of the first world and the second.
STRANGERS: dict[str, Callable[[World, World], Ctx | None]] = {
    "nobody": lambda _a, _b: None,
    "another merchant's owner": lambda _a, b: b.owner,
    "another merchant's machine": lambda _a, b: b.machine,
    "another merchant's buyer": lambda _a, b: b.buyer,
    "another merchant's buyer's machine": lambda _a, b: b.buyer_machine,
    "another merchant's guest": lambda _a, b: b.guest,
    "somebody with every right elsewhere": lambda _a, b: replace(
        b.owner, customer_id=b.buyer.customer_id, permissions=frozenset(PERMISSIONS) - GOVERNING
    ),
    "the same merchant's buyer": lambda a, _b: a.buyer,
    "another buyer of the same merchant": lambda a, _b: a.other_buyer,
    "a guest of the same merchant": lambda a, _b: a.guest,
    "a buyer's machine of the same merchant": lambda a, _b: a.buyer_machine,
}
