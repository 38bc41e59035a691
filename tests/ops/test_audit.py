"""`fondaco audit` tells what stands and what does not, in words and by its exit code."""

import json
from pathlib import Path

import pytest

from fondaco_core.errors import SettingError
from fondaco_ops import audit as command
from fondaco_ops.__main__ import main


def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "evidence.json"
    file.write_text("{}")

    assert main(["audit", "check", str(file)]) == 2

    assert capsys.readouterr().err == f"fondaco: {file} is no evidence file (KeyError).\n"


def test_a_file_whose_entries_lack_something_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = {"size": 1, "root": "", "signed_at": "2026-11-22T10:00:00+00:00", "key_id": "ab", "signature": ""}
    row = {"entry": {"action": "order.placed"}, "index": 0, "path": []}
    file = tmp_path / "evidence.json"

    for broken in ({"public_key": "AA==", "entries": []}, {"public_key": "A" * 43 + "=", "entries": [row]}):
        file.write_text(json.dumps({"checkpoint": checkpoint, **broken}))

        assert main(["audit", "check", str(file)]) == 2
        assert capsys.readouterr().err.startswith(f"fondaco: {file} is no evidence file (")


@pytest.mark.parametrize("given", ["not base64!", "AAAA"])
def test_a_key_that_is_none_is_refused_by_name(given: str) -> None:
    with pytest.raises(SettingError, match="--key"):
        command.trusted_keys([given])


def test_witnesses_are_read_as_they_are_printed(tmp_path: Path) -> None:
    printed = {
        "size": 3, "root": "cm9vdA==", "signed_at": "2026-11-22T10:00:00+00:00", "key_id": "ab", "signature": "c2ln"
    }  # fmt: skip
    file = tmp_path / "witnesses"
    file.write_text(json.dumps(printed) + "\n\n")

    (read,) = command.read_witnesses(file)

    assert command.written(read) == printed


def test_a_file_without_checkpoints_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "witnesses"
    file.write_text("no JSON\n")

    with pytest.raises(SettingError, match="holds no checkpoints"):
        command.read_witnesses(file)
