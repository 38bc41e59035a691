"""Guest order tokens: they say themselves what they open, so that nothing is stored for them."""

import base64
import binascii
import hmac
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fondaco_core import clock, limits
from fondaco_core.context import ActorKind, Ctx
from fondaco_core.errors import Unauthenticated
from fondaco_core.identity.rules import GUEST_PERMISSIONS
from fondaco_core.ids import TenantId
from fondaco_core.keyring import derived
from fondaco_core.secret import Secret

ORDER_TOKEN = "fd_order_"  # noqa: S105 - a prefix
# Tenant, order, version of the order's tokens, and the second it ends.
_BODY = struct.Struct(">16s16sIQ")
_MAC_BYTES = 32


def new_order_token(*, tenant_id: TenantId, order_id: UUID, version: int) -> Secret[str]:
    """A token that opens one order for a guest, for limits.ORDER_TOKEN_DAYS.

    It ends earlier when the order counts its version on: who reads the order compares ctx.order_token_version.
    """
    ends = int((clock.now() + timedelta(days=limits.ORDER_TOKEN_DAYS)).timestamp())
    body = _BODY.pack(tenant_id.bytes, order_id.bytes, version, ends)
    return Secret(ORDER_TOKEN + base64.urlsafe_b64encode(body + _mac(body)).decode().rstrip("="))


def read_order_token(token: Secret[str], stranger: Ctx) -> Ctx:
    """The guest behind a token, or Unauthenticated for one that is not ours, was changed, or has ended."""
    text = token.reveal().removeprefix(ORDER_TOKEN)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unauthenticated from None
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    if len(body) != _BODY.size or not hmac.compare_digest(_mac(body), mac):
        raise Unauthenticated
    tenant, order, version, ends = _BODY.unpack(body)
    if datetime.fromtimestamp(ends, UTC) <= clock.now():
        raise Unauthenticated
    order_id = UUID(bytes=order)
    return replace(
        stranger, actor=ActorKind.GUEST, actor_id=order_id, tenant_id=TenantId(UUID(bytes=tenant)), order_id=order_id,
        order_token_version=version, permissions=GUEST_PERMISSIONS,
    )  # fmt: skip


def _mac(body: bytes) -> bytes:
    return derived("order-token", body.hex()).reveal()[:_MAC_BYTES]
