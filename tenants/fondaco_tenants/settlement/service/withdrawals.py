"""Money that leaves the platform: asked for by a merchant, set aside at once, decided and paid by the platform's people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fondaco_core import audit, clock, ledger, limits, outbox, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.errors import NotFound
from fondaco_core.ids import DestinationId, TenantId, TransferId, WithdrawalId, new_id
from fondaco_core.money import Money, checked_currency
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose
from fondaco_tenants.settlement import events
from fondaco_tenants.settlement import rules_withdrawals as rules
from fondaco_tenants.settlement import store_withdrawals as store
from fondaco_tenants.settlement.errors_withdrawals import (
    DestinationTooNew,
    OwnWithdrawal,
    TooManyWithdrawals,
    WithdrawalInWrongState,
)
from fondaco_tenants.settlement.rules_withdrawals import Act, WithdrawalState


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal as it stands."""

    id: WithdrawalId
    tenant_id: TenantId
    destination_id: DestinationId
    amount: Money
    state: WithdrawalState
    transfer_id: TransferId
    requested_by: Any
    requested_at: datetime
    approved_at: datetime | None
    bank_reference: str | None
    refusal: str | None
    closed_at: datetime | None
    version: int


def _withdrawal(row: Any) -> Withdrawal:
    return Withdrawal(
        WithdrawalId(row["id"]), TenantId(row["tenant_id"]), DestinationId(row["destination_id"]),
        Money(row["amount_minor"], row["currency"]), WithdrawalState(row["state"]), TransferId(row["transfer_id"]),
        row["requested_by"], row["requested_at"], row["approved_at"], row["bank_reference"], row["refusal"], row["closed_at"],
        row["version"],
    )  # fmt: skip


async def request_withdrawal(tx: Tx, ctx: Ctx, *, destination_id: DestinationId, amount: Money) -> Withdrawal:
    """Asks for money of the merchant's wallet to be paid out, and sets it aside; in a trading transaction.

    Raises TooLittleToWithdraw, NotFound, DestinationTooNew, TooManyWithdrawals, InsufficientFunds, TenantNotActive.
    """
    ctx.require("wallets.withdraw")
    await tenancy.require_active(tx, ctx)
    checked_currency(amount.currency, path=("amount", "currency"))
    now = clock.now()
    destination = await tx.fetchrow(store.DESTINATION, destination_id, ctx.tenant)
    if destination is None:
        raise NotFound("withdrawal destination", path=("destination_id",))
    rules.check_amount(amount)
    if destination["usable_from"] > now:
        raise DestinationTooNew(destination["usable_from"])
    wallet = Owner(ctx.tenant, None, AccountKind.WALLET, amount.currency)
    # Who asks for a second one at the same time waits here, and then counts this one.
    ledger.check_affordable({wallet: amount.amount_minor}, {wallet: await _lock_own_money(tx, wallet)})
    if await tx.fetchval(store.COUNT_OPEN, ctx.tenant, amount.currency) >= limits.WITHDRAWALS_OPEN_MAX:
        raise TooManyWithdrawals
    withdrawal_id = WithdrawalId(new_id())
    clearing = Owner(None, None, AccountKind.GATEWAY_CLEARING, amount.currency)
    (transfer_id,) = await ledger.hold(
        tx, [NewTransfer(wallet, clearing, amount.amount_minor, Purpose.WITHDRAWAL, withdrawal_id)]
    )
    await tx.execute(
        store.ADD, withdrawal_id, ctx.tenant, destination_id, amount.currency, amount.amount_minor, transfer_id, ctx.actor_id, now
    )  # fmt: skip
    made = _withdrawal(await tx.fetchrow(store.LOCK, withdrawal_id, ctx.tenant))
    await _on_record(tx, ctx, made, "requested", reason=None)
    return made


async def _lock_own_money(tx: Tx, wallet: Owner) -> int:
    """What may be paid out of a wallet, under its lock: no credit, and not what is still to be given back."""
    available = (await ledger.lock_wallets(tx, [wallet]))[wallet]
    balance = next(
        each for each in await ledger.balances(tx, tenant_id=wallet.tenant_id)
        if each.kind is AccountKind.WALLET and each.currency == wallet.currency
    )  # fmt: skip
    owed = {row["currency"]: row["minor"] for row in await tx.fetch(store.OWED, wallet.tenant_id, clock.now())}
    return rules.to_withdraw_minor(
        available_minor=available, posted_minor=balance.posted_minor, pending_minor=balance.pending_minor,
        owed_minor=owed.get(wallet.currency, 0),
    )  # fmt: skip


async def cancel_withdrawal(tx: Tx, ctx: Ctx, *, withdrawal_id: WithdrawalId) -> Withdrawal:
    """Takes a withdrawal back that nobody has approved; in a trading transaction. Raises NotFound, WithdrawalInWrongState."""
    ctx.require("wallets.withdraw")
    held = await _lock(tx, withdrawal_id, Act.CANCEL, tenant_id=ctx.tenant)
    await ledger.void_held(tx, [held.transfer_id])
    return await _close(tx, ctx, held, Act.CANCEL)


