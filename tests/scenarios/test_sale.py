"""A sale from the first admin to the last entry of the audit log, with nothing but what anybody has: a command and HTTP."""

import asyncio
import re
import sys
from uuid import uuid4

import redis

from fondaco_core.config import Settings
from tests.support.breaking import ROOT, Client, environment_of
from tests.support.factories.codes import some_codes
from tests.support.factories.identity import some_email
from tests.support.invariants import assert_invariants
from tests.support.waiting import until
from tests.workers.conftest import Start

PASSWORD = "four words and more"
SIGNED_IN = "token"
BATCH = "query($id: ID!) { node(id: $id) { ... on CodeBatch { state accepted duplicates rejected } } }"
ENTRIES = "{ merchant { auditLog(first: 100) { nodes { action actorKind actorName reason } } } }"
ORDER = "order { id code state total { amount } refunded { amount } allocations(first: 5) { nodes { id maskedCode } } }"
WALLET = "{ viewer { wallets { available { amount currency } } orders { nodes { code state } } } }"


async def command(settings: Settings, *arguments: str) -> str:
    """What one of our commands says; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fondaco_ops", *arguments,
        env=environment_of(settings), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await process.communicate()
    assert process.returncode == 0, said + complained
    return said.decode()


async def signed_in(ports: tuple[int, int], mutation: str, **given: object) -> Client:
    """Somebody who has just chosen or given a password, at both front doors."""
    client = Client(ports)
    client.token = (await client.done(mutation, SIGNED_IN, carrier="TOKEN", password=PASSWORD, **given))["token"]
    return client


async def first_admin(settings: Settings, ports: tuple[int, int]) -> Client:
    """The platform's first admin, let in by the command."""
    email = some_email()
    said = await command(settings, "admin", email)
    (token,) = re.findall(r"/account/password#(\S+)", said)
    stranger = Client(ports)
    await stranger.welcome()
    await stranger.done("resetPassword", "__typename", token=token, password=PASSWORD)
    return await signed_in(ports, "signIn", email=email)


async def stock_up(owner: Client, entitlement: str, texts: list[str]) -> str:
    """A pool with these codes in it, by upload."""
    pool: str = (await owner.done("createPool", "pool { id }", entitlementId=entitlement, name="Cards"))["pool"]["id"]
    sent = await owner.send(
        "POST", "/uploads", content="\n".join([*texts, texts[0]]), headers={"x-filename": "cards.txt"}
    )
    given = {"poolId": pool, "uploadId": sent.json()["uploadId"], "unitCost": {"amount": "30.00", "currency": "CNY"}}
    batch = (await owner.done("importCodes", "batch { id }", **given))["batch"]["id"]

    async def imported() -> bool:
        found = (await owner.ask(BATCH, id=batch))["node"]
        assert found["state"] in {"IMPORTING", "READY"}
        return bool(found == {"state": "READY", "accepted": len(texts), "duplicates": 1, "rejected": 0})

    await until(imported)
    return pool


async def put_on_sale(owner: Client, store: str, entitlement: str, pool: str) -> str:
    """A listing that sells from the pool."""
    listing = (
        await owner.done(
            "createListing", "listing { id version }", storeId=store, entitlementId=entitlement, title="A card",
            price={"amount": "48.00", "currency": "CNY"},
        )
    )["listing"]  # fmt: skip
    await owner.done("addSource", "source { id }", listingId=listing["id"], poolId=pool)
    await owner.done("publishListing", "listing { state }", id=listing["id"], version=listing["version"])
    found: str = listing["id"]
    return found


