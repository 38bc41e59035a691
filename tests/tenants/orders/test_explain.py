"""What becomes of candidates: by property, for whatever plan."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.ids import SourceId
from fondaco_tenants.orders.rules.explain import Candidate, Explained, FirstStep, Verdict, explain, withhold

STEPS = st.builds(
    FirstStep,
    published=st.booleans(), supplier_active=st.booleans(), agreed=st.booleans(),
    prices=st.sampled_from([(), ((1, 0),), ((1, 900),), ((1, 2_000), (3, 800))]), max_cost_minor=st.none() | st.integers(0, 2_500),
    below_cost=st.booleans(), funds_minor=st.integers(0, 3_000), units_left=st.none() | st.integers(-1, 5),
)  # fmt: skip
GOOD = FirstStep(published=True, supplier_active=True, agreed=True, prices=((1, 900),), funds_minor=10_000)


@st.composite
def asked(draw: st.DrawFn) -> tuple[list[Candidate], int, dict[SourceId, int], set[SourceId]]:
    """Candidates, how many units are asked for, what is taken of whom, and who could bring something."""
    candidates = [
        Candidate(SourceId(UUID(int=number)), draw(st.booleans()), draw(st.none() | STEPS))
        for number in range(draw(st.integers(0, 6)))
    ]
    quantity = missing = draw(st.integers(1, 9))
    taken: dict[SourceId, int] = {}
    for candidate in candidates:
        units = draw(st.integers(0, missing)) if candidate.enabled else 0
        taken[candidate.source_id] = units
        missing -= units
    able = {candidate.source_id for candidate in candidates if draw(st.booleans())}
    return candidates, quantity, taken, able


@given(asked(), st.integers(0, 2_000), st.integers(0, 10_000))
def test_every_candidate_is_told_once_in_order_with_what_is_taken_of_it(
    given_: tuple[list[Candidate], int, dict[SourceId, int], set[SourceId]], price: int, fee_bps: int
) -> None:
    candidates, quantity, taken, able = given_

    told = explain(candidates, quantity=quantity, price_minor=price, fee_bps=fee_bps, taken=taken, able=able)

    assert [each.source_id for each in told] == [each.source_id for each in candidates]
    missing = quantity
    for candidate, each in zip(candidates, told, strict=True):
        assert each.units is not None
        assert each.units == taken[each.source_id]
        assert (each.verdict is Verdict.TAKEN) == (each.units > 0)
        assert candidate.enabled or each.verdict is Verdict.DISABLED
        assert (each.verdict is Verdict.OUT_OF_STOCK) <= (candidate.step is None)
        assert (each.verdict is Verdict.UNAVAILABLE) <= (candidate.step is not None)
        if each.verdict is Verdict.NEXT:
            assert missing == 0
            assert each.source_id in able
        assert (each.cost_minor is None) == (each.margin_minor is None)
        missing -= each.units


@given(asked(), st.data())
def test_what_is_withheld_leaves_nothing_to_reckon_with(
    given_: tuple[list[Candidate], int, dict[SourceId, int], set[SourceId]], data: st.DataObject
) -> None:
    candidates, quantity, taken, able = given_
    reserved = {each.source_id for each in candidates if data.draw(st.booleans())}
    told = explain(candidates, quantity=quantity, price_minor=1_000, fee_bps=0, taken=taken, able=able)

    shown = withhold(told, quantity=quantity, reserved=reserved)

    assert [each.verdict for each in shown] == [each.verdict for each in told]
    seen = sum(each.units or 0 for each in shown)
    for each in shown:
        if each.source_id in reserved and each.units:
            # It brought all that was still missing: that it had so many is all that this says.
            assert seen == quantity
        assert (each.units is None) <= (each.cost_minor is None)


@given(asked(), st.integers(0, 2_000))
def test_what_lies_beyond_the_neighbour_changes_no_other_word_than_unavailable(
    given_: tuple[list[Candidate], int, dict[SourceId, int], set[SourceId]], price: int
) -> None:
    candidates, quantity, _, able = given_

    some = explain(candidates, quantity=quantity, price_minor=price, fee_bps=0, taken={}, able=able)
    none = explain(candidates, quantity=quantity, price_minor=price, fee_bps=0, taken={}, able=())

    assert some == none


def judged(step: FirstStep | None, **more: int) -> Explained:
    (told,) = explain(
        [Candidate(SourceId(UUID(int=1)), enabled=True, step=step)],
        quantity=more.get("quantity", 2), price_minor=1_000, fee_bps=500, taken={}, able=(),
    )  # fmt: skip
    return told


def test_the_first_thing_of_ones_own_that_holds_it_back_is_named() -> None:
    def of(**more: object) -> Verdict:
        step = FirstStep(
            **{name: more.get(name, getattr(GOOD, name)) for name in FirstStep.__dataclass_fields__}  # type: ignore[arg-type]
        )
        return judged(step).verdict

    assert of() is Verdict.UNAVAILABLE
    assert of(published=False, agreed=False) is Verdict.OFFER_WITHDRAWN
    assert of(supplier_active=False) is Verdict.SUPPLIER_INACTIVE
    assert of(agreed=False, prices=()) is Verdict.NO_AGREEMENT
    assert of(prices=()) is Verdict.NO_PRICE
    assert of(max_cost_minor=899) is Verdict.ABOVE_MAX_COST
    assert of(prices=((1, 951),)) is Verdict.BELOW_COST
    assert of(prices=((1, 951),), below_cost=True) is Verdict.UNAVAILABLE
    assert of(margin_minor=50) is Verdict.UNAVAILABLE
    assert of(margin_minor=51) is Verdict.BELOW_MARGIN
    assert of(margin_bps=501) is Verdict.BELOW_MARGIN
    assert of(margin_bps=501, below_cost=True) is Verdict.UNAVAILABLE
    assert of(units_left=0) is Verdict.QUOTA
    assert of(funds_minor=899) is Verdict.FUNDS
    assert judged(None).verdict is Verdict.OUT_OF_STOCK
    assert (judged(GOOD).cost_minor, judged(GOOD).margin_minor) == (900, 50)
