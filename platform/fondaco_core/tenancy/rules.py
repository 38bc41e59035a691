"""What a tenant may become, and what a public name looks like."""

import re
from enum import StrEnum

from fondaco_core import limits


class TenantState(StrEnum):
    """Where a tenant stands with the platform."""

    APPLIED = "APPLIED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class DoorKind(StrEnum):
    """What a public name is the name of."""

    TENANT = "TENANT"
    STORE = "STORE"
    API_CLIENT = "API_CLIENT"


_NEXT = {
    TenantState.APPLIED: frozenset({TenantState.ACTIVE, TenantState.CLOSED}),
    TenantState.ACTIVE: frozenset({TenantState.SUSPENDED, TenantState.CLOSED}),
    TenantState.SUSPENDED: frozenset({TenantState.ACTIVE, TenantState.CLOSED}),
    TenantState.CLOSED: frozenset[TenantState](),
}

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def next_states(state: TenantState) -> frozenset[TenantState]:
    """What a tenant may become; a closed one stays closed."""
    return _NEXT[state]


def is_slug(text: str) -> bool:
    """Whether a name may be part of an address."""
    return limits.SLUG_CHARS_MIN <= len(text) <= limits.SLUG_CHARS_MAX and _SLUG.fullmatch(text) is not None
