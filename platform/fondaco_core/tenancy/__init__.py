"""tenancy: merchant companies, and the public names by which one is found before it is known.

Owns     tenant, tenant_door.
Promises a tenant is in exactly one of APPLIED, ACTIVE, SUSPENDED, CLOSED, and a closed one stays closed; one that may trade
         has a key of its own; every decision about it is in the audit log with its reason.
Stands on keyring, audit, outbox.
"""

from fondaco_core.tenancy.errors import BadSlug, NameTaken, TenantNotActive, WrongTenantState
from fondaco_core.tenancy.events import TenantApplied, TenantApproved, TenantClosed, TenantResumed, TenantSuspended
from fondaco_core.tenancy.invariants import INVARIANTS
from fondaco_core.tenancy.rules import DoorKind, TenantState, is_slug, next_states
from fondaco_core.tenancy.service import (
    Tenant,
    add_door,
    apply_tenant,
    approve_tenant,
    checked_name,
    checked_reason,
    close_tenant,
    doors_of,
    find_door,
    get_tenant,
    list_tenants,
    remove_door,
    require_active,
    resume_tenant,
    state_of,
    suspend_tenant,
    tenants_by_ids,
)

__all__ = [
    "INVARIANTS",
    "BadSlug",
    "DoorKind",
    "NameTaken",
    "Tenant",
    "TenantApplied",
    "TenantApproved",
    "TenantClosed",
    "TenantNotActive",
    "TenantResumed",
    "TenantState",
    "TenantSuspended",
    "WrongTenantState",
    "add_door",
    "apply_tenant",
    "approve_tenant",
    "checked_name",
    "checked_reason",
    "close_tenant",
    "doors_of",
    "find_door",
    "get_tenant",
    "is_slug",
    "list_tenants",
    "next_states",
    "remove_door",
    "require_active",
    "resume_tenant",
    "state_of",
    "suspend_tenant",
    "tenants_by_ids",
]
