"""Tiers, invitations and agreements through the real front door, from both ends and from neither."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import Database, reading
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant
from tests.support.world import node_id

FIELDS = (
    "id role state note reason version partner { id name isViewer } supplier { id name } reseller { id name } "
    "tier { id name terms { stockView } } credit { amount currency } dayUnitsMax overrides { credit { amount } dayUnitsMax } "
    "use { credit { amount currency } dayUnits monthUnits heldUnits } "
    "viewerCanDecide viewerCanSuspend viewerCanResume viewerCanChange viewerCanEnd"
)
AGREEMENT = f"agreement {{ {FIELDS} }}"
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


async def join(door: Door, supplier: Ctx, reseller: Ctx, **tier: Any) -> dict[str, Any]:
    """An agreement in force, in a tier of its own."""
    token = (await invite(door, supplier, await make_tier(door, supplier, **tier)))["token"]
    made: dict[str, Any] = (await do(door, reseller, "joinSupplier", AGREEMENT, token=token))["agreement"]
    return made


async def test_a_merchant_joins_a_supplier_by_its_invitation_and_both_see_the_agreement(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    tier = await make_tier(door, supplier)
    invited = await invite(door, supplier, tier)

    joined = (await do(door, reseller, "joinSupplier", AGREEMENT, token=invited["token"]))["agreement"]

    listed = await door.ask(
        f"{{ merchant {{ agreements(role: SUPPLIER) {{ nodes {{ {FIELDS} }} }} "
        "supplyInvitations { nodes { open uses } } } }",
        ctx=supplier,
    )
    (seen,) = listed["merchant"]["agreements"]["nodes"]
    assert (joined["state"], joined["role"], joined["partner"]["name"][:12]) == ("ACTIVE", "RESELLER", "Supplier Ltd")
    assert (seen["id"], seen["role"], seen["partner"]["name"][:12]) == (joined["id"], "SUPPLIER", "Reseller Ltd")
    assert joined["tier"] == {"id": tier["id"], "name": "Gold", "terms": {"stockView": "BANDED"}}
    assert (joined["credit"], joined["dayUnitsMax"]) == ({"amount": "500.00", "currency": "CNY"}, 100)
    assert joined["use"] == seen["use"] == {
        "credit": {"amount": "0.00", "currency": "CNY"}, "dayUnits": 0, "monthUnits": 0, "heldUnits": 0,
    }  # fmt: skip
    assert listed["merchant"]["supplyInvitations"]["nodes"] == [{"open": False, "uses": 1}]
    assert (joined["viewerCanSuspend"], joined["viewerCanEnd"], seen["viewerCanSuspend"]) == (False, True, True)
    async with reading(reseller) as tx:
        assert await tx.fetchval("SELECT action FROM audit_entry ORDER BY id DESC LIMIT 1") == "agreement.joined"


async def test_a_merchant_asks_a_supplier_of_the_market_which_accepts_and_changes_what_it_grants(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    entry = await make_tier(door, supplier, entry=True)
    silver = await make_tier(door, supplier, name="Silver")
    known = {"supplierId": node_id("Partner", supplier.tenant), "note": "We sell a lot."}
    asked = (await do(door, reseller, "requestAgreement", AGREEMENT, **known))["agreement"]
    named = {"agreementId": asked["id"]}
    accepted = (await do(door, supplier, "acceptAgreement", AGREEMENT, **named, version=1, tierId=silver["id"]))[
        "agreement"
    ]
    own = {"credit": {"amount": "900.00", "currency": "CNY"}, "dayUnitsMax": 7}
    changed = (
        await do(door, supplier, "changeAgreement", AGREEMENT, **named, version=2, tierId=entry["id"], overrides=own)
    )["agreement"]

    seen = (
        await door.ask(
            f"query ($id: ID!) {{ node(id: $id) {{ ... on Agreement {{ {FIELDS} }} }} }}",
            {"id": asked["id"]},
            ctx=reseller,
        )
    )["node"]

    assert (asked["state"], asked["note"], asked["use"], asked["tier"]["name"]) == (
        "REQUESTED",
        "We sell a lot.",
        None,
        "Gold",
    )
    assert (accepted["state"], accepted["tier"]["name"], accepted["viewerCanSuspend"]) == ("ACTIVE", "Silver", True)
    assert (changed["tier"]["name"], changed["dayUnitsMax"], changed["credit"]["amount"]) == ("Gold", 7, "900.00")
    assert (seen["dayUnitsMax"], seen["overrides"], seen["viewerCanChange"], seen["viewerCanEnd"]) == (
        7, {"credit": {"amount": "900.00"}, "dayUnitsMax": 7}, False, True,
    )  # fmt: skip


async def test_an_agreement_is_suspended_resumed_and_ended_with_reasons_that_both_read(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    joined = await join(door, supplier, reseller)
    named = {"agreementId": joined["id"]}

    suspended = await do(door, supplier, "suspendAgreement", AGREEMENT, **named, version=1, reason="Unpaid.")
    resumed = await do(door, supplier, "resumeAgreement", AGREEMENT, **named, version=2)
    ended = await do(door, reseller, "endAgreement", AGREEMENT, **named, version=3, reason="We part.")
    declined = await do(door, supplier, "declineAgreement", AGREEMENT, **named, version=4, reason="Too late.")

    states = [each["agreement"]["state"] for each in (suspended, resumed, ended)]
    assert states == ["SUSPENDED", "ACTIVE", "ENDED"]
    assert (suspended["agreement"]["reason"], resumed["agreement"]["reason"]) == ("Unpaid.", None)
    assert (ended["agreement"]["reason"], ended["agreement"]["viewerCanEnd"]) == ("We part.", False)
    assert declined["code"] == "AGREEMENT_IN_WRONG_STATE"


async def test_a_tier_changes_by_its_version_and_its_terms_by_their_start(door: Door, supplier: Ctx) -> None:
    tier = await make_tier(door, supplier)
    named = {"tierId": tier["id"]}
    moment = (clock.now() + timedelta(days=3)).isoformat()

    renamed = await do(door, supplier, "updateTier", TIER, **named, version=1, name="Platinum", entry=True)
    stale = await do(door, supplier, "updateTier", TIER, **named, version=1, name="Iron")
    coming = await do(
        door, supplier, "changeTierTerms", TIER, **named, terms=TERMS | {"settleDays": 9}, startsAt=moment
    )
    again = await do(door, supplier, "changeTierTerms", TIER, **named, terms=TERMS, startsAt=moment)
    away = await do(door, supplier, "updateTier", TIER, **named, version=2, archived=True)

    listed = await door.ask(
        "{ merchant { tiers { nodes { id } } all: tiers(archived: true) { nodes { name } } } }", ctx=supplier
    )
    assert (renamed["tier"]["name"], renamed["tier"]["entry"], stale["code"]) == ("Platinum", True, "STALE_VERSION")
    assert (coming["tier"]["terms"]["settleDays"], [each["settleDays"] for each in coming["tier"]["comingTerms"]]) == (
        3,
        [9],
    )
    assert [each["settleDays"] for each in coming["tier"]["termsHistory"]["nodes"]] == [9, 3]
    assert (again["code"], again["path"]) == ("TERMS_SET_ALREADY", ["input", "startsAt"])
    assert away["tier"]["archivedAt"] is not None
    assert listed["merchant"] == {"tiers": {"nodes": []}, "all": {"nodes": [{"name": "Platinum"}]}}


async def test_nobody_is_called_what_looks_like_another_merchants_name(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    name = f"Jade Cards {uuid4().hex}"
    await do(door, supplier, "updatePartner", "partner { name }", version=0, name=name, about=None)

    answers = [
        await do(door, reseller, "updatePartner", "partner { name }", version=0, name=taken, about=None)
        for taken in (name, name.upper(), name.replace("a", "\u0430"), name.replace(" ", ". "))
    ]

    assert [each["code"] for each in answers] == ["PARTNER_NAME_TAKEN"] * 4
    assert [each["path"] for each in answers] == [["input", "name"]] * 4


async def test_a_merchant_is_known_by_the_name_it_chose(door: Door, supplier: Ctx, reseller: Ctx) -> None:
    name = f"Card House {uuid4().hex}"
    written = await do(
        door,
        supplier,
        "updatePartner",
        "partner { name about version isViewer }",
        version=0,
        name=name,
        about="Cards.",
    )
    stale = await do(door, supplier, "updatePartner", "partner { name }", version=0, name="Other")
    joined = await join(door, supplier, reseller)

    shown = await door.ask("{ merchant { partner { name about isViewer } } }", ctx=supplier)

    assert written["partner"]["isViewer"] is True
    assert stale["code"] == "STALE_VERSION"
    assert (joined["partner"]["name"], joined["partner"]["isViewer"]) == (name, False)
    assert shown["merchant"]["partner"] == {"name": name, "about": "Cards.", "isViewer": True}


async def test_an_invitations_code_is_shown_once_however_often_it_is_asked_for(door: Door, supplier: Ctx) -> None:
    tier = await make_tier(door, supplier)
    document = (
        f'mutation {{ result: createSupplyInvitation(input: {{ tierId: "{tier["id"]}" }}, idempotencyKey: "{uuid4()}") '
        "{ ... on CreateSupplyInvitationSuccess { token invitation { id } } } }"
    )

    first, second = [(await door.ask(document, ctx=supplier))["result"] for _ in range(2)]

    revoked = await do(
        door, supplier, "revokeSupplyInvitation", "invitation { open revokedAt viewerCanRevoke }",
        invitationId=first["invitation"]["id"], reason="It went round.",
    )  # fmt: skip
    assert first["token"].startswith("fd_supply_")
    assert (second["token"], second["invitation"]) == (None, first["invitation"])
    assert (revoked["invitation"]["open"], revoked["invitation"]["viewerCanRevoke"]) == (False, False)


async def test_joining_again_by_the_same_key_is_the_same_agreement(door: Door, supplier: Ctx, reseller: Ctx) -> None:
    token = (await invite(door, supplier, await make_tier(door, supplier)))["token"]
    document = (
        f'mutation {{ result: joinSupplier(input: {{ token: "{token}" }}, idempotencyKey: "{uuid4()}") '
        "{ __typename ... on JoinSupplierSuccess { agreement { id state } } } }"
    )

    first, second = [(await door.ask(document, ctx=reseller))["result"] for _ in range(2)]

    assert first == second
    assert first["agreement"]["state"] == "ACTIVE"


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
async def test_what_cannot_be_is_refused_by_name_in_both_languages(
    door: Door, supplier: Ctx, reseller: Ctx, locale: str
) -> None:
    joined = await join(door, supplier, reseller)
    tier = joined["tier"]["id"]
    named = {"agreementId": joined["id"], "version": 1}
    asked: list[tuple[Ctx, str, dict[str, Any]]] = [
        (supplier, "createTier", {"name": "Gold", "terms": TERMS}),
        (supplier, "createTier", {"name": " ", "terms": TERMS}),
        (supplier, "createTier", {"name": "Lead", "terms": TERMS | {"settleDays": 91}}),
        (supplier, "updateTier", {"tierId": tier, "version": 1, "archived": True}),
        (supplier, "changeTierTerms", {"tierId": tier, "terms": TERMS | {"credit": {"amount": "1.00", "currency": "USD"}}}),
        (supplier, "changeTierTerms", {"tierId": tier, "terms": TERMS, "startsAt": "2020-01-01T00:00:00Z"}),
        (supplier, "createSupplyInvitation", {"tierId": tier, "days": 0}),
        (reseller, "joinSupplier", {"token": "fd_supply_nothing"}),
        (reseller, "requestAgreement", {"supplierId": node_id("Partner", supplier.tenant)}),
        (reseller, "requestAgreement", {"supplierId": node_id("Partner", reseller.tenant)}),
        (reseller, "suspendAgreement", named | {"reason": "We want to."}),
        (supplier, "suspendAgreement", named | {"reason": " "}),
        (supplier, "acceptAgreement", named),
        (supplier, "changeAgreement", named | {"overrides": {"credit": {"amount": "1.00", "currency": "USD"}}}),
        (reseller, "endAgreement", named | {"version": 9, "reason": "We part."}),
    ]  # fmt: skip

    refused = [await door.do(what, given, ctx=ctx, locale=locale) for ctx, what, given in asked]

    assert [each["code"] for each in refused] == [
        "NAME_TAKEN", "INVALID_INPUT", "INVALID_INPUT", "TIER_IN_USE", "CREDIT_CURRENCY_FIXED", "INVALID_INPUT",
        "INVALID_INPUT", "INVITATION_NOT_GOOD", "BY_INVITATION_ONLY", "WITH_ITSELF", "SUPPLIERS_CHOICE", "INVALID_INPUT",
        "AGREEMENT_IN_WRONG_STATE", "CREDIT_CURRENCY_FIXED", "STALE_VERSION",
    ]  # fmt: skip
    assert [each["message"] for each in refused if each["message"].isascii() != (locale == "en")] == []


async def test_a_partner_shows_its_name_and_nothing_more_of_it(door: Door, supplier: Ctx, reseller: Ctx) -> None:
    joined = await join(door, supplier, reseller)
    await make_tier(door, supplier, name="Secret tier")
    other = await make_member_ctx(await make_tenant(name="Other reseller"))
    theirs = await join(door, supplier, other, name="Third")
    ids = [node_id("Tenant", supplier.tenant), theirs["id"], theirs["tier"]["id"], theirs["partner"]["id"]]

    nodes = await door.ask(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [*ids, theirs["reseller"]["id"]]}, ctx=reseller
    )
    listed = await door.ask(
        "{ merchant { agreements { nodes { id } } tiers { nodes { id } } supplyInvitations { nodes { id } } } }",
        ctx=reseller,
    )

    assert nodes["nodes"] == [None, None, None, {"id": ids[3]}, None]
    assert listed["merchant"] == {
        "agreements": {"nodes": [{"id": joined["id"]}]}, "tiers": {"nodes": []}, "supplyInvitations": {"nodes": []},
    }  # fmt: skip


async def test_agreements_are_paged_and_filtered(door: Door, supplier: Ctx) -> None:
    joined = [
        (await join(door, supplier, await make_member_ctx(await make_tenant()), name=f"Tier {number}"))["id"]
        for number in range(3)
    ]
    document = (
        "query ($after: String, $states: [AgreementState!]) { merchant { agreements(first: 2, after: $after, states: $states) "
        "{ nodes { id } pageInfo { endCursor hasNextPage } } } }"
    )

    first = (await door.ask(document, ctx=supplier))["merchant"]["agreements"]
    second = (await door.ask(document, {"after": first["pageInfo"]["endCursor"]}, ctx=supplier))["merchant"][
        "agreements"
    ]
    none = (await door.ask(document, {"states": ["ENDED"]}, ctx=supplier))["merchant"]["agreements"]

    assert [node["id"] for node in first["nodes"] + second["nodes"]] == joined[::-1]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"], none["nodes"]) == (True, False, [])


async def test_who_may_only_look_changes_nothing_and_who_may_only_change_is_told_what_became_of_it(
    door: Door, supplier: Ctx, reseller: Ctx
) -> None:
    joined = await join(door, supplier, reseller)
    looks, changes = [replace(supplier, permissions=frozenset({f"supply.{may}"})) for may in ("read", "edit")]
    named = {"agreementId": joined["id"], "version": 1, "reason": "Unpaid."}

    refused = await do(door, looks, "suspendAgreement", AGREEMENT, **named)
    suspended = await do(door, changes, "suspendAgreement", AGREEMENT, **named)
    unseen = await door.post("{ merchant { agreements { nodes { id } } } }", ctx=changes)

    assert refused["code"] == "NOT_ALLOWED"
    assert (suspended["agreement"]["state"], suspended["agreement"]["partner"]["name"][:12]) == (
        "SUSPENDED",
        "Reseller Ltd",
    )
    assert unseen["errors"][0]["extensions"]["code"] == "FORBIDDEN"
