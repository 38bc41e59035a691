"""Keyed hashes for look-up; tokens; passwords; and what of a code may be shown.

Three kinds of secret, three hashes. A code or a contact can be guessed, so its hash is keyed, and the key is not in the
database. A token of ours has 256 random bits, which nobody guesses, so plain SHA-256 suffices and needs no key to rotate.
A password is chosen by a person, so its hash is slow on purpose.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from fondaco_core import limits
from fondaco_core.errors import Bug, Invalid, Outage
from fondaco_core.secret import Secret

# 128 bits of a keyed hash: among 10^10 codes the chance of any two alike is below 10^-18, nobody can search for a pair
# without the key, and the platform-wide unique index is half the size of one over whole hashes.
FINGERPRINT_BYTES = 16

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN_BYTES = 32
_TOKEN_SYMBOLS = 43
_CHECK_SYMBOLS = 6
_TOKEN = re.compile(rf"fd_([a-z]{{2,12}})_[0-9A-Za-z]{{{_TOKEN_SYMBOLS + _CHECK_SYMBOLS}}}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")

# Scheme, user part, host, port, and the rest, of what a browser would open.
_URL = re.compile(
    r"(?i:https?)://([^\s/?#@\\]*@)?([^\s/?#@:\\\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(\d*))?([/?#].*)?", re.DOTALL
)
_DEFAULT_PORTS = {"", "80", "443", None}
# White space and invisible characters, which a paste or a spreadsheet leaves at the ends of a line.
_EDGES = "".join(
    chr(point)
    for point in (*range(0x3001), 0xFEFF)
    if chr(point).isspace() or unicodedata.category(chr(point)) in {"Cc", "Cf"}
)
_ASCII_IGNORED = {point: None for point in range(128) if chr(point) in _EDGES or chr(point) == "-"}

T = TypeVar("T")


class CodeKind(StrEnum):
    """The fulfilment kinds that have a secret to be told apart; the names are those of the entitlement's kind."""

    CODE = "CODE"
    LINK = "LINK"
    QR = "QR"


class PasswordsBusy(Outage):
    """Too many passwords are being checked at once; a moment later there is room again."""


class PasswordTooLong(Invalid):
    """The password is longer than anybody types."""

    code = "PASSWORD_TOO_LONG"

    def __init__(self) -> None:
        super().__init__(
            f"A password may be at most {limits.PASSWORD_BYTES_MAX} bytes long.",
            zh=f"密码长度不能超过 {limits.PASSWORD_BYTES_MAX} 字节。",
            path=("password",),
        )


# Codes


def normalise_code(text: str, kind: CodeKind = CodeKind.CODE, *, case_sensitive: bool = False) -> str:
    """The form in which two spellings of one secret are equal; empty when nothing is left, which is no code.

    A CODE is what people type: full-width letters, case, spaces, hyphens and invisible characters do not matter. Folding
    the case makes two codes of an issuer that tells case apart equal only by chance (below 10^-4 for ten million codes of
    12 letters and digits); where codes are so short that it matters, the entitlement says `case_sensitive`.

    A LINK or a QR payload is what a machine reads: its path and its text are kept to the letter, since short links differ
    by case alone. Of an address only what no server can tell apart is folded: http and https, case and final dot of the
    host, a default port, a bare final slash. A text that is an address is treated as one under every kind, so that a link
    cannot come back as a "code".
    """
    trimmed = text.strip(_EDGES)
    address = _normalised_address(trimmed)
    if address is not None:
        return address
    if kind is not CodeKind.CODE:
        return trimmed
    if trimmed.isascii():
        bare = trimmed.translate(_ASCII_IGNORED)
        return bare if case_sensitive else bare.upper()
    return _folded(trimmed, case_sensitive=case_sensitive)


def fingerprint(key: Secret[bytes], normalised: str) -> bytes:
    """What recognises a normalised code without telling it: the first 128 bits of its keyed hash."""
    assert normalised
    return keyed_hash(key, "code", normalised)[:FINGERPRINT_BYTES]


