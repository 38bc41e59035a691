"""A machine that is shown no code in the open has none sent to an address of its choice either."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwk

from fondaco_core import identity
from fondaco_core.config import Settings
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import ApiClientId
from fondaco_tenants import delivery
from tests.support.door import Door, open_door
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, make_sale
from tests.support.world import node_id

pytestmark = pytest.mark.usefixtures("database")

PLACED = "... on PlaceOrderSuccess { order { state } }"
KEY = json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False))


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[Door]:
    async with open_door(settings) as opened:
        yield opened


async def machine_of(sale: Sale, *scopes: str) -> Ctx:
    """A machine of the buyer with these scopes."""
    async with transaction(sale.owner) as tx:
        client, _ = await identity.create_api_client(
            tx, sale.owner, name="Till", scopes=list(scopes), customer_id=sale.buyer.customer_id
        )
    return Ctx(
        actor=ActorKind.API_CLIENT, actor_id=client.id, tenant_id=sale.tenant_id, customer_id=sale.buyer.customer_id,
        permissions=frozenset(scopes), request_id=uuid4().hex, ip="203.0.113.9",
    )  # fmt: skip


def order(sale: Sale, **more: Any) -> dict[str, Any]:
    return {"lines": [{"listingId": node_id("Listing", sale.listing.id), "quantity": 1}], "payBy": "WALLET", **more}


async def test_a_machine_gives_codes_away_only_where_it_could_hand_them_on(door: Door) -> None:
    sale = await make_sale()
    await make_codes(sale.pool, 2)
    without = await machine_of(sale, "buyer.read", "buyer.order")
    given = order(sale, giftTo={"contact": "thief@elsewhere.example"})

    refused = await door.do("placeOrder", given, ctx=without, show=PLACED)
    many = await door.do("placeOrders", {"orders": [given]}, ctx=without, show="__typename")
    own = await door.do("placeOrder", order(sale), ctx=without, show=PLACED)
    allowed = replace(without, permissions=without.permissions | {"buyer.link"})
    handed_on = await door.do("placeOrder", given, ctx=allowed, show=PLACED)

    assert (refused["code"], many["code"]) == ("NOT_ALLOWED", "NOT_ALLOWED")
    assert own["order"]["state"] == handed_on["order"]["state"] == "FULFILLED"


async def test_a_machine_with_a_key_has_no_code_sent_in_the_open_to_whomever_it_names(door: Door) -> None:
    sale = await make_sale()
    await make_codes(sale.pool, 2)
    machine = await machine_of(sale, "buyer.read", "buyer.order", "buyer.reveal", "buyer.link")
    assert machine.actor_id is not None
    async with transaction(sale.owner) as tx:
        await delivery.register_client_key(tx, sale.owner, api_client_id=ApiClientId(machine.actor_id), jwk=KEY)
    given = order(sale, giftTo={"contact": "thief@elsewhere.example"})

    refused = await door.do("placeOrder", given, ctx=machine, show=PLACED)
    many = await door.do("placeOrders", {"orders": [given]}, ctx=machine, show="__typename")
    own = await door.do("placeOrder", order(sale), ctx=machine, show=PLACED)

    assert (refused["code"], many["code"]) == ("PLAIN_REFUSED", "PLAIN_REFUSED")
    assert own["order"]["state"] == "FULFILLED"
