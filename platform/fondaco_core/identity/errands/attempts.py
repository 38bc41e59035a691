"""Attempts to sign in, counted before a password is looked at.

Counting comes first so that a hundred guesses at the same moment are a hundred counted guesses, and it stays when the
guess was wrong, so it has a transaction of its own. It is the same for an account that exists and for one that does not.
"""

from dataclasses import dataclass
from datetime import timedelta

from fondaco_core import clock, limits
from fondaco_core.addresses import household, neighbourhood
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import transaction
from fondaco_core.identity import store_attempts as store
from fondaco_core.identity.errors import TooManyAttempts
from fondaco_core.identity.rules import mailbox_of
from fondaco_core.ids import TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Attempt:
    """One counted attempt; `forgive` takes it back when the password was right."""

    pair: bytes
    others: tuple[bytes, ...]
    place: bytes

    async def forgive(self) -> None:
        """Takes the attempt back, and everything that was tried for this account from this address."""
        async with transaction(Ctx()) as tx:
            await tx.execute(store.FORGIVE_ATTEMPT, list(self.others))
            await tx.execute(store.CLEAR_ATTEMPTS, self.pair)
            await tx.execute(store.KNOW_PLACE, self.place, clock.now())


async def count_beginning(stranger: Ctx) -> None:
    """Counts, by the asker's address alone, that somebody begins to sign in and names nobody; raises TooManyAttempts.

    There is no account to count for: one count for all of them would let anybody close the door to everybody.
    """
    await _count(_of_address(stranger), None)


async def count_attempt(stranger: Ctx, *, account: str) -> Attempt:
    """Counts an attempt for an account (any text that names one) from the asker's address; raises TooManyAttempts."""
    address = household(stranger.ip)
    pair, everywhere = _key(f"pair|{address}|{account}"), _key(f"account|{account}")
    place = _key(f"place|{address}|{account}")
    of_address = _of_address(stranger)
    bounds = {pair: limits.SIGN_IN_ATTEMPTS_MAX, everywhere: limits.SIGN_IN_ACCOUNT_ATTEMPTS_MAX, **of_address}
    await _count(bounds, (place, everywhere))
    return Attempt(pair, (everywhere, *of_address), place)


def _of_address(stranger: Ctx) -> dict[bytes, int]:
    return {
        _key(f"address|{household(stranger.ip)}"): limits.SIGN_IN_ADDRESS_ATTEMPTS_MAX,
        _key(f"network|{neighbourhood(stranger.ip)}"): limits.SIGN_IN_NETWORK_ATTEMPTS_MAX,
    }


async def _count(bounds: dict[bytes, int], known: tuple[bytes, bytes] | None) -> None:
    """Counts one more under each key; `known` names the place that lifts a bound for who was let in from there."""
    now = clock.now()
    window = timedelta(seconds=limits.SIGN_IN_WINDOW_S)
    async with transaction(Ctx()) as tx:
        rows = await tx.fetch(store.COUNT_ATTEMPT, list(bounds), now, now - window)
        if known is not None and await tx.fetchval(store.PLACE_KNOWN, known[0]):
            # Guesses from elsewhere do not lock out who was let in from here before; guesses from here do.
            bounds[known[1]] = sum(row["attempts"] for row in rows)
    over = [row["since"] + window for row in rows if row["attempts"] > bounds[row["key"]]]
    if over:
        raise TooManyAttempts(max(1, int((max(over) - now).total_seconds())))


async def may_write_to(
    address: Secret[str], *, most: int = limits.LETTERS_UNPROVED_MAX, by: TenantId | None = None
) -> bool:
    """Counts a letter to somebody who need not have asked for it, and says whether it may leave; over all merchants, or `by` one.

    Whoever names an address that is not theirs, in a store, for an order, as a recipient, has letters sent there.
    """
    now = clock.now()
    window = timedelta(seconds=limits.LETTERS_WINDOW_S)
    async with transaction(Ctx()) as tx:
        (row,) = await tx.fetch(store.COUNT_ATTEMPT, [_letter(address, most, by)], now, now - window)
    return bool(row["attempts"] <= most)


async def take_letter_back(
    address: Secret[str], *, most: int = limits.LETTERS_UNPROVED_MAX, by: TenantId | None = None
) -> None:
    """Counts a letter less that did not leave after all, so that a server which is away for long uses nothing up."""
    async with transaction(Ctx()) as tx:
        await tx.execute(store.FORGIVE_ATTEMPT, [_letter(address, most, by)])


def _letter(address: Secret[str], most: int, by: TenantId | None) -> bytes:
    return _key(f"letters|{most}|{'' if by is None else by}|{mailbox_of(address.reveal())}")


def _key(text: str) -> bytes:
    return keyed_hash(keyring().lookup_key, "sign-in", text)
