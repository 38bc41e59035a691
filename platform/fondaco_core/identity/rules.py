"""Permissions in one place: what each may do, by role, by scope, by kind of asker.

A permission is `noun.verb`. Every `ctx.require("…")` of the system names one of PERMISSIONS (a contract test looks).
"""

import ipaddress
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from fondaco_core import limits
from fondaco_core.identity.common_passwords import is_common
from fondaco_core.identity.errors import BadEmail, BadNetwork, BadProvider, UnknownScope, WeakPassword

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
    "codes.export": "Take unsold codes out of sale, encrypted to an own key, with a reason, on the record.",
    "codes.verify": "Ask whether a code of the merchant's own making can be redeemed.",
    "codes.redeem": "Lock, redeem and take back codes of the merchant's own making.",
    "codes.reveal": "See the plaintext of an own code, with a reason, on the record.",
    "orders.read": "See the orders of the merchant's stores.",
    "orders.refund": "Refund orders.",
    "orders.cancel": "Cancel unpaid orders of buyers.",
    "orders.export": "Have files of orders written, contacts masked.",
    "orders.replace": "Give units of orders another code when theirs is bad.",
    "supply.read": "See tiers, offers, agreements and the market of other merchants' offers.",
    "supply.edit": "Make tiers and offers with their prices, and agreements with suppliers and resellers.",
    "customers.read": "See buyers, contacts masked.",
    "customers.contacts": "See buyers' contacts in clear, in files of orders.",
    "customers.edit": "Make, block and unblock buyers.",
    "wallets.read": "See wallets and statements.",
    "wallets.top_up": "Pay money into the merchant's own wallet.",
    "wallets.credit": "Move money from the merchant's wallet to a buyer's.",
    "wallets.export": "Have files of the merchant's statements written.",
    "wallets.withdraw": "Have money of the merchant's wallet paid out, and say where to.",
    "wallets.repay": "Pay what the merchant owes its suppliers from its wallet.",
    "delivery.edit": "Revoke delivery links of orders; with codes.reveal also make them.",
    "webhooks.read": "See endpoints of webhooks and what was sent to them.",
    "webhooks.edit": "Make, change and delete endpoints of webhooks, and send messages again.",
    "audit.read": "Read the audit log.",
    # a buyer's side
    "buyer.order": "Place, pay and cancel one's own orders.",
    "buyer.read": "See one's own orders and wallet.",
    "buyer.reveal": "See the codes of one's own orders.",
    "buyer.link": "Make delivery links of one's own orders.",
    "buyer.open": "Open a delivery link whose secret one holds.",
    "buyer.clients": "Make, approve and revoke machines that act for oneself.",
    # the platform's side
    "platform.read": "See tenants and the platform's figures.",
    "platform.tenants": "Create, approve, suspend and close tenants.",
    "platform.people": "Make the platform's own people.",
    "platform.catalog": "Keep the entitlement standards.",
    "platform.keys": "Rotate merchants' keys, and destroy those of merchants that have left.",
    "platform.wallets": "Record money that came in or went out.",
    "platform.withdrawals": "Approve, pay and refuse withdrawals of merchants, and see where they are paid to.",
    "platform.gateways": "Keep the ways to pay, and their secrets.",
    "platform.break_glass": "Look at one merchant's side for a while, with a reason, so that the merchant sees it.",
    "platform.trace": "Trace a code or a lot over all merchants, with a reason, so that they see it.",
    # jobs
    "system.run": "Run the platform's own jobs.",
}

