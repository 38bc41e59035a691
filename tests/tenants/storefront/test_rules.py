"""What strangers learn of a stock, and what a store may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_core.errors import Invalid
from fondaco_tenants.storefront import StockClass, stock_class, stock_seen
from fondaco_tenants.storefront.rules import checked_hold, checked_locale

ORDER = [StockClass.OUT, StockClass.LOW, StockClass.IN_STOCK]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6))
def test_more_stock_is_never_told_as_less(one: int, other: int, low_stock_at: int) -> None:
    told = [stock_class(each, low_stock_at=low_stock_at) for each in sorted((one, other))]

    assert ORDER.index(told[0]) <= ORDER.index(told[1])


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_counting_no_further_than_must_be_tells_the_same(available: int, low_stock_at: int) -> None:
    seen = stock_seen(low_stock_at)

    assert seen <= limits.STOCK_SEEN_MAX
    assert stock_class(min(available, seen), low_stock_at=low_stock_at) is stock_class(
        available, low_stock_at=low_stock_at
    )


def test_nothing_is_out_one_is_low_and_plenty_is_in_stock() -> None:
    assert [stock_class(n, low_stock_at=0) for n in (0, 1, 1_000)] == ORDER


@pytest.mark.parametrize("hold_s", [0, 29, 86_401])
def test_a_hold_that_buyers_cannot_live_with_is_refused(hold_s: int) -> None:
    with pytest.raises(Invalid):
        checked_hold(hold_s)


@pytest.mark.parametrize("locale", ["", "de", "zh", "EN"])
def test_a_language_that_the_product_does_not_speak_is_refused(locale: str) -> None:
    with pytest.raises(Invalid):
        checked_locale(locale)
