"""A queue of its own for each worker of pytest, and the processes that tests of the back door need."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_core.secret import Secret
from tests.support.outbox import empty_outbox

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="session")
def queue_settings(settings: Settings) -> Settings:
    """The settings with a numbered database of Valkey that nothing but this worker's queue uses."""
    server, _, number = settings.require_redis_url().reveal().rpartition("/")
    return replace(settings, redis_url=Secret(f"{server}/{int(number) + 1}"))


@pytest.fixture
async def queue(queue_settings: Settings, database: Database) -> AsyncIterator[redis.Redis]:  # noqa: ARG001 - opens the pools
    """The queue, empty, and an empty outbox before it."""
    await empty_outbox()
    client = redis.Redis.from_url(queue_settings.require_redis_url().reveal())
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def start(queue_settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts a Python module as a process on the test servers; kills it, and what it started, at the end of the test."""
    environment = os.environ | {
        "FONDACO_DATA": str(queue_settings.data_dir),
        "FONDACO_DATABASE_URL": queue_settings.require_database_url().reveal(),
        "FONDACO_REDIS_URL": queue_settings.require_redis_url().reveal(),
        "FONDACO_ROLE_SECRET": queue_settings.require_role_secret().reveal(),
        "FONDACO_MASTER_KEY_FILE": str(queue_settings.master_key_file),
        "FONDACO_LOG_LEVEL": "DEBUG",
        "PYTHONPATH": str(ROOT),
    }
    started: list[subprocess.Popen[bytes]] = []

    def start_module(*arguments: str, **more: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment | more, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield start_module
    for process in started:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill -9 for a process and everything it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
