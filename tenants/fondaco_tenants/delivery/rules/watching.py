"""When showing codes is unusual: pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fondaco_core import limits

# How much of an address is a network: what one provider or office commonly has.
_V4_BITS = 24
_V6_BITS = 48


class UnusualRule(StrEnum):
    """What was unusual."""

    # A member of the merchant looked at many codes.
    STAFF_BURST = "STAFF_BURST"
    # A machine fetched many codes.
    CLIENT_BURST = "CLIENT_BURST"
    # A member looked at a code from a network where they never did before.
    NEW_PLACE = "NEW_PLACE"
    # Codes of many buyers were shown at one address.
    ONE_PLACE = "ONE_PLACE"
    # One link was opened from several networks.
    LINK_SPREAD = "LINK_SPREAD"


@dataclass(frozen=True, slots=True)
class Usual:
    """What a merchant finds usual within an hour."""

    staff_reveals: int = limits.STAFF_REVEALS_USUAL
    client_reveals: int = limits.CLIENT_REVEALS_USUAL
    place_accounts: int = limits.PLACE_ACCOUNTS_USUAL


@dataclass(frozen=True, slots=True)
class Unusual:
    """One finding: which rule, about whom or what, how many."""

    rule: UnusualRule
    subject: str
    count: int


def network_of(ip: str | None) -> str | None:
    """The network of an address; None for what is none."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    bits = _V4_BITS if address.version == 4 else _V6_BITS  # noqa: PLR2004 - the older protocol
    return str(ipaddress.ip_network((address, bits), strict=False))


def judge_staff(
    actor: str, *, shown: int, now_at: Sequence[str | None], before_at: Sequence[str | None], usual: Usual
) -> list[Unusual]:
    """What is unusual about a member: how many codes, and whether a network is new to who has been somewhere before."""
    found: list[Unusual] = []
    if shown > usual.staff_reveals:
        found.append(Unusual(UnusualRule.STAFF_BURST, actor, shown))
    known = _networks(before_at)
    new = _networks(now_at) - known
    if known and new:
        found.append(Unusual(UnusualRule.NEW_PLACE, actor, len(new)))
    return found


def judge_client(actor: str, *, shown: int, usual: Usual) -> list[Unusual]:
    """What is unusual about a machine."""
    return [Unusual(UnusualRule.CLIENT_BURST, actor, shown)] if shown > usual.client_reveals else []


def judge_place(place: str, *, accounts: int, usual: Usual) -> list[Unusual]:
    """What is unusual about an address, which is named by a keyed hash."""
    return [Unusual(UnusualRule.ONE_PLACE, place, accounts)] if accounts > usual.place_accounts else []


def judge_link(link: str, *, opened_at: Sequence[str | None]) -> list[Unusual]:
    """What is unusual about a link: that it seems to go round."""
    networks = len(_networks(opened_at))
    return [Unusual(UnusualRule.LINK_SPREAD, link, networks)] if networks > limits.LINK_NETWORKS_USUAL else []


def _networks(addresses: Sequence[str | None]) -> set[str]:
    return {network for each in addresses if (network := network_of(each)) is not None}
