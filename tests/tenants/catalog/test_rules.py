"""Listings move only along their states, and terms that make no sense are refused with the field at fault."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.errors import Invalid
from fondaco_core.money import Money
from fondaco_tenants.catalog import EntitlementDetails, ListingState, ListingTerms, checked_text, may_move
from fondaco_tenants.catalog.rules import checked_details, checked_sku, checked_terms


def make_terms(**changes: object) -> ListingTerms:
    return ListingTerms(**{"title": "Steam 50", "price": Money(4_800, "CNY"), **changes})  # type: ignore[arg-type]


def make_details(**changes: object) -> EntitlementDetails:
    said = {
        "brand": "Steam",
        "name": "Steam 50",
        "name_zh": "五十",
        "category": "games",
        "redemption": "a",
        "redemption_zh": "b",
    }
    return EntitlementDetails(**{**said, **changes})  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(ListingState), max_size=30))
def test_however_it_moves_a_listing_never_leaves_the_archive_and_is_never_a_draft_again(
    walk: list[ListingState],
) -> None:
    state, seen = ListingState.DRAFT, [ListingState.DRAFT]

    for wanted in walk:
        if may_move(state, wanted):
            state = wanted
            seen.append(state)

    assert ListingState.DRAFT not in seen[1:]
    assert ListingState.ARCHIVED not in seen[:-1]
    assert all(before is not after for before, after in pairwise(seen))


@pytest.mark.parametrize("state", [ListingState.DRAFT, ListingState.ACTIVE, ListingState.PAUSED])
def test_every_listing_can_be_archived(state: ListingState) -> None:
    assert may_move(state, ListingState.ARCHIVED)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"title": "  "}, ("title",)),
        ({"title": "x" * 201}, ("title",)),
        ({"title": "bell\a"}, ("title",)),
        ({"price": Money(1, "USD")}, ("price", "currency")),
        ({"price": Money(-1, "CNY")}, ("price", "amount")),
        ({"price": Money(10**13 + 1, "CNY")}, ("price", "amount")),
        ({"order_max": 0}, ("order_max",)),
        ({"order_max": 1_001}, ("order_max",)),
        ({"customer_max": 0}, ("customer_max",)),
        ({"customer_max": 3, "customer_period_days": 0}, ("customer_period_days",)),
        ({"customer_period_days": 7}, ("customer_max",)),
        ({"low_stock_at": -1}, ("low_stock_at",)),
        ({"position": 2**31}, ("position",)),
        ({"description": "x" * 2_001}, ("description",)),
    ],
)
def test_terms_that_make_no_sense_name_their_field(changes: dict[str, object], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        checked_terms(make_terms(**changes), currency="CNY")

    assert refused.value.path == path


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"brand": ""}, ("brand",)),
        ({"name_zh": " "}, ("name_zh",)),
        ({"region": "china"}, ("region",)),
        ({"validity_days": 0}, ("validity_days",)),
        ({"face_value": Money(-5, "CNY")}, ("face_value", "amount")),
        ({"redemption_zh": ""}, ("redemption_zh",)),
    ],
)
def test_details_that_make_no_sense_name_their_field(changes: dict[str, object], path: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as refused:
        checked_details(make_details(**changes))

    assert refused.value.path == path


def test_restrictions_of_blanks_are_none() -> None:
    assert checked_details(make_details(restrictions="  ")).restrictions is None


@pytest.mark.parametrize(
    "sku", ["", "ab", "Steam-50", "-steam", "steam-", "steam 50", "s" * 65, "steam_50", "steam\n50"]
)
def test_a_sku_that_programs_cannot_say_is_refused(sku: str) -> None:
    with pytest.raises(Invalid):
        checked_sku(sku)


@given(st.text(max_size=300))
def test_a_text_is_kept_trimmed_or_refused(text: str) -> None:
    kept = None
    with suppress(Invalid):
        kept = checked_text(text, path=("title",))

    assert kept is None or (kept == text.strip() and 1 <= len(kept) <= 200 and "\0" not in kept)
