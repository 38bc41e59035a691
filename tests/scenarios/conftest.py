"""The processes of a whole installation on the test's servers: each may be killed, and each is ended with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fondaco_core.config import Settings
from fondaco_core.crypto import create_master_key_file
from fondaco_core.db import Database
from fondaco_core.secret import Secret
from fondaco_ops.embedded import EmbeddedPostgres
from tests.support.breaking import ROOT, environment_of, free_port, run_command
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


@pytest.fixture
def own_settings(queue_settings: Settings, tmp_path: Path) -> Iterator[tuple[Settings, EmbeddedPostgres]]:
    """A durable database of the test's own, for it to stop; migrated, and with a small world in it."""
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    with postgres:
        postgres.ensure_database("fondaco")
        made = replace(
            queue_settings, data_dir=tmp_path, database_url=Secret(postgres.dsn("fondaco")),
            master_key_file=tmp_path / "master.json",
        )  # fmt: skip
        create_master_key_file(tmp_path / "master.json")
        for command in ("migrate", "seed"):
            run_command(made, command)
        yield made, postgres
