"""Starts a program that cannot outlive its parent, as another account where asked.

Run as a file by its path (`python -I -S leash.py …`), never imported for effect: it replaces itself by the program, so
that the process id is the program's. It exists because what it does must happen in the child between fork and exec,
where running Python code of a parent with threads (`preexec_fn`) may deadlock.

    leash.py PARENT SIGNAL ACCOUNT PROGRAM [ARGUMENT …]

PARENT is the process that must live, SIGNAL what the program gets when it dies, ACCOUNT one of
`-` (stay who we are), `UID:GID` (become that account), `UID:GID@` (a user namespace in which we appear as that account:
files keep belonging to us, so that nothing has to be reachable for others).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000

# What the program exits with when the leash itself failed; the reason is on stderr.
FAILED = 125


def _become(account: str) -> None:
    if account == "-":
        return
    uid, gid = (int(number) for number in account.rstrip("@").split(":"))
    if account.endswith("@"):
        _appear_as(uid, gid)
    else:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _appear_as(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"user namespaces are not available ({os.strerror(number)})")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{gid} {outer_gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib would double the start-up
            file.write(text)


def tie(death_signal: int, parent: int) -> None:
    """Has the kernel send `death_signal` to this process when `parent` dies; ends it at once if that happened already.

    Only Linux can do it; elsewhere an orphan has to be ended by the next start.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Becomes the program named by the arguments; returns only by exiting with FAILED."""
    parent, death_signal, account, *program = arguments
    try:
        _become(account)
        # After the change of account: the kernel forgets the wish whenever credentials change.
        tie(int(death_signal), int(parent))
        os.execv(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as failure:
        sys.stderr.write(f"leash: {program[0]}: {failure}\n")
        sys.exit(FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
