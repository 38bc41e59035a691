"""Codes of one's own through the front door: made, shown at a till, redeemed, taken back, exported; keys for the platform alone."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pyrage
import pytest

from fondaco_api.graphql.codes import Pool
from fondaco_api.graphql.node import global_id
from fondaco_api.graphql.orders import Allocation
from fondaco_api.graphql.tenancy import Tenant
from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_core.identity import MemberRole
from tests.support.door import Door, open_door
from tests.support.factories.codes import make_codes, make_pool
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.own_codes import sell_own_code, till_of

COST = {"amount": "0.00", "currency": "CNY"}
WHY = "The till credited the wrong account."
REDEEMED = "redemption { id state reference redeemedAt }"


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


async def do(door: Door, mutation: str, given: dict[str, Any], *, ctx: Any, show: str = "") -> dict[str, Any]:
    kind = mutation[0].upper() + mutation[1:]
    shown = f"... on {kind}Success {{ {show} }}" if show else ""
    found: dict[str, Any] = await door.do(mutation, given, ctx=ctx, show=shown)
    return found


async def test_a_merchant_asks_for_codes_and_the_batch_says_where_they_come_from(door: Door) -> None:
    pool = await make_pool()
    given = {"poolId": global_id(Pool, pool.id), "count": 5, "unitCost": COST}

    made = await do(door, "generateCodes", given, ctx=pool.ctx, show="batch { origin state }")
    guessable = await do(door, "generateCodes", given | {"form": {"groups": 2, "groupLength": 5}}, ctx=pool.ctx)

    assert made["batch"] == {"origin": "GENERATED", "state": "IMPORTING"}
    assert guessable["code"] == "CODE_FORM_GUESSABLE"


async def test_a_till_verifies_redeems_and_takes_back(door: Door) -> None:
    sold = await sell_own_code()
    slip = ("3" if sold.text[0] == "2" else "2") + sold.text[1:]

    verified = await do(
        door, "verifyCode", {"text": sold.text}, ctx=sold.till, show="status maskedCode entitlement { name }"
    )
    mistyped = await do(door, "verifyCode", {"text": slip}, ctx=sold.till)
    locked = await do(door, "lockCode", {"text": sold.text, "leaseS": 60}, ctx=sold.till, show=REDEEMED)
    other = await do(door, "redeemCode", {"text": sold.text}, ctx=till_of(sold.shop))
    redeemed = await do(door, "redeemCode", {"text": sold.text, "reference": "R-1"}, ctx=sold.till, show=REDEEMED)
    again = await do(door, "redeemCode", {"text": sold.text}, ctx=sold.till)
    unit = global_id(Allocation, sold.allocation_id)
    seen = await door.ask(f'{{ node(id: "{unit}") {{ ... on Allocation {{ redeemedAt }} }} }}', ctx=sold.buyer)
    taken_back = await do(
        door, "reverseRedemption", {"redemptionId": redeemed["redemption"]["id"], "reason": WHY}, ctx=sold.till,
        show=REDEEMED,
    )  # fmt: skip

    assert verified["status"] == "REDEEMABLE"
    assert sold.text not in str(verified)
    assert mistyped["code"] == "CODE_MISTYPED"
    assert other["code"] == "CODE_LOCKED"
    assert redeemed["redemption"]["id"] == locked["redemption"]["id"]
    assert (redeemed["redemption"]["state"], redeemed["redemption"]["reference"]) == ("REDEEMED", "R-1")
    assert again["code"] == "CODE_REDEEMED"
    assert seen["node"]["redeemedAt"] == redeemed["redemption"]["redeemedAt"]
    assert taken_back["redemption"]["state"] == "REVERSED"


async def test_the_owner_fetches_unsold_codes_and_a_manager_does_not(door: Door) -> None:
    pool = await make_pool()
    texts = await make_codes(pool, 3)
    key = pyrage.x25519.Identity.generate()
    given = {"poolId": global_id(Pool, pool.id), "recipientKey": str(key.to_public()), "reason": "The season is over."}
    manager = await make_member_ctx(pool.tenant_id, role=MemberRole.MANAGER)

    refused = await do(door, "exportStock", given, ctx=manager)
    bad_key = await do(door, "exportStock", given | {"recipientKey": "age1nothing"}, ctx=pool.ctx)
    made = await do(door, "exportStock", given, ctx=pool.ctx, show="export { path units }")
    file = await door.send(made["export"]["path"], ctx=pool.ctx, method="GET")
    not_his = await door.send(made["export"]["path"], ctx=manager, method="GET")
    nothing = await door.send(f"/stock-exports/{UUID(int=7)}", ctx=pool.ctx, method="GET")

    assert (refused["code"], bad_key["code"]) == ("NOT_ALLOWED", "BAD_RECIPIENT_KEY")
    assert made["export"]["units"] == 3
    opened = pyrage.decrypt(file.content, [key]).decode()
    assert {line.split(",")[0] for line in opened.splitlines()[1:]} == set(texts)
    assert file.headers["cache-control"] == "no-store"
    assert (not_his.status_code, nothing.status_code) == (403, 404)


async def test_keys_are_the_platforms_business(door: Door) -> None:
    pool = await make_pool()
    await make_codes(pool, 1)
    given = {"tenantId": global_id(Tenant, pool.tenant_id)}
    admin = admin_ctx()

    rotated = await do(
        door, "rotateTenantKey", given | {"reason": WHY}, ctx=admin, show="change { kind values finishedAt }"
    )
    refused = await do(door, "rotateTenantKey", given | {"reason": WHY}, ctx=pool.ctx)
    needed = await do(door, "destroyTenantKeys", given | {"reason": WHY}, ctx=admin)

    assert rotated["change"] == {"kind": "ROTATION", "values": 1, "finishedAt": None}
    assert refused["code"] == "NOT_ALLOWED"
    assert needed["code"] == "KEYS_STILL_NEEDED"
