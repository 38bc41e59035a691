"""Passwords that are long enough and guessed all the same: by shape and by word, so that no list has to come along.

Whoever guesses begins with what people choose when a form asks for ten characters: a word with digits behind it, one word
twice, a run along the keyboard, a few characters over and over.
"""

import re
from typing import Final

# Words that stand in front of digits, or stand twice, in what people choose most.
_WORDS: Final = frozenset(
    {
        "password", "passwort", "passw", "pass", "pwd", "admin", "administrator", "root", "user", "guest", "test", "demo", "login", "welcome",
        "letmein", "iloveyou", "woaini", "changeme", "secret", "default", "master", "superman", "batman", "dragon", "monkey",
        "football", "baseball", "princess", "sunshine", "shadow", "qwerty", "qwertyuiop", "asdfgh", "asdfghjkl", "zxcvbn",
        "zxcvbnm", "qazwsx", "qazwsxedc", "abc", "abcd", "abcdef", "aa", "aaa", "mima", "hello", "fondaco",
    }
)  # fmt: skip
# Along these, in either direction, lie the runs; each is written twice, so that a run may begin anew.
_ROWS: Final = tuple(
    row * 2 for row in ("1234567890", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
)
_COLUMNS: Final = (
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
)
_LEET: Final = str.maketrans("@4310$5!7", "aaeiossit")
_DISTINCT_MIN: Final = 4


def is_common(text: str) -> bool:
    """Whether a password is among the first that somebody who guesses would try."""
    plain = re.sub(r"[\s._\-]+", "", text.lower())
    if len(set(plain)) < _DISTINCT_MIN:
        return True
    if any(plain in line or plain[::-1] in line for line in (*_ROWS, *_COLUMNS)):
        return True
    word = re.sub(r"^[\d!@#$%^&*?+=]*|[\d!@#$%^&*?+=]*$", "", plain)
    return any(_is_word(each) for each in (word, word.translate(_LEET)))


def _is_word(text: str) -> bool:
    half = text[: len(text) // 2]
    return text in _WORDS or (text == half * 2 and half in _WORDS)
