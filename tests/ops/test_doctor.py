"""The doctor finds an installation well, or says what is wrong with it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fondaco_core.config import Settings
from fondaco_core.crypto import create_master_key_file
from fondaco_core.secret import Secret
from fondaco_ops.doctor import Finding, print_table
from fondaco_ops.migrate import migrate
from fondaco_ops.running import settings_of_running
from tests.support.postgres import create_empty_database, settings_for
from tests.support.servers import TestServers

GIVEN_UP = """
INSERT INTO outbox_task (actor, payload, happened_at, due_at, parked_at, attempts)
VALUES ('test.actor', '{}', now(), now(), now(), $1)
"""


@pytest.fixture
async def patient(servers: TestServers, tmp_path: Path) -> Settings:
    """A freshly migrated installation."""
    # One for each worker of the test session: they share the server.
    name = f"fondaco_patient_{os.getpid()}"
    await create_empty_database(servers.admin_dsn, name)
    settings = settings_for(servers.admin_dsn, servers.redis_url, name, tmp_path)
    assert settings.master_key_file is not None
    settings.master_key_file.parent.mkdir(mode=0o700)
    create_master_key_file(settings.master_key_file)
    await migrate(settings)
    return settings


@pytest.fixture
async def owner(patient: Settings) -> AsyncIterator["asyncpg.Connection"]:
    """A connection that may break what the doctor should find."""
    connection = await asyncpg.connect(patient.require_database_url().reveal())
    yield connection
    await connection.close()


def examine(settings: Settings, *arguments: str, **more: str) -> tuple[int, list[dict[str, Any]]]:
    """Runs `fondaco doctor --json` as an operator does; its exit code and what it found."""
    told = {
        "FONDACO_DATA": str(settings.data_dir),
        "FONDACO_DATABASE_URL": settings.database_url.reveal() if settings.database_url else "",
        "FONDACO_REDIS_URL": settings.redis_url.reveal() if settings.redis_url else "",
        "FONDACO_ROLE_SECRET": settings.role_secret.reveal() if settings.role_secret else "",
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file or ""),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fondaco_ops", "doctor", "--json", *arguments],
        env=os.environ | told | more, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr == b""
    return done.returncode, json.loads(done.stdout)


def wrong(settings: Settings) -> dict[str, str]:
    """What is wrong, in the doctor's words."""
    code, findings = examine(settings)
    found = {finding["checked"]: finding["detail"] for finding in findings if not finding["well"]}
    assert code == (1 if found else 0)
    return found


async def test_a_fresh_installation_is_well(patient: Settings) -> None:
    code, findings = examine(patient)

    assert (code, [finding for finding in findings if not finding["well"]]) == (0, [])
    looked_at = {finding["checked"] for finding in findings}
    assert {"settings", "queue", "database", "migrations", "roles", "isolation", "keys", "relay"} < looked_at


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    assert wrong(Settings(data_dir=tmp_path)) == {
        "settings": "FONDACO_DATABASE_URL is not set; start everything with `fondaco up`, or name a PostgreSQL server."
    }


def test_an_odd_setting_is_a_finding(tmp_path: Path) -> None:
    code, findings = examine(Settings(data_dir=tmp_path), FONDACO_PORT="x")

    assert code == 1
    assert [finding["checked"] for finding in findings] == ["settings"]


async def test_servers_that_are_away_are_told_and_not_raised(patient: Settings) -> None:
    nowhere = replace(
        patient,
        database_url=Secret("postgresql://postgres:x@127.0.0.1:1/fondaco"),
        redis_url=Secret("redis://127.0.0.1:1/0"),
    )

    assert wrong(nowhere).keys() == {"queue", "database"}


async def test_a_database_of_another_version_is_told(patient: Settings, owner: "asyncpg.Connection") -> None:
    await owner.execute("UPDATE alembic_version SET version_num = 'elsewhere'")

    found = wrong(patient)

    assert found.keys() == {"migrations"}
    assert "at elsewhere" in found["migrations"]


async def test_a_table_without_its_guard_is_told(patient: Settings, owner: "asyncpg.Connection") -> None:
    await owner.execute('ALTER TABLE "order" NO FORCE ROW LEVEL SECURITY')
    await owner.execute("DROP POLICY tenant ON code")

    found = wrong(patient)

    assert found == {"isolation": "code is not guarded as declared; order is not guarded as declared"}


async def test_keys_that_do_not_open_are_told(patient: Settings, owner: "asyncpg.Connection") -> None:
    await owner.execute(
        "INSERT INTO data_key (purpose, master_key_id, wrapped, created_at) VALUES ('LOOKUP', 'another', 'x', now())"
    )

    assert wrong(patient).keys() == {"keys"}


async def test_tasks_that_were_given_up_are_done_once_more_when_asked(
    patient: Settings, owner: "asyncpg.Connection"
) -> None:
    await owner.execute(GIVEN_UP, 30)

    code, findings = examine(patient, "--retry")

    assert code == 0
    assert {"checked": "given up", "well": True, "detail": "1 tasks are tried again"} in findings


async def test_a_broken_promise_is_told_with_its_rows(patient: Settings, owner: "asyncpg.Connection") -> None:
    await owner.execute(GIVEN_UP, 0)

    found = wrong(patient)

    assert "1 given up" in found["relay"]
    assert "test.actor" in found["outbox: a task that was given up was begun, and is no run of a periodic job"]


async def test_an_event_that_nobody_relays_is_told(patient: Settings, owner: "asyncpg.Connection") -> None:
    await owner.execute(
        "INSERT INTO outbox_event (name, payload, happened_at) VALUES ('x', '{}', now() - interval '1 hour')"
    )

    assert "does the relay run?" in wrong(patient)["relay"]


def test_the_table_says_how_many_are_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Finding("one", well=True, detail="fine"), Finding("another", well=False, detail="not so")])

    assert capsys.readouterr().out.splitlines() == [
        "ok     one      fine",
        "WRONG  another  not so",
        "2 checked, 1 wrong",
    ]


def test_the_settings_of_a_running_system_are_found_where_it_keeps_them(tmp_path: Path) -> None:
    for folder, name, text in (
        ("postgres", "password", "pg"), ("postgres", "port", "5"), ("valkey", "password", "vk"), ("valkey", "port", "6"),
        ("keys", "role.secret", "role"), ("keys", "master.keys", "{}"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text)

    found = settings_of_running(Settings(data_dir=tmp_path))

    assert found.require_database_url().reveal() == "postgresql://postgres:pg@127.0.0.1:5/fondaco"
    assert found.require_redis_url().reveal() == "redis://:vk@127.0.0.1:6/0"
    assert found.require_role_secret().reveal() == "role"
    assert found.master_key_file == tmp_path / "keys" / "master.keys"
    assert settings_of_running(Settings(data_dir=tmp_path / "none")) == Settings(data_dir=tmp_path / "none")
