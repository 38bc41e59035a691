"""By which number a merchant's log names a code: its own, or one that stands for another merchant's."""

from uuid import UUID

from fondaco_core.crypto import keyed_hash
from fondaco_core.keyring import keyring


def name_of_code(code_id: UUID, *, owner_id: UUID | None, seen_by: UUID | None) -> UUID:
    """The code's id to its owner; to any other merchant a number that is always the same for it and says nothing.

    Ids begin with the moment of the import. Who read those of what it sells on would know which of its suppliers have the
    same source, and know that source by name where it buys there itself.
    """
    if owner_id == seen_by:
        return code_id
    hashed = bytearray(keyed_hash(keyring().lookup_key, "code_of_another", f"{seen_by}|{code_id}")[:16])
    # As a UUID of nobody's making (RFC 9562, version 8).
    hashed[6], hashed[8] = 0x80 | hashed[6] & 0x0F, 0x80 | hashed[8] & 0x3F
    return UUID(bytes=bytes(hashed))
