"""payments: how money comes into wallets. Buyers pay orders out of theirs (orders); gateways fill them.

Promises money that a merchant gives a buyer leaves the merchant's own wallet; money that enters or leaves the platform is
         on the record with a reason.
Stands on customers, ledger.
"""

from fondaco_tenants.payments.errors import InvalidAmount
from fondaco_tenants.payments.events import WalletCredited
from fondaco_tenants.payments.service import (
    Wallet,
    credit_customer_wallet,
    own_wallets,
    record_deposit,
    tenant_accounts,
    wallet_statement,
    wallets_of_customer,
)

__all__ = [
    "InvalidAmount",
    "Wallet",
    "WalletCredited",
    "credit_customer_wallet",
    "own_wallets",
    "record_deposit",
    "tenant_accounts",
    "wallet_statement",
    "wallets_of_customer",
]
