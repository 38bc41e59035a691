"""How much a payout moves, and which debts a sum pays. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from fondaco_core import limits
from fondaco_core.ids import AgreementId, TenantId


def to_move(due_minor: int, *, available_minor: int) -> int:
    """What of a sum is moved now: positive into the wallet, negative out of it, as far as it bears that and one transfer goes.

    What is not moved is carried into the next payout.
    """
    if due_minor >= 0:
        return min(due_minor, limits.AMOUNT_MAX_MINOR)
    return -min(-due_minor, max(0, available_minor), limits.AMOUNT_MAX_MINOR)


@dataclass(frozen=True, slots=True)
class Owed:
    """What a merchant owes another for one hop that it bought on credit."""

    hop_id: UUID
    agreement_id: AgreementId
    supplier_id: TenantId
    amount_minor: int


def pay_off(debts: Iterable[Owed], *, sum_minor: int) -> list[Owed]:
    """Which debts a sum pays and with how much of each: one after the other, the last one in part when no more is left."""
    paid: list[Owed] = []
    left = sum_minor
    for debt in debts:
        if left <= 0:
            break
        part = min(debt.amount_minor, left)
        left -= part
        paid.append(replace(debt, amount_minor=part))
    return paid
