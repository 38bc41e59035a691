"""keyring: the data keys of tenants and of the platform, opened once in a process.

Owns     data_key.
Promises a tenant's values are sealed with a key of its own; a master key that does not open the stored keys is a
         refusal to start; nothing that the database holds opens anything by itself; what a destroyed key sealed opens
         for nobody, in any process, after limits.KEY_CACHE_S.
Stands on db, crypto.
"""

from fondaco_core.keyring.errors import KeysDestroyed
from fondaco_core.keyring.service import (
    Keyring,
    Made,
    Purpose,
    add_key,
    close_keyring,
    destroy_keys,
    destroy_replaced_keys,
    keyring,
    keys_by_master,
    make_key,
    open_keyring,
    platform_key_number,
    replace_key,
    rewrap_some,
    worn_keys,
)
from fondaco_core.keyring.tokens import derived, derived_text

__all__ = [
    "Keyring",
    "KeysDestroyed",
    "Made",
    "Purpose",
    "add_key",
    "close_keyring",
    "derived",
    "derived_text",
    "destroy_keys",
    "destroy_replaced_keys",
    "keyring",
    "keys_by_master",
    "make_key",
    "open_keyring",
    "platform_key_number",
    "replace_key",
    "rewrap_some",
    "worn_keys",
]
