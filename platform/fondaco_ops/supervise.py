"""Keeps a few processes running: starts them, starts them again when they die, and stops them in order."""

import math
import re
import select
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol, Self

from fondaco_core.errors import FondacoError, SettingError
from fondaco_ops.places import set_aside
from fondaco_ops.process import end, kill_session, launch, never

# What a door exits with when its settings do not allow a start: trying again would not help.
REFUSED = 2
# Signals that come this close together are one wish: a terminal, a shell and make may each pass on the same one.
ONE_WISH_SECONDS = 0.5
# How the last lines of a traceback begin.
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*: ")
# The longest the supervisor sleeps when nothing happens.
NAP_SECONDS = 5.0


class Stopped(FondacoError):
    """Somebody asked us to stop, by Ctrl-C or a signal."""


class Service(Protocol):
    """Something that runs: an embedded server, or a Program."""

    @property
    def name(self) -> str:
        """One word for the lines people read."""
        ...

    @property
    def log(self) -> Path:
        """Where its output goes."""
        ...

    @property
    def running(self) -> bool:
        """Whether its process is alive."""
        ...

    def start(self) -> None:
        """Starts it, again if need be; raises SettingError when it cannot."""
        ...

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Ends it."""
        ...


class Program:
    """A process of ours, its output in a log. A start gives no promise but that the process was made."""

    def __init__(
        self, name: str, command: list[str], *, log: Path, environment: dict[str, str], stop_seconds: float = 15.0
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the last start."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process of the last start is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How the process of the last start ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Starts the process, after killing what an ended one left in its session."""
        assert not self.running
        if self._process is not None:
            kill_session(self._process.pid)
        self._process = launch(self._command, log=self.log, environment=self._environment, cwd=Path.cwd())

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Ends the process and its session gracefully, or at once when `hurried()`."""
        if self._process is not None:
            end(self._process, seconds=self._stop_seconds, hurried=hurried)
            self._process = None

    def run_once(self, waiting: Callable[[], None]) -> int:
        """Starts it, waits for its end, and gives its exit code; `waiting` is called often and may raise."""
        self.start()
        assert self._process is not None
        try:
            while (code := self._process.poll()) is None:
                waiting()
                time.sleep(0.01)
            return code
        finally:
            self.stop()


class Wishes:
    """The signals we got. Within it, Ctrl-C, SIGTERM and a closed terminal are wishes and interrupt nothing."""

    def __init__(self, *, one_wish_s: float = ONE_WISH_SECONDS) -> None:
        self._one_wish_s = one_wish_s
        self._count = 0
        self._last = -math.inf
        self._heeded: int | None = None
        self._bell, self._ear = socket.socketpair()

    def __enter__(self) -> Self:
        """Takes over the signals."""
        self._bell.settimeout(0.0)
        self._ear.settimeout(0.0)
        self._before = {n: signal.signal(n, self._wish) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._bell_before = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the signals back."""
        signal.set_wakeup_fd(self._bell_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._bell.close()
        self._ear.close()

    def _wish(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last >= self._one_wish_s:
            self._count += 1
        self._last = now

    def check(self) -> None:
        """Raises Stopped once a stop was asked for."""
        if self._count > 0 and self._heeded is None:
            raise Stopped

    def heed(self) -> None:
        """From here on we are stopping; the next signal means hurry."""
        self._heeded = self._count

    def hurried(self) -> bool:
        """Whether somebody asked again while we were stopping."""
        return self._heeded is not None and self._count > self._heeded

    def nap(self, seconds: float) -> None:
        """Sleeps until a signal comes or a child ends, at most so long."""
        select.select([self._ear], [], [], seconds)
        with suppress(BlockingIOError):
            while self._ear.recv(512):
                pass


@dataclass(frozen=True, slots=True)
class Patience:
    """How often something may die before we give up, and how long we wait before each new start."""

    deaths_max: int = 5
    within_s: float = 60.0
    delays_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 4.0)


@dataclass(slots=True)
class _Charge:
    """A service under watch."""

    service: Service
    deaths: deque[float] = field(default_factory=deque[float])
    next_start: float | None = None


class Supervisor:
    """Starts services in order, keeps them running, stops them in the opposite order."""

    def __init__(self, wishes: Wishes, say: Callable[[str], None], patience: Patience | None = None) -> None:
        self._wishes = wishes
        self._say = say
        self._patience = Patience() if patience is None else patience
        self._charges: list[_Charge] = []

    def start(self, service: Service) -> None:
        """Starts a service and watches it from now on."""
        self._wishes.check()
        self._charges.append(_Charge(service))
        service.start()

    def watch(self, until: Callable[[], bool] = never, *, look_every_s: float = NAP_SECONDS) -> None:
        """Starts again whatever dies, until `until()` or until somebody asks us to stop (raises Stopped).

        Raises SettingError, one sentence, when something dies over and over.
        """
        while not until():
            self._wishes.check()
            now = time.monotonic()
            for charge in self._charges:
                self._look_after(charge, now)
            starts = [charge.next_start - now for charge in self._charges if charge.next_start is not None]
            self._wishes.nap(max(0.0, min([look_every_s, *starts])))

    def stop(self) -> None:
        """Stops everything, the last started first; a signal meanwhile makes it hurry."""
        self._wishes.heed()
        while self._charges:
            charge = self._charges.pop()
            began = time.monotonic()
            charge.service.stop(self._wishes.hurried)
            self._say(f"{charge.service.name:<10} stopped ({time.monotonic() - began:.1f} s)")

    def _look_after(self, charge: _Charge, now: float) -> None:
        service = charge.service
        if service.running:
            set_aside(service.log, in_use=True)
            return
        if charge.next_start is None:
            self._note_death(charge, now)
        elif charge.next_start <= now:
            charge.next_start = None
            service.start()
            self._say(f"{service.name:<10} started again")

    def _note_death(self, charge: _Charge, now: float) -> None:
        service, patience = charge.service, self._patience
        if isinstance(service, Program) and service.exit_code == REFUSED:
            msg = f"{service.name} refused to start: {last_line(service.log)}"
            raise SettingError(msg)
        charge.deaths.append(now)
        while charge.deaths[0] < now - patience.within_s:
            charge.deaths.popleft()
        deaths = len(charge.deaths)
        if deaths >= patience.deaths_max:
            msg = f"{service.name} ended {deaths} times in a row; the last it said: {last_line(service.log)} (see {service.log})"
            raise SettingError(msg)
        delay = patience.delays_s[min(deaths, len(patience.delays_s)) - 1]
        charge.next_start = now + delay
        how = f" with code {service.exit_code}" if isinstance(service, Program) else ""
        self._say(f"{service.name:<10} ended{how}; starting again in {delay:g} s (see {service.log})")


def last_line(log: Path) -> str:
    """The last thing said in a log, for a sentence that says why: the exception of a traceback, or just the last line."""
    with suppress(OSError), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 16_384))
        lines = [line.rstrip() for line in file.read().decode("utf-8", errors="replace").splitlines() if line.strip()]
        # What follows an exception's own line explains it at length: the statement, the parameters, a link.
        traceback = max((n for n, line in enumerate(lines) if line.startswith("Traceback ")), default=len(lines))
        said = [line for line in lines[traceback:] if EXCEPTION.match(line)][:1] or lines[-1:]
        if said:
            return said[0].strip().removeprefix("fondaco: ")[:500]
    return "nothing"
