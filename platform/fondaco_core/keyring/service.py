"""Use cases of the keyring: open it at the start of a process, find a tenant's key, make one when it is first needed.

Keys are read in transactions of their own and wrapped and unwrapped outside of any: a key management service is a network
away. How keys change is custody's business (core.custody).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fondaco_core import clock, limits
from fondaco_core.context import system_ctx
from fondaco_core.crypto import DataKey, MasterKeys, WrappedKey, key_number_of
from fondaco_core.crypto.keys import KeyUnavailable
from fondaco_core.db import Tx, governing
from fondaco_core.errors import Bug
from fondaco_core.ids import TenantId
from fondaco_core.keyring import store
from fondaco_core.keyring.errors import KeysDestroyed
from fondaco_core.secret import Secret


class Purpose(StrEnum):
    """What a data key is for. FINGERPRINT and LOOKUP keys are the platform's; SEAL keys are each tenant's own and one the platform's."""

    SEAL = "SEAL"
    FINGERPRINT = "FINGERPRINT"
    LOOKUP = "LOOKUP"


@dataclass(frozen=True, slots=True)
class Made:
    """A fresh key that is not stored yet, and the form in which it will be."""

    key: DataKey
    wrapped: WrappedKey
    tenant_id: TenantId | None
    purpose: Purpose


class Keyring:
    """The opened keys of one process."""

    def __init__(self, master_keys: MasterKeys, fingerprint: DataKey, lookup: DataKey) -> None:
        self._master_keys = master_keys
        # Opened keys, and until when this process believes that they are not destroyed.
        self._by_number: dict[int, tuple[DataKey, float]] = {}
        # Which key seals for a tenant (or the platform) now, and until when: a rotation shows within that time.
        self._current: dict[TenantId | None, tuple[int, float]] = {}
        self.fingerprint_key: Final[Secret[bytes]] = fingerprint.derive("fingerprint")
        self.lookup_key: Final[Secret[bytes]] = lookup.derive("lookup")

    @property
    def master_keys(self) -> MasterKeys:
        """What wraps new data keys."""
        return self._master_keys

    async def sealing_key(self, tenant_id: TenantId | None) -> DataKey:
        """The key that seals for a tenant now, or for the platform (None); made when it is first asked for.

        Raises KeysDestroyed for a merchant that has left for good.
        """
        known = self._current.get(tenant_id)
        # One that was found to be destroyed is not among the opened any more.
        if known is not None and known[0] in self._by_number:
            if known[1] > time.monotonic():
                return self._by_number[known[0]][0]
            await self.count_seals(known[0])
        row = await self._current_row(tenant_id)
        number = row["number"]
        if row["seals"] >= limits.SEALS_PER_KEY_MAX:
            # Keys are rotated at a small part of this (custody): nobody has looked after them for very long.
            msg = f"Data key {number} has sealed as much as is safe, and was not rotated."
            raise Bug(msg)
        believed_until = time.monotonic() + limits.KEY_CACHE_S
        if number in self._by_number:
            key = self._by_number[number][0]
        else:
            key = await _unwrap(self._master_keys, row, number=number, tenant_id=tenant_id, purpose=Purpose.SEAL)
        self._by_number[number] = (key, believed_until)
        self._current[tenant_id] = (number, believed_until)
        return key

    async def open(self, sealed: bytes, *, aad: bytes) -> Secret[bytes]:
        """The plaintext of a sealed value, by the key number it carries; Tampered when it was moved or changed.

        Raises KeysDestroyed when it was sealed for a merchant that has left for good.
        """
        return Secret((await self.key_of(sealed)).open(sealed, aad=aad))

    async def key_of(self, sealed: bytes) -> DataKey:
        """The key that a value was sealed with. Raises KeysDestroyed."""
        return await self.numbered(key_number_of(sealed))

    async def numbered(self, number: int) -> DataKey:
        """The key of a number. Raises KeysDestroyed."""
        known = self._by_number.get(number)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        async with governing(system_ctx("keyring")) as tx:
            row = await tx.fetchrow(store.BY_NUMBER, number)
        if row is None:
            msg = f"Data key {number} is not stored."
            raise KeyUnavailable(msg)
        if row["destroyed_at"] is not None:
            self._by_number.pop(number, None)
            raise KeysDestroyed
        key = (
            known[0]
            if known is not None
            else await _unwrap(
                self._master_keys, row, number=number, tenant_id=row["tenant_id"], purpose=Purpose(row["purpose"])
            )
        )
        self._by_number[number] = (key, time.monotonic() + limits.KEY_CACHE_S)
        return key

    async def count_seals(self, number: int) -> None:
        """Adds what this process sealed with a key since it last said so to what all have."""
        key = self._by_number[number][0]
        if key.seals:
            fresh, key.seals = key.seals, 0
            async with governing(system_ctx("keyring")) as tx:
                await tx.execute(store.COUNT_SEALS, number, fresh)

    def forget(self, tenant_id: TenantId | None) -> None:
        """Has this process look again which key seals for a tenant, and whether its keys are still there."""
        self._current.pop(tenant_id, None)
        for number, (key, _) in list(self._by_number.items()):
            if key.tenant_id == tenant_id:
                self._by_number[number] = (key, 0.0)

    async def _current_row(self, tenant_id: TenantId | None) -> Mapping[str, Any]:
        async with governing(system_ctx("keyring")) as tx:
            row = await tx.fetchrow(store.CURRENT, tenant_id, Purpose.SEAL.value)
            # Not "has it ever had a key": another process may have made the first one between the two statements.
            left = row is None and await tx.fetchval(store.LEFT, tenant_id, Purpose.SEAL.value)
        if left:
            raise KeysDestroyed
        return row or await _stored(self._master_keys, tenant_id, Purpose.SEAL)