async def test_a_merchant_begins_sells_and_refunds_and_everything_is_on_record(
    ports: tuple[int, int], queue: redis.Redis, queue_settings: Settings, start: Start
) -> None:
    assert queue
    start("fondaco_workers.relay")
    start("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
    slug, texts = f"t-{uuid4().hex[:12]}", some_codes(5)

    # The platform lets a merchant in.
    admin = await first_admin(queue_settings, ports)
    applied = await admin.done(
        "createTenant", "tenant { id state } invitationToken", slug=slug, name="Lumen", feeBps=150,
        ownerEmail=some_email(), ownerName="Wei",
    )  # fmt: skip
    tenant = applied["tenant"]["id"]
    assert applied["tenant"]["state"] == "APPLIED"
    approved = await admin.done("approveTenant", "tenant { state }", tenantId=tenant, reason="papers are in order")
    assert approved["tenant"]["state"] == "ACTIVE"
    await admin.done(
        "recordDeposit", "amount { amount }", tenantId=tenant, amount={"amount": "1000.00", "currency": "CNY"},
        reason="bank transfer",
    )  # fmt: skip
    entitlement = (
        await admin.done(
            "createEntitlement", "entitlement { id }", sku=f"card-{uuid4().hex[:8]}", brand="Some brand", name="A card",
            nameZh="点卡", category="game", fulfilmentKind="CODE", redemption="Enter it.", redemptionZh="输入即可。",
        )
    )["entitlement"]["id"]  # fmt: skip

    # The merchant opens a store and fills it.
    owner = await signed_in(ports, "acceptInvitation", token=applied["invitationToken"])
    store = (await owner.done("createStore", "store { id }", slug=slug, name="Lumen cards", currency="CNY"))["store"][
        "id"
    ]
    listing = await put_on_sale(owner, store, entitlement, await stock_up(owner, entitlement, texts))
    invited = await owner.done("inviteMember", "invitationToken", email=some_email(), name="Lan", role="SUPPORT")
    support = await signed_in(ports, "acceptInvitation", token=invited["invitationToken"])

    # A buyer with an account buys two and looks at one.
    buyer = await signed_in(ports, "registerCustomer", store=slug, contact=some_email())
    customer = (await buyer.ask("{ viewer { customer { id } } }"))["viewer"]["customer"]["id"]
    await owner.done(
        "creditWallet", "amount { amount }", customerId=customer, amount={"amount": "100.00", "currency": "CNY"},
        reason="paid in cash",
    )  # fmt: skip
    lines = [{"listingId": listing, "quantity": 2}]
    order = (await buyer.done("placeOrder", ORDER, key=uuid4().hex, lines=lines))["order"]
    assert (order["state"], order["total"]["amount"]) == ("FULFILLED", "96.00")
    seen, unseen = (unit["id"] for unit in order["allocations"]["nodes"])
    shown = (await buyer.done("revealCode", "code { plaintext }", allocationId=seen))["code"]["plaintext"]
    assert shown in texts

    # A guest has second thoughts.
    guest = Client(ports)
    given = {"lines": [{"listingId": listing}], "payBy": "LATER", "guest": {"contact": some_email()}}
    placed = await guest.done("placeOrder", f"guestToken {ORDER}", key=uuid4().hex, **given)
    assert placed["order"]["state"] == "PENDING_PAYMENT"
    guest.token = placed["guestToken"]
    cancelled = await guest.done("cancelOrder", ORDER, orderId=placed["order"]["id"])
    assert cancelled["order"]["state"] == "CANCELLED"

    # Support takes back what nobody has seen, and nothing else.
    refused = await support.do("refundOrder", ORDER, orderId=order["id"], reason="not needed", allocationIds=[seen])
    assert refused["refused"] == "CODE_ALREADY_REVEALED"
    refunded = await support.done(
        "refundOrder", ORDER, orderId=order["id"], reason="not needed", allocationIds=[unseen]
    )
    assert (refunded["order"]["state"], refunded["order"]["refunded"]["amount"]) == ("PARTIALLY_REFUNDED", "48.00")
    kept = (await buyer.ask(WALLET))["viewer"]
    assert kept["wallets"] == [{"available": {"amount": "52.00", "currency": "CNY"}}]
    assert [(each["code"], each["state"]) for each in kept["orders"]["nodes"]] == [
        (order["code"], "PARTIALLY_REFUNDED")
    ]

    # All of it is on record, and nothing is broken.
    entries = (await owner.ask(ENTRIES))["merchant"]["auditLog"]["nodes"]
    told = {entry["action"]: entry for entry in entries}
    assert told["order.refunded"] == {
        "action": "order.refunded", "actorKind": "MEMBER", "actorName": "Lan", "reason": "not needed",
    }  # fmt: skip
    assert {"tenant.approved", "batch.imported", "wallet.credited", "code.revealed", "order.cancelled"} <= told.keys()
    assert shown not in str(entries)
    assert len([entry for entry in entries if entry["action"] == "order.placed"]) == 2
    await assert_invariants()
    for client in (admin, owner, support, buyer, guest):
        await client.aclose()
