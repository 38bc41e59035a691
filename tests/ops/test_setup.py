"""Setting up: what the lock may say, and what a machine that does not fit is told."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with a shell and a copy of the set-up script, and nothing else on its path."""
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "cat", "dirname"):
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts" / "setup")
    return tmp_path


def add_python(machine: Path, script: str) -> None:
    python = machine / "bin" / "python3"
    python.write_text(f"#!/usr/bin/env bash\n{script}\n")
    python.chmod(0o755)


def set_up(machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / "scripts" / "setup"],
        env=os.environ | {"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_lock_has_a_hash_for_everything_and_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    requirements = re.findall(r"^[a-z0-9][^\n]*", lock, flags=re.MULTILINE)
    assert len(requirements) > 50
    assert all(re.match(r"[a-z0-9._-]+==\S+ .*\\$", requirement) for requirement in requirements)
    assert lock.count("--hash=sha256:") >= len(requirements)
    assert "://" not in lock


def test_a_machine_without_python_is_told_so(machine: Path) -> None:
    done = set_up(machine)

    assert done.returncode == 1
    assert done.stderr.startswith("Fondaco needs Python 3.11, 3.12 or 3.13")
    assert len(done.stderr.splitlines()) == 1


def test_a_machine_with_an_old_python_is_told_so(machine: Path) -> None:
    add_python(machine, "exit 1")

    assert "python3 is none of them" in set_up(machine).stderr


def test_a_python_without_venv_is_told_so(machine: Path) -> None:
    add_python(machine, 'case "$*" in *version_info*) exit 0 ;; *) exit 1 ;; esac')

    done = set_up(machine)

    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (machine / ".venv").exists()
