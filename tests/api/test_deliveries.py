"""Deliveries by GraphQL: the log, sending again, merchants' words and ways, machines' keys; refusals by name, in two languages."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwe, jwk

from fondaco_core import clock, identity, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import new_id
from fondaco_tenants import customers, delivery
from fondaco_tenants.delivery import store as delivery_store
from fondaco_workers.actors.delivery import plan, send
from tests.support.door import Door, open_door
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, make_sale
from tests.support.smtp import Post, post_office
from tests.support.world import node_id

pytestmark = pytest.mark.usefixtures("database")

LOG = """query ($id: ID!) { node(id: $id) { ... on Order { deliveryPassphrase deliveries {
  id channel state form contactMasked toRecipient resent requestedBy failure sentAt viewerCanResend order { id }
  attempts { number outcome status } } } } }"""


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Door]:
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    async with post_office() as opened:
        delivery.open_ways(settings)
        yield opened


async def log_of(door: Door, sale: Sale, ctx: Ctx) -> dict[str, Any]:
    found: dict[str, Any] = (await door.ask(LOG, {"id": node_id("Order", sale.order_id)}, ctx=ctx))["node"]
    return found


async def sent(door: Door, sale: Sale) -> dict[str, Any]:
    """The order's mail, which has left."""
    await plan.perform(sale.tenant_id, {"order_id": str(sale.order_id)})
    async with transaction(sale.owner) as tx:
        due = await tx.fetchval("SELECT id FROM delivery WHERE order_id = $1 AND channel = 'EMAIL'", sale.order_id)
    await send.perform(sale.tenant_id, {"delivery_id": str(due)})
    return next(each for each in (await log_of(door, sale, sale.owner))["deliveries"] if each["channel"] == "EMAIL")


async def test_an_orders_log_shows_what_left_to_its_buyer_and_its_merchant(door: Door, post: Post) -> None:
    sale = await make_sale()
    mail = await sent(door, sale)

    assert (mail["state"], mail["form"], mail["resent"], mail["requestedBy"]) == ("SENT", "LINK", False, "SYSTEM")
    assert "***@" in mail["contactMasked"]
    assert mail["attempts"] == [{"number": 1, "outcome": "SENT", "status": None}]
    assert mail["order"]["id"] == node_id("Order", sale.order_id)
    for ctx in (sale.buyer, sale.guest):
        theirs = await log_of(door, sale, ctx)
        assert [each["channel"] for each in theirs["deliveries"]] == ["EMAIL", "ACCOUNT"]
        assert theirs["deliveryPassphrase"] is None
    assert len(post.raw) == 1


async def test_sending_again_is_bounded_and_refused_by_name(door: Door, post: Post) -> None:
    sale = await make_sale()
    mail = await sent(door, sale)
    show = "... on ResendDeliverySuccess { delivery { resent state } }"

    made = [
        await door.do("resendDelivery", {"deliveryId": mail["id"]}, ctx=sale.buyer, show=show)
        for _ in range(limits.RESENDS_PER_HOUR_MAX)
    ]
    refused = await door.do("resendDelivery", {"deliveryId": mail["id"]}, ctx=sale.buyer)
    page = next(each for each in (await log_of(door, sale, sale.buyer))["deliveries"] if each["channel"] == "ACCOUNT")
    nothing = await door.do("resendDelivery", {"deliveryId": page["id"]}, ctx=sale.buyer)
    bad = await door.do(
        "resendDelivery", {"deliveryId": mail["id"], "contact": "nobody", "reason": "a typing mistake"}, ctx=(await make_sale()).owner
    )  # fmt: skip

    assert all(each["delivery"] == {"resent": True, "state": "QUEUED"} for each in made)
    assert (refused["code"], nothing["code"], bad["code"]) == ("TOO_MANY_RESENDS", "NOT_RESENDABLE", "NOT_FOUND")
    assert len(post.raw) == 1


