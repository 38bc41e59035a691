"""The form of own codes: what check symbols find, that nothing is drawn more often than anything else, and what is too short."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.crypto import normalise_code
from fondaco_tenants.codes.rules.making import (
    FIELD,
    RANDOM_BITS_MIN,
    SYMBOLS,
    CodeForm,
    Fit,
    FormFault,
    draw_codes,
    fault_of,
    fit_any,
    fit_code,
    with_check,
)

SHAPES = [
    CodeForm("2" * prefix, groups, length, check)
    for prefix in range(7)
    for groups in range(1, 11)
    for length in range(1, 31)
    for check in (1, 2)
]
ALLOWED = [form for form in SHAPES if fault_of(form) is None and form.random_bits >= RANDOM_BITS_MIN]


@st.composite
def forms(draw: st.DrawFn) -> CodeForm:
    """Every form that is allowed."""
    shape = draw(st.sampled_from(ALLOWED))
    prefix = draw(st.text(SYMBOLS, min_size=len(shape.prefix), max_size=len(shape.prefix)))
    return replace(shape, prefix=prefix)


def code_of(form: CodeForm) -> str:
    return normalise_code(draw_codes(form, 1)[0])


@given(forms())
def test_a_code_fits_its_form_however_it_is_typed(form: CodeForm) -> None:
    (code,) = draw_codes(form, 1)

    for typed in (code, code.lower(), code.replace("-", " "), f"  {code.replace('-', '')}\n"):
        assert fit_code(form, normalise_code(typed)).fit is Fit.FITS


@given(forms(), st.data())
def test_every_single_wrong_symbol_is_found_and_with_two_check_symbols_its_place_is_told(
    form: CodeForm, data: st.DataObject
) -> None:
    code = code_of(form)
    place = data.draw(st.integers(len(form.prefix), len(code) - 1))
    other = data.draw(st.sampled_from([symbol for symbol in SYMBOLS if symbol != code[place]]))

    found = fit_code(form, code[:place] + other + code[place + 1 :])

    assert found.fit is Fit.TYPO
    assert found.places == ((place + 1,) if form.check_symbols == 2 else ())


@given(forms(), st.data())
def test_every_two_symbols_that_changed_places_are_found(form: CodeForm, data: st.DataObject) -> None:
    code = code_of(form)
    first = data.draw(st.integers(len(form.prefix), len(code) - 2))
    second = data.draw(st.integers(first + 1, len(code) - 1))
    symbols = list(code)
    symbols[first], symbols[second] = symbols[second], symbols[first]

    found = fit_code(form, "".join(symbols))

    assert found.fit is (Fit.FITS if code[first] == code[second] else Fit.TYPO)


@given(forms(), st.sampled_from("01ILO"), st.data())
def test_a_symbol_that_no_code_has_is_shown(form: CodeForm, odd: str, data: st.DataObject) -> None:
    code = code_of(form)
    place = data.draw(st.integers(len(form.prefix), len(code) - 1))

    found = fit_code(form, code[:place] + odd + code[place + 1 :])

    assert (found.fit, found.places) == (Fit.TYPO, (place + 1,))


def test_a_symbol_too_many_or_too_few_is_a_slip_and_another_text_is_no_code_of_ours() -> None:
    form = CodeForm(prefix="GAME")
    code = code_of(form)

    assert fit_code(form, code[:-1]).fit is Fit.TYPO
    assert fit_code(form, code + "A").fit is Fit.TYPO
    assert fit_code(form, code[:-3]).fit is Fit.OTHER
    assert fit_code(form, "HTTPS://EXAMPLE.COM").fit is Fit.OTHER
    assert fit_any([CodeForm(), form], code).fit is Fit.FITS
    assert fit_any([], code).fit is Fit.OTHER


def test_every_symbol_is_drawn_as_often_as_any_other() -> None:
    form = CodeForm(groups=1, group_length=30, check_symbols=1)
    counted = Counter("".join(draw_codes(form, 10_000)))

    expected = 10_000 * 30 / FIELD
    spread = sum((counted[symbol] - expected) ** 2 / expected for symbol in SYMBOLS)

    assert set(counted) == set(SYMBOLS)
    # The chi-square of 30 degrees of freedom is beyond this once in 10^9 times.
    assert spread < 110


def test_codes_are_all_different() -> None:
    codes = draw_codes(CodeForm(), 20_000)

    assert len(set(codes)) == 20_000


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        (CodeForm(prefix="IO"), FormFault.PREFIX),
        (CodeForm(prefix="ABCDEFG"), FormFault.PREFIX),
        (CodeForm(groups=0), FormFault.GROUPS),
        (CodeForm(group_length=0), FormFault.GROUPS),
        (CodeForm(groups=11, group_length=2), FormFault.GROUPS),
        (CodeForm(check_symbols=0), FormFault.CHECK),
        (CodeForm(check_symbols=3), FormFault.CHECK),
        (CodeForm(groups=7, group_length=5), FormFault.TOO_LONG),
        (CodeForm(), None),
    ],
)
def test_a_form_that_makes_no_sense_is_named(form: CodeForm, fault: FormFault | None) -> None:
    assert fault_of(form) is fault


def test_the_bits_are_those_of_what_is_drawn() -> None:
    assert CodeForm().random_bits == pytest.approx(18 * math.log2(31))
    assert CodeForm(groups=4, group_length=4, check_symbols=1).random_bits < RANDOM_BITS_MIN
    assert with_check(CodeForm(groups=1, group_length=2, check_symbols=1), "2") == "22"