async def make_key(master_keys: MasterKeys, tenant_id: TenantId | None, purpose: Purpose = Purpose.SEAL) -> Made:
    """A fresh key with a number of its own, wrapped, in no transaction; `add_key` stores it."""
    async with governing(system_ctx("keyring")) as tx:
        number = await tx.fetchval(store.NEXT_NUMBER)
    key, wrapped = await DataKey.create(master_keys, number=number, tenant_id=tenant_id, purpose=purpose.value.lower())
    return Made(key, wrapped, tenant_id, purpose)


async def add_key(tx: Tx, made: Made) -> bool:
    """Stores a fresh key as the one that seals from now on; False when another one does."""
    added = await tx.execute(
        store.ADD, made.key.number, made.tenant_id, made.purpose.value, made.wrapped.master_key_id,
        made.wrapped.ciphertext, clock.now(),
    )  # fmt: skip
    return added == 1


async def replace_key(tx: Tx, made: Made) -> None:
    """Stores a fresh key in the place of the current one of its owner, which goes on opening what it sealed."""
    await tx.execute(store.LOCK_TENANT, str(made.tenant_id))
    await tx.execute(store.RETIRE, made.tenant_id, made.purpose.value, clock.now())
    if not await add_key(tx, made):
        msg = f"A key of {made.tenant_id or 'the platform'} was made while its keys were locked."
        raise Bug(msg)


async def destroy_keys(tx: Tx, tenant_id: TenantId) -> int:
    """Forgets every key of a tenant for good, and says how many; nothing that they sealed opens any more."""
    await tx.execute(store.LOCK_TENANT, str(tenant_id))
    return await tx.execute(store.DESTROY, tenant_id, clock.now())


async def platform_key_number(tx: Tx) -> int:
    """The number of the key that seals for the platform now; no other takes over before the transaction ends."""
    await tx.fetchval(store.LOCK_TENANT, str(None))
    row = await tx.fetchrow(store.CURRENT, None, Purpose.SEAL.value)
    assert row is not None, "somebody has asked for the key before"
    number: int = row["number"]
    return number


async def destroy_replaced_keys(tx: Tx, *, number: int) -> int:
    """Forgets for good every key that sealed for the platform before this one, and says how many; nothing needs them any more."""
    await tx.fetchval(store.LOCK_TENANT, str(None))
    return await tx.execute(store.DESTROY_REPLACED, number, clock.now())


async def worn_keys(tx: Tx, *, count: int) -> list[TenantId | None]:
    """Whose key has sealed so much that it is time for another one: tenants, and the platform (None)."""
    rows = await tx.fetch(store.WORN, limits.SEALS_ROTATE_AT, count)
    return [row["tenant_id"] for row in rows]


async def keys_by_master(tx: Tx) -> dict[str, int]:
    """How many keys each master key has wrapped."""
    return {row["master_key_id"]: row["keys"] for row in await tx.fetch(store.BY_MASTER)}


async def rewrap_some(master_keys: MasterKeys, *, count: int) -> int:
    """Wraps some of the keys again that another than the current master key has wrapped, and says how many; 0 at the end.

    Opening and wrapping is done between two transactions; a key that changed meanwhile is left for the next time.
    """
    ctx = system_ctx("keyring")
    async with governing(ctx) as tx:
        rows = await tx.fetch(store.UNDER_OTHERS, master_keys.current_id, count)
    wrapped: list[WrappedKey] = []
    for row in rows:
        key = await _unwrap(
            master_keys, row, number=row["number"], tenant_id=row["tenant_id"], purpose=Purpose(row["purpose"])
        )
        wrapped.append(await key.wrap(master_keys))
    if rows:
        async with governing(ctx) as tx:
            await tx.execute(
                store.REWRAP, [row["number"] for row in rows], [row["wrapped"] for row in rows],
                [each.ciphertext for each in wrapped], [each.master_key_id for each in wrapped],
            )  # fmt: skip
    return len(rows)


async def _unwrap(
    master_keys: MasterKeys, row: Mapping[str, Any], *, number: int, tenant_id: TenantId | None, purpose: Purpose
) -> DataKey:
    wrapped = WrappedKey(row["master_key_id"], row["wrapped"])
    return await DataKey.unwrap(master_keys, wrapped, number=number, tenant_id=tenant_id, purpose=purpose.value.lower())


async def _stored(master_keys: MasterKeys, tenant_id: TenantId | None, purpose: Purpose) -> Mapping[str, Any]:
    """The row of a key that was just made, by this process or by another that was faster."""
    made = await make_key(master_keys, tenant_id, purpose)
    async with governing(system_ctx("keyring")) as tx:
        await add_key(tx, made)
        row: Mapping[str, Any] | None = await tx.fetchrow(store.CURRENT, tenant_id, purpose.value)
    assert row is not None
    return row


_keyring: Keyring | None = None


async def open_keyring(master_keys: MasterKeys) -> Keyring:
    """Opens the platform's keys for this process, making them on the very first start.

    Raises KeyUnavailable, one sentence, when the master key does not open what is stored: never a new key instead.
    """
    global _keyring  # noqa: PLW0603 - one keyring a process, opened at its door
    keys: dict[Purpose, DataKey] = {}
    for purpose in (Purpose.FINGERPRINT, Purpose.LOOKUP):
        async with governing(system_ctx("keyring")) as tx:
            row = await tx.fetchrow(store.CURRENT, None, purpose.value)
        found = row or await _stored(master_keys, None, purpose)
        keys[purpose] = await _unwrap(master_keys, found, number=found["number"], tenant_id=None, purpose=purpose)
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
