"""Who may do what, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from fondaco_core import limits
from fondaco_core.identity import (
    BUYER_PERMISSIONS,
    MERCHANT_PERMISSIONS,
    ROLE_PERMISSIONS,
    BadEmail,
    MemberRole,
    SessionKind,
    UnknownScope,
    WeakPassword,
    check_password,
    checked_scopes,
    normalised_email,
    permissions_in_state,
)
from fondaco_core.identity.rules import (
    BREAK_GLASS_PERMISSIONS,
    PERMISSIONS,
    STEP_UP,
    mailbox_of,
    may_grant,
    session_ends_at,
)


def test_an_auditor_sees_no_code() -> None:
    assert not ROLE_PERMISSIONS[MemberRole.AUDITOR] & {"codes.reveal", "codes.import", "codes.edit"}


# What leads to codes or contacts in bulk, hands out powers, or moves money: and the roles that may, beside the owner.
SENSITIVE: dict[str, set[MemberRole]] = {
    "codes.reveal": set(),
    "codes.export": set(),
    "members.edit": set(),
    "clients.edit": {MemberRole.MANAGER},
    "webhooks.edit": {MemberRole.MANAGER},
    "customers.contacts": {MemberRole.MANAGER},
    "orders.export": {MemberRole.MANAGER, MemberRole.FINANCE},
    "wallets.credit": {MemberRole.MANAGER, MemberRole.FINANCE},
    "wallets.repay": {MemberRole.MANAGER, MemberRole.FINANCE},
    "wallets.top_up": {MemberRole.MANAGER, MemberRole.FINANCE},
    "orders.refund": {MemberRole.MANAGER, MemberRole.SUPPORT},
    "orders.replace": {MemberRole.MANAGER, MemberRole.SUPPORT},
    "delivery.edit": {MemberRole.MANAGER, MemberRole.SUPPORT},
    "codes.edit": {MemberRole.MANAGER, MemberRole.OPERATOR},
    "codes.import": {MemberRole.MANAGER, MemberRole.OPERATOR},
    "audit.read": {MemberRole.MANAGER, MemberRole.AUDITOR},
}


@pytest.mark.parametrize("permission", sorted(SENSITIVE))
def test_a_sensitive_permission_is_of_as_few_roles_as_need_it(permission: str) -> None:
    holders = {role for role in MemberRole if permission in ROLE_PERMISSIONS[role]}

    assert holders == SENSITIVE[permission] | {MemberRole.OWNER}


def test_an_auditor_and_who_breaks_the_glass_change_nothing() -> None:
    for permissions in (ROLE_PERMISSIONS[MemberRole.AUDITOR], BREAK_GLASS_PERMISSIONS):
        assert all(name.endswith(".read") for name in permissions)


def test_a_stolen_session_alone_does_nothing_that_is_sensitive() -> None:
    platform = {name for name in PERMISSIONS if name.startswith("platform.")}

    assert platform - STEP_UP <= {"platform.read", "platform.catalog"}
    assert {"codes.reveal", "codes.export", "customers.contacts", "members.edit", "clients.edit"} <= STEP_UP
    assert {"webhooks.edit", "wallets.credit"} <= STEP_UP
    assert PERMISSIONS.keys() >= STEP_UP


def test_every_role_can_grant_itself_and_an_owner_all() -> None:
    assert all(may_grant(ROLE_PERMISSIONS[role], role) for role in MemberRole)
    assert all(may_grant(ROLE_PERMISSIONS[MemberRole.OWNER], role) for role in MemberRole)


def test_nobody_below_an_owner_can_make_an_owner() -> None:
    others = [role for role in MemberRole if role is not MemberRole.OWNER]

    assert not any(may_grant(ROLE_PERMISSIONS[role], MemberRole.OWNER) for role in others)


@pytest.mark.parametrize("state", ["APPLIED", "SUSPENDED"])
def test_people_of_a_tenant_that_does_not_trade_look_and_do_nothing(state: str) -> None:
    left = permissions_in_state(MERCHANT_PERMISSIONS, state)

    assert left == {name for name in MERCHANT_PERMISSIONS if name.endswith(".read")}


def test_nobody_acts_for_a_closed_tenant() -> None:
    assert permissions_in_state(MERCHANT_PERMISSIONS, "CLOSED") == frozenset()


@pytest.mark.parametrize("state", ["SUSPENDED", "CLOSED"])
def test_buyers_keep_what_they_bought(state: str) -> None:
    assert permissions_in_state(BUYER_PERMISSIONS, state) == BUYER_PERMISSIONS - {"buyer.order"}


def test_a_scope_is_a_permission_of_its_side() -> None:
    assert checked_scopes(["buyer.order", "buyer.order"], for_customer=True) == ("buyer.order",)
    for scopes, for_customer in (
        (["catalog.read"], True),
        (["buyer.order"], False),
        (["platform.tenants"], False),
        (["x"], True),
    ):
        with pytest.raises(UnknownScope):
            checked_scopes(scopes, for_customer=for_customer)


def test_two_spellings_of_one_address_are_equal() -> None:
    assert normalised_email("  Alice@Example.COM ") == normalised_email("alice@example.com") == "alice@example.com"


@pytest.mark.parametrize(
    "text", ["", "alice", "alice@", "@example.com", "a@b", "a b@c.de", "a@b..de", "ü@x.de", "a" * 250 + "@b.de"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadEmail):
        normalised_email(text)


@pytest.mark.parametrize("text", ["", "123456789", " " * 20])
def test_a_short_password_is_refused(text: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(text)


@pytest.mark.parametrize(
    "text",
    [
        "password12", "Password123!", "P@ssw0rd2026", "12345678901", "0987654321", "qwertyuiop", "1qaz2wsx3edc", "aaaaaaaaaaaa",
        "1212121212", "admin123456", "woaini1314", "iloveyou520", "passwordpassword", "abcdefghij", "fondaco2026", "qwerty 123456",
    ],
)  # fmt: skip
def test_a_password_that_everybody_tries_first_is_refused_as_such(text: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        check_password(text)

    assert "first that anybody tries" in refused.value.message
    assert "过于常见" in refused.value.message_zh


@pytest.mark.parametrize(
    "text",
    ["a password of four words", "correct horse battery", "我的密码是一句很长的话", "admin eats plums", "DjpN4PXp-1bO"],
)
def test_a_sentence_or_what_a_machine_drew_is_a_password(text: str) -> None:
    check_password(text)


def test_a_persons_session_ends_without_use_and_in_any_case() -> None:
    used = datetime(2030, 1, 1, tzinfo=UTC)
    idle = timedelta(hours=limits.SESSION_IDLE_HOURS)

    assert session_ends_at(SessionKind.MEMBER, used_at=used, expires_at=used + 2 * idle) == used + idle
    assert session_ends_at(SessionKind.MEMBER, used_at=used, expires_at=used + idle / 2) == used + idle / 2
    assert session_ends_at(SessionKind.API_CLIENT, used_at=used, expires_at=used + 2 * idle) == used + 2 * idle


@pytest.mark.parametrize(
    ("contact", "mailbox"),
    [
        ("ann@example.com", "ann@example.com"), (" Ann+shop@Example.com", "ann@example.com"),
        ("ann+a+b@example.com", "ann@example.com"), ("+ann@example.com", "+ann@example.com"),
        ("+8613800000000", "+8613800000000"),
    ],
)  # fmt: skip
def test_what_stands_after_a_plus_makes_no_other_mailbox(contact: str, mailbox: str) -> None:
    assert mailbox_of(contact) == mailbox
