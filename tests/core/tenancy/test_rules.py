"""What a tenant may become, and what a public name looks like."""

import pytest

from fondaco_core.tenancy import TenantState, is_slug, next_states


@pytest.mark.parametrize("slug", ["abc", "a1b", "card-corner", "0-0", "a" * 40])
def test_small_letters_digits_and_inner_hyphens_are_a_slug(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize("slug", ["", "ab", "a" * 41, "-abc", "abc-", "Abc", "a b", "a_b", "ábc", "abc\n", "a/b"])
def test_anything_else_is_none(slug: str) -> None:
    assert not is_slug(slug)


def test_a_closed_tenant_stays_closed() -> None:
    assert next_states(TenantState.CLOSED) == frozenset()


def test_nobody_returns_to_having_applied() -> None:
    assert all(TenantState.APPLIED not in next_states(state) for state in TenantState)


def test_only_a_tenant_that_trades_is_suspended() -> None:
    assert [state for state in TenantState if TenantState.SUSPENDED in next_states(state)] == [TenantState.ACTIVE]
