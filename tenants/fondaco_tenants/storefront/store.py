"""Every SQL statement of the storefront."""

from collections.abc import Mapping
from typing import Any

from fondaco_core.ids import StoreId, TenantId
from fondaco_tenants.storefront.rules import Store, StoreDetails, StoreState

_STORE = "id, tenant_id, slug, name, description, currency, locale, state, guest_checkout, hold_s, created_at, version"

ADD = f"""
INSERT INTO store ({_STORE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (slug) DO NOTHING
"""
CHANGE = """
UPDATE store SET
  name = $3, description = $4, locale = $5, state = $6, guest_checkout = $7, hold_s = $8, version = version + 1
WHERE id = $1 AND version = $2
"""
LOCK = f"SELECT {_STORE} FROM store WHERE id = $1 FOR UPDATE"
FIND = f"SELECT {_STORE} FROM store WHERE id = ANY($1::uuid[])"
LIST = f"""
SELECT {_STORE} FROM store WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
LIST_BACKWARD = f"""
SELECT {_STORE} FROM store WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""


def to_store(row: Mapping[str, Any]) -> Store:
    """A row as the module speaks of it."""
    return Store(
        id=StoreId(row["id"]),
        tenant_id=TenantId(row["tenant_id"]),
        slug=row["slug"],
        currency=row["currency"],
        details=StoreDetails(
            name=row["name"],
            description=row["description"],
            locale=row["locale"],
            state=StoreState(row["state"]),
            guest_checkout=row["guest_checkout"],
            hold_s=row["hold_s"],
        ),
        created_at=row["created_at"],
        version=row["version"],
    )
