"""Decisions about links and about what is shown: pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import AllocationId, LinkId, OrderId
from fondaco_tenants.delivery.errors import LinkClosed, LinkExpired, LinkRevoked, LinkSpent


class LinkState(StrEnum):
    """Whether a link opens, and why not."""

    OPEN = "OPEN"
    SPENT = "SPENT"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True)
class Link:
    """A delivery link without its secret. `allocation_id` is None when it opens every unit of the order."""

    id: LinkId
    order_id: OrderId
    allocation_id: AllocationId | None
    opens_max: int
    opens: int
    expires_at: datetime
    created_by_kind: str
    created_at: datetime
    revoked_at: datetime | None

    def state_at(self, moment: datetime) -> LinkState:
        """Whether it opens at a moment; a withdrawn link says so even when it is also spent or expired."""
        if self.revoked_at is not None:
            return LinkState.REVOKED
        if self.opens >= self.opens_max:
            return LinkState.SPENT
        return LinkState.OPEN if moment < self.expires_at else LinkState.EXPIRED


def why_closed(link: Link, moment: datetime) -> LinkClosed:
    """The refusal for a link that did not open, for somebody who holds its secret."""
    match link.state_at(moment):
        case LinkState.REVOKED:
            return LinkRevoked()
        case LinkState.EXPIRED:
            return LinkExpired(link.expires_at)
        case LinkState.SPENT | LinkState.OPEN:
            # OPEN only when another opener took the last opening between our two statements.
            return LinkSpent(link.opens_max)


def check_link_terms(*, opens_max: int, expires_in_hours: int) -> None:
    """Refuses a link that opens too often or lives too long."""
    if not 1 <= opens_max <= limits.LINK_OPENS_MAX:
        raise Invalid(
            f"A link may open from 1 to {limits.LINK_OPENS_MAX} times.",
            zh=f"链接可查看次数须为 1 至 {limits.LINK_OPENS_MAX} 次。",
            path=("opens_max",),
        )
    if not 1 <= expires_in_hours <= limits.LINK_HOURS_MAX:
        raise Invalid(
            f"A link may live from 1 to {limits.LINK_HOURS_MAX} hours.",
            zh=f"链接有效期须为 1 至 {limits.LINK_HOURS_MAX} 小时。",
            path=("expires_in_hours",),
        )


def masked_ip(ip: str | None) -> str | None:
    """An address with its own half hidden: enough to tell the home network from another country."""
    if ip is None:
        return None
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "***"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return masked_ip(str(address.ipv4_mapped))
        return ":".join(address.exploded.split(":")[:3]) + ":***"
    return ".".join(str(address).split(".")[:2]) + ".*.*"


def pending(states: Sequence[str]) -> bool:
    """Whether a unit is still on its way: it may yet be delivered."""
    return any(state in {"HELD", "UNKNOWN", "WAITING"} for state in states)
