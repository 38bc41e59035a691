"""What a tenant may become, and what a public name looks like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid

FEE_BPS_MAX = 10_000


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


@dataclass(frozen=True, slots=True)
class Fees:
    """The platform's share of sales in basis points: of goods of some categories, and of all others."""

    fee_bps: int
    by_category: Mapping[str, int]

    def of(self, category: str) -> int:
        """The share of sales of goods of this category."""
        return self.by_category.get(category, self.fee_bps)


def check_fee(fee_bps: int) -> None:
    """Refuses a share that is none."""
    if not 0 <= fee_bps <= FEE_BPS_MAX:
        raise Invalid(
            f"A fee is 0 to {FEE_BPS_MAX} basis points.", zh=f"费率须为 0 至 {FEE_BPS_MAX} 个基点。", path=("fee_bps",)
        )


def check_fees(fees: Fees) -> None:
    """Refuses fees that are none, or of categories that cannot be."""
    check_fee(fees.fee_bps)
    if len(fees.by_category) > limits.PLAN_CATEGORIES_MAX:
        raise Invalid(
            f"A plan names at most {limits.PLAN_CATEGORIES_MAX} categories.",
            zh=f"每个套餐最多 {limits.PLAN_CATEGORIES_MAX} 个品类。",
            path=("categories",),
        )
    for category, fee_bps in fees.by_category.items():
        if not 0 < len(category.strip()) <= limits.NAME_MAX or category != category.strip() or "\0" in category:
            raise Invalid(
                f"A category has 1 to {limits.NAME_MAX} characters, as entitlements name it.",
                zh=f"品类须为 1 至 {limits.NAME_MAX} 个字符，与权益的品类一致。",
                path=("categories",),
            )
        check_fee(fee_bps)
