"""Use cases of redemption addresses that are made for one buyer."""

import base64
from datetime import timedelta
from uuid import UUID

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.ids import TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.delivery.rules import is_personal, personal_address


def personal(code: Secret[str], *, tenant_id: TenantId, order_id: UUID, customer_id: UUID) -> Secret[str]:
    """A redemption address as its buyer gets it; any other code as it is."""
    address = code.reveal()
    if not is_personal(address):
        return code
    expires = clock.now() + timedelta(hours=limits.PERSONAL_LINK_HOURS)
    return Secret(
        personal_address(
            address,
            order=_opaque("order", tenant_id, order_id),
            buyer=_opaque("buyer", tenant_id, customer_id),
            expires=int(expires.timestamp()),
            key=_signing_key(tenant_id),
        )
    )


async def show_link_key(tx: Tx, ctx: Ctx, *, reason: str) -> Secret[str]:
    """The merchant's key that signs redemption addresses, in base64url, for the shop that checks them; on the record."""
    ctx.require("codes.reveal")
    ctx.require("clients.edit")
    why = tenancy.checked_reason(reason)
    await audit.record(tx, ctx, "link_key.shown", subject_kind="tenant", subject_id=ctx.tenant, reason=why)
    return Secret(base64.urlsafe_b64encode(_signing_key(ctx.tenant).reveal()).rstrip(b"=").decode())


def _signing_key(tenant_id: TenantId) -> Secret[bytes]:
    return Secret(keyed_hash(keyring().lookup_key, "link-signing", str(tenant_id)))


def _opaque(kind: str, tenant_id: TenantId, number: UUID) -> str:
    raw = keyed_hash(keyring().lookup_key, f"link-{kind}", f"{tenant_id}|{number}")[:16]
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
