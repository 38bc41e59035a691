"""keyring: the data keys of tenants and of the platform, opened once in a process.

Owns     data_key.
Promises a tenant's values are sealed with a key of its own; a master key that does not open the stored keys is a
         refusal to start; nothing that the database holds opens anything by itself.
Stands on db, crypto.
"""

from fondaco_core.keyring.service import Keyring, close_keyring, create_tenant_key, keyring, open_keyring

__all__ = ["Keyring", "close_keyring", "create_tenant_key", "keyring", "open_keyring"]
