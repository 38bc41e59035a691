"""settlement: when a merchant's sales become its own money.

Owns     settlement_account, payout, payout_item.
Promises a hop is settled once and never before its time; what was paid out is the sum of what it was paid out for, less what
         is still carried; what a wallet cannot give back today is taken from later payouts.
Stands on orders, ledger.
"""

from fondaco_tenants.settlement.events import PaidOut
from fondaco_tenants.settlement.service.payouts import Payout, due_sellers, list_payouts, settle_seller

__all__ = ["PaidOut", "Payout", "due_sellers", "list_payouts", "settle_seller"]