def fingerprint_many(key: Secret[bytes], normalised: Sequence[str]) -> list[bytes]:
    """Fingerprints in the order of the codes; about a microsecond a code."""
    # A started hash is copied, so that the key is set up once and not for every code.
    started = hmac.new(key.reveal(), b"v1|code|", hashlib.sha256)
    fingerprints: list[bytes] = []
    for text in normalised:
        assert text
        mac = started.copy()
        mac.update(text.encode("utf-8", "surrogatepass"))
        fingerprints.append(mac.digest()[:FINGERPRINT_BYTES])
    return fingerprints


def keyed_hash(key: Secret[bytes], purpose: str, value: str) -> bytes:
    """A 256-bit look-up hash (a blind index) of something guessable: a contact, an address, a device.

    Equal values of one purpose are equal under one key; the database alone, without the key, cannot try guesses.
    """
    assert _NAME.fullmatch(purpose), purpose
    return hmac.digest(key.reveal(), f"v1|{purpose}|{value}".encode("utf-8", "surrogatepass"), "sha256")


def mask_code(text: str) -> str:
    """What of a code people may see who may not see the code: `AB**-****-****-**34`.

    At most a quarter of its characters and never more than four at either end; of fewer than eight only the length. Of
    an address the host and at most four last characters.
    """
    trimmed = text.strip(_EDGES)
    if trimmed.isascii() and trimmed.isalnum():
        # What most codes are; the same as below, without looking at each character.
        budget = min(8, len(trimmed) // 4) if len(trimmed) >= limits.MASK_CHARS_MIN else 0
        head, tail = budget // 2, len(trimmed) - (budget - budget // 2)
        return f"{trimmed[:head]}{'*' * (tail - head)}{trimmed[tail:]}"
    match = _URL.fullmatch(trimmed)
    if match is not None and "." in match[2]:
        rest = (match[4] or "").lstrip("/")
        shown = min(4, len(rest) // 4) if len(rest) >= limits.MASK_CHARS_MIN else 0
        return f"https://{_masked_host(match[2])}/****{_shown(rest[len(rest) - shown :])}"
    bare = sum(1 for char in trimmed if char not in " -")
    budget = min(8, bare // 4) if bare >= limits.MASK_CHARS_MIN else 0
    head, tail = budget // 2, budget - budget // 2
    masked: list[str] = []
    place = 0
    for char in trimmed:
        if char in " -":
            masked.append(char)
            continue
        masked.append(_shown(char) if place < head or place >= bare - tail else "*")
        place += 1
    return "".join(masked)


def _normalised_address(text: str) -> str | None:
    match = _URL.fullmatch(text)
    if match is None:
        return None
    host = match[2].lower().rstrip(".")
    port = "" if match[3] in _DEFAULT_PORTS else f":{match[3]}"
    rest = "" if match[4] == "/" else match[4] or ""
    return f"https://{match[1] or ''}{host}{port}{rest}" if host else None


def _folded(text: str, *, case_sensitive: bool) -> str:
    """Folds until nothing changes: in Unicode, folding one thing may lay open another."""
    while True:
        visible = "".join(char for char in unicodedata.normalize("NFKC", text) if not _ignored(char))
        folded = unicodedata.normalize("NFKC", visible if case_sensitive else visible.upper())
        if folded == text:
            return folded
        text = folded


def _ignored(char: str) -> bool:
    # Pd are the hyphens and dashes; U+2212 is the minus sign, which input methods put in their place.
    return (
        char.isspace() or char == "\N{MINUS SIGN}" or unicodedata.category(char) in {"Cc", "Cf", "Pd", "Zs", "Zl", "Zp"}
    )


def _masked_host(host: str) -> str:
    # Left of the name that was registered (example.com, example.co.uk) anything may stand, and a long label may be a token.
    labels = host.lower().rstrip(".").split(".")
    labels = labels[-3:] if len(labels[-2:][0]) <= 3 else labels[-2:]  # noqa: PLR2004 - com, co, net, org before a country
    return ".".join(label if len(label) <= limits.MASK_HOST_LABEL_MAX else "****" for label in labels)


def _shown(text: str) -> str:
    # Nothing that could break a line or a page survives, even of the few characters that are shown.
    return "".join(char if char.isalnum() else "*" for char in text)


# Tokens


def new_token(kind: str) -> Secret[str]:
    """A fresh token such as `fd_sess_…`: 256 random bits and a checksum, recognisable to secret scanners.

    `kind` is the middle word alone: 2 to 12 small letters.
    """
    bits = int.from_bytes(secrets.token_bytes(_TOKEN_BYTES), "big")
    body = f"fd_{kind}_{_base62(bits, _TOKEN_SYMBOLS)}"
    token = body + _checksum(body)
    assert _TOKEN.fullmatch(token), kind
    return Secret(token)


def is_token(text: str, kind: str) -> bool:
    """Whether a text has the form and the checksum of a token of the kind: tells a typo without asking the database."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match[1] == kind and _checksum(text[:-_CHECK_SYMBOLS]) == text[-_CHECK_SYMBOLS:]


def hash_token(token: Secret[str]) -> bytes:
    """What is stored of a token, and looked up by: its SHA-256, which for 256 random bits tells nothing."""
    return hashlib.sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    # CRC-32 finds every change within 32 bits in a row, so every single wrong character.
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK_SYMBOLS)


def _base62(number: int, length: int) -> str:
    symbols: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        symbols.append(_BASE62[digit])
    assert number == 0
    return "".join(reversed(symbols))


# Passwords

_hasher = PasswordHasher(
    time_cost=limits.PASSWORD_PASSES,
    memory_cost=limits.PASSWORD_MEMORY_KIB,
    parallelism=limits.PASSWORD_LANES,
    hash_len=32,
    salt_len=16,
    type=Type.ID,
)
# Argon2 releases the interpreter; these threads bound the memory and the cores that passwords take at once.
_threads = ThreadPoolExecutor(limits.PASSWORDS_AT_ONCE, thread_name_prefix="password")
_places = threading.BoundedSemaphore(limits.PASSWORDS_AT_ONCE + limits.PASSWORDS_WAITING_MAX)
# A well-formed hash of nothing: verifying against it costs what any verification costs, and never succeeds.
_STORED_OF_NOBODY = (
    f"$argon2id$v=19$m={limits.PASSWORD_MEMORY_KIB},t={limits.PASSWORD_PASSES},p={limits.PASSWORD_LANES}"
    "$bm9ib2R5LWhhcy10aGlzLg$" + "A" * 43
)


async def hash_password(password: Secret[str]) -> str:
    """What is stored of a password (argon2id); raises PasswordTooLong, and PasswordsBusy under a flood."""
    text = _password_bytes(password)
    if len(text) > limits.PASSWORD_BYTES_MAX:
        raise PasswordTooLong
    return await _in_thread(lambda: _hasher.hash(text))


async def verify_password(stored: str | None, password: Secret[str]) -> bool:
    """Whether the password is the one that was stored; pass None for an unknown user.

    An unknown user, or one without a password, takes as long as a wrong password does, so that time tells nobody who has
    an account. Raises PasswordsBusy under a flood.
    """
    text = _password_bytes(password)[: limits.PASSWORD_BYTES_MAX + 1]
    matches = await _in_thread(lambda: _matches(_STORED_OF_NOBODY if stored is None else stored, text))
    return matches and stored is not None and len(text) <= limits.PASSWORD_BYTES_MAX


def needs_rehash(stored: str) -> bool:
    """Whether a stored hash was made with weaker parameters than today's; the next right password renews it."""
    return _hasher.check_needs_rehash(stored)


def _matches(stored: str, password: bytes) -> bool:
    try:
        return _hasher.verify(stored, password)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError):
        msg = "A stored password hash is not in the form of one."
        raise Bug(msg) from None


def _password_bytes(password: Secret[str]) -> bytes:
    # The same password comes composed from one keyboard and decomposed from another (RFC 8265, OpaqueString).
    return unicodedata.normalize("NFC", password.reveal()).encode("utf-8", "surrogatepass")


async def _in_thread(work: Callable[[], T]) -> T:
    if not _places.acquire(blocking=False):
        msg = "Too many passwords are being checked; try again in a moment."
        raise PasswordsBusy(msg)
    try:
        running = _threads.submit(work)
    except BaseException:
        _places.release()
        raise
    # The place is given back by the work and not by who waits: a caller that left must not let in one more.
    running.add_done_callback(lambda _: _places.release())
    return await asyncio.wrap_future(running)
