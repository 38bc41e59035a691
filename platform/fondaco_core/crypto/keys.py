"""Where master keys come from, and what they wrap.

A master key only ever wraps other keys, and does so behind a port: with a key management service the master key never
enters this process. A missing, malformed or unknown master key is a refusal to start, never a fallback.

KeyUnavailable          the vault cannot be opened with what was configured
├── MasterKeyMissing    no key is configured, or its file is gone
├── MasterKeyMalformed  what is configured is not a list of named 256-bit keys
├── MasterKeyExposed    others than the owner may read or replace the file
├── MasterKeyUnknown    a data key was wrapped by a master key that is not among the configured ones
└── MasterKeyWrong      the key of that name exists and does not open what was wrapped
"""

import base64
import binascii
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret

KEY_BYTES = 32

_NONCE_BYTES = 12
_WRAP_VERSION = b"\x01"
# An id is public and stands beside everything it wrapped. It is shorter than any encoding of a key, so that a list with
# id and key swapped is refused before the key could be shown or stored as an id.
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{2,39}")
# 32 random bytes have 30 different values on average; fewer than this come from a placeholder or a hand, not from chance.
_DISTINCT_BYTES_MIN = 16
_FILE_HEAD = """\
# Fondaco master keys: one `id:base64` a line, the first is the current one. Whoever loses this file loses every code
# that was ever imported; whoever reads it beside a copy of the database reads them. Keep a copy, apart from backups.
"""


class KeyUnavailable(SettingError):
    """The vault cannot be opened with the keys that were configured; the process must not go on."""


class MasterKeyMissing(KeyUnavailable):
    """No master key is configured, or its file cannot be read."""


class MasterKeyMalformed(KeyUnavailable):
    """What is configured is not a list of named 256-bit keys."""


class MasterKeyExposed(KeyUnavailable):
    """Somebody other than its owner may read or replace the key file."""


class MasterKeyUnknown(KeyUnavailable):
    """A key was wrapped by a master key that this process was not given."""

    def __init__(self, master_key_id: str) -> None:
        super().__init__(
            f"The vault needs the master key {master_key_id!r}, which is not among the configured ones; "
            "add it after the current one."
        )
        self.master_key_id = master_key_id


class MasterKeyWrong(KeyUnavailable):
    """The master key of that name does not open what is said to be wrapped by it."""

    def __init__(self, master_key_id: str, purpose: str) -> None:
        super().__init__(
            f"The master key {master_key_id!r} does not open the key for {purpose!r}: "
            "it is another key of the same name, or the stored key was changed."
        )
        self.master_key_id = master_key_id
        self.purpose = purpose


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key as the database may keep it: unreadable without the master key that it names."""

    master_key_id: str
    ciphertext: bytes = field(repr=False)


class MasterKeys(Protocol):
    """Wraps and unwraps keys. An implementation may sit behind a network: it raises Outage when that fails."""

    @property
    def current_id(self) -> str:
        """The public name of the master key that wraps from now on."""
        ...

    async def wrap(self, key: bytes, *, purpose: str) -> WrappedKey:
        """Wraps a key for one purpose with the current master key; only the same purpose unwraps it."""
        ...

    async def unwrap(self, wrapped: WrappedKey, *, purpose: str) -> bytes:
        """The key that was wrapped for the purpose; raises KeyUnavailable when the keys at hand do not open it."""
        ...


class LocalMasterKeys:
    """Master keys held in this process, from a list of `id:base64` entries whose first is the current one."""

    __slots__ = ("_aeads", "_current_id")

    def __init__(self, entries: Iterable[str], *, origin: str) -> None:
        self._aeads: dict[str, AESGCM] = {}
        self._current_id = ""
        self._take(entries, origin=origin)

    @property
    def current_id(self) -> str:
        """The public name of the master key that wraps from now on."""
        return self._current_id

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The public names of all keys at hand, the current one first."""
        return tuple(self._aeads)

    async def wrap(self, key: bytes, *, purpose: str) -> WrappedKey:
        """Wraps a key for one purpose with the current master key; only the same purpose unwraps it."""
        assert len(key) == KEY_BYTES
        self._look_again()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aeads[self._current_id].encrypt(nonce, key, _wrap_aad(self._current_id, purpose))
        return WrappedKey(self._current_id, _WRAP_VERSION + nonce + sealed)

    async def unwrap(self, wrapped: WrappedKey, *, purpose: str) -> bytes:
        """The key that was wrapped for the purpose; raises MasterKeyUnknown or MasterKeyWrong."""
        if wrapped.master_key_id not in self._aeads:
            self._look_again()
        aead = self._aeads.get(wrapped.master_key_id)
        if aead is None:
            raise MasterKeyUnknown(wrapped.master_key_id)
        blob, body = wrapped.ciphertext, 1 + _NONCE_BYTES
        if blob[:1] != _WRAP_VERSION:
            raise MasterKeyWrong(wrapped.master_key_id, purpose)
        try:
            return aead.decrypt(blob[1:body], blob[body:], _wrap_aad(wrapped.master_key_id, purpose))
        except (InvalidTag, ValueError):
            raise MasterKeyWrong(wrapped.master_key_id, purpose) from None

    def _look_again(self) -> None:
        """Reads the keys again where they may have changed since; what is configured for good stays as it is."""

    def _take(self, entries: Iterable[str], *, origin: str) -> None:
        keys = _parsed(entries, origin=origin)
        self._aeads = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current_id = next(iter(keys))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._aeads)})"


