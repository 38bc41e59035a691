"""Permissions in one place: what each may do, by role, by scope, by kind of asker.

A permission is `noun.verb`. Every `ctx.require("…")` of the system names one of PERMISSIONS (a contract test looks).
"""

from collections.abc import Iterable
from enum import StrEnum

# name → what it lets one do, in words that a merchant who hands out a role understands
PERMISSIONS = {
    # a merchant's own side
    "merchant.read": "See the merchant's profile and stores.",
    "merchant.edit": "Change the merchant's profile and stores.",
    "members.read": "See who works here.",
    "members.edit": "Invite, change and remove people.",
    "clients.read": "See API clients.",
    "clients.edit": "Make and revoke API clients.",
    "catalog.read": "See listings, also those not on sale.",
    "catalog.edit": "Make and change listings and their sources.",
    "codes.read": "See pools, batches and codes, masked.",
    "codes.import": "Import codes, and undo an untouched batch.",
    "codes.edit": "Make pools; quarantine, release and void codes.",
    "codes.reveal": "See the plaintext of an own code, with a reason, on the record.",
    "orders.read": "See the orders of the merchant's stores.",
    "orders.refund": "Refund orders.",
    "orders.cancel": "Cancel unpaid orders of buyers.",
    "customers.read": "See buyers, contacts masked.",
    "customers.edit": "Make, block and unblock buyers.",
    "wallets.read": "See wallets and statements.",
    "wallets.credit": "Move money from the merchant's wallet to a buyer's.",
    "delivery.edit": "Make and revoke delivery links of orders.",
    "audit.read": "Read the audit log.",
    # a buyer's side
    "buyer.order": "Place, pay and cancel one's own orders.",
    "buyer.read": "See one's own orders and wallet.",
    "buyer.reveal": "See the codes of one's own orders.",
    "buyer.link": "Make delivery links of one's own orders.",
    "buyer.open": "Open a delivery link whose secret one holds.",
    # the platform's side
    "platform.read": "See tenants and the platform's figures.",
    "platform.tenants": "Create, approve, suspend and close tenants.",
    "platform.catalog": "Keep the entitlement standards.",
    "platform.wallets": "Record money that came in or went out.",
    # jobs
    "system.run": "Run the platform's own jobs.",
}

BUYER_PERMISSIONS = frozenset(name for name in PERMISSIONS if name.startswith("buyer."))
# A guest's token opens one order: to look, to pay or cancel it, to see its codes.
GUEST_PERMISSIONS = BUYER_PERMISSIONS
PLATFORM_ADMIN_PERMISSIONS = frozenset(name for name in PERMISSIONS if name.startswith("platform.")) | {"audit.read"}
PLATFORM_AUDITOR_PERMISSIONS = frozenset({"platform.read", "audit.read"})
MERCHANT_PERMISSIONS = frozenset(
    name for name in PERMISSIONS if not name.startswith(("buyer.", "platform.", "system."))
)


class MemberRole(StrEnum):
    """A member's role; domain.md says what each is for."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    OPERATOR = "OPERATOR"
    FINANCE = "FINANCE"
    SUPPORT = "SUPPORT"
    AUDITOR = "AUDITOR"


_READ = frozenset(name for name in MERCHANT_PERMISSIONS if name.endswith(".read")) - {"audit.read"}

ROLE_PERMISSIONS: dict[MemberRole, frozenset[str]] = {
    MemberRole.OWNER: MERCHANT_PERMISSIONS,
    MemberRole.MANAGER: MERCHANT_PERMISSIONS - {"members.edit", "codes.reveal"},
    MemberRole.OPERATOR: frozenset(
        {"merchant.read", "catalog.read", "catalog.edit", "codes.read", "codes.import", "codes.edit", "orders.read"}
    ),
    MemberRole.FINANCE: frozenset({"merchant.read", "orders.read", "customers.read", "wallets.read", "wallets.credit"}),
    MemberRole.SUPPORT: frozenset(
        {
            "merchant.read", "catalog.read", "codes.read", "orders.read", "orders.refund", "orders.cancel",
            "customers.read", "customers.edit", "delivery.edit",
        }
    ),
    # Sees everything but never a code.
    MemberRole.AUDITOR: _READ | {"audit.read"},
}  # fmt: skip


def permissions_of_scopes(scopes: Iterable[str], *, for_customer: bool) -> frozenset[str]:
    """What an API client's scopes let it do; a scope is the name of a permission of its side, anything else is nothing."""
    side = BUYER_PERMISSIONS if for_customer else MERCHANT_PERMISSIONS
    return frozenset(scopes) & side
