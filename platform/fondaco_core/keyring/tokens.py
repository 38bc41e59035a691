"""What belongs to a row and is kept nowhere: made again from the row's id whenever it is needed.

The platform's look-up key makes it, which is never replaced: whoever has the database alone makes none, and a link that was
mailed a year ago still opens after every rotation.
"""

import base64

from fondaco_core.crypto import keyed_hash
from fondaco_core.keyring.service import keyring
from fondaco_core.secret import Secret

_BYTES = 32


def derived(purpose: str, of: str) -> Secret[bytes]:
    """The 32 bytes that belong to something (an id, mostly) for one purpose; the same each time, and unrelated to all others."""
    return Secret(keyed_hash(keyring().lookup_key, purpose, of))


def derived_text(purpose: str, of: str, *, size: int = _BYTES) -> Secret[str]:
    """The same, or the first of it, in base64 as addresses take it."""
    assert 0 < size <= _BYTES
    return Secret(base64.urlsafe_b64encode(derived(purpose, of).reveal()[:size]).rstrip(b"=").decode())
