"""The hash tree is that of RFC 6962, proofs convince, and nothing else does."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.notary import Checkpoint, Proof, canonical, check_proof, fingerprint_of, leaf_hash
from fondaco_core.notary.rules import Frontier, fold, node_hash, nodes_of, path_of, signed_text

leaves = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def plain_root(hashes: list[bytes]) -> bytes:
    """The definition of RFC 6962, 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(plain_root(hashes[:split]), plain_root(hashes[split:]))


def make_entry(**changed: Any) -> dict[str, Any]:
    entry = {
        "id": UUID(int=7), "tenant_id": None, "happened_at": datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        "actor_kind": "SYSTEM", "actor_id": None, "action": "code.revealed", "subject_kind": "code",
        "subject_id": UUID(int=9), "request_id": "r", "ip": None, "reason": None, "detail": {"b": 1, "a": [True, "中"]},
    }  # fmt: skip
    return entry | changed


def test_the_published_vectors_come_out() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    frontier = Frontier()
    for content in (b"a", b"b", b"c"):
        frontier.grow(leaf_hash(content))
    assert frontier.root().hex() == "36642e73c2540ab121e3a6bf9545b0a24982cd830eb13d3cd19de3ce6c021ec1"
    assert Frontier().root() == hashlib.sha256(b"").digest()


@given(leaves)
def test_a_tree_that_grows_has_the_root_of_the_definition(contents: list[bytes]) -> None:
    hashes = [leaf_hash(content) for content in contents]
    frontier = Frontier()

    for hash_ in hashes:
        frontier.grow(hash_)

    assert frontier.root() == plain_root(hashes)


@given(leaves, st.data())
def test_a_proof_from_stored_nodes_convinces_and_no_other_leaf_does(contents: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(content) for content in contents]
    frontier, stored = Frontier(), {(0, index): hash_ for index, hash_ in enumerate(hashes)}
    for hash_ in hashes:
        stored |= {(level, index): node for level, index, node in frontier.append(hash_)}
    index = data.draw(st.integers(0, len(hashes) - 1))

    path = tuple(fold([stored[node] for node in nodes_of(low, high)]) for low, high in path_of(index, len(hashes)))

    proof = Proof(index, len(hashes), path)
    assert check_proof(hashes[index], proof, frontier.root())
    assert not check_proof(leaf_hash(b"another one entirely"), proof, frontier.root())
    assert not check_proof(hashes[index], Proof(index, len(hashes) + 1, path), leaf_hash(b"x"))


@pytest.mark.parametrize("proof", [Proof(0, 0, ()), Proof(3, 2, ()), Proof(-1, 2, (b"x" * 32,)), Proof(0, 2, ())])
def test_a_proof_that_makes_no_sense_convinces_nobody(proof: Proof) -> None:
    assert not check_proof(leaf_hash(b""), proof, leaf_hash(b""))


@given(
    st.sampled_from(["id", "actor_kind", "action", "subject_id", "request_id", "ip", "reason", "detail", "tenant_id"])
)
def test_every_field_of_an_entry_is_in_its_hash(field: str) -> None:
    changed = make_entry(**{field: {"b": 2} if field == "detail" else UUID(int=1) if field.endswith("id") else "other"})

    assert canonical(changed) != canonical(make_entry())


def test_the_same_moment_and_the_same_detail_are_the_same_bytes() -> None:
    elsewhere = datetime(2026, 11, 22, 18, 0, tzinfo=timezone(timedelta(hours=8)))

    assert canonical(make_entry(happened_at=elsewhere, detail={"a": [True, "中"], "b": 1})) == canonical(make_entry())


def test_a_number_that_readers_would_round_is_a_text() -> None:
    assert b'"9007199254740993"' in canonical(make_entry(detail={"big": 2**53 + 1}))


def test_only_the_key_that_signed_is_believed() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public, signed_at = key.public_key().public_bytes_raw(), datetime(2026, 11, 22, tzinfo=UTC)
    signature = key.sign(signed_text(3, b"r" * 32, signed_at))
    checkpoint = Checkpoint(3, b"r" * 32, signed_at, fingerprint_of(public), signature)

    assert checkpoint.is_signed_by(public)
    assert not checkpoint.is_signed_by(other.public_key().public_bytes_raw())
    assert not Checkpoint(4, b"r" * 32, signed_at, checkpoint.key_id, signature).is_signed_by(public)
