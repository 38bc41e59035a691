"""Endpoints of webhooks for tests, valid by default."""

from collections.abc import Sequence

from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import transaction
from fondaco_core.secret import Secret
from fondaco_tenants import webhooks
from fondaco_tenants.webhooks import Endpoint

SYSTEM = system_ctx("test", permissions=frozenset({"system.run"}))


async def make_endpoint(
    owner: Ctx,
    *,
    url: str = "https://127.0.0.1/hooks",
    description: str = "",
    event_types: Sequence[str] = ("order.fulfilled",),
) -> tuple[Endpoint, Secret[str]]:
    """An endpoint that wants to hear of fulfilled orders or of what is given, and its secret; nothing reaches the address that is given by default."""
    async with transaction(owner) as tx:
        return await webhooks.create_endpoint(tx, owner, url=url, event_types=event_types, description=description)


async def make_attempted_message(owner: Ctx, endpoint: Endpoint) -> webhooks.Message:
    """A message that could not be sent once, and is due again in a few seconds."""
    async with transaction(owner) as tx:
        message = await webhooks.send_test(tx, owner, endpoint_id=endpoint.id)
    await webhooks.send_due(SYSTEM)
    return message
