"""Codes by which merchants join a supplier, on a real database as the restricted roles."""

import asyncio
from typing import Any

import pytest

from fondaco_core import limits
from fondaco_core.audit import ReasonNeeded
from fondaco_core.context import Ctx
from fondaco_core.crypto import hash_token, new_token
from fondaco_core.db import governing, reading, transaction
from fondaco_core.errors import Invalid, NotFound
from fondaco_core.secret import Secret
from fondaco_tenants import supply
from fondaco_tenants.supply import Agreement, AgreementState, AlreadyAgreed, Invitation, InvitationNotGood, Tier
from tests.support.clock import later
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.supply import make_agreement, make_invitation, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def supplier() -> Ctx:
    return await make_member_ctx(await make_tenant())


@pytest.fixture
async def reseller() -> Ctx:
    return await make_member_ctx(await make_tenant())


@pytest.fixture
async def tier(supplier: Ctx) -> Tier:
    return await make_tier(supplier)


async def join(ctx: Ctx, token: Secret[str]) -> Agreement:
    async with transaction(ctx) as tx:
        return await supply.join_supplier(tx, ctx, token=token)


async def revoke(ctx: Ctx, invitation: Invitation, reason: str = "It went round.") -> Invitation:
    async with transaction(ctx) as tx:
        return await supply.revoke_invitation(tx, ctx, invitation_id=invitation.id, reason=reason)


async def invitations_of(ctx: Ctx, **given: Any) -> list[Invitation]:
    async with reading(ctx) as tx:
        return await supply.list_invitations(tx, ctx, **given)


async def test_an_invitation_lets_as_many_in_as_it_says(supplier: Ctx, tier: Tier) -> None:
    _, token = await make_invitation(supplier, tier, label="  Fair  2026 ", uses_max=2)
    merchants = [await make_member_ctx(await make_tenant()) for _ in range(4)]

    joined = await asyncio.gather(*(join(each, token) for each in merchants), return_exceptions=True)

    (after,) = await invitations_of(supplier)
    assert sum(isinstance(each, Agreement) for each in joined) == 2
    assert sum(isinstance(each, InvitationNotGood) for each in joined) == 2
    assert (after.label, after.uses, after.open) == ("Fair 2026", 2, False)
    assert await invitations_of(supplier, only_open=True) == []
    await assert_invariants()