class FileMasterKeys(LocalMasterKeys):
    """Master keys from a file that only its owner may read; `create_master_key_file` makes one.

    A rotation puts a new key in front while processes run. They read the file again before they wrap, and when they meet a
    key that was wrapped by one they do not know; so nobody has to be started again.
    """

    __slots__ = ("_path", "_seen")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _stamp(path)
        super().__init__(_entries(_read_private(path)), origin=f"the master key file {path}")

    def _look_again(self) -> None:
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._take(_entries(_read_private(self._path)), origin=f"the master key file {self._path}")
            self._seen = stamp


class EnvMasterKeys(LocalMasterKeys):
    """Master keys from one setting: `id:base64`, several separated by commas."""

    __slots__ = ()

    def __init__(self, value: Secret[str]) -> None:
        super().__init__(_entries(value.reveal().replace(",", "\n")), origin="FONDACO_MASTER_KEY")


def load_master_keys(settings: Settings) -> LocalMasterKeys:
    """The master keys that the settings name; raises KeyUnavailable with one sentence when they name none, or two."""
    match settings.master_key, settings.master_key_file:
        case None, None:
            msg = "No master key: set FONDACO_MASTER_KEY_FILE (or FONDACO_MASTER_KEY) to the keys that open the vault."
            raise MasterKeyMissing(msg)
        case None, Path() as path:
            return FileMasterKeys(path)
        case Secret() as value, None:
            return EnvMasterKeys(value)
        case _:
            msg = "FONDACO_MASTER_KEY and FONDACO_MASTER_KEY_FILE are both set; keep the one that opens the vault."
            raise MasterKeyMalformed(msg)


def new_master_key() -> Secret[str]:
    """A fresh `id:base64` entry from the system's randomness, for a key file or for FONDACO_MASTER_KEY."""
    key_id = f"mk_{clock.now():%Y_%m_%d}_{secrets.token_hex(4)}"
    return Secret(f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}")


def create_master_key_file(path: Path) -> str:
    """Writes a file with one fresh master key, whole or not at all, and gives the key's id.

    Never overwrites: an existing file, whatever it holds, is a KeyUnavailable.
    """
    entry = new_master_key().reveal()
    # A name of its own for every attempt, so that the leftover of a crash is in nobody's way.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _created_private(draft) as file:
            _fill(file, [entry])
        # A link, unlike a rename, fails when the name is taken: two starts at once make one key, not two vaults.
        os.link(draft, path)
        _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():
            msg = f"The master key file {path} exists already; it is never overwritten."
        else:
            msg = f"The master key file {path} cannot be made: {error.strerror}."
        raise KeyUnavailable(msg) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return entry.partition(":")[0]


