"""The life of a server that we start ourselves, in a folder of its own: what PostgreSQL and Valkey have in common."""

import fcntl
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from fondaco_core.errors import SettingError
from fondaco_ops.account import OURSELVES, Account
from fondaco_ops.places import keep_port, keep_secret, make_folder, set_aside
from fondaco_ops.process import end, launch, never, works_in

# Crash recovery after a long write burst takes its time; a server that still replays is not a broken one.
READY_SECONDS = 300.0
# A fast shutdown writes a checkpoint first.
STOP_SECONDS = 30.0
# How long a server whose owner died may need to be gone before we call its folder taken.
LEAVING_SECONDS = 15.0
POLL_SECONDS = 0.01
PORT_ATTEMPTS = 5

# Log lines that mean "this port is taken after all": somebody was faster between our look and the server's.
PORT_TAKEN = ("could not bind", "Could not create server TCP", "Failed listening on port", "could not create any TCP")
# What PostgreSQL says while the last connections of a killed predecessor are still ending.
PREDECESSOR = ("pre-existing shared memory block", "is already in use")


class Server(ABC):
    """One server process in a folder of its own: the part of the life that both kinds share."""

    title = "The server"
    name = "server"
    # How the program ends gracefully, also when we die without a word.
    graceful = signal.SIGTERM
    # How it ends when there is no time: without tidying up, but without leaving processes.
    at_once = signal.SIGKILL

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        log: Path | None = None,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """`log` is where its output goes, by default into its folder; `waiting` is called often while it starts."""
        self.data_dir = data_dir.absolute()
        self.durable = durable
        self.log = self.data_dir / "server.log" if log is None else log
        self.port = 0
        self._waiting = waiting
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._password = ""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process we started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the server, and returns when it accepts connections; the first start of a folder prepares it.

        Raises SettingError, one sentence, when the folder belongs to a live server, or the server does not come up.
        """
        assert not self.running
        # After a crash: lets go of what is left of the one before.
        self.stop(hurried=lambda: True)
        try:
            make_folder(self.data_dir, passable=True)
            self._take_lock()
            self._refuse_a_live_server()
            self._password = keep_secret(self.data_dir / "password")
            self._prepare()
            self._launch()
        except BaseException:
            self.stop(hurried=lambda: True)
            raise

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Ends the server gracefully, or at once when `hurried()`; safe to call twice, and for one that never started."""
        if self._process is not None:
            end(self._process, graceful=self.graceful, seconds=STOP_SECONDS, at_once=self.at_once, hurried=hurried)
            self._process = None
            self._pid_file.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "pid"

    @property
    @abstractmethod
    def _home(self) -> Path:
        """The working directory of the program: how a live one is told from a stranger with the same process id."""

    @abstractmethod
    def _prepare(self) -> None:
        """Makes what the first start needs."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether it accepts connections."""

    def _account(self) -> Account:
        return OURSELVES

    def _typed_in(self) -> bytes:
        """What the program reads from its standard input: the place for what must not be in its arguments."""
        return b""

    def _take_lock(self) -> None:
        self._lock = (self.data_dir / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip()
            msg = f"{self.title} in {self.data_dir} is in use by process {holder or 'unknown'}; stop that one first."
            raise SettingError(msg) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def _refuse_a_live_server(self) -> None:
        """Waits for an orphan to finish ending; one that stays makes the folder taken."""
        deadline = time.monotonic() + LEAVING_SECONDS
        while (pid := self._live_pid()) is not None:
            if time.monotonic() > deadline:
                msg = f"{self.title} in {self.data_dir} already runs as process {pid}; end that one first (kill {pid})."
                raise SettingError(msg)
            self._pause(POLL_SECONDS * 5)

    def _live_pid(self) -> int | None:
        with suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text(encoding="ascii"))
            if works_in(pid, self._home):
                return pid
        return None

    def _launch(self) -> None:
        set_aside(self.log)
        # Once others know the port, it stays: they would look for the server where it was.
        settled = self.port != 0
        for attempt in range(1 if settled else PORT_ATTEMPTS):
            if not settled:
                self.port = keep_port(self.data_dir / "port", anew=attempt > 0)
            said = self._launch_patiently()
            if said is None:
                return
            if not any(phrase in said for phrase in PORT_TAKEN):
                raise SettingError(self._why_not(said))
        msg = f"{self.title} cannot listen on 127.0.0.1:{self.port}: another program does."
        raise SettingError(msg)

    def _launch_patiently(self) -> str | None:
        """None when it runs; otherwise what it said. Waits while the last of a killed predecessor is still ending."""
        deadline = time.monotonic() + LEAVING_SECONDS
        while True:
            start = self.log.stat().st_size if self.log.exists() else 0
            if self._launch_once():
                return None
            said = self._said(start)
            if not any(phrase in said for phrase in PREDECESSOR) or time.monotonic() > deadline:
                return said
            self._pause(POLL_SECONDS * 20)

    def _launch_once(self) -> bool:
        self._process = launch(
            self._command(),
            log=self.log,
            account=self._account(),
            death_signal=self.graceful,
            typed_in=self._typed_in(),
        )
        self._pid_file.write_text(str(self._process.pid), encoding="ascii")
        deadline = time.monotonic() + READY_SECONDS
        while self._process.poll() is None:
            if self._ready():
                return True
            if time.monotonic() > deadline:
                msg = (
                    f"{self.title} in {self.data_dir} was not ready within {READY_SECONDS:.0f} seconds; see {self.log}."
                )
                raise SettingError(msg)
            self._pause(POLL_SECONDS)
        return False

    def _pause(self, seconds: float) -> None:
        self._waiting()
        time.sleep(seconds)

    def _said(self, start: int) -> str:
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read(64 * 1024).decode("utf-8", errors="replace")

    def _why_not(self, said: str) -> str:
        if "No space left on device" in said:
            return f"The disk that holds {self.data_dir} is full: {self.title} cannot start."
        lines = [line.strip() for line in said.splitlines() if "FATAL" in line or "Fatal" in line or "leash:" in line]
        reason = lines[0] if lines else (said.strip().splitlines() or ["it said nothing"])[-1].strip()
        return f"{self.title} in {self.data_dir} did not start: {reason.rstrip('.')} (see {self.log})."
