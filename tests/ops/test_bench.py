"""`fondaco bench` runs by itself, proves what it measures, and leaves nothing behind. What it measures is for people."""

import json
import os
import subprocess
import sys
from pathlib import Path


def bench(*arguments: str, tmp: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fondaco_ops", "bench", *arguments]
    environment = os.environ | {"TMPDIR": str(tmp)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def test_a_quick_run_prints_a_table_writes_json_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    found = tmp_path / "figures.json"

    done = bench("--quick", "order", "--json", str(found), tmp=tmp)

    assert done.returncode == 0, done.stderr
    told = json.loads(found.read_text())
    assert set(told) == {"began", "quick", "machine", "invariants", "figures"}
    assert told["quick"] is True
    assert told["invariants"] > 0
    assert {figure["case"] for figure in told["figures"]} == {"limit", "order"}
    assert all(
        set(figure) == {"case", "figure", "ratio", "absolute", "least", "most", "reached"} for figure in told["figures"]
    )
    assert "| order " in done.stdout
    assert list(tmp.iterdir()) == []


def test_a_case_that_does_not_exist_is_refused_in_one_sentence(tmp_path: Path) -> None:
    done = bench("orderr", tmp=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("fondaco: There is no case 'orderr'; the cases are: order, ")