async def test_a_merchant_writes_tries_and_keeps_the_words_of_its_mails(door: Door, post: Post) -> None:
    sale = await make_sale()
    store = node_id("Store", sale.store.id)
    words = {
        "subject": "{{ store.name }}: {{ order.code }}", "text": "Hello {{ link.url }}", "html": "<a href='{{ link.url }}'>Hello</a>",
    }  # fmt: skip
    preview = """query ($s: ID!, $w: DeliveryWordsInput) { merchant { previewDeliveryTemplate(storeId: $s, words: $w) {
      subject text problem problemPart problemLine } } }"""

    tried = (await door.ask(preview, {"s": store, "w": words}, ctx=sale.owner))["merchant"]["previewDeliveryTemplate"]
    wrong = words | {"html": "{{ link.url }}\n{{ link.__class__ }}"}
    told = (await door.ask(preview, {"s": store, "w": wrong}, ctx=sale.owner))["merchant"]["previewDeliveryTemplate"]
    show = "... on SaveDeliveryTemplateSuccess { template { version subject } } ... on TemplateInvalid { part line }"
    given = {"storeId": store, "words": words, "version": 0}
    saved = await door.do("saveDeliveryTemplate", given, ctx=sale.owner, show=show)
    stale = await door.do("saveDeliveryTemplate", given, ctx=sale.owner, show=show)
    refused = await door.do("saveDeliveryTemplate", given | {"words": wrong, "version": 1}, ctx=sale.owner, show=show)
    await sent(door, sale)

    assert tried["subject"] == "星河数卡: FD-7K2M-9QXA-4TBC"
    assert (told["problemPart"], told["problemLine"], told["subject"]) == ("html", 2, None)
    assert saved["template"]["version"] == 1
    assert stale["code"] == "STALE_VERSION"
    assert (refused["code"], refused["part"], refused["line"]) == ("TEMPLATE_INVALID", "html", 2)
    assert post.mails[0]["Subject"] == f"{sale.store.details.name}: {sale.order_code}"


async def test_a_merchant_is_told_that_stored_words_break_the_rules_of_today(door: Door) -> None:
    sale = await make_sale()
    read = "query ($s: ID!) { merchant { deliveryTemplate(storeId: $s) { version problem } } }"
    asked = {"s": node_id("Store", sale.store.id)}
    fine = (await door.ask(read, asked, ctx=sale.owner))["merchant"]["deliveryTemplate"]

    async with transaction(sale.owner) as tx:
        await tx.fetchrow(
            delivery_store.ADD_TEMPLATE, new_id(), sale.tenant_id, sale.store.id, None, "zh-CN", 1, "Order", "{{ link.url }}",
            "{{ link.url }}<img src='https://evil.example/{{ link.url }}'>", sale.owner.actor_id, clock.now(),
        )  # fmt: skip
    told = (await door.ask(read, asked, ctx=sale.owner))["merchant"]["deliveryTemplate"]

    assert fine == {"version": 0, "problem": None}
    assert told["version"] == 1
    assert "<img>" in told["problem"]


async def test_a_merchant_goes_back_to_the_words_that_come_along(door: Door, post: Post) -> None:
    sale = await make_sale()
    here = {"storeId": node_id("Store", sale.store.id)}
    listed = here | {"listingId": node_id("Listing", sale.listing.id)}
    read = """query ($s: ID!, $l: ID) { merchant { deliveryTemplate(storeId: $s, listingId: $l) { subject version own } } }"""

    async def words(place: dict[str, str]) -> dict[str, Any]:
        asked = {"s": place["storeId"], "l": place.get("listingId")}
        found: dict[str, Any] = (await door.ask(read, asked, ctx=sale.owner))["merchant"]["deliveryTemplate"]
        return found

    async def save(place: dict[str, str], subject: str, version: int) -> None:
        own = {"subject": subject, "text": "{{ link.url }}", "html": "<a href='{{ link.url }}'>open</a>"}
        made = await door.do("saveDeliveryTemplate", place | {"words": own, "version": version}, ctx=sale.owner)
        assert made["__typename"] == "SaveDeliveryTemplateSuccess", made

    async def reset(place: dict[str, str], version: int) -> dict[str, Any]:
        show = "... on ResetDeliveryTemplateSuccess { template { subject version own } }"
        return await door.do("resetDeliveryTemplate", place | {"version": version}, ctx=sale.owner, show=show)

    ours = (await words(here))["subject"]
    await save(here, "The store's", 0)
    await save(listed, "The listing's", 0)
    stale = await reset(listed, 0)
    of_listing = await reset(listed, 1)
    of_store = await reset(here, 1)
    again = await reset(here, 2)
    both = await words(here), await words(listed)
    nothing = {"subject": "", "text": "", "html": ""}
    empty = await door.do("saveDeliveryTemplate", here | {"words": nothing, "version": 2}, ctx=sale.owner)
    await sent(door, sale)
    await save(here, "Anew", 2)

    assert (stale["code"], empty["code"]) == ("STALE_VERSION", "TEMPLATE_INVALID")
    assert of_listing["template"] == {"subject": "The store's", "version": 2, "own": False}
    assert of_store["template"] == {"subject": ours, "version": 2, "own": False}
    assert again == of_store
    assert both == ({"subject": ours, "version": 2, "own": False},) * 2
    assert post.mails[0]["Subject"] not in {"The store's", "The listing's"}
    assert await words(listed) == {"subject": "Anew", "version": 2, "own": False}


