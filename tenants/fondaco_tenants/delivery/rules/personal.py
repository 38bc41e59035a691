"""Redemption addresses that are made for one buyer: placeholders filled in, and a signature that its shop can check. Pure.

A code of the kind LINK may hold `{order}`, `{buyer}`, `{expires}` and `{signature}`. The first two are opaque: the same for
the same order and buyer, and nobody else's. `{expires}` is a moment, in seconds since 1970. `{signature}` is the HMAC-SHA256,
in base64url without padding, of the whole address with everything else filled in and nothing in place of the signature.
"""

import base64
import hashlib
import hmac
from typing import Final

from fondaco_core.secret import Secret

PLACES: Final = ("{order}", "{buyer}", "{expires}", "{signature}")


def is_personal(address: str) -> bool:
    """Whether an address has something to fill in."""
    return address[:8].lower() == "https://" and any(place in address for place in PLACES)


def personal_address(address: str, *, order: str, buyer: str, expires: int, key: Secret[bytes]) -> str:
    """The address made for one buyer and order."""
    filled = address.replace("{order}", order).replace("{buyer}", buyer).replace("{expires}", str(expires))
    signature = hmac.new(key.reveal(), filled.replace("{signature}", "").encode(), hashlib.sha256).digest()
    return filled.replace("{signature}", base64.urlsafe_b64encode(signature).rstrip(b"=").decode())
