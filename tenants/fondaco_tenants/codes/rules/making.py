"""Codes of one's own making: symbols that nobody mistakes, so many that nobody guesses, and check symbols that tell a slip.

The attack (R36). Somebody shows codes until one is taken. With N codes that could be redeemed and G guesses, the chance is
N·G/31^n for n random symbols. N = 10^7 codes of one merchant is 23.3 bits; G = 10^9 guesses, past every lock-out and over
years, is 29.9; a chance of one in 10^8 is 26.6. Together 79.8: a form must have 80 random bits (17 symbols), whatever its
check symbols. They are drawn from the system's randomness, each value equally likely, so that nothing is learned of one code
from any number of others.

The check. There are 31 symbols, a prime number, so they are the field of that size, and 3 generates all of it. A code of
symbols x0, x1, … is right when x0·3^0 + x1·3^1 + … is 0: the pure system of ISO/IEC 7064 with modulus 31 and radix 3 in the
place of its 37 and 2. It finds every single wrong symbol and every two that changed places, as far as thirty apart. With two
check symbols, x0·9^0 + x1·9^1 + … is 0 as well (a Reed-Solomon code of distance three): then any two wrong symbols are
found, and of a single one the quotient of the two sums is the place.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# Digits and capitals without 0, 1, I, L, O.
SYMBOLS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
FIELD = len(SYMBOLS)
RADIX = 3
# Powers of 3 come back after thirty: a longer code would have two places that are checked alike.
SYMBOLS_MAX = FIELD - 1
RANDOM_BITS_MIN = 80.0
PREFIX_MAX = 6
GROUPS_MAX = 10

_VALUE = {symbol: value for value, symbol in enumerate(SYMBOLS)}
# Bytes from 248 on are thrown away, so that every symbol stands for as many bytes as any other.
_FAIR = 256 - 256 % FIELD
_TABLE = bytes(ord(SYMBOLS[byte % FIELD]) for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))
_POWERS = [pow(RADIX, place, FIELD) for place in range(SYMBOLS_MAX)]
_PLACE_OF_POWER = {power: place for place, power in enumerate(_POWERS)}


class FormFault(StrEnum):
    """What is wrong with a form."""

    PREFIX = "PREFIX"
    GROUPS = "GROUPS"
    CHECK = "CHECK"
    TOO_LONG = "TOO_LONG"


class Fit(StrEnum):
    """How a text fits a form."""

    FITS = "FITS"
    TYPO = "TYPO"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class CodeForm:
    """The form of codes: a prefix, then groups of symbols between hyphens, of which the last ones check the rest."""

    prefix: str = ""
    groups: int = 4
    group_length: int = 5
    check_symbols: int = 2

    @property
    def length(self) -> int:
        """How many symbols there are, the prefix counted."""
        return len(self.prefix) + self.groups * self.group_length

    @property
    def random_symbols(self) -> int:
        """How many of them are drawn."""
        return self.groups * self.group_length - self.check_symbols

    @property
    def random_bits(self) -> float:
        """How many bits a guesser has to guess."""
        return self.random_symbols * math.log2(FIELD)


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a text fits a form; of a slip the places that are surely wrong, counted from 1 without hyphens and spaces."""

    fit: Fit
    places: tuple[int, ...] = ()


def fault_of(form: CodeForm) -> FormFault | None:
    """What is wrong with a form, or None; whether it can be guessed is another question."""
    if len(form.prefix) > PREFIX_MAX or any(symbol not in _VALUE for symbol in form.prefix):
        return FormFault.PREFIX
    if not 1 <= form.groups <= GROUPS_MAX or form.group_length < 1:
        return FormFault.GROUPS
    if form.check_symbols not in {1, 2}:
        return FormFault.CHECK
    return FormFault.TOO_LONG if form.length > SYMBOLS_MAX else None


def draw_codes(form: CodeForm, count: int) -> list[str]:
    """Fresh codes of a form, as they are printed."""
    assert fault_of(form) is None
    assert form.random_bits >= RANDOM_BITS_MIN
    width = form.random_symbols
    symbols = b""
    while len(symbols) < count * width:
        symbols += os.urandom(count * width).translate(_TABLE, _UNFAIR)
    text = symbols.decode("ascii")
    return [print_code(form, with_check(form, text[at : at + width])) for at in range(0, count * width, width)]


def with_check(form: CodeForm, drawn: str) -> str:
    """All symbols of a code, from the prefix to the last check symbol, for what was drawn."""
    known = [_VALUE[symbol] for symbol in form.prefix + drawn]
    assert len(known) + form.check_symbols == form.length
    first, second = _sums(known)
    a = _POWERS[len(known)]
    if form.check_symbols == 1:
        values = [-first * _inverse(a)]
    else:
        b = _POWERS[len(known) + 1]
        scale = _inverse(a * b * (b - a))
        values = [(second * b - first * b * b) * scale, (first * a * a - second * a) * scale]
    return form.prefix + drawn + "".join(SYMBOLS[value % FIELD] for value in values)


def print_code(form: CodeForm, symbols: str) -> str:
    """A code as people read it, with hyphens."""
    body = symbols[len(form.prefix) :]
    groups = [body[at : at + form.group_length] for at in range(0, len(body), form.group_length)]
    return "-".join([form.prefix, *groups] if form.prefix else groups)


def fit_code(form: CodeForm, normalised: str) -> Fitted:
    """Whether a normalised text is a code of the form, a slip in one, or something else."""
    if not normalised.startswith(form.prefix) or abs(len(normalised) - form.length) > 1:
        return Fitted(Fit.OTHER)
    odd = tuple(place for place, symbol in enumerate(normalised, start=1) if symbol not in _VALUE)
    if len(normalised) != form.length or odd:
        return Fitted(Fit.TYPO, odd)
    first, second = _sums([_VALUE[symbol] for symbol in normalised])
    if form.check_symbols == 1:
        return Fitted(Fit.FITS if first == 0 else Fit.TYPO)
    if first == 0 and second == 0:
        return Fitted(Fit.FITS)
    place = _PLACE_OF_POWER[second * _inverse(first) % FIELD] if first and second else form.length
    return Fitted(Fit.TYPO, (place + 1,) if place < form.length else ())


def fit_any(forms: Sequence[CodeForm], normalised: str) -> Fitted:
    """How a text fits the best of several forms."""
    found = [fit_code(form, normalised) for form in forms]
    for fit in (Fit.FITS, Fit.TYPO):
        for fitted in found:
            if fitted.fit is fit:
                return fitted
    return Fitted(Fit.OTHER)


def _sums(values: Sequence[int]) -> tuple[int, int]:
    weighed = list(zip(values, _POWERS, strict=False))
    return sum(x * w for x, w in weighed) % FIELD, sum(x * w * w for x, w in weighed) % FIELD


def _inverse(value: int) -> int:
    return pow(value % FIELD, FIELD - 2, FIELD)