def add_master_key(path: Path) -> str:
    """Puts a fresh master key in front of those in the file and gives its id; the older ones go on unwrapping.

    The file is replaced whole or not at all. Processes that run keep what they loaded until they are started again.
    """
    entry = new_master_key().reveal()
    # One name for every attempt: it is the lock that keeps two rotations from dropping each other's key, and so it is
    # taken before the file is read.
    draft = path.with_name(f"{path.name}.new")
    try:
        file = _created_private(draft)
    except FileExistsError:
        msg = f"{draft} exists: another rotation is running, or one was cut off; remove that file if none is."
        raise KeyUnavailable(msg) from None
    except OSError as error:
        msg = f"The master key file {path} cannot be replaced: {error.strerror}."
        raise KeyUnavailable(msg) from None
    try:
        with file:
            older = _entries(_read_private(path))
            _parsed(older, origin=f"the master key file {path}")
            _fill(file, [entry, *older])
        draft.replace(path)
    except BaseException:
        draft.unlink()
        raise
    _sync_folder(path.parent)
    return entry.partition(":")[0]


def _wrap_aad(master_key_id: str, purpose: str) -> bytes:
    # Ids hold no "|", so no two pairs of id and purpose give the same bytes.
    return f"fondaco.wrap.v1|{master_key_id}|{purpose}".encode()


def _entries(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _parsed(entries: Iterable[str], *, origin: str) -> dict[str, bytes]:
    """Named keys in their order. Sentences name an entry by its place: a malformed one may hold a key anywhere."""
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(entries, start=1):
        key_id, _, encoded = entry.partition(":")
        key = _decoded(encoded.strip())
        fault = None
        if _KEY_ID.fullmatch(key_id.strip()) is None or key is None:
            fault = "is not of the form id:base64"
        elif len(key) != KEY_BYTES:
            fault = f"holds {len(key)} bytes instead of {KEY_BYTES}"
        elif len(set(key)) < _DISTINCT_BYTES_MIN:
            fault = "is a placeholder and not random"
        elif key_id.strip() in keys or key in keys.values():
            fault = "repeats the id or the key of an earlier one"
        if fault is not None or key is None:
            msg = f"Entry {place} of {origin} {fault}."
            raise MasterKeyMalformed(msg)
        keys[key_id.strip()] = key
    if not keys:
        msg = f"There is no key in {origin}; it must hold at least one entry of the form id:base64."
        raise MasterKeyMalformed(msg)
    return keys


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs between two versions of a file; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read_private(path: Path) -> str:
    """The text of a file that nobody but its owner may read or replace."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        msg = f"The master key file {path} cannot be read: {error.strerror}."
        raise MasterKeyMissing(msg) from None
    try:
        # The open file is judged, not the name, so that nobody exchanges it between the look and the read.
        _refuse_unless_private(path, os.fstat(handle))
        content = os.read(handle, limits.MASTER_KEY_FILE_BYTES_MAX + 1)
    finally:
        os.close(handle)
    if len(content) > limits.MASTER_KEY_FILE_BYTES_MAX or not content.isascii():
        msg = f"The master key file {path} is not a list of id:base64 lines."
        raise MasterKeyMalformed(msg)
    return content.decode("ascii")


def _refuse_unless_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        msg = f"The master key file {path} is not a regular file."
        raise MasterKeyMalformed(msg)
    if found.st_uid not in {0, os.geteuid()} or found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        msg = f"The master key file {path} is open to others (mode {mode:04o}); make it yours and its mode 0600."
        raise MasterKeyExposed(msg)


def _created_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _fill(file: BinaryIO, entries: Sequence[str]) -> None:
    file.write((_FILE_HEAD + "\n".join(entries) + "\n").encode("ascii"))
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