async def approve_withdrawal(tx: Tx, ctx: Ctx, *, withdrawal_id: WithdrawalId, reason: str) -> Withdrawal:
    """Says that a withdrawal may be paid; never by who asked for it. Needs a transaction as fondaco_platform.

    Raises NotFound, WithdrawalInWrongState, OwnWithdrawal, TenantNotActive for a merchant that is suspended.
    """
    ctx.require("platform.withdrawals")
    why = tenancy.checked_reason(reason)
    held = await _lock(tx, withdrawal_id, Act.APPROVE)
    _check_another(ctx, held)
    await tenancy.require_active(tx, ctx.for_tenant(held.tenant_id))
    await tx.execute(store.APPROVED, held.id, ctx.actor_id, clock.now())
    return await _told(tx, ctx, held, Act.APPROVE, reason=why)


async def record_withdrawal_paid(tx: Tx, ctx: Ctx, *, withdrawal_id: WithdrawalId, bank_reference: str) -> Withdrawal:
    """Notes that an approved withdrawal has left, and under which number the bank has it. Needs a transaction as fondaco_platform.

    Raises NotFound, WithdrawalInWrongState, OwnWithdrawal.
    """
    ctx.require("platform.withdrawals")
    reference = rules.checked_bank_reference(bank_reference)
    held = await _lock(tx, withdrawal_id, Act.PAY)
    _check_another(ctx, held)
    await ledger.post_held(tx, [held.transfer_id])
    return await _close(tx, ctx, held, Act.PAY, bank_reference=reference)


async def refuse_withdrawal(tx: Tx, ctx: Ctx, *, withdrawal_id: WithdrawalId, reason: str) -> Withdrawal:
    """Gives the money of a withdrawal back to its wallet, for a reason that the merchant reads. Needs a transaction as fondaco_platform.

    Raises NotFound, WithdrawalInWrongState.
    """
    ctx.require("platform.withdrawals")
    why = tenancy.checked_reason(reason)
    held = await _lock(tx, withdrawal_id, Act.REFUSE)
    await ledger.void_held(tx, [held.transfer_id])
    return await _close(tx, ctx, held, Act.REFUSE, refusal=why)


async def list_withdrawals(
    tx: Tx, ctx: Ctx, *, after: WithdrawalId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Withdrawal]:
    """A page of the merchant's withdrawals, newest first."""
    ctx.require("wallets.read")
    return [_withdrawal(row) for row in await tx.fetch(store.LIST, ctx.tenant, after, count)]


async def list_all_withdrawals(
    tx: Tx, ctx: Ctx, *, waiting: bool, after: WithdrawalId | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Withdrawal]:
    """A page of all merchants' withdrawals: those that wait, the oldest first, or all, the newest first."""
    ctx.require("platform.read")
    return [_withdrawal(row) for row in await tx.fetch(store.WAITING if waiting else store.ALL, after, count)]


async def withdrawals_by_ids(tx: Tx, ctx: Ctx, ids: Sequence[WithdrawalId]) -> dict[WithdrawalId, Withdrawal]:
    """Withdrawals of the asker's merchant by their ids; of any, for the platform's people."""
    ctx.require("wallets.read" if ctx.tenant_id is not None else "platform.read")
    return {made.id: made for made in map(_withdrawal, await tx.fetch(store.BY_IDS, list(ids), ctx.tenant_id))}


async def _lock(tx: Tx, withdrawal_id: WithdrawalId, act: Act, *, tenant_id: TenantId | None = None) -> Withdrawal:
    row = await tx.fetchrow(store.LOCK, withdrawal_id, tenant_id)
    if row is None:
        raise NotFound("withdrawal", path=("withdrawal_id",))
    held = _withdrawal(row)
    if held.state not in rules.STEPS[act].of:
        raise WithdrawalInWrongState(held.state)
    return held


def _check_another(ctx: Ctx, held: Withdrawal) -> None:
    if rules.asked_themselves(ctx.actor_id, held.requested_by):
        raise OwnWithdrawal


async def _close(
    tx: Tx, ctx: Ctx, held: Withdrawal, act: Act, *, bank_reference: str | None = None, refusal: str | None = None
) -> Withdrawal:
    state = rules.STEPS[act].to
    await tx.execute(store.CLOSED, held.id, state.value, bank_reference, refusal, ctx.actor_id, clock.now())
    return await _told(tx, ctx, held, act, reason=refusal)


async def _told(tx: Tx, ctx: Ctx, held: Withdrawal, act: Act, *, reason: str | None) -> Withdrawal:
    became = _withdrawal(await tx.fetchrow(store.LOCK, held.id, held.tenant_id))
    await _on_record(tx, ctx, became, act.value, reason=reason)
    return became


async def _on_record(tx: Tx, ctx: Ctx, became: Withdrawal, act: str, *, reason: str | None) -> None:
    detail = {"amount_minor": became.amount.amount_minor, "currency": became.amount.currency}
    await audit.record(
        tx, ctx, _ACTIONS[act], subject_kind="withdrawal", subject_id=became.id, tenant_id=became.tenant_id, reason=reason,
        detail=detail,
    )  # fmt: skip
    event = events.WITHDRAWALS[act](became.id, became.amount.amount_minor, became.amount.currency)
    await outbox.announce(tx, (became.tenant_id, event))


# As the log names what is done; in full, so that it is found.
_ACTIONS = {
    "requested": "withdrawal.requested",
    "approved": "withdrawal.approved",
    "paid": "withdrawal.paid",
    "refused": "withdrawal.refused",
    "cancelled": "withdrawal.cancelled",
}
