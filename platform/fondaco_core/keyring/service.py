"""Use cases of the keyring: open it at the start of a process, find a tenant's key, make one for a new tenant.

Keys are read in transactions of their own and unwrapped outside of any: a key management service is a network away.
"""

import time
from enum import StrEnum
from typing import Final

from fondaco_core import clock, limits
from fondaco_core.context import system_ctx
from fondaco_core.crypto import DataKey, MasterKeys, WrappedKey, key_number_of
from fondaco_core.crypto.keys import KeyUnavailable
from fondaco_core.db import Tx, governing
from fondaco_core.errors import Bug
from fondaco_core.ids import TenantId
from fondaco_core.keyring import store
from fondaco_core.secret import Secret


class Purpose(StrEnum):
    """What a data key is for. FINGERPRINT and LOOKUP keys are the platform's; SEAL keys are each tenant's own."""

    SEAL = "SEAL"
    FINGERPRINT = "FINGERPRINT"
    LOOKUP = "LOOKUP"


class Keyring:
    """The opened keys of one process."""

    def __init__(self, master_keys: MasterKeys, fingerprint: DataKey, lookup: DataKey) -> None:
        self._master_keys = master_keys
        self._by_number: dict[int, DataKey] = {}
        # Which key seals for a tenant now, and until when this process believes it: a rotation shows within that time.
        self._current: dict[TenantId, tuple[int, float]] = {}
        self.fingerprint_key: Final[Secret[bytes]] = fingerprint.derive("fingerprint")
        self.lookup_key: Final[Secret[bytes]] = lookup.derive("lookup")

    @property
    def master_keys(self) -> MasterKeys:
        """What wraps new data keys."""
        return self._master_keys

    async def sealing_key(self, tenant_id: TenantId) -> DataKey:
        """The key that seals for a tenant now. A tenant without one is a Bug: approval makes it."""
        known = self._current.get(tenant_id)
        if known is not None and known[1] > time.monotonic():
            return self._by_number[known[0]]
        async with governing(system_ctx("keyring")) as tx:
            row = await tx.fetchrow(store.CURRENT, tenant_id, Purpose.SEAL.value)
        if row is None:
            msg = f"Tenant {tenant_id} has no data key."
            raise Bug(msg)
        key = self._by_number.get(row["number"]) or await _unwrap(
            self._master_keys, row, number=row["number"], tenant_id=tenant_id, purpose=Purpose.SEAL
        )
        self._by_number[key.number] = key
        self._current[tenant_id] = (key.number, time.monotonic() + limits.KEY_CACHE_S)
        return key

    async def open(self, sealed: bytes, *, aad: bytes) -> Secret[bytes]:
        """The plaintext of a sealed value, by the key number it carries; Tampered when it was moved or changed."""
        number = key_number_of(sealed)
        key = self._by_number.get(number)
        if key is None:
            async with governing(system_ctx("keyring")) as tx:
                row = await tx.fetchrow(store.BY_NUMBER, number)
            if row is None:
                msg = f"Data key {number} is not stored."
                raise KeyUnavailable(msg)
            key = await _unwrap(
                self._master_keys, row, number=number, tenant_id=row["tenant_id"], purpose=Purpose(row["purpose"])
            )
            self._by_number[number] = key
        return Secret(key.open(sealed, aad=aad))


async def _unwrap(
    master_keys: MasterKeys, row: object, *, number: int, tenant_id: TenantId | None, purpose: Purpose
) -> DataKey:
    wrapped = WrappedKey(row["master_key_id"], row["wrapped"])  # type: ignore[index]
    return await DataKey.unwrap(master_keys, wrapped, number=number, tenant_id=tenant_id, purpose=purpose.value.lower())


async def _make(tx: Tx, master_keys: MasterKeys, tenant_id: TenantId | None, purpose: Purpose) -> DataKey:
    number = await tx.fetchval(store.NEXT_NUMBER)
    key, wrapped = await DataKey.create(master_keys, number=number, tenant_id=tenant_id, purpose=purpose.value.lower())
    await tx.execute(
        store.ADD, number, tenant_id, purpose.value, wrapped.master_key_id, wrapped.ciphertext, clock.now()
    )
    return key


async def create_tenant_key(tx: Tx, tenant_id: TenantId) -> None:
    """Makes the key that seals for a new tenant, once; needs a transaction as fondaco_platform."""
    if await tx.fetchrow(store.CURRENT, tenant_id, Purpose.SEAL.value) is None:
        await _make(tx, keyring().master_keys, tenant_id, Purpose.SEAL)


_keyring: Keyring | None = None


async def open_keyring(master_keys: MasterKeys) -> Keyring:
    """Opens the platform's keys for this process, making them on the very first start.

    Raises KeyUnavailable, one sentence, when the master key does not open what is stored: never a new key instead.
    """
    global _keyring  # noqa: PLW0603 - one keyring a process, opened at its door
    keys: dict[Purpose, DataKey] = {}
    async with governing(system_ctx("keyring")) as tx:
        await tx.execute(store.LOCK)
        for purpose in (Purpose.FINGERPRINT, Purpose.LOOKUP):
            row = await tx.fetchrow(store.CURRENT, None, purpose.value)
            keys[purpose] = (
                await _make(tx, master_keys, None, purpose)
                if row is None
                else await _unwrap(master_keys, row, number=row["number"], tenant_id=None, purpose=purpose)
            )
    _keyring = Keyring(master_keys, keys[Purpose.FINGERPRINT], keys[Purpose.LOOKUP])
    return _keyring


def close_keyring() -> None:
    """Forgets the opened keys."""
    global _keyring  # noqa: PLW0603
    _keyring = None


def keyring() -> Keyring:
    """This process's keyring."""
    assert _keyring is not None, "open_keyring() comes first"
    return _keyring
