"""The envelope: what was sealed opens in its place, with its key, and nowhere else."""

import copy
import pickle
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fondaco_core.crypto.envelope import KEY_NUMBER_MAX, DataKey, Tampered, bound_to, derive, key_number_of
from fondaco_core.crypto.keys import EnvMasterKeys, MasterKeyWrong, new_master_key
from fondaco_core.ids import TenantId, new_id
from fondaco_core.secret import Secret

TENANT = TenantId(UUID(int=7))
ROW = UUID(int=11)
Place = tuple[str, UUID, UUID | None]
places = st.tuples(st.from_regex(r"[a-z][a-z0-9_.]{0,20}", fullmatch=True), st.uuids(), st.none() | st.uuids())


def make_key(
    *, material: bytes = bytes(range(32)), number: int = 1, tenant_id: TenantId | None = TENANT, purpose: str = "codes"
) -> DataKey:
    return DataKey(Secret(material), number=number, tenant_id=tenant_id, purpose=purpose)


@given(st.binary(max_size=300), st.binary(max_size=80), st.integers(1, KEY_NUMBER_MAX))
def test_what_was_sealed_opens(plaintext: bytes, aad: bytes, number: int) -> None:
    key = make_key(number=number)

    sealed = key.seal(plaintext, aad=aad)

    assert key.open(sealed, aad=aad) == plaintext
    assert key_number_of(sealed) == number
    assert len(sealed) == 1 + 4 + 12 + len(plaintext) + 16


@given(st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=60)), max_size=20))
def test_many_open_as_one_by_one_and_no_two_are_alike(items: list[tuple[bytes, bytes]]) -> None:
    key = make_key()

    sealed = key.seal_many(items)

    assert [key.open(blob, aad=aad) for blob, (_, aad) in zip(sealed, items, strict=True)] == [
        text for text, _ in items
    ]
    assert len({blob[5:17] for blob in sealed}) == len(items)


@given(st.binary(max_size=40), st.data())
def test_any_flipped_bit_is_found(plaintext: bytes, data: st.DataObject) -> None:
    key = make_key()
    sealed = bytearray(key.seal(plaintext, aad=b"here"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Tampered):
        key.open(bytes(sealed), aad=b"here")


@given(st.binary(max_size=40), st.data())
def test_a_cut_or_a_lengthened_value_is_found(plaintext: bytes, data: st.DataObject) -> None:
    key = make_key()
    sealed = key.seal(plaintext, aad=b"here")
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]

    for changed in (cut, sealed + b"\x00"):
        with pytest.raises(Tampered):
            key.open(changed, aad=b"here")


@given(places, places)
def test_a_value_opens_in_no_other_table_row_or_tenant(place: Place, other: Place) -> None:
    key = make_key()
    sealed = key.seal(b"code", aad=bound_to(*place))
    (table, row, tenant), (other_table, other_row, other_tenant) = place, other

    elsewhere = {(other_table, row, tenant), (table, other_row, tenant), (table, row, other_tenant)} - {place}
    for moved in elsewhere:
        with pytest.raises(Tampered):
            key.open(sealed, aad=bound_to(*moved))


@given(places, places)
def test_two_places_are_never_bound_alike(place: Place, other: Place) -> None:
    assume(place != other)

    assert bound_to(*place) != bound_to(*other)


def test_another_key_of_the_same_number_opens_nothing() -> None:
    sealed = make_key().seal(b"code", aad=b"here")

    with pytest.raises(Tampered):
        make_key(material=bytes(range(1, 33))).open(sealed, aad=b"here")


def test_a_key_of_another_number_says_which_one_is_needed() -> None:
    sealed = make_key(number=3).seal(b"code", aad=b"here")

    with pytest.raises(Tampered, match="data key 3"):
        make_key(number=4).open(sealed, aad=b"here")


