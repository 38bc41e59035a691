"""Tokens: unguessable, recognisable, and stored only as what does not lead back."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.crypto.hashing import hash_token, is_token, new_token
from fondaco_core.secret import Secret

kinds = st.text(alphabet=string.ascii_lowercase, min_size=2, max_size=12)


@given(kinds)
def test_a_new_token_is_one_of_its_kind(kind: str) -> None:
    token = new_token(kind).reveal()

    assert token.startswith(f"fd_{kind}_")
    assert is_token(token, kind)
    assert not is_token(token, kind + "x")


def test_no_two_tokens_are_alike() -> None:
    tokens = {new_token("sess").reveal() for _ in range(2_000)}

    assert len(tokens) == 2_000
    assert {len(token) for token in tokens} == {len("fd_sess_") + 43 + 6}


@given(st.data())
def test_any_one_changed_character_is_found(data: st.DataObject) -> None:
    token = new_token("sess").reveal()
    place = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(
        (st.sampled_from(string.ascii_letters + string.digits) | st.characters()).filter(lambda c: c != token[place])
    )

    changed = token[:place] + char + token[place + 1 :]

    assert not is_token(changed, "sess")


@given(st.data())
def test_a_lost_or_an_added_character_is_found(data: st.DataObject) -> None:
    token = new_token("sess").reveal()
    place = data.draw(st.integers(0, len(token) - 1))

    assert not is_token(token[:place] + token[place + 1 :], "sess")
    assert not is_token(token[:place] + "0" + token[place:], "sess")
    assert not is_token(token + "\n", "sess")


@given(st.text(max_size=80))
def test_any_text_may_be_asked_about(text: str) -> None:
    assert not is_token(text, "sess")
    assert len(hash_token(Secret(text))) == 32


def test_a_token_is_stored_as_its_sha_256() -> None:
    token = new_token("sess")

    assert hash_token(token) == hashlib.sha256(token.reveal().encode()).digest()


@pytest.mark.parametrize("kind", ["", "a", "Sess", "fd_sess_", "far_too_long_for_a_kind"])
def test_a_kind_that_no_scanner_would_recognise_is_a_programmers_error(kind: str) -> None:
    with pytest.raises(AssertionError):
        new_token(kind)
