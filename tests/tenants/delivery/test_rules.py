"""Decisions about links, and what of an address is shown."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_core.ids import LinkId, OrderId
from fondaco_tenants.delivery import rules
from fondaco_tenants.delivery.errors import LinkExpired, LinkRevoked, LinkSpent
from fondaco_tenants.delivery.rules import Link, LinkState

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def make_link(*, opens: int = 0, hours: int = 1, revoked: bool = False) -> Link:
    return Link(
        id=LinkId(uuid4()), order_id=OrderId(uuid4()), allocation_id=None, opens_max=1, opens=opens,
        expires_at=NOW + timedelta(hours=hours), created_by_kind="CUSTOMER", created_at=NOW, revoked_at=NOW if revoked else None,
    )  # fmt: skip


def test_a_fresh_link_is_open_until_the_moment_it_expires() -> None:
    link = make_link(hours=1)

    assert link.state_at(NOW) is LinkState.OPEN
    assert link.state_at(link.expires_at - timedelta(microseconds=1)) is LinkState.OPEN
    assert link.state_at(link.expires_at) is LinkState.EXPIRED


@pytest.mark.parametrize(
    ("link", "refusal"),
    [
        (make_link(opens=1), LinkSpent),
        (make_link(hours=-1), LinkExpired),
        (make_link(revoked=True), LinkRevoked),
        (make_link(opens=1, hours=-1, revoked=True), LinkRevoked),
    ],
)
def test_a_closed_link_says_why(link: Link, refusal: type[Exception]) -> None:
    assert isinstance(rules.why_closed(link, NOW), refusal)


@pytest.mark.parametrize(
    ("opens_max", "hours"), [(0, 1), (limits.LINK_OPENS_MAX + 1, 1), (1, 0), (1, limits.LINK_HOURS_MAX + 1), (-1, -1)]
)
def test_a_link_opens_and_lives_within_bounds(opens_max: int, hours: int) -> None:
    with pytest.raises(Invalid):
        rules.check_link_terms(opens_max=opens_max, expires_in_hours=hours)


@pytest.mark.parametrize(
    ("ip", "shown"),
    [
        (None, None),
        ("203.0.113.7", "203.0.*.*"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:***"),
        ("::ffff:203.0.113.7", "203.0.*.*"),
        ("somewhere", "***"),
    ],
)
def test_an_address_is_shown_by_half(ip: str | None, shown: str | None) -> None:
    assert rules.masked_ip(ip) == shown
