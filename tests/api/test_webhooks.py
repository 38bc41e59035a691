"""Webhooks through the real front door: endpoints made, watched, mended; nothing of them for others."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from fondaco_core import http
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, governing, reading
from fondaco_core.identity import MemberRole
from fondaco_tenants import webhooks
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.webhooks import SYSTEM
from tests.support.receiver import Receiver, reaching_loopback, receiving, says

ENDPOINT = "endpoint { id url eventTypes state version disabledReason secrets { createdAt expiresAt } }"
LOG = (
    "query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { state messages(first: 5) { nodes { id webhookId type state "
    "body attemptCount nextAttemptAt viewerCanResend attempts { nodes { number status failure answer durationMs } } } } } } }"
)


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with governing(SYSTEM) as tx:
        await tx.execute("UPDATE webhook_message SET state = 'DROPPED', ended_at = now() WHERE state = 'PENDING'")
    async with open_door(settings) as opened, reaching_loopback():
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def owner() -> Ctx:
    return await make_member_ctx(await make_tenant())


async def create(door: Door, ctx: Ctx, url: str, **more: Any) -> dict[str, Any]:
    given = {"url": url, "eventTypes": ["order.fulfilled"]} | more
    return await door.do(
        "createWebhookEndpoint", given, ctx=ctx, show=f"... on CreateWebhookEndpointSuccess {{ {ENDPOINT} secret }}"
    )


async def test_a_merchant_makes_an_endpoint_tries_it_and_reads_the_log(
    door: Door, owner: Ctx, receiver: Receiver
) -> None:
    receiver.answers = [says(500, b"<b>oops</b>"), says(200)]
    made = await create(door, owner, receiver.url)
    id_ = made["endpoint"]["id"]
    await door.do("sendTestEvent", {"endpointId": id_}, ctx=owner)
    await webhooks.send_due(SYSTEM)
    (message,) = (await door.ask(LOG, {"id": id_}, ctx=owner))["node"]["messages"]["nodes"]
    await door.do("resendWebhookMessage", {"messageId": message["id"]}, ctx=owner)
    await webhooks.send_due(SYSTEM)

    (after,) = (await door.ask(LOG, {"id": id_}, ctx=owner))["node"]["messages"]["nodes"]
    told = Webhook(made["secret"]).verify(receiver.received[1].body, receiver.received[1].headers)
    assert (message["state"], message["type"], message["viewerCanResend"]) == ("PENDING", "webhook.test", True)
    assert message["attempts"]["nodes"][0]["answer"] == "<b>oops</b>"
    assert (after["state"], after["attemptCount"], after["nextAttemptAt"]) == ("DELIVERED", 2, None)
    assert [attempt["status"] for attempt in after["attempts"]["nodes"]] == [200, 500]
    assert told["data"] == {"endpointId": id_}
    assert {received.headers["webhook-id"] for received in receiver.received} == {after["webhookId"]}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"url": "https://10.0.0.1/x"}, "FORBIDDEN_ADDRESS"),
        ({"url": "http://8.8.8.8/x"}, "FORBIDDEN_ADDRESS"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "FORBIDDEN_ADDRESS"),
        ({"url": "https://me:pass@8.8.8.8/x"}, "FORBIDDEN_ADDRESS"),
        ({"url": "not a url"}, "FORBIDDEN_ADDRESS"),
        ({"eventTypes": ["order.eaten"]}, "UNKNOWN_EVENT_TYPE"),
        ({"eventTypes": []}, "UNKNOWN_EVENT_TYPE"),
        ({"concurrency": 0}, "INVALID_INPUT"),
        ({"description": "x" * 500}, "INVALID_INPUT"),
    ],
)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_what_makes_no_endpoint_is_refused_by_name(
    door: Door, owner: Ctx, given: dict[str, Any], code: str, locale: str
) -> None:
    whole = {"url": "https://127.0.0.1/x", "eventTypes": ["order.fulfilled"]} | given

    refused = await door.do("createWebhookEndpoint", whole, ctx=owner, locale=locale)

    assert refused["code"] == code
    assert refused["path"][0] == "input"
    assert refused["message"].isascii() == (locale == "en")


async def test_a_name_without_an_address_is_refused(door: Door, owner: Ctx) -> None:
    async def unknown(_: str) -> list[str]:
        raise OSError

    async with reaching_loopback(unknown):
        refused = await create(door, owner, "https://nowhere.example/x")

    assert refused["code"] == "URL_UNRESOLVED"


async def test_an_endpoint_is_changed_rotated_switched_and_deleted_on_record(
    door: Door, owner: Ctx, receiver: Receiver
) -> None:
    made = await create(door, owner, receiver.url)
    id_ = made["endpoint"]["id"]
    changed = await door.do(
        "updateWebhookEndpoint", {"endpointId": id_, "version": 1, "eventTypes": ["stock.low", "order.placed"]},
        ctx=owner, show=f"... on UpdateWebhookEndpointSuccess {{ {ENDPOINT} }}",
    )  # fmt: skip
    stale = await door.do("updateWebhookEndpoint", {"endpointId": id_, "version": 1}, ctx=owner)
    rotated = await door.do(
        "rotateWebhookSecret", {"endpointId": id_, "overlapHours": 2}, ctx=owner,
        show=f"... on RotateWebhookSecretSuccess {{ {ENDPOINT} secret }}",
    )  # fmt: skip
    off = await door.do(
        "disableWebhookEndpoint", {"endpointId": id_}, ctx=owner,
        show=f"... on DisableWebhookEndpointSuccess {{ {ENDPOINT} }}",
    )  # fmt: skip
    deaf = await door.do("sendTestEvent", {"endpointId": id_}, ctx=owner)
    await door.do("enableWebhookEndpoint", {"endpointId": id_}, ctx=owner)
    await door.do("deleteWebhookEndpoint", {"endpointId": id_}, ctx=owner)

    assert changed["endpoint"]["eventTypes"] == ["order.placed", "stock.low"]
    assert stale["code"] == "STALE_VERSION"
    assert made["secret"] != rotated["secret"]
    assert [each["expiresAt"] is None for each in rotated["endpoint"]["secrets"]] == [True, False]
    assert (off["endpoint"]["state"], off["endpoint"]["disabledReason"], deaf["code"]) == (
        "DISABLED", "BY_HAND", "ENDPOINT_DISABLED",
    )  # fmt: skip
    assert (await door.ask(LOG, {"id": id_}, ctx=owner))["node"] is None
    async with reading(owner) as tx:
        rows = await tx.fetch("SELECT action FROM audit_entry WHERE subject_kind = 'webhook_endpoint' ORDER BY id")
        assert await tx.fetchval("SELECT count(*) FROM webhook_secret") == 0
    assert [row["action"].partition(".")[2] for row in rows] == [
        "created", "changed", "secret_rotated", "disabled", "enabled", "deleted",
    ]  # fmt: skip


async def test_a_secret_is_shown_once_also_to_who_repeats_the_request(
    door: Door, owner: Ctx, receiver: Receiver
) -> None:
    document = (
        f'mutation ($i: CreateWebhookEndpointInput!) {{ r: createWebhookEndpoint(input: $i, idempotencyKey: "{uuid4()}") '
        "{ ... on CreateWebhookEndpointSuccess { endpoint { id } secret } } }"
    )
    given = {"i": {"url": receiver.url, "eventTypes": ["order.placed"]}}

    first = (await door.ask(document, given, ctx=owner))["r"]
    second = (await door.ask(document, given, ctx=owner))["r"]

    assert first["secret"].startswith("whsec_")
    assert second == {"endpoint": first["endpoint"], "secret": None}


async def test_what_was_given_up_is_sent_again_at_once(door: Door, owner: Ctx, receiver: Receiver) -> None:
    id_ = (await create(door, owner, receiver.url))["endpoint"]["id"]
    for _ in range(3):
        await door.do("sendTestEvent", {"endpointId": id_}, ctx=owner)
    async with governing(SYSTEM) as tx:
        await tx.execute(
            "UPDATE webhook_message SET state = 'FAILED', ended_at = now() WHERE tenant_id = $1", owner.tenant
        )

    done = await door.do(
        "resendFailedWebhookMessages", {"endpointId": id_, "since": "2026-01-01T00:00:00Z"}, ctx=owner,
        show="... on ResendFailedWebhookMessagesSuccess { resent }",
    )  # fmt: skip
    await webhooks.send_due(SYSTEM)

    assert done["resent"] == 3
    assert len(receiver.received) == 3


@pytest.mark.parametrize("role", [role for role in MemberRole if role not in {MemberRole.OWNER, MemberRole.MANAGER}])
async def test_who_may_not_edit_webhooks_makes_none(door: Door, owner: Ctx, role: MemberRole) -> None:
    other = await make_member_ctx(owner.tenant, role=role)

    refused = await create(door, other, "https://127.0.0.1/x")

    assert refused["code"] == "NOT_ALLOWED"


async def test_everybody_may_read_the_types(door: Door) -> None:
    found = (await door.ask("{ webhookEventTypes { name description fields } }", locale="zh-CN"))["webhookEventTypes"]

    assert {public.name for public in webhooks.CATALOGUE} == {each["name"] for each in found}
    assert not any(each["description"].isascii() for each in found)


async def test_without_the_setting_the_loopback_is_out_of_reach(door: Door, owner: Ctx, receiver: Receiver) -> None:
    await http.close_http()

    refused = await create(door, owner, receiver.url)

    assert refused["code"] == "FORBIDDEN_ADDRESS"
