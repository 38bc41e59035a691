"""Which account PostgreSQL runs as: it refuses to run as root, and we are often root in a container."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from fondaco_core.errors import SettingError

# Accounts every Debian-like system has, the most fitting first. initdb wants one with a name.
CANDIDATES = ("postgres", "daemon", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server runs as. `leash` is how fondaco_ops.leash is told; `owner` is who must own its files."""

    leash: str
    owner: tuple[int, int] | None


OURSELVES = Account("-", None)


def choose_account(*places: Path) -> Account:
    """Picks an account for a server that must reach every one of `places` (programs, and where its data lives).

    An ordinary user stays who it is. Root becomes another account when that one can reach the places; otherwise the
    server runs in a user namespace, where root's own files seem to belong to the other account.
    """
    if os.geteuid() != 0:
        return OURSELVES
    known = [entry for name in CANDIDATES if (entry := _find_account(name)) is not None]
    if not known:
        msg = f"PostgreSQL does not run as root, and none of the accounts {', '.join(CANDIDATES)} exists; create one."
        raise SettingError(msg)
    for entry in known:
        if all(reachable(place, uid=entry.pw_uid, gid=entry.pw_gid) for place in places):
            return Account(f"{entry.pw_uid}:{entry.pw_gid}", (entry.pw_uid, entry.pw_gid))
    return Account(f"{known[0].pw_uid}:{known[0].pw_gid}@", (0, 0))


def reachable(place: Path, *, uid: int, gid: int) -> bool:
    """Whether an account may pass through every folder down to `place`, as far as plain permission bits tell."""
    place = place.resolve()
    return all(_may(folder.stat(), uid=uid, gid=gid) for folder in (*place.parents, place))


def _may(status: os.stat_result, *, uid: int, gid: int) -> bool:
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _find_account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def give(folder: Path, owner: tuple[int, int] | None) -> None:
    """Makes a folder and all in it belong to `owner`, where it does not yet; None leaves it alone."""
    if owner is None or (folder.stat().st_uid, folder.stat().st_gid) == owner:
        return
    # The folder itself comes last: its owner says that everything in it is done.
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), *owner, follow_symlinks=False)  # noqa: PTH118 - a thousand files
    os.chown(folder, *owner)
