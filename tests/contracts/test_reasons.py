"""What people do with what is not theirs needs a reason, which stands in the log beside the act: over all mutations."""

import ast
import re
from pathlib import Path
from uuid import UUID

import pytest
from graphql import GraphQLNonNull

from fondaco_api.graphql.schema import core_schema
from fondaco_core import audit, limits
from fondaco_core.audit import NEED_REASON, ReasonNeeded
from fondaco_core.audit.rules import check_reason
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.db import transaction
from fondaco_core.ids import CustomerId, new_id
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

ROOT = Path(__file__).resolve().parents[2]

# Every mutation that does such an act, and the act as the log names it.
MUTATIONS = {
    "approveWithdrawal": "withdrawal.approved",
    "blockCustomer": "customer.blocked",
    "closeTenant": "tenant.closed",
    "createDeliveryLink": "delivery_link.created",
    "creditWallet": "wallet.credited",
    "declineAgreement": "agreement.declined",
    "destroyTenantKeys": "keys.destruction_begun",
    "endAgreement": "agreement.ended",
    "exportOrders": "order_export.requested",
    "exportStock": "stock.exported",
    "makeEvidence": "evidence.made",
    "makeUnitEvidence": "evidence.made",
    "openBreakGlass": "break_glass.opened",
    "pauseSource": "source.paused",
    "quarantineCodes": "code.quarantined",
    "recordDeposit": "wallet.credited",
    "refundOrder": "order.refunded",
    "refuseWithdrawal": "withdrawal.refused",
    "releaseCodes": "code.released",
    "replaceUnit": "unit.replaced",
    "resolveDifference": "reconciliation.resolved",
    "resumeSource": "source.resumed",
    "resumeTenant": "tenant.resumed",
    "retireClientKey": "client_key.retired",
    "revealOwnCode": "code.revealed",
    "reverseRedemption": "redemption.reversed",
    "revokeSupplyInvitation": "supply_invitation.revoked",
    "rotateTenantKey": "keys.rotation_begun",
    "setTenantFees": "tenant.fees_set",
    "showLinkKey": "link_key.shown",
    "showWithdrawalDestination": "withdrawal_destination.shown",
    "suspendAgreement": "agreement.suspended",
    "suspendTenant": "tenant.suspended",
    "traceCode": "code.traced",
    "traceLot": "lot.traced",
    "tracePath": "path.traced",
    "unblockCustomer": "customer.unblocked",
    "undoBatch": "batch.undone",
    "voidCodes": "code.voided",
}
# Acts that are done elsewhere than by a mutation of their own.
ELSEWHERE = {
    "batch.lines_taken": "POST /imports/{id}/lines",
    "code.withdrawn": "part of quarantining and voiding",
    "tenant.exported": "`fondaco export-tenant`",
}
# Buyers need none for what is their own: the field may be left out, and the log refuses the merchant's people who do.
BUYERS_TOO = {"createDeliveryLink"}
# Mutations that sound like such an act and are none.
OTHERS = {
    "revealNotification": "a gateway's own words; the use case asks for a reason",
    "recordPayout": "money that has left by another way; the use case asks for a reason",
    "resendDelivery": "of a contact that is corrected; the use case asks for it then",
    "revealCode": "a buyer's own code",
    "revealOrder": "a buyer's own codes",
    "revokeApiClient": "takes a power away, and shows nothing",
    "revokeDeliveryLink": "takes a power away, and shows nothing",
    "revokeOtherSessions": "one's own",
    "revokeSession": "takes a power away, and shows nothing",
    "rotateApiClientSecret": "of one's own machines; the old secret goes",
    "rotateWebhookSecret": "of one's own endpoint; the old secret goes",
}
SENSITIVE = re.compile(
    r"^(reveal|refund|void|quarantine|export|rotate|destroy|openBreak|suspend|close|credit|record|replace|reverse|revoke|show|undo)"
)


def fields() -> dict[str, bool]:
    """Every mutation whose input has a reason, and whether it must be given."""
    mutation = core_schema().mutation_type
    assert mutation is not None
    found: dict[str, bool] = {}
    for name, field in mutation.fields.items():
        given = field.args.get("input")
        kind = given.type.of_type if given is not None and isinstance(given.type, GraphQLNonNull) else None
        if kind is not None and "reason" in kind.fields:
            found[name] = isinstance(kind.fields["reason"].type, GraphQLNonNull)
    return found


def recorded() -> set[str]:
    """Every act that the code writes down, as far as its name stands there in full."""
    text = "".join(path.read_text() for root in ("platform", "tenants") for path in (ROOT / root).rglob("*.py"))
    return {
        node.value for node in ast.walk(ast.parse("\n".join(re.findall(r'"[a-z_]+\.[a-z_]+"', text))))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }  # fmt: skip


def test_every_such_mutation_takes_a_reason() -> None:
    takes = fields()

    assert {name: takes.get(name) for name in MUTATIONS} == {name: name not in BUYERS_TOO for name in MUTATIONS}


def test_what_sounds_like_such_an_act_is_one_or_says_why_not() -> None:
    mutation = core_schema().mutation_type
    assert mutation is not None

    assert {name for name in mutation.fields if SENSITIVE.match(name)} <= MUTATIONS.keys() | OTHERS.keys()
    assert MUTATIONS.keys() <= set(mutation.fields)


def test_every_act_of_the_table_is_done_somewhere() -> None:
    assert set(MUTATIONS.values()) | ELSEWHERE.keys() == NEED_REASON


def test_every_act_of_the_table_is_one_that_the_code_writes_down() -> None:
    composed = {"keys.destruction_begun", "keys.rotation_begun"}

    assert sorted(NEED_REASON - recorded() - composed) == []


@pytest.mark.parametrize("action", sorted(NEED_REASON))
@pytest.mark.parametrize("reason", [None, "", "  ", "ab", " ab "])
def test_nobody_who_answers_for_it_does_such_an_act_without_a_reason(action: str, reason: str | None) -> None:
    for actor in (ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN, ActorKind.API_CLIENT, ActorKind.BREAK_GLASS):
        with pytest.raises(ReasonNeeded):
            check_reason(Ctx(actor=actor, actor_id=new_id()), action, reason)


def test_a_short_reason_will_do_and_buyers_and_the_system_need_none() -> None:
    buyer = CustomerId(new_id())

    for action in NEED_REASON:
        check_reason(Ctx(actor=ActorKind.MEMBER), action, "x" * limits.REASON_CHARS_MIN)
        check_reason(Ctx(actor=ActorKind.CUSTOMER, customer_id=buyer), action, None)
        check_reason(Ctx(actor=ActorKind.GUEST, order_id=UUID(int=1)), action, None)
        check_reason(Ctx(actor=ActorKind.API_CLIENT, customer_id=buyer), action, None)
        check_reason(system_ctx("test"), action, None)
    check_reason(Ctx(actor=ActorKind.MEMBER), "listing.changed", None)


async def act(ctx: Ctx, subject: UUID, *actions: str) -> None:
    """Writes acts down, in one transaction."""
    async with transaction(ctx) as tx:
        for action in actions:
            await audit.record(tx, ctx, action, subject_kind="code", subject_id=subject)


@pytest.mark.usefixtures("database")
async def test_an_act_without_its_reason_is_undone_with_its_whole_transaction() -> None:
    ctx = await make_member_ctx(await make_tenant())
    subject = new_id()

    with pytest.raises(ReasonNeeded):
        await act(ctx, subject, "merchant.profile_changed", "code.revealed")

    async with transaction(ctx) as tx:
        assert await audit.list_entries(tx, ctx, subject_id=subject) == []
