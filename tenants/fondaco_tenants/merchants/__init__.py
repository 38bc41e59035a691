"""merchants: what a merchant says of itself.

Owns     merchant_profile.
Promises nobody overwrites what somebody else wrote in the meantime.
Stands on tenancy.
"""

from fondaco_tenants.merchants.events import MerchantProfileChanged
from fondaco_tenants.merchants.invariants import INVARIANTS
from fondaco_tenants.merchants.service import MerchantProfile, get_profile, update_profile

__all__ = ["INVARIANTS", "MerchantProfile", "MerchantProfileChanged", "get_profile", "update_profile"]
