"""tenancy: merchant companies, what they pay the platform, and the public names by which one is found before it is known.

Owns     tenant, plan, plan_fee, tenant_door.
Promises a tenant is in exactly one of APPLIED, ACTIVE, SUSPENDED, CLOSED, and a closed one stays closed; one that may trade
         has a key of its own; every decision about it is in the audit log with its reason. What it pays for a sale is
         what its plan said of the goods' category when the order was placed, and every version of a plan stays on record.
Stands on keyring, audit, outbox.
"""

from fondaco_core.tenancy.errors import (
    BadSlug,
    NameTaken,
    PlanNameTaken,
    TenantNotActive,
    TooManyPlans,
    WrongTenantState,
)
from fondaco_core.tenancy.events import (
    TenantApplied,
    TenantApproved,
    TenantClosed,
    TenantFeesChanged,
    TenantResumed,
    TenantSuspended,
)
from fondaco_core.tenancy.invariants import INVARIANTS
from fondaco_core.tenancy.rules import DoorKind, Fees, TenantState, is_slug, next_states
from fondaco_core.tenancy.service.plans import (
    OwnFees,
    Plan,
    PlanVersion,
    change_plan,
    create_plan,
    get_plan,
    list_plans,
    own_fees,
    plan_history,
    plans_by_ids,
    set_tenant_fees,
)
from fondaco_core.tenancy.service.tenants import (
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
    "Fees",
    "NameTaken",
    "OwnFees",
    "Plan",
    "PlanNameTaken",
    "PlanVersion",
    "Tenant",
    "TenantApplied",
    "TenantApproved",
    "TenantClosed",
    "TenantFeesChanged",
    "TenantNotActive",
    "TenantResumed",
    "TenantState",
    "TenantSuspended",
    "TooManyPlans",
    "WrongTenantState",
    "add_door",
    "apply_tenant",
    "approve_tenant",
    "change_plan",
    "checked_name",
    "checked_reason",
    "close_tenant",
    "create_plan",
    "doors_of",
    "find_door",
    "get_plan",
    "get_tenant",
    "is_slug",
    "list_plans",
    "list_tenants",
    "next_states",
    "own_fees",
    "plan_history",
    "plans_by_ids",
    "remove_door",
    "require_active",
    "resume_tenant",
    "set_tenant_fees",
    "state_of",
    "suspend_tenant",
    "tenants_by_ids",
]
