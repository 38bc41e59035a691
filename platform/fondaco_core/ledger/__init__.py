"""ledger: double-entry accounts and transfers; knows nothing of orders.

Owns     ledger_account, ledger_transfer.
Promises the sum over all accounts is zero per currency; a wallet never goes below minus its credit line; a pending
         transfer is posted or voided once.
Stands on db.
"""

from fondaco_core.ledger.errors import InsufficientFunds
from fondaco_core.ledger.rules import check_affordable, wallets_debited
from fondaco_core.ledger.service import (
    Balance,
    Entry,
    accounts,
    balances,
    hold,
    lock_wallets,
    post,
    post_held,
    roll_up,
    statement,
    void_held,
)

__all__ = [
    "Balance",
    "Entry",
    "InsufficientFunds",
    "accounts",
    "balances",
    "check_affordable",
    "hold",
    "lock_wallets",
    "post",
    "post_held",
    "roll_up",
    "statement",
    "void_held",
    "wallets_debited",
]
