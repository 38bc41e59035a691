"""Stores that are valid by default, committed."""

from fondaco_core import limits
from fondaco_core.context import Ctx
from fondaco_core.db import transaction
from fondaco_core.ids import new_id
from fondaco_tenants import storefront
from fondaco_tenants.storefront import Store


async def make_store(
    ctx: Ctx,
    *,
    slug: str | None = None,
    name: str = "Card Corner",
    currency: str = "CNY",
    guest_checkout: bool = True,
    hold_s: int = limits.HOLD_S,
) -> Store:
    """An open store of the tenant that `ctx` acts for."""
    async with transaction(ctx) as tx:
        return await storefront.create_store(
            tx,
            ctx,
            slug=slug or f"store-{new_id().hex[8:]}",
            name=name,
            currency=currency,
            guest_checkout=guest_checkout,
            hold_s=hold_s,
        )
