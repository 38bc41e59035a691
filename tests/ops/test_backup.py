"""What was backed up comes back as it was, and nothing else is taken for a backup."""

import asyncio
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from fondaco_core.config import Settings, read_settings
from fondaco_core.crypto import create_master_key_file
from fondaco_core.errors import SettingError
from fondaco_ops.__main__ import main
from fondaco_ops.backup import take
from fondaco_ops.embedded import EmbeddedPostgres, EmbeddedValkey
from fondaco_ops.migrate import migrate
from fondaco_ops.places import keep_secret
from fondaco_ops.restore import restore
from fondaco_ops.running import settings_of_running

COUNTS = """
SELECT (SELECT count(*) FROM code) AS codes, (SELECT count(*) FROM "order") AS orders,
  (SELECT count(*) FROM audit_entry) AS entries, (SELECT sum(amount_minor) FROM ledger_transfer) AS moved
"""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("queue") / "valkey", durable=False) as server:
        yield server


def settings_in(data_dir: Path, valkey: EmbeddedValkey) -> Settings:
    environ = {"FONDACO_DATA": str(data_dir), "FONDACO_REDIS_URL": valkey.url}
    return settings_of_running(read_settings(environ))


def fondaco(settings: Settings, *arguments: str) -> str:
    """What one of an operator's commands prints: in a process of its own, which has its own database open."""
    told = {
        "FONDACO_DATA": str(settings.data_dir),
        "FONDACO_DATABASE_URL": settings.require_database_url().reveal(),
        "FONDACO_REDIS_URL": settings.require_redis_url().reveal(),
        "FONDACO_ROLE_SECRET": settings.require_role_secret().reveal(),
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fondaco_ops", *arguments],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey) -> Iterator[Settings]:
    data_dir = tmp_path_factory.mktemp("installation") / "original"
    (data_dir / "keys").mkdir(parents=True)
    create_master_key_file(data_dir / "keys" / "master.keys")
    keep_secret(data_dir / "keys" / "role.secret")
    with EmbeddedPostgres(data_dir / "postgres", durable=False) as postgres:
        postgres.ensure_database("fondaco")
        settings = settings_in(data_dir, valkey)
        asyncio.run(migrate(settings))
        fondaco(settings, "seed")
        yield settings


def counts(settings: Settings) -> dict[str, int]:
    """How much there is of some things."""

    async def count() -> dict[str, int]:
        connection = await asyncpg.connect(settings.require_database_url().reveal())
        found = dict(await connection.fetchrow(COUNTS))
        await connection.close()
        return found

    return asyncio.run(count())


def test_what_was_backed_up_comes_back_whole(original: Settings, tmp_path: Path, valkey: EmbeddedValkey) -> None:
    file, other = tmp_path / "backup.tar", tmp_path / "other"
    about = take(original, file)
    before = counts(original)

    restore(file, other, keys=original.data_dir / "keys" / "master.keys")

    with EmbeddedPostgres(other / "postgres", durable=False):
        settings = settings_in(other, valkey)
        asyncio.run(migrate(settings))
        assert counts(settings) == before
        findings = json.loads(fondaco(settings, "doctor", "--json"))
    assert [finding for finding in findings if not finding["well"]] == []
    assert about["master_keys"]
    assert file.stat().st_mode & 0o077 == 0


def test_no_key_is_in_a_backup(original: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    take(original, file)
    key = (original.data_dir / "keys" / "master.keys").read_text().splitlines()[-1].partition(":")[2]

    with tarfile.open(file) as archive:
        base = archive.extractfile("base.tar.gz")
        assert base is not None
        with tarfile.open(fileobj=base) as cluster:
            contents = [cluster.extractfile(member) for member in cluster if member.isfile()]
            assert not any(key.encode() in content.read() for content in contents if content is not None)


def test_a_backup_is_restored_into_nothing_that_is_there(original: Settings, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    take(original, file)

    with pytest.raises(SettingError, match="already"):
        restore(file, original.data_dir)


def test_keys_that_do_not_fit_are_refused_before_anything_is_written(original: Settings, tmp_path: Path) -> None:
    file, keys = tmp_path / "backup.tar", tmp_path / "other.keys"
    take(original, file)
    create_master_key_file(keys)

    with pytest.raises(SettingError, match="which the backup needs"):
        restore(file, tmp_path / "other", keys=keys)

    assert not (tmp_path / "other").exists()


def test_a_damaged_backup_leaves_nothing_behind(original: Settings, tmp_path: Path) -> None:
    file, damaged = tmp_path / "backup.tar", tmp_path / "damaged.tar"
    take(original, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    with pytest.raises(SettingError, match="damaged"):
        restore(damaged, tmp_path / "other")

    assert not (tmp_path / "other" / "postgres" / "cluster").exists()
    assert not (tmp_path / "other" / "begun").exists()


@pytest.mark.parametrize("content", [b"", b"no tar at all", json.dumps({"format": "other"}).encode()])
def test_what_is_no_backup_is_refused_in_one_sentence(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.tar"
    file.write_bytes(content)
    monkeypatch.setenv("FONDACO_DATA", str(tmp_path / "data"))

    assert main(["restore", str(file)]) == 2

    assert capsys.readouterr().err.startswith(f"fondaco: {file} is no backup of Fondaco")


def test_an_outside_database_is_left_to_its_own_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FONDACO_DATABASE_URL", "postgresql://db.example/fondaco")

    assert main(["backup", str(tmp_path / "backup.tar")]) == 2

    assert "its own tools" in capsys.readouterr().err


def test_where_nothing_is_there_is_nothing_to_back_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FONDACO_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("FONDACO_DATABASE_URL", raising=False)

    assert main(["backup", str(tmp_path / "backup.tar")]) == 2

    assert "nothing to back up" in capsys.readouterr().err
