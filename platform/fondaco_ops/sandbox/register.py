"""Makes the sandbox gateway one of the ways to pay of this installation, and keeps its address up to date."""

from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, open_database
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_ops.sandbox.local import note_registered
from fondaco_ops.sandbox.places import GATEWAY_KEY, sandbox_secret, sandbox_url
from fondaco_tenants import payments
from fondaco_tenants.payments import GatewayDetails

CURRENCIES = ("CNY", "EUR", "HKD", "JPY", "USD")


async def register_alone(settings: Settings) -> None:
    """`register` for a process that has opened nothing yet."""
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        await register(settings)
    finally:
        close_keyring()
        await close_database()


async def register(settings: Settings) -> None:
    """Adds the gateway, or gives the one that is there its present address and secret. Repeating it changes nothing."""
    ctx = system_ctx("sandbox", permissions=frozenset({"platform.gateways", "platform.read"}))
    secret = sandbox_secret(settings)
    details = GatewayDetails("沙盒支付（测试）", "Sandbox Pay (test)", CURRENCIES, sandbox_url(settings))
    async with payments.sealing_gateways(ctx) as tx:
        known = {each.shown.key: each for each in await payments.list_gateways(tx, ctx)}.get(GATEWAY_KEY)
        if known is None:
            await payments.add_gateway(tx, ctx, key=GATEWAY_KEY, kind="SANDBOX", details=details, secret=secret)
        else:
            await payments.set_gateway_secret(tx, ctx, key=GATEWAY_KEY, secret=secret)
            await payments.update_gateway(
                tx, ctx, key=GATEWAY_KEY, version=known.shown.version + 1, details=details,
                enabled=known.shown.enabled,
            )  # fmt: skip
    note_registered(settings)
