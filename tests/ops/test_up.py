"""`fondaco up`, the real thing: it comes up, outlives the deaths of its parts, and leaves nothing behind."""

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fondaco_ops.places import keep_port, remove_tree
from tests.support.processes import children, ends


class Installation:
    """One `fondaco up`, read line by line."""

    def __init__(self, data_dir: Path) -> None:
        self.port = keep_port(data_dir / "port")
        ours = {"FONDACO_DATA": str(data_dir / "data"), "FONDACO_PORT": str(self.port)}
        self._environment = {n: v for n, v in os.environ.items() if not n.startswith("FONDACO_")} | ours
        self._command = [sys.executable, "-m", "fondaco_ops", "up"]
        self.supervisor = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> None:
        """Reads on until a line fits."""
        assert self.supervisor.stdout is not None
        for line in self.supervisor.stdout:
            self.lines.append(line)
            if re.search(pattern, line):
                return
        pytest.fail(f"ended without {pattern!r}:\n{''.join(self.lines)}")

    def has_said(self, pattern: str) -> bool:
        """Whether a line that was read fits."""
        return any(re.search(pattern, line) for line in self.lines)

    def once_more(self) -> subprocess.CompletedProcess[str]:
        """Somebody starts the same again."""
        return subprocess.run(self._command, env=self._environment, capture_output=True, text=True, check=False)

    def ready(self) -> bool:
        """Whether the API answers with all it needs."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
        connection.close()
        return status == 200

    def pid_of(self, server: str) -> int:
        """The process of an embedded server."""
        return int(Path(self._environment["FONDACO_DATA"], server, "pid").read_text())


Start = Callable[[], Installation]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an installation; all of one test have the same data, in a folder with a blank in its name."""
    place = Path(tempfile.mkdtemp(prefix="fondaco up "))
    # PostgreSQL may run as another account, which has to pass through here.
    place.chmod(0o711)
    started: list[Installation] = []

    def start_one() -> Installation:
        started.append(Installation(place))
        return started[-1]

    yield start_one
    for installation in started:
        with installation.supervisor as supervisor:
            supervisor.terminate()
    remove_tree(place)


def test_everything_comes_up_and_outlives_deaths_and_a_killed_supervisor(start: Start) -> None:
    first = start()
    first.wait_for("ready after")
    assert first.ready()
    assert first.has_said("seed +ready")
    assert first.has_said("curl .*/graphql")
    assert first.has_said(r"sandbox +http://127.0.0.1:\d+/")

    again = first.once_more()
    assert again.returncode == 2
    assert f"as process {first.supervisor.pid}." in again.stderr

    for server in ("postgres", "valkey"):
        pid = first.pid_of(server)
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        first.wait_for(f"{server} +started again")
    everybody = children(first.supervisor.pid)
    first.supervisor.kill()
    first.supervisor.communicate()
    assert len(everybody) > 6
    assert all(ends(pid) for pid in everybody)

    second = start()
    second.wait_for("ready after")
    assert second.ready()
    assert not second.has_said("seed +ready")
    assert second.has_said("curl .*/graphql")
    everybody = children(second.supervisor.pid)
    second.supervisor.send_signal(signal.SIGINT)
    rest, _ = second.supervisor.communicate()

    assert second.supervisor.returncode == 0, rest
    stopped = re.findall(r"fondaco: (\w+) +stopped", rest)
    assert stopped == ["api", "scheduler", "relay", "worker", "sandbox", "mailbox", "valkey", "postgres"]
    assert all(ends(pid) for pid in everybody)
