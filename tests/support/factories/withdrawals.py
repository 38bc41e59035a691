"""Merchants with money and a destination that may be used, and every act on a withdrawal, committed."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.ids import DestinationId, WithdrawalId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import settlement
from fondaco_tenants.settlement import Destination, DestinationKind, Withdrawal, checked_payee
from tests.support.clock import later

HOLDER, REFERENCE = "Li Wei", "DE89370400440532013000"


async def make_destination(
    ctx: Ctx, *, usable: bool = True, reference: str = REFERENCE, holder: str = HOLDER
) -> Destination:
    """A bank account; one that has waited long enough unless it shall not have."""
    payee = Secret(checked_payee(holder=holder, reference=reference, institution="A bank"))
    with later(hours=-limits.DESTINATION_WAIT_HOURS if usable else 0):
        async with transaction(ctx) as tx:
            return await settlement.add_destination(tx, ctx, kind=DestinationKind.BANK, payee=payee)


async def ask(ctx: Ctx, destination_id: DestinationId, minor: int = 10_000) -> Withdrawal:
    """A withdrawal."""
    async with trading(ctx) as tx:
        return await settlement.request_withdrawal(tx, ctx, destination_id=destination_id, amount=Money(minor, "CNY"))


async def cancel(ctx: Ctx, withdrawal_id: WithdrawalId) -> Withdrawal:
    """The merchant takes it back."""
    async with trading(ctx) as tx:
        return await settlement.cancel_withdrawal(tx, ctx, withdrawal_id=withdrawal_id)


async def approve(admin: Ctx, withdrawal_id: WithdrawalId) -> Withdrawal:
    """The platform says that it may be paid."""
    async with governing(admin) as tx:
        return await settlement.approve_withdrawal(tx, admin, withdrawal_id=withdrawal_id, reason="as agreed")


async def pay(admin: Ctx, withdrawal_id: WithdrawalId) -> Withdrawal:
    """It has left."""
    async with governing(admin) as tx:
        return await settlement.record_withdrawal_paid(tx, admin, withdrawal_id=withdrawal_id, bank_reference="BANK-1")


async def refuse(admin: Ctx, withdrawal_id: WithdrawalId) -> Withdrawal:
    """The platform does not pay it."""
    async with governing(admin) as tx:
        return await settlement.refuse_withdrawal(tx, admin, withdrawal_id=withdrawal_id, reason="not that name")
