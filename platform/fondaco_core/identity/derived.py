"""Tokens that say which row they are of: the row's id and a keyed hash of it.

Nothing has to be kept of such a token, and it can be made again for a mail that is sent twice. The database alone, without
the key, makes none.
"""

import base64
import binascii
import hmac
from uuid import UUID

from fondaco_core.keyring import derived
from fondaco_core.secret import Secret

_ID_BYTES = 16


def derived_token(kind: str, row_id: UUID) -> Secret[str]:
    """The token of a row: `fd_<kind>_…`."""
    raw = row_id.bytes + _mac(kind, row_id)
    return Secret(f"fd_{kind}_{base64.urlsafe_b64encode(raw).decode()}")


def read_derived(kind: str, token: Secret[str]) -> UUID | None:
    """The id of the row whose token this is; None for anything that is no token of ours of this kind."""
    prefix, text = f"fd_{kind}_", token.reveal().strip()
    if not text.startswith(prefix):
        return None
    try:
        raw = base64.b64decode(text.removeprefix(prefix), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) <= _ID_BYTES:
        return None
    row_id = UUID(bytes=raw[:_ID_BYTES])
    return row_id if hmac.compare_digest(raw[_ID_BYTES:], _mac(kind, row_id)) else None


def derived_bytes(kind: str, row_id: UUID) -> bytes:
    """32 bytes that belong to a row, and that nobody else can tell: a challenge, a nonce."""
    return _mac(kind, row_id)


def _mac(kind: str, row_id: UUID) -> bytes:
    return derived(f"{kind}-token", row_id.hex).reveal()
