"""Use cases of redemption addresses that are made for one buyer."""

from datetime import timedelta
from uuid import UUID

from fondaco_core import audit, clock, limits, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import Tx
from fondaco_core.ids import TenantId
from fondaco_core.keyring import derived, derived_text
from fondaco_core.secret import Secret
from fondaco_tenants.delivery.rules import is_personal, personal_address

_SIGNING = "link-signing"


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
    return derived_text(_SIGNING, str(ctx.tenant))


def _signing_key(tenant_id: TenantId) -> Secret[bytes]:
    return derived(_SIGNING, str(tenant_id))


def _opaque(kind: str, tenant_id: TenantId, number: UUID) -> str:
    return derived_text(f"link-{kind}", f"{tenant_id}|{number}", size=16).reveal()
