"""Decisions of delivery: pure."""

from fondaco_tenants.delivery.rules.enclosures import Enclosed, make_pdf, make_zip
from fondaco_tenants.delivery.rules.keyed import read_key, sealed_to
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
from fondaco_tenants.delivery.rules.personal import is_personal, personal_address
from fondaco_tenants.delivery.rules.templates import (
    SAMPLE,
    SAMPLE_ATTACHED,
    Facts,
    Item,
    Words,
    Written,
    check_words,
    fill,
)
from fondaco_tenants.delivery.rules.watching import (
    Unusual,
    UnusualRule,
    Usual,
    judge_client,
    judge_link,
    judge_place,
    judge_staff,
    network_of,
)

__all__ = [
    "SAMPLE",
    "SAMPLE_ATTACHED",
    "Channel",
    "DeliveryState",
    "Enclosed",
    "Facts",
    "Form",
    "Item",
    "Link",
    "LinkState",
    "Next",
    "Outcome",
    "Unusual",
    "UnusualRule",
    "Usual",
    "Words",
    "Written",
    "after_attempt",
    "channel_of",
    "check_link_terms",
    "check_words",
    "fill",
    "is_personal",
    "judge_client",
    "judge_link",
    "judge_place",
    "judge_staff",
    "make_pdf",
    "make_zip",
    "masked_ip",
    "network_of",
    "pending",
    "personal_address",
    "read_key",
    "sealed_to",
    "why_closed",
]
