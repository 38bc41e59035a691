"""Pure decisions of the ledger: which accounts exist, and who can afford what."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from fondaco_core.ids import AccountId, CustomerId, TenantId


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
    PAY_OUT = "PAY_OUT"
    GRANT = "GRANT"


class Owner(NamedTuple):
    """Whose account, for what, in which currency. Neither tenant nor customer: the platform's own."""

    tenant_id: TenantId | None
    customer_id: CustomerId | None
    kind: AccountKind
    currency: str

    @property
    def bounded(self) -> bool:
        """Whether the account has a floor that no transfer may pass."""
        return self.kind is AccountKind.WALLET


def affordable(available: Mapping[AccountId, int], wants: Sequence[tuple[AccountId, int]]) -> list[bool]:
    """Which of these debits, in their order, the accounts can bear; one that can not leaves the money to the next."""
    left = dict(available)
    verdicts: list[bool] = []
    for account, amount_minor in wants:
        assert amount_minor >= 0
        fits = left[account] >= amount_minor
        if fits:
            left[account] -= amount_minor
        verdicts.append(fits)
    return verdicts
