"""The hash tree of RFC 6962, and what is signed: pure, so that whoever is given a proof can check it without us.

leaf  SHA-256(0x00 || canonical entry)      node  SHA-256(0x01 || left || right)      nothing  SHA-256("")

A tree of `size` leaves splits at the largest power of two below its size. Whole subtrees never change once they are full:
node (level, index) covers the leaves from index * 2^level on, 2^level of them.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# The first line of what is signed: no signature of ours under anything else can be taken for one under a checkpoint.
ORIGIN = "fondaco audit log v1"
# The fields of an entry that are sealed, all of them; the number of its transaction is the database's own.
FIELDS = (
    "id", "tenant_id", "happened_at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id", "request_id",
    "ip", "reason", "detail",
)  # fmt: skip
_SAFE_INTEGER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root of the tree over the first `size` entries, signed. `key_id` is the fingerprint of the public key."""

    size: int
    root: bytes
    signed_at: datetime
    key_id: str
    signature: bytes

    @property
    def text(self) -> bytes:
        """What the signature is over: four lines."""
        return signed_text(self.size, self.root, self.signed_at)

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether the signature is that key's."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.text)
        except InvalidSignature:
            return False
        return fingerprint_of(public_key) == self.key_id


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is leaf `index` of the tree of a checkpoint: the hashes beside the way from the leaf to the root."""

    index: int
    size: int
    path: tuple[bytes, ...]


def canonical(entry: Mapping[str, Any]) -> bytes:
    """One entry as the bytes that are hashed: the sealed fields as JSON by RFC 8785, times as RFC 3339 in UTC with microseconds.

    Whole numbers that JSON's readers would round (beyond 2^53) become texts.
    """
    return rfc8785.dumps({name: _plain(entry[name]) for name in FIELDS})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _SAFE_INTEGER:
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def signed_text(size: int, root: bytes, signed_at: datetime) -> bytes:
    """What is signed of a checkpoint: origin, size, root in Base64, time; a line each."""
    return f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n{_plain(signed_at)}\n".encode()


def fingerprint_of(public_key: bytes) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def peaks_of(size: int) -> Iterator[tuple[int, int]]:
    """The full subtrees that a tree of this size consists of, left to right, as (level, index)."""
    place = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, place >> level
            place += 1 << level


class Frontier:
    """A tree that grows at its end: it keeps the hashes of its full subtrees only, one for each binary digit of its size."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)
        assert len(self._peaks) == size.bit_count()

    def append(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Adds a leaf's hash and gives the nodes above it that are full now: (level, index, hash), lowest first."""
        node, level, index = leaf, 0, self.size
        while index & 1:
            node = node_hash(self._peaks.pop(), node)
            level, index = level + 1, index >> 1
            yield level, index, node
        self._peaks.append(node)
        self.size += 1

    def grow(self, leaf: bytes) -> None:
        """Adds a leaf's hash."""
        for _ in self.append(leaf):
            pass

    def root(self) -> bytes:
        """The root of the tree as it is."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def path_of(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees beside the way from a leaf to the root, lowest first, as ranges of leaves [from, to)."""
    assert 0 <= index < size
    beside: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            beside.append((middle, high))
            high = middle
        else:
            beside.append((low, middle))
            low = middle
    return beside[::-1]


def nodes_of(low: int, high: int) -> list[tuple[int, int]]:
    """The full subtrees, left to right, that a range of leaves which is a subtree of some tree consists of."""
    return [(level, (low >> level) + index) for level, index in peaks_of(high - low)]


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over full subtrees, left to right."""
    root = hashes[-1]
    for peak in reversed(hashes[:-1]):
        root = node_hash(peak, root)
    return root


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def check_proof(leaf: bytes, proof: Proof, root: bytes) -> bool:
    """Whether a leaf with this hash is where the proof says, in the tree with this root."""
    if not 0 <= proof.index < proof.size:
        return False
    sides = _sides(proof.index, proof.size)
    if len(sides) != len(proof.path):
        return False
    node = leaf
    for is_right, beside in zip(sides, proof.path, strict=True):
        node = node_hash(beside, node) if is_right else node_hash(node, beside)
    return node == root


def _sides(index: int, size: int) -> list[bool]:
    """Whether the way from a leaf to the root comes from the right, lowest first."""
    sides: list[bool] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        sides.append(index >= middle)
        low, high = (middle, high) if index >= middle else (low, middle)
    return sides[::-1]
