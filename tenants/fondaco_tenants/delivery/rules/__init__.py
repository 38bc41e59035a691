"""Decisions of delivery: pure."""

from fondaco_tenants.delivery.rules.links import Link, LinkState, check_link_terms, masked_ip, pending, why_closed
from fondaco_tenants.delivery.rules.outgoing import (
    Channel,
    DeliveryState,
    Form,
    Next,
    Outcome,
    after_attempt,
    channel_of,
)

__all__ = [
    "Channel",
    "DeliveryState",
    "Form",
    "Link",
    "LinkState",
    "Next",
    "Outcome",
    "after_attempt",
    "channel_of",
    "check_link_terms",
    "masked_ip",
    "pending",
    "why_closed",
]
