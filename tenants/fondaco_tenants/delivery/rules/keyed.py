"""Codes for a machine with a public key: what key we take, and the envelope that only it opens. Pure but for random bytes.

JWE in compact form (RFC 7516): RSA-OAEP-256 or ECDH-ES, with A256GCM. The payload is JSON: allocationId, code, pin.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import orjson
from joserfc import jwe, jwk
from joserfc.errors import JoseError

from fondaco_core.secret import Secret
from fondaco_tenants.delivery.errors import KeyRefused

_RSA_BITS_MIN: Final = 2_048
_RSA_BITS_MAX: Final = 8_192
_JWK_CHARS_MAX: Final = 4_096
_CURVES: Final = frozenset({"P-256", "P-384", "P-521"})
# What a public key is made of; whatever else a JWK may say is left out.
_PARTS: Final = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
_REGISTRY: Final = jwe.JWERegistry(algorithms=["RSA-OAEP-256", "ECDH-ES", "A256GCM"])


def read_key(text: str) -> tuple[dict[str, str], str]:
    """The public parts of a JWK and its thumbprint (RFC 7638). Raises KeyRefused, also for a private key: it is ruined now."""
    if len(text) > _JWK_CHARS_MAX:
        raise KeyRefused
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise KeyRefused from None
    if not isinstance(given, dict) or not all(
        isinstance(given.get(part), str) for part in _PARTS.get(str(given.get("kty")), ("",))
    ):
        raise KeyRefused
    if "d" in given or given.get("use", "enc") != "enc":
        raise KeyRefused
    public = {part: str(given[part]) for part in _PARTS[given["kty"]]}
    try:
        key = jwk.import_key(dict[str, str | list[str]](public))
        thumbprint = key.thumbprint()
        bits = key.public_key.key_size if isinstance(key, jwk.RSAKey) else _RSA_BITS_MIN
    except (JoseError, ValueError, TypeError, OverflowError):
        raise KeyRefused from None
    if not _RSA_BITS_MIN <= bits <= _RSA_BITS_MAX or public.get("crv", "P-256") not in _CURVES:
        raise KeyRefused
    return public, thumbprint


def sealed_to(
    key: Mapping[str, Any], thumbprint: str, *, allocation_id: UUID, code: Secret[str], pin: Secret[str] | None
) -> str:
    """One code as only the key's owner reads it."""
    recipient = jwk.import_key(dict(key))
    algorithm = "RSA-OAEP-256" if key["kty"] == "RSA" else "ECDH-ES"
    header = {"alg": algorithm, "enc": "A256GCM", "kid": thumbprint, "cty": "application/json"}
    payload = {
        "allocationId": str(allocation_id), "code": code.reveal(), "pin": None if pin is None else pin.reveal(),
    }  # fmt: skip
    return jwe.encrypt_compact(header, orjson.dumps(payload), recipient, registry=_REGISTRY)
