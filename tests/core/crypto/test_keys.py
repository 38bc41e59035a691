"""Master keys: where they come from, and that nothing but the right one opens anything."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.config import Settings
from fondaco_core.crypto.keys import (
    EnvMasterKeys,
    FileMasterKeys,
    KeyUnavailable,
    MasterKeyExposed,
    MasterKeyMalformed,
    MasterKeyMissing,
    MasterKeyUnknown,
    MasterKeyWrong,
    WrappedKey,
    add_master_key,
    create_master_key_file,
    load_master_keys,
    new_master_key,
)
from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret

KEY = base64.b64encode(bytes(range(32))).decode()


def make_file(path: Path, text: str, *, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def entry_of(path: Path, place: int = 0) -> str:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")][place]


async def test_a_wrapped_key_unwraps_for_its_purpose() -> None:
    keys = EnvMasterKeys(new_master_key())
    key = os.urandom(32)

    wrapped = await keys.wrap(key, purpose="vault")

    assert wrapped.master_key_id == keys.current_id
    assert key not in wrapped.ciphertext
    assert await keys.unwrap(wrapped, purpose="vault") == key


async def test_two_wraps_of_one_key_differ() -> None:
    keys = EnvMasterKeys(new_master_key())
    key = os.urandom(32)

    first, second = await keys.wrap(key, purpose="vault"), await keys.wrap(key, purpose="vault")

    assert first.ciphertext != second.ciphertext


async def test_a_key_wrapped_for_one_purpose_opens_for_no_other() -> None:
    keys = EnvMasterKeys(new_master_key())
    wrapped = await keys.wrap(os.urandom(32), purpose="vault")

    with pytest.raises(MasterKeyWrong):
        await keys.unwrap(wrapped, purpose="other")


async def test_a_master_key_that_is_not_configured_is_named() -> None:
    wrapped = await EnvMasterKeys(new_master_key()).wrap(os.urandom(32), purpose="vault")

    with pytest.raises(MasterKeyUnknown, match=wrapped.master_key_id):
        await EnvMasterKeys(new_master_key()).unwrap(wrapped, purpose="vault")


async def test_another_key_of_the_same_name_opens_nothing() -> None:
    wrapped = await EnvMasterKeys(Secret(f"mk_one:{KEY}")).wrap(os.urandom(32), purpose="vault")
    other = base64.b64encode(bytes(range(1, 33))).decode()

    with pytest.raises(MasterKeyWrong, match="mk_one"):
        await EnvMasterKeys(Secret(f"mk_one:{other}")).unwrap(wrapped, purpose="vault")


@given(st.data())
async def test_a_wrapped_key_with_a_flipped_bit_or_a_missing_end_does_not_unwrap(data: st.DataObject) -> None:
    keys = EnvMasterKeys(Secret(f"mk_one:{KEY}"))
    blob = (await keys.wrap(bytes(32), purpose="vault")).ciphertext
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    flipped = bytearray(blob)
    flipped[bit // 8] ^= 1 << bit % 8
    cut = blob[: data.draw(st.integers(0, len(blob) - 1))]

    for changed in (bytes(flipped), cut):
        with pytest.raises(MasterKeyWrong):
            await keys.unwrap(WrappedKey("mk_one", changed), purpose="vault")


async def test_the_first_key_wraps_and_the_later_ones_still_unwrap() -> None:
    old, new = new_master_key(), new_master_key()
    before = EnvMasterKeys(old)
    key = os.urandom(32)
    wrapped = await before.wrap(key, purpose="vault")

    after = EnvMasterKeys(Secret(f"{new.reveal()}, {old.reveal()}"))

    assert after.current_id == new.reveal().partition(":")[0]
    assert await after.unwrap(wrapped, purpose="vault") == key
    assert (await after.wrap(key, purpose="vault")).master_key_id == after.current_id


async def test_a_created_key_file_is_private_and_opens_what_it_wrapped_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.keys"

    key_id = create_master_key_file(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [child.name for child in path.parent.iterdir()] == ["master.keys"]
    key = os.urandom(32)
    wrapped = await FileMasterKeys(path).wrap(key, purpose="vault")
    assert wrapped.master_key_id == key_id
    assert await FileMasterKeys(path).unwrap(wrapped, purpose="vault") == key


@pytest.mark.parametrize("content", ["", "something of the operator's\n"])
def test_creating_never_overwrites_a_file(tmp_path: Path, content: str) -> None:
    path = make_file(tmp_path / "master.keys", content)

    with pytest.raises(KeyUnavailable, match="never overwritten"):
        create_master_key_file(path)

    assert path.read_text() == content
    assert [child.name for child in tmp_path.iterdir()] == ["master.keys"]


async def test_an_added_key_is_the_current_one_and_the_older_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    first = create_master_key_file(path)
    key = os.urandom(32)
    wrapped = await FileMasterKeys(path).wrap(key, purpose="vault")

    second = add_master_key(path)
    third = add_master_key(path)

    assert FileMasterKeys(path).key_ids == (third, second, first)
    assert await FileMasterKeys(path).unwrap(wrapped, purpose="vault") == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rotation_that_was_cut_off_is_told_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    key_id = create_master_key_file(path)
    (tmp_path / "master.keys.new").touch()

    with pytest.raises(KeyUnavailable, match="another rotation"):
        add_master_key(path)

    assert FileMasterKeys(path).key_ids == (key_id,)


def test_rotations_at_once_do_not_drop_each_others_key(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    first = create_master_key_file(path)

    def rotate(_: int) -> str | None:
        try:
            return add_master_key(path)
        except KeyUnavailable:
            return None

    with ThreadPoolExecutor(8) as threads:
        added = [key_id for key_id in threads.map(rotate, range(64)) if key_id is not None]

    assert added
    assert set(FileMasterKeys(path).key_ids) == {first, *added}
    assert [child.name for child in tmp_path.iterdir()] == ["master.keys"]


def test_two_starts_at_once_make_one_key(tmp_path: Path) -> None:
    path = tmp_path / "fresh" / "master.keys"

    def create(_: int) -> str | None:
        try:
            return create_master_key_file(path)
        except KeyUnavailable:
            return None

    with ThreadPoolExecutor(8) as threads:
        made = [key_id for key_id in threads.map(create, range(16)) if key_id is not None]

    assert FileMasterKeys(path).key_ids == tuple(made)
    assert len(made) == 1


def test_a_rotation_of_a_lost_or_broken_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    broken = make_file(tmp_path / "master.keys", "nonsense")

    with pytest.raises(MasterKeyMalformed):
        add_master_key(broken)
    with pytest.raises(MasterKeyMissing):
        add_master_key(tmp_path / "lost.keys")
    with pytest.raises(KeyUnavailable, match="cannot be replaced"):
        add_master_key(tmp_path / "no" / "folder.keys")

    assert [child.name for child in tmp_path.iterdir()] == ["master.keys"]
    assert broken.read_text() == "nonsense"


def test_a_file_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KeyUnavailable, match="cannot be made"):
        create_master_key_file(tmp_path / "file" / "master.keys")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = make_file(tmp_path / "master.keys", f"mk_one:{KEY}\n", mode=mode)

    with pytest.raises(MasterKeyExposed, match=f"{mode:04o}"):
        FileMasterKeys(path)


def test_a_lost_file_is_missing_and_nothing_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"

    with pytest.raises(MasterKeyMissing, match="No such file"):
        FileMasterKeys(path)

    assert not path.exists()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable):
        FileMasterKeys(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "no separator here",
        f"{KEY}",
        f":{KEY}",
        f"{KEY}:mk_one",
        f"{bytes(range(32)).hex()}:mk_one",
        f"mk one:{KEY}",
        f"mk_one:{KEY[:-1]}",
        f"mk_one:{KEY[:-4]}",
        f"mk_one:{KEY}{KEY}",
        f"mk_one:{KEY[:-2]}!=",
        f"mk_one:{base64.b64encode(bytes(32)).decode()}",
        f"mk_one:{base64.b64encode(b'change-me-' * 3 + b'!!').decode()}",
        f"mk_one:{KEY}\nmk_one:{base64.b64encode(bytes(range(1, 33))).decode()}",
        f"mk_one:{KEY}\nmk_two:{KEY}",
        f"mk_one:{KEY}\n\x00\x00",
    ],
)
def test_a_malformed_list_is_refused_in_one_sentence_without_a_key_in_it(tmp_path: Path, text: str) -> None:
    path = make_file(tmp_path / "master.keys", text)
    variable = Secret(text.replace("\n", ","))

    for read in (partial(FileMasterKeys, path), partial(EnvMasterKeys, variable)):
        with pytest.raises(MasterKeyMalformed) as caught:
            read()

        sentence = str(caught.value)
        assert sentence.count("\n") == 0
        assert sentence.endswith(".")
        assert caught.value.__cause__ is None
        assert not any(KEY[at : at + 8] in sentence for at in range(len(KEY) - 8))
        assert bytes(range(32)).hex() not in sentence


@given(st.text(alphabet=st.characters(codec="ascii"), min_size=8, max_size=200))
def test_no_text_makes_a_refusal_repeat_it(text: str) -> None:
    try:
        EnvMasterKeys(Secret(text))
    except MasterKeyMalformed as refused:
        words = str(refused).replace("FONDACO_MASTER_KEY", "").replace("id:base64", "")
        assert text not in words
    else:
        pytest.fail("a text from nowhere became a master key")


def test_a_file_of_unlimited_size_is_not_read(tmp_path: Path) -> None:
    path = make_file(tmp_path / "master.keys", f"mk_one:{KEY}\n" + "#" * 1_000_000)

    with pytest.raises(MasterKeyMalformed):
        FileMasterKeys(path)


def test_settings_choose_the_file_or_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    key_id = create_master_key_file(path)

    from_file = load_master_keys(Settings(master_key_file=path))
    from_variable = load_master_keys(Settings(master_key=Secret(f"mk_one:{KEY}")))

    assert from_file.current_id == key_id
    assert from_variable.current_id == "mk_one"


def test_no_key_in_the_settings_is_a_refusal_to_start() -> None:
    with pytest.raises(MasterKeyMissing, match="FONDACO_MASTER_KEY_FILE") as caught:
        load_master_keys(Settings())

    assert isinstance(caught.value, SettingError)


def test_two_places_for_the_key_are_a_refusal_to_guess(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    create_master_key_file(path)

    with pytest.raises(MasterKeyMalformed, match="both"):
        load_master_keys(Settings(master_key=Secret(f"mk_one:{KEY}"), master_key_file=path))


async def test_nothing_that_prints_shows_a_key(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    create_master_key_file(path)
    material = entry_of(path).partition(":")[2]
    keys = FileMasterKeys(path)
    wrapped = await keys.wrap(base64.b64decode(material), purpose="vault")

    shown = f"{keys!r} {keys} {wrapped!r} {new_master_key()!r} {Settings(master_key=Secret(entry_of(path)))!r}"

    assert material not in shown
    assert repr(wrapped.ciphertext) not in shown