BUYER_PERMISSIONS = frozenset(name for name in PERMISSIONS if name.startswith("buyer."))
# What leads a buyer to plaintext.
_SHOWING_CODES = frozenset({"buyer.reveal", "buyer.link"})
# A guest's token opens one order: to look, to pay or cancel it, to see its codes.
GUEST_PERMISSIONS = BUYER_PERMISSIONS - {"buyer.clients"}
# A machine makes no machines: the buyer looks after them.
BUYER_SCOPES = BUYER_PERMISSIONS - {"buyer.clients"}
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
    MemberRole.MANAGER: MERCHANT_PERMISSIONS - {"members.edit", "codes.reveal", "codes.export", "wallets.withdraw"},
    MemberRole.OPERATOR: frozenset(
        {"merchant.read", "catalog.read", "catalog.edit", "codes.read", "codes.import", "codes.edit", "orders.read", "supply.read"}
    ),
    MemberRole.FINANCE: frozenset({"merchant.read", "orders.read", "orders.export", "supply.read", "customers.read", "wallets.read", "wallets.top_up", "wallets.credit", "wallets.repay", "wallets.export", "wallets.withdraw"}),
    MemberRole.SUPPORT: frozenset(
        {
            "merchant.read", "catalog.read", "codes.read", "orders.read", "orders.refund", "orders.cancel", "orders.replace",
            "customers.read", "customers.edit", "delivery.edit",
        }
    ),
    # Sees everything but never a code.
    MemberRole.AUDITOR: _READ | {"audit.read"},
}  # fmt: skip


def permissions_of_scopes(scopes: Iterable[str], *, for_customer: bool) -> frozenset[str]:
    """What an API client's scopes let it do; a scope is the name of a permission of its side, anything else is nothing."""
    side = BUYER_SCOPES if for_customer else MERCHANT_PERMISSIONS
    return frozenset(scopes) & side


class PlatformRole(StrEnum):
    """What one of the platform's own people may do: everything there is to govern, or look at it."""

    ADMIN = "ADMIN"
    AUDITOR = "AUDITOR"


PLATFORM_ROLE_PERMISSIONS = {
    PlatformRole.ADMIN: PLATFORM_ADMIN_PERMISSIONS,
    PlatformRole.AUDITOR: PLATFORM_AUDITOR_PERMISSIONS,
}


# Who breaks the glass sees what an auditor of the merchant sees: everything but a code, and changes nothing.
BREAK_GLASS_PERMISSIONS = ROLE_PERMISSIONS[MemberRole.AUDITOR]


class SessionKind(StrEnum):
    """Whose session it is."""

    MEMBER = "MEMBER"
    PLATFORM_ADMIN = "PLATFORM_ADMIN"
    CUSTOMER = "CUSTOMER"
    API_CLIENT = "API_CLIENT"
    BREAK_GLASS = "BREAK_GLASS"


# What is left to buyers when their merchant does not trade: what they bought stays theirs.
_KEPT_BY_BUYERS = BUYER_PERMISSIONS - {"buyer.order"}

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_EMAIL_CHARS_MAX = 254


def permissions_in_state(permissions: frozenset[str], state: str) -> frozenset[str]:
    """What remains of somebody's permissions in a tenant of that state.

    While it trades, all. While it is suspended or waits, its people look and do nothing; once it is closed they are gone.
    Buyers keep access to what they bought in any case, and buy nothing.
    """
    if state == "ACTIVE":
        return permissions
    buyers = permissions & _KEPT_BY_BUYERS
    return buyers if state == "CLOSED" else buyers | {name for name in permissions if name.endswith(".read")}


def may_grant(holding: frozenset[str], role: MemberRole) -> bool:
    """Whether somebody with these permissions may hand out, change or take away the role: never more than they hold."""
    return ROLE_PERMISSIONS[role] <= holding


def may_hand_on(holding: frozenset[str], scope: str) -> bool:
    """Whether somebody with these permissions may give a machine the scope: who makes it can be it."""
    if scope in BUYER_PERMISSIONS:
        return scope not in _SHOWING_CODES or "codes.reveal" in holding
    return scope in holding


def checked_scopes(scopes: Iterable[str], *, for_customer: bool) -> tuple[str, ...]:
    """The scopes in order and once each; UnknownScope when one is no permission of its side."""
    wanted = sorted(set(scopes))
    known = permissions_of_scopes(wanted, for_customer=for_customer)
    for scope in wanted:
        if scope not in known:
            raise UnknownScope(scope)
    return tuple(wanted)


