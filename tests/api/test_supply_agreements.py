"""Tiers, invitations and agreements through the real front door, from both ends and from neither."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, reading
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

AGREEMENT = (
    "agreement { id role state note reason version partner { name isViewer } supplier { id name } reseller { id name } "
    "tier { id name terms { stockView } } credit { amount currency } dayUnitsMax overrides { credit { amount } dayUnitsMax } "
    "use { credit { amount currency } dayUnits monthUnits heldUnits } "
    "viewerCanDecide viewerCanSuspend viewerCanResume viewerCanChange viewerCanEnd }"
)
TIER = (
    "tier { id name entry version archivedAt viewerCanEdit terms { stockView dayUnitsMax settleDays credit { amount currency } } "
    "comingTerms { startsAt settleDays } termsHistory(first: 5) { nodes { settleDays } } }"
)
TERMS: dict[str, Any] = {
    "stockView": "BANDED",
    "dayUnitsMax": 100,
    "settleDays": 3,
    "credit": {"amount": "500.00", "currency": "CNY"},
}


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.fixture
async def supplier() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Supplier Ltd"))


@pytest.fixture
async def reseller() -> Ctx:
    return await make_member_ctx(await make_tenant(name="Reseller Ltd"))


async def do(door: Door, ctx: Ctx, name: str, show: str, /, **given: Any) -> dict[str, Any]:
    """The result of a mutation, with what its success shows."""
    success = name[0].upper() + name[1:] + "Success"
    return await door.do(name, given, ctx=ctx, show=f"... on {success} {{ {show} }}")


async def make_tier(door: Door, ctx: Ctx, **more: Any) -> dict[str, Any]:
    made = await do(door, ctx, "createTier", TIER, **({"name": "Gold", "terms": TERMS} | more))
    tier: dict[str, Any] = made["tier"]
    return tier


async def invite(door: Door, ctx: Ctx, tier: dict[str, Any], **more: Any) -> dict[str, Any]:
    return await do(door, ctx, "createSupplyInvitation", "token invitation { id open uses }", tierId=tier["id"], **more)


async def test_a_merchant_joins_a_supplier_by_its_invitation_and_both_see_the_agreement(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    tier = await make_tier(door, supplier)
    invited = await invite(door, supplier, tier)

    joined = (await do(door, reseller, "joinSupplier", AGREEMENT, token=invited["token"]))["agreement"]

    listed = await door.ask(
        f"{{ merchant {{ agreements(role: SUPPLIER) {{ nodes {{ {AGREEMENT[12:-1]} }} }} "
        "supplyInvitations { nodes { open uses } } } }",
        ctx=supplier,
    )
    (seen,) = listed["merchant"]["agreements"]["nodes"]
    assert (joined["state"], joined["role"], joined["partner"]["name"]) == ("ACTIVE", "RESELLER", "Supplier Ltd")
    assert (seen["id"], seen["role"], seen["partner"]["name"]) == (joined["id"], "SUPPLIER", "Reseller Ltd")
    assert joined["tier"] == {"id": tier["id"], "name": "Gold", "terms": {"stockView": "BANDED"}}
    assert (joined["credit"], joined["dayUnitsMax"]) == ({"amount": "500.00", "currency": "CNY"}, 100)
    assert joined["use"] == seen["use"] == {
        "credit": {"amount": "0.00", "currency": "CNY"}, "dayUnits": 0, "monthUnits": 0, "heldUnits": 0,
    }  # fmt: skip
    assert listed["merchant"]["supplyInvitations"]["nodes"] == [{"open": False, "uses": 1}]
    assert (joined["viewerCanSuspend"], joined["viewerCanEnd"], seen["viewerCanSuspend"]) == (False, True, True)
    async with reading(reseller) as tx:
        assert await tx.fetchval("SELECT action FROM audit_entry ORDER BY id DESC LIMIT 1") == "agreement.joined"
