"""Use cases of the ledger. They move money between accounts and know nothing of orders.

These are called by use cases that have asked for permission already: what may be moved is theirs to decide, that it
adds up is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.db import Tx, Write
from fondaco_core.errors import Bug
from fondaco_core.ids import AccountId, CustomerId, TenantId, TransferId, new_id
from fondaco_core.ledger import store
from fondaco_core.postings import AccountKind, NewTransfer, Owner, Purpose


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds, in minor units. `available_minor` is what may be taken out, credit line included."""

    account_id: AccountId
    kind: AccountKind
    currency: str
    posted_minor: int
    pending_minor: int
    floor_minor: int

    @property
    def available_minor(self) -> int:
        """What may still be taken out."""
        return self.posted_minor - self.pending_minor - self.floor_minor


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account's statement: `amount_minor` is positive for money in, negative for money out."""

    transfer_id: TransferId
    amount_minor: int
    currency: str
    purpose: Purpose
    reference_id: UUID | None
    pending: bool
    created_at: datetime


async def accounts(tx: Tx, owners: Sequence[Owner]) -> dict[Owner, AccountId]:
    """The accounts of these owners, opened where they are missing.

    The process remembers those of tenants and of the platform: there are few, they never change, every sale needs them.
    """
    found: dict[Owner, AccountId] = {}
    missing: set[Owner] = set()
    for owner in owners:
        known = tx.known(owner)
        if known is None:
            missing.add(owner)
        else:
            found[owner] = known
    if missing:
        seen = await _find(tx, sorted(missing, key=str))
        unopened = sorted(missing - seen.keys(), key=str)
        if unopened:
            await tx.execute(store.OPEN_ACCOUNTS, [new_id() for _ in unopened], *_columns(unopened), clock.now())
            seen |= await _find(tx, unopened)
        tx.remember({owner: account for owner, account in seen.items() if owner.customer_id is None})
        tx.note({owner: account for owner, account in seen.items() if owner.customer_id is not None})
        found |= seen
    return found


async def _find(tx: Tx, owners: Sequence[Owner]) -> dict[Owner, AccountId]:
    rows = await tx.fetch(store.FIND_ACCOUNTS, *_columns(owners))
    return {owners[row["n"] - 1]: AccountId(row["id"]) for row in rows}


def _columns(owners: Sequence[Owner]) -> tuple[list[object], list[object], list[str], list[str]]:
    return (
        [owner.tenant_id for owner in owners],
        [owner.customer_id for owner in owners],
        [owner.kind.value for owner in owners],
        [owner.currency for owner in owners],
    )


async def lock_wallets(tx: Tx, owners: Sequence[Owner]) -> dict[Owner, int]:
    """Locks wallets until the transaction ends, in one order, and says what may be taken out of each.

    A wallet that is missing is opened. One customer's is found and locked in one statement: every sale does that.
    """
    wanted = list(dict.fromkeys(owners))
    assert all(owner.kind is AccountKind.WALLET for owner in wanted)
    if len(wanted) == 1 and wanted[0].customer_id is not None and tx.known(wanted[0]) is None:
        row = await tx.fetchrow(store.LOCK_WALLET_OF, *wanted[0])
        if row is not None:
            tx.note({wanted[0]: AccountId(row["id"])})
            return {wanted[0]: row["available_minor"]}
    found = await accounts(tx, wanted)
    rows = await tx.fetch(store.LOCK_WALLETS, list(found.values()))
    available = {AccountId(row["id"]): row["available_minor"] for row in rows}
    return {owner: available[account] for owner, account in found.items()}


async def post(tx: Tx, transfers: Sequence[NewTransfer]) -> list[TransferId]:
    """Moves money in this transaction. A wallet that would pass its floor is a Bug: who pays looked before, under lock."""
    return await _write(tx, store.POST, transfers)


async def hold(tx: Tx, transfers: Sequence[NewTransfer]) -> list[TransferId]:
    """Writes pending transfers: the money is set aside in the debit accounts until each is posted or voided."""
    return await _write(tx, store.HOLD, transfers)


async def post_held(tx: Tx, transfer_ids: Sequence[TransferId]) -> None:
    """Posts pending transfers; each can be resolved once, a second time is a Bug."""
    await _resolve(tx, transfer_ids, "POSTED")


async def void_held(tx: Tx, transfer_ids: Sequence[TransferId]) -> None:
    """Voids pending transfers and frees what they set aside; each can be resolved once, a second time is a Bug."""
    await _resolve(tx, transfer_ids, "VOIDED")


async def _resolve(tx: Tx, transfer_ids: Sequence[TransferId], state: str) -> None:
    done = await tx.fetchval(store.RESOLVE, list(transfer_ids), state, clock.now())
    if done != len(transfer_ids):
        msg = f"{len(transfer_ids) - done} of {len(transfer_ids)} transfers were resolved before."
        raise Bug(msg)


async def _write(tx: Tx, write: Write, transfers: Sequence[NewTransfer]) -> list[TransferId]:
    if not transfers:
        return []
    owners = [t.debit for t in transfers] + [t.credit for t in transfers]
    found = await accounts(tx, owners)
    ids = [TransferId(new_id()) for _ in transfers]
    await tx.later(
        write,
        ids,
        [found[t.debit] for t in transfers],
        [found[t.credit] for t in transfers],
        [t.debit.tenant_id for t in transfers],
        [t.credit.tenant_id for t in transfers],
        [t.amount_minor for t in transfers],
        [t.debit.currency for t in transfers],
        [t.purpose.value for t in transfers],
        [t.reference_id for t in transfers],
        clock.now(),
    )
    return ids


async def balances(tx: Tx, *, tenant_id: TenantId | None, customer_id: CustomerId | None = None) -> list[Balance]:
    """Every account of one owner with its exact balance."""
    rows = await tx.fetch(store.BALANCES, tenant_id, customer_id)
    return [
        Balance(
            AccountId(r["id"]),
            AccountKind(r["kind"]),
            r["currency"],
            r["posted_minor"],
            r["pending_minor"],
            r["floor_minor"],
        )
        for r in rows
    ]


async def statement(
    tx: Tx, account_id: AccountId, *, after: UUID | None = None, count: int = limits.PAGE_DEFAULT
) -> list[Entry]:
    """A page of an account's transfers, newest first, from `after` on; voided ones moved nothing and carry zero."""
    rows = await tx.fetch(store.STATEMENT, account_id, after, count)
    return [
        Entry(
            TransferId(r["id"]),
            0 if r["state"] == "VOIDED" else (r["amount_minor"] if r["credit"] else -r["amount_minor"]),
            r["currency"],
            Purpose(r["purpose"]),
            r["reference_id"],
            r["state"] == "PENDING",
            r["created_at"],
        )
        for r in rows
    ]


async def roll_up(tx: Tx) -> int:
    """Brings the rows of unbounded accounts up to date; needs a transaction as fondaco_platform. Says how many moved."""
    return await tx.execute(store.ROLL_UP)