@pytest.mark.parametrize(
    "garbage", [b"", b"\x01", b"\x02" + bytes(60), bytes(33), b"plaintext that was never sealed at all"]
)
def test_what_is_no_sealed_value_is_told_as_such(garbage: bytes) -> None:
    with pytest.raises(Tampered, match="not in the form"):
        key_number_of(garbage)


async def test_a_stored_data_key_opens_what_it_sealed_after_a_restart() -> None:
    entry = new_master_key()
    key, wrapped = await DataKey.create(EnvMasterKeys(entry), number=1, tenant_id=TENANT, purpose="codes")
    sealed = key.seal(b"code", aad=b"here")

    again = await DataKey.unwrap(EnvMasterKeys(entry), wrapped, number=1, tenant_id=TENANT, purpose="codes")

    assert again.open(sealed, aad=b"here") == b"code"


async def test_a_stored_data_key_unwraps_for_no_other_tenant_purpose_or_number() -> None:
    keys = EnvMasterKeys(new_master_key())
    _, wrapped = await DataKey.create(keys, number=1, tenant_id=TENANT, purpose="codes")

    with pytest.raises(MasterKeyWrong):
        await DataKey.unwrap(keys, wrapped, number=1, tenant_id=TenantId(new_id()), purpose="codes")
    with pytest.raises(MasterKeyWrong):
        await DataKey.unwrap(keys, wrapped, number=1, tenant_id=None, purpose="codes")
    with pytest.raises(MasterKeyWrong):
        await DataKey.unwrap(keys, wrapped, number=1, tenant_id=TENANT, purpose="links")
    with pytest.raises(MasterKeyWrong):
        await DataKey.unwrap(keys, wrapped, number=2, tenant_id=TENANT, purpose="codes")


async def test_a_data_key_survives_the_rotation_of_its_master_key() -> None:
    old, new = new_master_key(), new_master_key()
    both, only_new = EnvMasterKeys(Secret(f"{new.reveal()},{old.reveal()}")), EnvMasterKeys(new)
    key, wrapped = await DataKey.create(EnvMasterKeys(old), number=1, tenant_id=TENANT, purpose="codes")
    sealed = key.seal(b"code", aad=b"here")

    loaded = await DataKey.unwrap(both, wrapped, number=1, tenant_id=TENANT, purpose="codes")
    rewrapped = await loaded.wrap(both)
    again = await DataKey.unwrap(only_new, rewrapped, number=1, tenant_id=TENANT, purpose="codes")

    assert rewrapped.master_key_id == only_new.current_id
    assert again.open(sealed, aad=b"here") == b"code"


def test_derived_keys_are_stable_and_differ_by_purpose_and_source() -> None:
    source = Secret(bytes(range(32)))

    derived = [
        derive(source, "a"),
        derive(source, "b"),
        derive(Secret(bytes(range(1, 33))), "a"),
        make_key().derive("a"),
    ]

    assert derive(source, "a") == derived[0]
    assert len({key.reveal() for key in derived}) == 4
    assert all(len(key.reveal()) == 32 for key in derived)


def test_a_data_key_shows_and_gives_away_nothing() -> None:
    material = bytes(range(32))
    key = make_key(material=material)

    shown = f"{key!r} {key} {key.derive('a')!r}"

    assert shown.startswith(f"DataKey(codes 1 of {TENANT})")
    assert repr(material) not in shown
    assert material.hex() not in shown
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(key)


def test_a_refusal_to_open_holds_neither_text_nor_key() -> None:
    key = make_key()
    sealed = key.seal(b"SECRET-CODE-1234", aad=b"here")

    with pytest.raises(Tampered) as caught:
        key.open(sealed, aad=b"elsewhere")

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_sealed_value_from_an_earlier_release_still_opens() -> None:
    sealed = bytes.fromhex(
        "0100000001192145efb249a93b1a9d727d3f34034ea239c31bc87510a88fa505f13b136d32db6ce632e470dc9b0fa10700b20c34"
    )

    assert make_key().open(sealed, aad=bound_to("code", ROW, TENANT)) == b"ABCD-EFGH-1234-5678"
