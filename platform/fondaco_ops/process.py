"""Programs that are started here cannot outlive us; and how to tell a program from a stranger with its process id."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fondaco_ops import leash
from fondaco_ops.account import OURSELVES, Account

POLL_SECONDS = 0.01


def never() -> bool:
    """Nobody is in a hurry."""
    return False


def launch(
    command: list[str],
    *,
    log: Path,
    account: Account = OURSELVES,
    death_signal: signal.Signals = signal.SIGKILL,
    environment: dict[str, str] | None = None,
    cwd: Path = Path("/"),
    typed_in: bytes = b"",
) -> subprocess.Popen[bytes]:
    """Starts a program in a session of its own that gets `death_signal` when we die; its output is added to `log`.

    Call it from a thread that lives as long as the program should: the kernel takes the end of the thread for ours.
    """
    tied = [
        sys.executable,
        "-I",
        "-S",
        leash.__file__,
        str(os.getpid()),
        str(int(death_signal)),
        account.leash,
        *command,
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603
            tied,
            stdin=subprocess.PIPE if typed_in else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=bare_environment() if environment is None else environment,
            start_new_session=True,
        )
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(typed_in)
    return process


def end(
    process: subprocess.Popen[bytes],
    *,
    graceful: signal.Signals = signal.SIGTERM,
    seconds: float,
    at_once: signal.Signals = signal.SIGKILL,
    hurried: Callable[[], bool] = never,
) -> None:
    """Ends a program that `launch` started, and whatever is left of its session.

    It gets `graceful` and so many seconds, fewer when `hurried()` says so; then `at_once`; then it is killed.
    """
    _signal_and_wait(process, graceful, seconds, hurried)
    _signal_and_wait(process, at_once, 5.0, never)
    if process.poll() is None:
        process.kill()
        process.wait()
    kill_session(process.pid)


def kill_session(leader: int) -> None:
    """Kills what an ended program left behind in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _signal_and_wait(
    process: subprocess.Popen[bytes], number: signal.Signals, seconds: float, hurried: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + seconds
    process.send_signal(number)
    while process.poll() is None and time.monotonic() < deadline and not hurried():
        time.sleep(POLL_SECONDS)


def bare_environment() -> dict[str, str]:
    """What a server gets to see: nothing of ours, so that no PGPORT, LANG or TZ of the caller changes what it does."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process is alive and has `folder` as its working directory (or, without /proc, is merely alive)."""
    if not Path("/proc/self").exists():
        with suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return False
        return True
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve()  # noqa: PTH115 - Path.readlink is the same
    except OSError:
        return False
