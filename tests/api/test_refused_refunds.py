"""Refunds that gateways refused, through GraphQL: seen by whom they wait for, sent again, paid out by hand; evidence, too."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_tenants import payments
from tests.support.breaking import global_id
from tests.support.door import Door, open_door
from tests.support.factories.identity import admin_ctx
from tests.support.factories.payments import FakeGateway, fake_gateways, make_gateway, send_refunds
from tests.support.invariants import assert_invariants
from tests.tenants.payments.test_refused import WHY, refused_refund

CAN = "viewerCanRetry viewerCanRecordPayout"
WAITING = (
    f"refundsNeedingAttention(first: 50) {{ nodes {{ id refusal state paymentId {CAN} amount {{ minorUnits }} }} }}"
)
SHOWN = f"refund {{ state payoutReference {CAN} }}"
NOT_ANY_MORE = {"viewerCanRetry": False, "viewerCanRecordPayout": False}


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened, fake_gateways():
        yield opened


@pytest.fixture
async def gateway(door: Door) -> FakeGateway:
    assert door
    return await make_gateway()


async def waiting(door: Door, side: str, ctx: Any) -> dict[str, Any]:
    """What waits on a side's list, by id."""
    found = await door.ask(f"{{ {side} {{ {WAITING} }} }}", ctx=ctx)
    return {each["id"]: each for each in found[side]["refundsNeedingAttention"]["nodes"]}


async def test_a_merchant_sends_a_refused_refund_again(door: Door, gateway: FakeGateway) -> None:
    shop, _, payment_id, refund = await refused_refund(gateway)
    id_ = global_id("RefusedRefund", refund.id)

    before = await waiting(door, "merchant", shop.owner)
    show = f"... on RetryRefundSuccess {{ {SHOWN} }}"
    done = await door.do("retryRefund", {"refundId": id_, "reason": WHY}, ctx=shop.owner, show=show)
    again = await door.do("retryRefund", {"refundId": id_, "reason": WHY}, ctx=shop.owner)
    by_hand = {"refundId": id_, "reference": "transfer 1", "reason": WHY}
    refused = await door.do("recordPayout", by_hand, ctx=shop.owner)
    await send_refunds(payment_id)

    assert (before[id_]["refusal"], before[id_]["paymentId"]) == ("REFUND", global_id("Payment", payment_id))
    assert (before[id_]["viewerCanRetry"], before[id_]["viewerCanRecordPayout"]) == (True, False)
    assert done["refund"] == {"state": "REQUESTED", "payoutReference": None} | NOT_ANY_MORE
    assert again["code"] == "REFUND_NOT_REFUSED"
    assert refused["code"] == "NOT_ALLOWED"
    assert await waiting(door, "merchant", shop.owner) == {}
    await assert_invariants()


async def test_the_platform_pays_a_refused_refund_out_by_hand(door: Door, gateway: FakeGateway) -> None:
    _, _, _, refund = await refused_refund(gateway)
    id_, admin = global_id("RefusedRefund", refund.id), admin_ctx()

    before = await waiting(door, "platform", admin)
    done = await door.do(
        "recordPayout", {"refundId": id_, "reference": "transfer 1", "reason": WHY}, ctx=admin,
        show=f"... on RecordPayoutSuccess {{ {SHOWN} }}",
    )  # fmt: skip

    assert (before[id_]["viewerCanRetry"], before[id_]["viewerCanRecordPayout"]) == (True, True)
    assert done["refund"] == {"state": "PAID_OUT", "payoutReference": "transfer 1"} | NOT_ANY_MORE
    assert id_ not in await waiting(door, "platform", admin)
    await assert_invariants()


async def test_the_platforms_people_read_what_a_gateway_sent(door: Door, gateway: FakeGateway) -> None:
    shop, _, payment_id, _ = await refused_refund(gateway)
    raw, admin = gateway.notification(payment_id), admin_ctx()
    await payments.receive_notification(gateway.key, raw, ip="198.51.100.7")
    shown = "nodes { id verdict digest ip viewerCanReveal }"
    query = f"query ($id: ID!) {{ platform {{ paymentNotifications(paymentId: $id) {{ {shown} }} }} }}"

    listed = await door.ask(query, {"id": global_id("Payment", payment_id)}, ctx=admin)
    (kept,) = listed["platform"]["paymentNotifications"]["nodes"]
    given = {"notificationId": kept["id"], "reason": WHY}
    read = await door.do("revealNotification", given, ctx=admin, show="... on RevealNotificationSuccess { message }")
    refused = await door.do("revealNotification", given, ctx=shop.owner)

    assert kept["viewerCanReveal"]
    assert (kept["verdict"], kept["ip"], len(kept["digest"])) == ("GENUINE", "198.51.100.7", 64)
    assert read["message"].endswith(raw.body.decode())
    assert refused["code"] == "NOT_ALLOWED"
