"""Envelope encryption: data keys under master keys, and ciphertext that opens only in the row it was sealed for.

A sealed blob is `version (1) | key number (4, big endian) | nonce (12) | ciphertext and tag`. Its first five bytes and the
caller's context are authenticated together with the text, so that a blob which is changed, cut, or moved to another row,
table, tenant or key does not open.

Nonces are random. AES-GCM allows 2^32 of them under one key before the chance that two are equal passes 2^-32, and two
equal ones would give away both texts: the owner of the data keys counts (limits.SEALS_PER_KEY_MAX) and goes on under the
next number. Old numbers stay for opening. Deleting a data key shreds all that it sealed.
"""

import os
import re
from collections.abc import Sequence
from typing import NoReturn, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fondaco_core.crypto.keys import KEY_BYTES, MasterKeys, WrappedKey
from fondaco_core.errors import Bug
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret

KEY_NUMBER_MAX = 2**31 - 1

_VERSION = 1
_HEADER_BYTES = 5
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SEALED_BYTES_MIN = _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_NOBODY = bytes(16)


class Tampered(Bug):
    """A sealed value does not open where it stands: it was changed, cut, or moved from another row, tenant or key."""


class DataKey:
    """One numbered key of a tenant, or of the platform, for one purpose; it seals, opens, and derives further keys.

    Its material is in no repr, is not compared, copied or pickled, and leaves only wrapped.
    """

    __slots__ = ("_aead", "_header", "_material", "number", "purpose", "seals", "tenant_id")

    def __init__(self, material: Secret[bytes], *, number: int, tenant_id: TenantId | None, purpose: str) -> None:
        assert len(material.reveal()) == KEY_BYTES
        assert 0 < number <= KEY_NUMBER_MAX
        assert _NAME.fullmatch(purpose), purpose
        self.number = number
        self.tenant_id = tenant_id
        self.purpose = purpose
        # How many values this object has sealed; whoever owns the keys adds it up (limits.SEALS_PER_KEY_MAX).
        self.seals = 0
        self._material = material
        self._header = bytes([_VERSION]) + number.to_bytes(4, "big")
        # The material itself only derives: sealing and look-up hashes never share a key.
        self._aead = AESGCM(derive(material, "seal").reveal())

    @classmethod
    async def create(
        cls, master_keys: MasterKeys, *, number: int, tenant_id: TenantId | None, purpose: str
    ) -> tuple[Self, WrappedKey]:
        """A fresh data key, and the form in which it is stored."""
        material = os.urandom(KEY_BYTES)
        wrapped = await master_keys.wrap(material, purpose=_wrap_purpose(number, tenant_id, purpose))
        return cls(Secret(material), number=number, tenant_id=tenant_id, purpose=purpose), wrapped

    @classmethod
    async def unwrap(
        cls, master_keys: MasterKeys, wrapped: WrappedKey, *, number: int, tenant_id: TenantId | None, purpose: str
    ) -> Self:
        """The data key that was stored; raises KeyUnavailable when the master keys do not open it for this owner."""
        material = await master_keys.unwrap(wrapped, purpose=_wrap_purpose(number, tenant_id, purpose))
        return cls(Secret(material), number=number, tenant_id=tenant_id, purpose=purpose)

    async def wrap(self, master_keys: MasterKeys) -> WrappedKey:
        """Wraps the same key again, under the current master key: what the rotation of master keys does."""
        purpose = _wrap_purpose(self.number, self.tenant_id, self.purpose)
        return await master_keys.wrap(self._material.reveal(), purpose=purpose)

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Seals a text for one place; `aad` says which (see `bound_to`), and `open` must be told the same."""
        nonce = os.urandom(_NONCE_BYTES)
        self.seals += 1
        return self._header + nonce + self._aead.encrypt(nonce, plaintext, self._header + aad)

    def seal_many(self, items: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
        """Seals pairs of text and context, in their order; about a microsecond a code."""
        header, encrypt, size = self._header, self._aead.encrypt, _NONCE_BYTES
        nonces = os.urandom(size * len(items))
        self.seals += len(items)
        sealed: list[bytes] = []
        for place, (plaintext, aad) in enumerate(items):
            nonce = nonces[place * size : (place + 1) * size]
            sealed.append(header + nonce + encrypt(nonce, plaintext, header + aad))
        return sealed

    def open(self, sealed: bytes, *, aad: bytes) -> bytes:
        """The text that was sealed for this place with this key; raises Tampered for anything else."""
        number = key_number_of(sealed)
        if number != self.number:
            msg = f"A value sealed with data key {number} does not open with data key {self.number}."
            raise Tampered(msg)
        body = _HEADER_BYTES + _NONCE_BYTES
        try:
            return self._aead.decrypt(sealed[_HEADER_BYTES:body], sealed[body:], self._header + aad)
        except InvalidTag:
            msg = f"A value sealed with data key {number} ({self.purpose}) does not open where it stands."
            raise Tampered(msg) from None

    def derive(self, purpose: str) -> Secret[bytes]:
        """A key of its own for a purpose, such as a look-up hash; the same every time, and unrelated to all others."""
        return derive(self._material, f"use|{purpose}")

    def __repr__(self) -> str:
        return f"DataKey({self.purpose} {self.number} of {self.tenant_id or 'the platform'})"

    def __reduce__(self) -> NoReturn:
        msg = "A DataKey is not serialised."
        raise TypeError(msg)


def derive(key: Secret[bytes], purpose: str) -> Secret[bytes]:
    """A 256-bit key for one purpose from another key (HKDF-SHA256); nothing is learned of one from the other."""
    kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"fondaco.derive.v1|{purpose}".encode())
    return Secret(kdf.derive(key.reveal()))


def bound_to(table: str, row_id: UUID, tenant_id: UUID | None) -> bytes:
    """The context that ties a sealed value to its row; a table with two sealed columns says `table.column`.

    The number of the key is bound by the seal itself. None stands for the platform.
    """
    assert _NAME.fullmatch(table), table
    return b"%b|%b%b" % (table.encode(), row_id.bytes, _NOBODY if tenant_id is None else tenant_id.bytes)


def key_number_of(sealed: bytes) -> int:
    """Which data key opens a sealed value; raises Tampered when it is not a sealed value."""
    if len(sealed) < _SEALED_BYTES_MIN or sealed[0] != _VERSION:
        msg = "A stored value is not in the form of a sealed one."
        raise Tampered(msg)
    return int.from_bytes(sealed[1:_HEADER_BYTES], "big")


def _wrap_purpose(number: int, tenant_id: TenantId | None, purpose: str) -> str:
    # The stored key is bound to its owner: a wrapped key moved to another tenant's row does not unwrap.
    return f"data-key|{purpose}|{tenant_id or 'platform'}|{number}"
