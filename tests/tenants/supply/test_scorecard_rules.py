"""Health and times by property: nothing that goes wrong makes an offer healthier, and nothing that goes well makes it worse."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fondaco_core import limits
from fondaco_tenants.supply import Tally
from fondaco_tenants.supply.rules_scorecard import bucket_of, health_of, p95_of

COUNTS = st.integers(0, 10_000)
TALLIES = st.builds(
    Tally,
    orders=COUNTS, short_orders=COUNTS, filled_units=COUNTS, short_units=COUNTS, bad_units=COUNTS, pauses=st.integers(0, 50),
    p95_ms=st.none() | st.integers(0, 1 << 40),
)  # fmt: skip


def test_an_offer_that_nothing_is_known_of_is_neither_good_nor_bad() -> None:
    assert health_of(Tally()) == limits.HEALTH_NEUTRAL


@given(TALLIES)
def test_health_is_from_nothing_to_a_thousand(tally: Tally) -> None:
    assert 0 <= health_of(tally) <= 1_000


@given(TALLIES, st.integers(1, 500))
def test_what_goes_wrong_makes_no_offer_healthier(tally: Tally, more: int) -> None:
    before = health_of(tally)

    assert health_of(replace(tally, bad_units=tally.bad_units + more)) <= before
    assert health_of(replace(tally, short_units=tally.short_units + more)) <= before
    assert health_of(replace(tally, pauses=tally.pauses + more)) <= before


@given(TALLIES, st.integers(1, 500))
def test_units_that_are_good_make_no_offer_worse(tally: Tally, more: int) -> None:
    assert health_of(replace(tally, filled_units=tally.filled_units + more)) >= health_of(tally)


@given(st.lists(st.integers(0, 1 << 50), min_size=1, max_size=200))
def test_95_of_100_units_took_no_longer_than_is_told_and_not_less_than_half_of_it(times: list[int]) -> None:
    buckets: dict[int, int] = {}
    for took in times:
        buckets[bucket_of(took)] = buckets.get(bucket_of(took), 0) + 1

    told = p95_of(buckets)

    exact = sorted(times)[-(-len(times) * 95 // 100) - 1]
    assert told is not None
    assert exact <= told or exact <= 1
    assert told == 0 or told < max(2, 2 * exact)


def test_without_units_no_time_is_told() -> None:
    assert p95_of({}) is None
