"""The words in which money is moved: whose account, how much, what for. Pure, so that every module's rules may use them.

The ledger carries them out; it alone knows account rows.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from fondaco_core import limits
from fondaco_core.ids import CustomerId, TenantId


class AccountKind(StrEnum):
    """What money in an account is."""

    WALLET = "WALLET"
    RECEIVABLE = "RECEIVABLE"
    DEPOSIT = "DEPOSIT"
    CREDIT_USED = "CREDIT_USED"
    FEES = "FEES"
    GATEWAY_CLEARING = "GATEWAY_CLEARING"
    REFUNDS = "REFUNDS"


class Purpose(StrEnum):
    """What a transfer is for."""

    SALE = "SALE"
    FEE = "FEE"
    REFUND = "REFUND"
    FEE_REFUND = "FEE_REFUND"
    TOP_UP = "TOP_UP"
    PAYMENT = "PAYMENT"
    PAY_BACK = "PAY_BACK"
    PAY_OUT = "PAY_OUT"
    COMMISSION = "COMMISSION"
    COMMISSION_REFUND = "COMMISSION_REFUND"
    SETTLEMENT = "SETTLEMENT"
    REPAYMENT = "REPAYMENT"
    WITHDRAWAL = "WITHDRAWAL"
    GRANT = "GRANT"


class Owner(NamedTuple):
    """Whose account, for what, in which currency. Neither tenant nor customer: the platform's own."""

    tenant_id: TenantId | None
    customer_id: CustomerId | None
    kind: AccountKind
    currency: str


@dataclass(frozen=True, slots=True)
class NewTransfer:
    """An amount in minor units to move from one owner's account to another's, and the order or act it belongs to."""

    debit: Owner
    credit: Owner
    amount_minor: int
    purpose: Purpose
    reference_id: UUID | None

    def __post_init__(self) -> None:
        assert 0 < self.amount_minor <= limits.AMOUNT_MAX_MINOR
        assert self.debit.currency == self.credit.currency
