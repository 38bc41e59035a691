"""One PostgreSQL and one Valkey for a whole test session, shared by the workers of pytest-xdist.

A keeper process holds both. It is started by whoever asks first, watches the session's outermost process, and stops the
servers when that one has ended, however it ended: nothing is left behind by a test run that was killed.
"""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from fondaco_ops.embedded import temporary_servers

START_SECONDS = 120.0
# The keepers that this process started: held, because a forgotten child is a warning, and warnings are errors.
_KEEPERS: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class TestServers:
    """Where the session's servers are: `admin_dsn` is the PostgreSQL superuser's, `redis_url` this worker's part of the Valkey."""

    # Its name begins with Test, and it is none.
    __test__ = False

    admin_dsn: str
    redis_url: str
    keeper: int
    shared: bool

    def stop(self) -> None:
        """Stops the servers, unless other workers of the session still use them; the keeper does it at the end then."""
        if not self.shared:
            _end(self.keeper)


def start_servers(tmp: Path | None = None) -> TestServers:
    """Starts the servers of this test session, or finds those that another worker started.

    They are not durable, and hold nothing but what the tests of this session put there. `tmp` is where their address is
    kept: a folder that all workers of the session, and no other session, can agree on. Without one, one is made up.
    """
    shared = "PYTEST_XDIST_WORKER" in os.environ
    session = os.getppid() if shared else os.getpid()
    if tmp is None:
        tmp = Path(tempfile.gettempdir(), f"fondaco-test-session-{os.getuid()}-{session}")
    tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (tmp / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = tmp / "servers.json"
        found = _read(address, session)
        if found is None:
            address.unlink(missing_ok=True)
            _start_keeper(address, session)
            found = _read(address, session)
    assert found is not None
    return TestServers(found["admin_dsn"], _own(found["redis_url"]), int(found["keeper"]), shared)


def _own(redis_url: str) -> str:
    """The numbered database of Valkey that is this worker's; the one after it is its queue's."""
    worker = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", ""))
    return f"{redis_url.rstrip('/')}/{2 * (int(worker or 0) % 8)}"


def _read(address: Path, session: int) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads(address.read_text())
    except FileNotFoundError:
        return None
    # A folder may be used again by a later session; its servers are gone then.
    alive = Path(f"/proc/{found['keeper']}").exists() or not Path("/proc/self").exists()
    return found if int(found["session"]) == session and alive else None


def _start_keeper(address: Path, session: int) -> None:
    log = address.with_suffix(".log")
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, __file__, str(address), str(session)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # An interrupt at the keyboard is for pytest: it still needs the servers while it tears down.
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    _KEEPERS.append(keeper)
    deadline = time.monotonic() + START_SECONDS
    while not address.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            msg = f"The test servers did not start:\n{log.read_text()}"
            raise RuntimeError(msg)
        time.sleep(0.01)


def _end(keeper: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(keeper, signal.SIGTERM)
    deadline = time.monotonic() + START_SECONDS
    # A zombie child of ours counts as alive until it was waited for.
    while time.monotonic() < deadline:
        try:
            if os.waitpid(keeper, os.WNOHANG)[0] == keeper:
                return
        except ChildProcessError:
            return
        time.sleep(0.01)


def _keep(address: Path, session: int) -> None:
    """The keeper: starts both servers, tells where they are, and stops them when the session has ended."""
    signal.signal(signal.SIGTERM, _leave)
    folder = Path(tempfile.mkdtemp(prefix="fondaco-test-servers-"))
    # PostgreSQL may have to run as another account; its own folder in here stays private.
    folder.chmod(0o711)
    try:
        _hold(folder, address, session)
    finally:
        if address.parent.name.startswith("fondaco-test-session-"):
            shutil.rmtree(address.parent, ignore_errors=True)


def _hold(folder: Path, address: Path, session: int) -> None:
    with temporary_servers(folder) as (postgres, valkey):
        told = {"admin_dsn": postgres.admin_dsn, "redis_url": valkey.url, "keeper": os.getpid(), "session": session}
        fresh = address.with_suffix(".new")
        fresh.write_text(json.dumps(told))
        fresh.rename(address)
        _wait_for_the_end_of(session)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _wait_for_the_end_of(pid: int) -> None:
    if sys.platform == "linux":
        with suppress(ProcessLookupError):
            select.select([os.pidfd_open(pid)], [], [])
        return
    with suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(0.5)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
