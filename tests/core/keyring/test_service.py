"""The keyring makes the platform's keys once, and refuses to open with another master key."""

from pathlib import Path

import pytest

from fondaco_core.config import Settings
from fondaco_core.crypto import FileMasterKeys, KeyUnavailable, create_master_key_file, load_master_keys
from fondaco_core.keyring import keyring, open_keyring

pytestmark = pytest.mark.usefixtures("database")


async def test_a_second_process_opens_the_same_keys(settings: Settings) -> None:
    first = keyring().lookup_key

    second = await open_keyring(load_master_keys(settings))

    assert second.lookup_key == first


async def test_another_master_key_is_a_refusal_and_never_a_new_key(tmp_path: Path) -> None:
    create_master_key_file(tmp_path / "other.json")

    with pytest.raises(KeyUnavailable):
        await open_keyring(FileMasterKeys(tmp_path / "other.json"))
