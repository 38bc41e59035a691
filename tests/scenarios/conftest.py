"""The processes of a whole installation on the test's servers: each may be killed, and each is ended with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.support.breaking import ROOT, environment_of, free_port
from tests.workers.conftest import queue, queue_settings, start

__all__ = ["queue", "queue_settings", "start"]


@pytest.fixture(scope="session")
def ports(
    queue_settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """Where two processes of the front door listen, or will in a moment."""
    assert database
    found = free_port(), free_port()
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path_factory.mktemp("doors") / "api.log").open("wb"))
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "fondaco_api"],
                env=environment_of(queue_settings, FONDACO_PORT=str(port)), cwd=ROOT, stdout=log, stderr=log,
            )
            for port in found
        ]  # fmt: skip
        try:
            yield found
        finally:
            for process in processes:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
