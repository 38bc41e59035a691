"""What `fondaco up` refuses before anything runs, and what it keeps from one start to the next."""

import fcntl
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from fondaco_core.config import Settings, read_settings
from fondaco_core.errors import SettingError
from fondaco_ops import local
from fondaco_ops.places import keep_secret


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def make_settings(data_dir: Path, **environ: str) -> Settings:
    return read_settings({"FONDACO_DATA": str(data_dir), **environ})


def fondaco(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FONDACO_")} | environ
    command = [sys.executable, "-m", "fondaco_ops", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def assert_refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_used_port_is_refused_by_name(tmp_path: Path, taken_port: int) -> None:
    done = fondaco("up", FONDACO_DATA=str(tmp_path / "data"), FONDACO_PORT=str(taken_port))

    assert_refused(done, f"The API cannot listen on 127.0.0.1:{taken_port}")
    assert not (tmp_path / "data" / "postgres").exists()


def test_an_odd_setting_is_refused_by_name(tmp_path: Path) -> None:
    assert_refused(fondaco("up", FONDACO_DATA=str(tmp_path), FONDACO_PORT="many"), "FONDACO_PORT is 'many'")
    assert_refused(fondaco("up", FONDACO_DATA=str(tmp_path), FONDACO_HOST="no.such.host.invalid"), "FONDACO_HOST is")


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert_refused(fondaco("up", FONDACO_DATA=str(tmp_path / "file" / "data")), "cannot be made")


def test_an_outside_database_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    # Bound and not listening: nobody else can take it, and nothing answers.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"postgresql://user:hidden@127.0.0.1:{deaf.getsockname()[1]}/shop"

        done = fondaco("up", FONDACO_DATA=str(tmp_path), FONDACO_PORT=str(free_port()), FONDACO_DATABASE_URL=url)

    assert_refused(done, "FONDACO_DATABASE_URL names 127.0.0.1:")
    assert "hidden" not in done.stderr


def test_a_second_up_on_the_same_data_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()

        done = fondaco("up", FONDACO_DATA=str(tmp_path))

    assert_refused(done, "as process 4711.")


def test_a_lock_that_a_dead_process_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_text("4711")

    with local.sole_owner(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "FREE_BYTES_MIN", 1 << 62)

    with pytest.raises(SettingError, match=r"is full: .* MB are needed"):
        local.check_disk(tmp_path)


def test_secrets_are_made_once_and_for_us_only(tmp_path: Path) -> None:
    first = local.with_secrets(make_settings(tmp_path))
    second = local.with_secrets(make_settings(tmp_path))

    assert first.role_secret is not None
    assert first == second
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for file in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["master.keys", "role.secret"])
def test_a_lost_key_is_never_replaced(tmp_path: Path, name: str) -> None:
    local.with_secrets(make_settings(tmp_path))
    (tmp_path / "keys" / name).unlink()

    with pytest.raises(SettingError, match=f"{name} is gone"):
        local.with_secrets(make_settings(tmp_path))

    assert not (tmp_path / "keys" / name).exists()


def test_secrets_that_are_configured_are_not_made(tmp_path: Path) -> None:
    given = make_settings(tmp_path, FONDACO_MASTER_KEY="x" * 60, FONDACO_ROLE_SECRET="y" * 60)

    assert local.with_secrets(given) == given
    assert not (tmp_path / "keys").exists()


def test_half_a_secret_is_never_left_behind(tmp_path: Path) -> None:
    (tmp_path / "secret.new").write_text("ha")

    made = keep_secret(tmp_path / "secret")

    assert len(made) == 48
    assert keep_secret(tmp_path / "secret") == made


def test_what_a_child_sees_names_the_servers_and_no_master_key(tmp_path: Path) -> None:
    settings = local.with_secrets(
        make_settings(tmp_path, FONDACO_DATABASE_URL="postgresql://a/b", FONDACO_REDIS_URL="redis://c")
    )

    environment = local.environment_for(settings)

    assert environment["FONDACO_DATABASE_URL"] == "postgresql://a/b"
    assert environment["FONDACO_MASTER_KEY_FILE"] == str(tmp_path / "keys" / "master.keys")
    assert "FONDACO_MASTER_KEY" not in environment


def test_processes_of_one_machine_show_metrics_on_ports_of_their_own(tmp_path: Path) -> None:
    silent = read_settings({"FONDACO_DATA": str(tmp_path)})
    settings = replace(silent, metrics_port=9100)

    ports = [local.metrics_of(settings, name) for name in ("worker", "relay", "scheduler", "api")]

    assert [each.get("FONDACO_METRICS_PORT") for each in ports] == ["9100", "9101", "9102", None]
    assert local.metrics_of(silent, "worker") == {}


def test_help_tells_commands_and_settings() -> None:
    done = fondaco()

    assert done.returncode == 0
    for word in ("up", "migrate", "schema", "FONDACO_DATA", "FONDACO_REDIS_URL"):
        assert word in done.stdout


def test_the_command_tells_its_version() -> None:
    done = fondaco("--version")

    assert (done.returncode, done.stdout) == (0, f"fondaco {metadata.version('fondaco')}\n")


def test_an_unknown_command_is_refused() -> None:
    done = fondaco("dance")

    assert done.returncode == 2
    assert "dance" in done.stderr
    assert "Traceback" not in done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
