"""Node and its packages, installed once as the lock says."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def run_node() -> Run:
    """Runs a script of this folder and reads the JSON it prints."""
    node = shutil.which("node")
    npm = shutil.which("npm")
    assert node is not None, "tests/doors needs Node 20 or newer"
    assert npm is not None, "tests/doors needs npm"
    if not (HERE / "node_modules" / "typescript").exists():
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=300)

    def run(*arguments: str) -> Any:
        done = subprocess.run([node, *arguments], cwd=HERE, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run