def normalised_email(text: str) -> str:
    """The form in which two spellings of one address are equal; BadEmail when it is none."""
    email = text.strip().lower()
    if len(email) > _EMAIL_CHARS_MAX or not email.isascii() or _EMAIL.fullmatch(email) is None:
        raise BadEmail
    return email


def mailbox_of(contact: str) -> str:
    """Where letters to a contact end up, for counting them: what stands after a plus names a mailbox's owner nothing new.

    A number has no such part, and its plus is its own.
    """
    text = contact.strip().lower()
    local, at, domain = text.rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}" if at else text


def check_password(text: str) -> None:
    """Refuses with WeakPassword what is too short, or too common, to keep anybody out."""
    if len(text) < limits.PASSWORD_CHARS_MIN or not text.strip():
        raise WeakPassword
    if is_common(text):
        raise WeakPassword(common=True)


def checked_issuer(text: str, *, strict: bool) -> str:
    """An issuer's address without a slash at its end; BadProvider when it is none, or not over TLS where it must be."""
    issuer = text.strip().rstrip("/")
    parts = urlsplit(issuer)
    plain = parts.scheme == "http" and not strict
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise BadProvider("issuer", "An issuer is an https address.", "签发者须为 https 地址。")
    return issuer


def checked_domains(texts: Iterable[str]) -> tuple[str, ...]:
    """Domains of e-mail addresses as they are compared, once each; BadProvider when there is none or one is none."""
    found = {text.strip().lower().lstrip("@"): None for text in texts}
    fine = all(_EMAIL.fullmatch(f"x@{domain}") is not None for domain in found)
    if not fine or not 0 < len(found) <= limits.PROVIDER_DOMAINS_MAX:
        most = limits.PROVIDER_DOMAINS_MAX
        raise BadProvider(
            "domains", f"Name 1 to {most} domains, as example.com.", f"请填写 1 至 {most} 个域名，例如 example.com。"
        )
    return tuple(found)


def checked_networks(texts: Iterable[str]) -> tuple[str, ...]:
    """Networks as they are kept, once each; BadNetwork when one is none."""
    found: dict[str, None] = {}
    for place, text in enumerate(texts):
        if place >= limits.CLIENT_NETWORKS_MAX:
            raise BadNetwork(text)
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise BadNetwork(text) from None
        found[str(network)] = None
    return tuple(found)


def may_ask_from(ip: str | None, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks; an IPv4 address is one also when it comes written as IPv6."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(network) for network in networks)


# Acts that a stolen session alone must not do: an account with a second factor shows it for them, and has lately.
STEP_UP = frozenset(
    {
        "codes.reveal", "codes.export", "customers.contacts", "members.edit", "clients.edit", "webhooks.edit", "wallets.credit", "wallets.withdraw",
        "platform.people", "platform.tenants", "platform.wallets", "platform.withdrawals", "platform.gateways", "platform.keys",
        "platform.break_glass", "platform.trace",
    }
)  # fmt: skip


def guarded_permissions(
    permissions: frozenset[str], *, has_factor: bool, required: bool, verified_at: datetime | None, now: datetime
) -> frozenset[str]:
    """What somebody has to show a second factor for now: all, while they need one and have none; sensitive acts, after a while."""
    if not has_factor:
        return permissions if required else frozenset()
    fresh = verified_at is not None and now - verified_at < timedelta(minutes=limits.SECOND_FACTOR_FRESH_MIN)
    return frozenset() if fresh else permissions & STEP_UP


def session_ends_at(kind: SessionKind, *, used_at: datetime, expires_at: datetime) -> datetime:
    """When a session ends unless it is used: people's after a while without use, all at their last moment."""
    if kind in {SessionKind.API_CLIENT, SessionKind.BREAK_GLASS}:
        return expires_at
    return min(expires_at, used_at + timedelta(hours=limits.SESSION_IDLE_HOURS))
