"""crypto: what keeps a secret, what recognises it, and what of it may be shown.

keys      master keys, behind a port that a key management service can stand for
envelope  data keys under master keys; ciphertext that opens only in its row
hashing   fingerprints of codes, look-up hashes, tokens, passwords, masks

Promises  plaintext and key material are in no repr, error, log line or stored value of this package;
          a missing or wrong key is a refusal, never a fallback.
"""

from fondaco_core.crypto.envelope import DataKey, Tampered, bound_to, derive, key_number_of
from fondaco_core.crypto.hashing import (
    CodeKind,
    PasswordsBusy,
    PasswordTooLong,
    fingerprint,
    fingerprint_many,
    hash_password,
    hash_token,
    is_token,
    keyed_hash,
    mask_code,
    needs_rehash,
    new_token,
    normalise_code,
    verify_password,
)
from fondaco_core.crypto.keys import (
    EnvMasterKeys,
    FileMasterKeys,
    KeyUnavailable,
    MasterKeys,
    WrappedKey,
    add_master_key,
    create_master_key_file,
    load_master_keys,
    new_master_key,
)

__all__ = [
    "CodeKind",
    "DataKey",
    "EnvMasterKeys",
    "FileMasterKeys",
    "KeyUnavailable",
    "MasterKeys",
    "PasswordTooLong",
    "PasswordsBusy",
    "Tampered",
    "WrappedKey",
    "add_master_key",
    "bound_to",
    "create_master_key_file",
    "derive",
    "fingerprint",
    "fingerprint_many",
    "hash_password",
    "hash_token",
    "is_token",
    "key_number_of",
    "keyed_hash",
    "load_master_keys",
    "mask_code",
    "needs_rehash",
    "new_master_key",
    "new_token",
    "normalise_code",
    "verify_password",
]
