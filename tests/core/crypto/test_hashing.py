"""Fingerprints, look-up hashes and masks: equal secrets are recognised, and none is shown."""

import hmac
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fondaco_core.crypto.hashing import (
    FINGERPRINT_BYTES,
    CodeKind,
    fingerprint,
    fingerprint_many,
    keyed_hash,
    mask_code,
    normalise_code,
)
from fondaco_core.secret import Secret

KEY = Secret(b"blind-index-key-v1-32-bytes-....")
CODE_SYMBOLS = string.ascii_uppercase + string.digits
kinds = st.sampled_from(CodeKind)
codes = st.text(alphabet=string.ascii_letters + string.digits + "- ", min_size=1, max_size=24)
texts = st.text(max_size=60)
addresses = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTPS", "Http"]),
    st.sampled_from(["", "user@", "User:Pass@"]),
    st.sampled_from(["example.com", "Gift.Example.COM.", "例子.中国", "x.co", "[2001:DB8::1]", "a.", "EXAMPLE"]),
    st.sampled_from(["", ":", ":80", ":443", ":8080"]),
    st.sampled_from(["", "/"]) | st.text(max_size=30).map(lambda rest: "/" + rest),
)


def test_the_keyed_hash_is_the_documented_construction() -> None:
    whole = keyed_hash(KEY, "code", "ABCDEFGH12345678")

    assert whole.hex() == "29f7e699690c6889cb43692d82971ed269906343cc36a28927b6c76faedc9c20"
    assert whole == hmac.digest(KEY.reveal(), b"v1|code|ABCDEFGH12345678", "sha256")


def test_a_fingerprint_is_the_first_half_of_the_keyed_hash() -> None:
    assert fingerprint(KEY, "ABCDEFGH12345678").hex() == "29f7e699690c6889cb43692d82971ed2"


@given(st.lists(st.text(min_size=1, max_size=30), max_size=20))
def test_many_fingerprints_are_those_of_one_by_one(normalised: list[str]) -> None:
    assert fingerprint_many(KEY, normalised) == [fingerprint(KEY, text) for text in normalised]


@given(codes, codes, kinds, kinds)
@example("abcd-1234", "ABCD 1234", CodeKind.CODE, CodeKind.CODE)
@example("abcd-1234", "ABCD 1234", CodeKind.QR, CodeKind.QR)
def test_fingerprints_are_equal_exactly_when_the_normalised_codes_are(
    a: str, b: str, kind_a: CodeKind, kind_b: CodeKind
) -> None:
    first, second = normalise_code(a, kind_a), normalise_code(b, kind_b)
    assume(first and second)

    equal = fingerprint(KEY, first) == fingerprint(KEY, second)

    assert equal == (first == second)
    assert len(fingerprint(KEY, first)) == FINGERPRINT_BYTES


def test_another_key_or_purpose_gives_another_hash() -> None:
    other = Secret(bytes(32))

    hashes = {keyed_hash(KEY, "code", "a"), keyed_hash(KEY, "contact", "a"), keyed_hash(other, "code", "a")}

    assert len(hashes) == 3


@given(texts, kinds, st.booleans())
def test_normalising_twice_is_normalising_once(text: str, kind: CodeKind, case_sensitive: bool) -> None:  # noqa: FBT001
    once = normalise_code(text, kind, case_sensitive=case_sensitive)

    assert normalise_code(once, kind, case_sensitive=case_sensitive) == once


@given(addresses, kinds)
def test_normalising_an_address_twice_is_normalising_it_once(address: str, kind: CodeKind) -> None:
    once = normalise_code(address, kind)

    assert normalise_code(once, kind) == once


@pytest.mark.parametrize(
    "spelling",
    [
        "ABCD-EFGH-1234",
        "abcd-efgh-1234",
        "  AbCd EfGh 1234\r\n",
        "\ufeffABCD–EFGH—1234",
        "ＡＢＣＤ－ｅｆｇｈ　１２３４",
        "AB\u200bCD\u00adEFGH\u00a01234",
        "ABCD‑EFGH−1234\t",
    ],
)
def test_what_people_type_for_one_code_is_one_code(spelling: str) -> None:
    assert normalise_code(spelling) == "ABCDEFGH1234"