async def test_one_merchant_joins_once_however_often_it_tries(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    _, token = await make_invitation(supplier, tier, uses_max=5)

    joined = await asyncio.gather(*(join(reseller, token) for _ in range(3)), return_exceptions=True)

    (after,) = await invitations_of(supplier)
    assert sum(isinstance(each, Agreement) for each in joined) == 1
    assert sum(isinstance(each, AlreadyAgreed) for each in joined) == 2
    assert after.uses == 1


async def test_an_invitation_ends_with_its_time(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    _, token = await make_invitation(supplier, tier)

    with later(days=limits.SUPPLY_INVITATION_DAYS, seconds=1), pytest.raises(InvitationNotGood):
        await join(reseller, token)

    assert (await join(reseller, token)).state is AgreementState.ACTIVE


async def test_an_invitation_that_was_revoked_lets_nobody_in(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    invitation, token = await make_invitation(supplier, tier)
    with pytest.raises(ReasonNeeded):
        await revoke(supplier, invitation, reason=" ")
    with pytest.raises(NotFound):
        await revoke(reseller, invitation)

    revoked = await revoke(supplier, invitation)

    with pytest.raises(InvitationNotGood):
        await join(reseller, token)
    assert revoked.revoked_at is not None
    assert await revoke(supplier, invitation) == revoked


@pytest.mark.parametrize("text", ["", "fd_supply_", "x" * 5_000, "fd_supply_" + "0" * 49, "卡密", "\0"])
async def test_what_is_no_code_of_ours_lets_nobody_in(reseller: Ctx, text: str) -> None:
    with pytest.raises(InvitationNotGood):
        await join(reseller, Secret(text))


@pytest.mark.parametrize("kind", ["supply", "sess"])
async def test_a_code_that_was_never_made_lets_nobody_in(supplier: Ctx, reseller: Ctx, tier: Tier, kind: str) -> None:
    await make_invitation(supplier, tier)

    with pytest.raises(InvitationNotGood):
        await join(reseller, new_token(kind))


async def test_a_supplier_does_not_join_itself(supplier: Ctx, tier: Tier) -> None:
    _, token = await make_invitation(supplier, tier)

    with pytest.raises(supply.WithItself):
        await join(supplier, token)


async def test_an_invitation_answers_a_request_that_waits(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    await make_tier(supplier, entry=True)
    _, token = await make_invitation(supplier, tier)
    async with transaction(reseller) as tx:
        asked = await supply.request_agreement(tx, reseller, supplier_id=supplier.tenant, note="Please.")

    joined = await join(reseller, token)

    assert (joined.id, joined.tier_id, joined.state, joined.note) == (
        asked.id,
        tier.id,
        AgreementState.ACTIVE,
        "Please.",
    )
    await assert_invariants()


async def test_whom_a_supplier_parted_with_does_not_come_back_by_an_old_code(
    supplier: Ctx, reseller: Ctx, tier: Tier
) -> None:
    _, old = await make_invitation(supplier, tier, uses_max=5)
    agreement = await make_agreement(supplier, reseller, tier=tier)
    with pytest.raises(AlreadyAgreed):
        await join(reseller, old)
    async with transaction(supplier) as tx:
        await supply.end_agreement(tx, supplier, agreement_id=agreement.id, version=1, reason="They did not pay.")
    with pytest.raises(InvitationNotGood):
        await join(reseller, old)

    _, fresh = await make_invitation(supplier, tier)

    assert (await join(reseller, fresh)).state is AgreementState.ACTIVE


async def test_a_suspended_reseller_does_not_come_back_by_a_code(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    agreement = await make_agreement(supplier, reseller)
    async with transaction(supplier) as tx:
        await supply.suspend_agreement(tx, supplier, agreement_id=agreement.id, version=1, reason="They did not pay.")
    _, token = await make_invitation(supplier, tier)

    with pytest.raises(AlreadyAgreed):
        await join(reseller, token)


async def test_an_invitation_to_a_tier_that_was_put_away_lets_nobody_in(
    supplier: Ctx, reseller: Ctx, tier: Tier
) -> None:
    _, token = await make_invitation(supplier, tier)
    async with transaction(supplier) as tx:
        await supply.update_tier(tx, supplier, tier_id=tier.id, version=1, archived=True)

    with pytest.raises(InvitationNotGood):
        await join(reseller, token)

    (after,) = await invitations_of(supplier)
    assert after.uses == 0


@pytest.mark.parametrize(
    "given",
    [{"uses_max": 0}, {"uses_max": limits.SUPPLY_INVITATION_USES_MAX + 1}, {"label": "x" * (limits.NAME_MAX + 1)}],
)
async def test_an_invitation_that_cannot_be_is_refused(supplier: Ctx, tier: Tier, given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await make_invitation(supplier, tier, **given)


async def test_invitations_that_hold_are_bounded(supplier: Ctx, tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SUPPLY_INVITATIONS_MAX", 1)
    invitation, _ = await make_invitation(supplier, tier)
    with pytest.raises(supply.TooManyInvitations):
        await make_invitation(supplier, tier)

    await revoke(supplier, invitation)

    await make_invitation(supplier, tier)


async def test_a_code_is_kept_as_its_hash_and_nowhere_else(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    invitation, token = await make_invitation(supplier, tier)
    await join(reseller, token)

    async with transaction(supplier) as tx:
        kept = await tx.fetchval("SELECT token_hash FROM supply_invitation WHERE id = $1", invitation.id)
    async with governing(Ctx()) as tx:
        said = await tx.fetch(
            "SELECT payload::text AS said FROM outbox_event UNION ALL SELECT detail::text FROM audit_entry"
        )
    assert kept == hash_token(token)
    assert not any(token.reveal() in row["said"] for row in said)
    assert token.reveal() not in repr(invitation)


async def test_an_invitation_is_seen_by_who_made_it_alone(supplier: Ctx, reseller: Ctx, tier: Tier) -> None:
    invitation, token = await make_invitation(supplier, tier)
    await join(reseller, token)

    async with reading(reseller) as tx:
        assert await supply.invitations_by_ids(tx, reseller, [invitation.id]) == {}
    assert await invitations_of(reseller) == []