async def test_settings_are_written_whole_and_checked(door: Door) -> None:
    sale = await make_sale()
    show = "... on UpdateDeliverySettingsSuccess { settings { form linkOpensMax version } }"

    made = await door.do(
        "updateDeliverySettings", {"version": 0, "form": "ZIP", "linkOpensMax": 2}, ctx=sale.owner, show=show
    )
    stale = await door.do("updateDeliverySettings", {"version": 0}, ctx=sale.owner, show=show)
    wrong = await door.do("updateDeliverySettings", {"version": 1, "form": "PAGE"}, ctx=sale.owner, show=show)
    forbidden = await door.do("updateDeliverySettings", {"version": 1}, ctx=await sale.support(), show=show)

    assert made["settings"] == {"form": "ZIP", "linkOpensMax": 2, "version": 1}
    assert (stale["code"], wrong["code"], forbidden["code"]) == ("STALE_VERSION", "INVALID_INPUT", "NOT_ALLOWED")


async def test_a_machine_with_a_key_is_answered_by_envelopes_alone(door: Door) -> None:
    sale = await make_sale()
    assert sale.buyer.customer_id is not None
    async with transaction(sale.owner) as tx:
        client, _ = await customers.create_buyer_client(
            tx,
            sale.owner,
            customer_id=sale.buyer.customer_id,
            name="Robot",
            scopes=["buyer.read", "buyer.reveal", "buyer.link"],
        )
    machine = replace(sale.machine, actor_id=client.id)
    private = jwk.ECKey.generate_key("P-256")
    key = {"apiClientId": node_id("ApiClient", client.id), "jwk": json.dumps(private.as_dict(private=False))}

    bad = await door.do("registerClientKey", key | {"jwk": "{}"}, ctx=sale.owner)
    made = await door.do(
        "registerClientKey", key, ctx=sale.owner, show="... on RegisterClientKeySuccess { key { thumbprint } }"
    )
    shown = await door.do(
        "revealCode", {"allocationId": node_id("Allocation", sale.allocations[0])}, ctx=machine,
        show="... on RevealCodeSuccess { shown: code { plaintext pin jwe maskedCode } }",
    )  # fmt: skip
    link = await door.do("createDeliveryLink", {"orderId": node_id("Order", sale.order_id)}, ctx=machine)

    registry = jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
    opened = jwe.decrypt_compact(shown["shown"]["jwe"], private, registry=registry).plaintext
    assert opened is not None
    assert json.loads(opened)["code"] == sale.codes[0]
    assert (shown["shown"]["plaintext"], shown["shown"]["pin"]) == (None, None)
    assert sale.codes[0] not in json.dumps(shown)
    assert made["key"]["thumbprint"] == private.thumbprint()
    assert (bad["code"], link["code"]) == ("KEY_REFUSED", "PLAIN_REFUSED")


async def test_a_merchants_machine_with_a_key_is_shown_no_own_code_in_the_open(door: Door) -> None:
    sale = await make_sale()
    (spare,) = await make_codes(sale.pool, 1)
    async with transaction(sale.owner) as tx:
        client, _ = await identity.create_api_client(
            tx, sale.owner, name="Robot", scopes=["codes.read", "codes.reveal"]
        )
        code_id = await tx.fetchval("SELECT id FROM code WHERE state = 'AVAILABLE'")
    machine = replace(
        sale.machine, actor_id=client.id, customer_id=None, permissions=frozenset({"codes.read", "codes.reveal"})
    )
    private = jwk.ECKey.generate_key("P-256")
    key = {"apiClientId": node_id("ApiClient", client.id), "jwk": json.dumps(private.as_dict(private=False))}
    wanted = {"id": node_id("Code", code_id), "reason": "to check the stock"}

    before = await door.do("revealOwnCode", wanted, ctx=machine)
    await door.do("registerClientKey", key, ctx=sale.owner)
    after = await door.do("revealOwnCode", wanted, ctx=machine)

    assert before["__typename"] == "RevealOwnCodeSuccess"
    assert after["code"] == "PLAIN_REFUSED"
    assert spare not in json.dumps(after)