@pytest.mark.parametrize("spelling", ["", "   ", "-- -", "\ufeff\u200b"])
def test_a_line_without_a_code_normalises_to_nothing(spelling: str) -> None:
    assert normalise_code(spelling) == ""


def test_case_counts_where_the_entitlement_says_so() -> None:
    assert normalise_code("ab-CD", case_sensitive=True) == "abCD"
    assert normalise_code("ab-CD", case_sensitive=True) != normalise_code("AB-cd", case_sensitive=True)


@pytest.mark.parametrize("kind", CodeKind)
@pytest.mark.parametrize(
    "spelling",
    [
        "https://gift.example.com/r/aB3-d",
        "http://gift.example.com/r/aB3-d",
        "HTTPS://Gift.Example.COM/r/aB3-d",
        " https://gift.example.com:443/r/aB3-d\n",
        "http://gift.example.com:80/r/aB3-d",
        "https://gift.example.com./r/aB3-d",
    ],
)
def test_one_address_is_one_code_however_it_is_written_and_sold(spelling: str, kind: CodeKind) -> None:
    assert normalise_code(spelling, kind) == "https://gift.example.com/r/aB3-d"


@pytest.mark.parametrize("kind", CodeKind)
@pytest.mark.parametrize(
    "other",
    [
        "https://gift.example.com/r/AB3-d",
        "https://gift.example.com/r/aB3d",
        "https://gift.example.com/r/aB3-d/",
        "https://gift.example.com/r/aB3-d?x",
        "https://gift.example.com/r/aB3-d#x",
        "https://gift.example.com:8443/r/aB3-d",
        "https://gift2.example.com/r/aB3-d",
    ],
)
def test_two_addresses_that_a_server_tells_apart_stay_two_codes(other: str, kind: CodeKind) -> None:
    assert normalise_code(other, kind) != normalise_code("https://gift.example.com/r/aB3-d", kind)


def test_a_payload_that_machines_read_is_kept_to_the_letter() -> None:
    assert normalise_code(" wxp://f2f0-aBc \n", CodeKind.QR) == "wxp://f2f0-aBc"


@given(texts | codes)
@example("ABCD-EFGH-IJKL-1234")
def test_a_mask_shows_at_most_a_quarter_and_four_at_either_end(text: str) -> None:
    bare = [char for char in text.strip() if char not in " -"]
    assume("://" not in text)

    masked = mask_code(text)

    shown = [char for char in masked if char not in " -*"]
    assert len(shown) <= len(bare) // 4
    assert len(shown) <= 8
    assert max(len(run) for run in masked.replace(" ", "").replace("-", "").split("*")) <= 4
    assert masked.isprintable()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ABCD-EFGH-IJKL-1234", "AB**-****-****-**34"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ123456", "ABCD************************3456"),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ12345678901234567890", "ABCD**************************************7890"),
        ("12345678", "1******8"),
        ("1234567", "*******"),
        ("12-34", "**-**"),
        ("", ""),
        ("https://gift.example.com/r/aB3dEfGhIjKlMnOp", "https://example.com/****MnOp"),
        ("https://gift.example.co.uk/r/aB3dEfGhIjKl", "https://example.co.uk/****jKl"),
        ("https://example.com/abc", "https://example.com/****"),
        ("https://user:pass@example.com:8443/#k=0123456789abcdef", "https://example.com/****cdef"),
        ("HTTPS://token0123456789.example.com", "https://example.com/****"),
        ("https://ABCDEFGHIJKLMNOPQRSTUVWXYZ.com/", "https://****.com/****"),
    ],
)
def test_masks_look_like_this(text: str, masked: str) -> None:
    assert mask_code(text) == masked


@given(st.text(min_size=1, max_size=60))
def test_the_mask_of_an_address_shows_its_host_and_at_most_a_quarter_of_the_rest(rest: str) -> None:
    masked = mask_code("https://gift.example.com/" + rest)

    host, _, tail = masked.removeprefix("https://").partition("/****")
    assert host == "example.com"
    assert len(tail) <= min(4, len(rest) // 4)
    assert masked.isprintable()
