"""custody: keys through their life, while the system runs: new ones of merchants and of the platform, and the end of older ones.

Owns     key_change.
Promises every sealed value opens at every moment of a rotation; a rotation that was cut off goes on where it stood; a key
         that is said to be replaced seals nothing any more; what buyers bought outlives their merchant's keys; a key of the
         platform's is destroyed when nothing needs it any more, and not before.
Stands on keyring, tenancy, audit, outbox.
"""

from fondaco_core.custody.errands import (
    carry_on,
    destroy_tenant_keys,
    look_after_keys,
    master_keys_in_use,
    rewrap_keys,
    rotate_platform_key,
    rotate_tenant_key,
)
from fondaco_core.custody.errors import KeysStillNeeded
from fondaco_core.custody.events import KeyChangeBegun, KeyRotated, TenantKeysDestroyed
from fondaco_core.custody.service import Change, ChangeKind, get_change, latest_changes, stand_aside, tenants_after

__all__ = [
    "Change",
    "ChangeKind",
    "KeyChangeBegun",
    "KeyRotated",
    "KeysStillNeeded",
    "TenantKeysDestroyed",
    "carry_on",
    "destroy_tenant_keys",
    "get_change",
    "latest_changes",
    "look_after_keys",
    "master_keys_in_use",
    "rewrap_keys",
    "rotate_platform_key",
    "rotate_tenant_key",
    "stand_aside",
    "tenants_after",
]
