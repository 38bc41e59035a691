"""Real servers, a migrated database for each worker, the pools of the restricted roles.

Tests do not clean up: each makes tenants of its own, and nobody sees another's rows. That is what the product promises.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from fondaco_core.config import Settings
from fondaco_core.crypto import create_master_key_file, load_master_keys
from fondaco_core.db import Database, close_database, open_database
from fondaco_core.http import close_http
from fondaco_core.keyring import close_keyring, open_keyring
from tests.support.postgres import create_database, settings_for
from tests.support.servers import TestServers, start_servers

# No test fails for being slow: machines differ, and so does what else they do.
hypothesis.settings.register_profile("fondaco", deadline=None)
hypothesis.settings.load_profile("fondaco")


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """PostgreSQL and Valkey of this test session."""
    started = start_servers()
    yield started
    started.stop()


@pytest.fixture(scope="session")
async def settings(servers: TestServers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a process on this worker's migrated database, with a master key of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    data_dir: Path = tmp_path_factory.mktemp("data")
    name = f"fondaco_{worker}"
    await create_database(servers.admin_dsn, servers.redis_url, name)
    made = settings_for(servers.admin_dsn, servers.redis_url, name, data_dir)
    assert made.master_key_file is not None
    made.master_key_file.parent.mkdir(mode=0o700)
    create_master_key_file(made.master_key_file)
    return made


@pytest.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The pools of this worker's process, one per role, and its opened keyring."""
    opened = open_database(settings)
    await open_keyring(load_master_keys(settings))
    yield opened
    await close_http()
    close_keyring()
    await close_database()
