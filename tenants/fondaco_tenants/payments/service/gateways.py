"""Use cases of gateways: the platform keeps them, stores offer them, errands reach them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from fondaco_core import audit, clock, limits
from fondaco_core.context import Ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx, governing
from fondaco_core.errors import NotFound, StaleVersion
from fondaco_core.ids import GatewayId, new_id
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.payments import rules, store
from fondaco_tenants.payments.errors import GatewayExists, GatewayUnavailable, InvalidGateway
from fondaco_tenants.payments.rules import GatewayDetails


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A way to pay as everybody may see it."""

    id: GatewayId
    key: str
    kind: str
    title_zh: str
    title_en: str
    currencies: tuple[str, ...]
    enabled: bool
    created_at: datetime
    changed_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class GatewaySetup:
    """A gateway as the platform's people see it: with its address, without its secret, which nobody sees."""

    shown: GatewayView
    base_url: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What it takes to speak with a gateway."""

    id: GatewayId
    key: str
    kind: str
    base_url: str
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    sealed: bytes = b""


def _view(row: Any) -> GatewayView:
    return GatewayView(
        GatewayId(row["id"]), row["key"], row["kind"], row["title_zh"], row["title_en"], tuple(row["currencies"]),
        row["enabled"], row["created_at"], row["changed_at"], row["version"],
    )  # fmt: skip


def _setup(row: Any) -> GatewaySetup:
    options: dict[str, str] = orjson.loads(row["options"])
    return GatewaySetup(_view(row), row["base_url"], tuple(sorted(options.items())))


async def gateways_for(tx: Tx, *, currency: str) -> list[GatewayView]:
    """The ways to pay in a currency that are switched on; anybody may know them."""
    return [_view(row) for row in await tx.fetch(store.OFFERED, currency, limits.GATEWAYS_MAX)]


async def gateways_by_ids(tx: Tx, gateway_ids: Sequence[GatewayId]) -> dict[GatewayId, GatewayView]:
    """Gateways by id, also those that are switched off: payments go on naming them."""
    views = [_view(row) for row in await tx.fetch(store.GATEWAYS_BY_IDS, list(gateway_ids))]
    return {view.id: view for view in views}


async def find_offered(tx: Tx, *, key: str, currency: str) -> GatewayView:
    """One way to pay in a currency; GatewayUnavailable when there is none of that key, or it is switched off."""
    row = await tx.fetchrow(store.FIND_OFFERED, key, currency)
    if row is None:
        raise GatewayUnavailable(key)
    return _view(row)


@asynccontextmanager
async def sealing_gateways(ctx: Ctx) -> AsyncGenerator[Tx]:
    """governing(ctx) for use cases that seal a gateway's secret: the platform's key is at hand before the transaction begins."""
    ctx.require("platform.gateways")
    await keyring().sealing_key(None)
    async with governing(ctx) as tx:
        yield tx


async def _sealed(gateway_id: GatewayId, secret: Secret[str]) -> bytes:
    text = secret.reveal().strip()
    if not limits.GUEST_KEY_MIN <= len(text) <= limits.NOTE_MAX:
        raise InvalidGateway(
            f"A gateway's secret has {limits.GUEST_KEY_MIN} to {limits.NOTE_MAX} characters.",
            zh=f"支付通道的密钥须为 {limits.GUEST_KEY_MIN} 至 {limits.NOTE_MAX} 个字符。",
            path=("secret",),
        )
    key = await keyring().sealing_key(None)
    return key.seal(text.encode(), aad=bound_to("gateway", gateway_id, None))


async def list_gateways(tx: Tx, ctx: Ctx) -> list[GatewaySetup]:
    """Every gateway, for the platform's people; needs a transaction as fondaco_platform."""
    ctx.require("platform.read")
    return [_setup(row) for row in await tx.fetch(store.ALL_GATEWAYS, limits.GATEWAYS_MAX)]


async def add_gateway(
    tx: Tx, ctx: Ctx, *, key: str, kind: str, details: GatewayDetails, secret: Secret[str]
) -> GatewaySetup:
    """Adds a way to pay, switched on; `tx` comes from `sealing_gateways(ctx)`. Raises InvalidGateway, GatewayExists."""
    ctx.require("platform.gateways")
    rules.checked_key(key)
    rules.checked_kind(kind)
    good = rules.checked_details(details)
    if await tx.fetchval(store.COUNT_GATEWAYS) >= limits.GATEWAYS_MAX:
        raise GatewayExists(full=True)
    gateway_id = GatewayId(new_id())
    added = await tx.execute(
        store.ADD_GATEWAY, gateway_id, key, kind, good.title_zh, good.title_en, list(good.currencies), good.base_url,
        orjson.dumps(dict(good.options)).decode(), await _sealed(gateway_id, secret), clock.now(),
    )  # fmt: skip
    if added != 1:
        raise GatewayExists
    await _on_record(tx, ctx, "gateway.added", gateway_id, {"key": key, "kind": kind, "base_url": good.base_url})
    return await _get(tx, key)


async def update_gateway(
    tx: Tx, ctx: Ctx, *, key: str, version: int, details: GatewayDetails, enabled: bool
) -> GatewaySetup:
    """Changes a gateway, or switches it on or off: a payment that waits already goes on. Raises StaleVersion."""
    ctx.require("platform.gateways")
    good = rules.checked_details(details)
    before = await _get(tx, key)
    gateway_id = before.shown.id
    changed = await tx.execute(
        store.UPDATE_GATEWAY, gateway_id, version, good.title_zh, good.title_en, list(good.currencies), good.base_url,
        orjson.dumps(dict(good.options)).decode(), enabled, clock.now(),
    )  # fmt: skip
    if changed != 1:
        raise StaleVersion("gateway", current_version=before.shown.version)
    detail = {"base_url": good.base_url, "enabled": enabled, "currencies": list(good.currencies)}
    await _on_record(tx, ctx, "gateway.changed", gateway_id, detail)
    return await _get(tx, key)


async def set_gateway_secret(tx: Tx, ctx: Ctx, *, key: str, secret: Secret[str]) -> GatewaySetup:
    """Gives a gateway another secret; nobody can read the old or the new one. `tx` comes from `sealing_gateways(ctx)`."""
    ctx.require("platform.gateways")
    gateway_id = (await _get(tx, key)).shown.id
    await tx.execute(store.RESEAL_GATEWAY, gateway_id, await _sealed(gateway_id, secret), clock.now())
    await _on_record(tx, ctx, "gateway.secret_changed", gateway_id, {})
    return await _get(tx, key)


async def _get(tx: Tx, key: str) -> GatewaySetup:
    row = await tx.fetchrow(store.GATEWAY_BY_KEY, key)
    if row is None:
        raise NotFound("gateway", path=("key",))
    return _setup(row)


async def reach_by_id(tx: Tx, gateway_id: GatewayId) -> Reach | None:
    """How a payment's gateway is reached; needs a transaction as fondaco_platform."""
    row = await tx.fetchrow(store.REACH_BY_ID, gateway_id)
    return None if row is None else _reach(row)


async def reach_by_key(tx: Tx, key: str) -> Reach | None:
    """How the gateway of an address is reached; needs a transaction as fondaco_platform."""
    row = await tx.fetchrow(store.REACH_BY_KEY, key)
    return None if row is None else _reach(row)


def _reach(row: Any) -> Reach:
    return Reach(
        GatewayId(row["id"]), row["key"], row["kind"], row["base_url"], orjson.loads(row["options"]), row["secret"]
    )


async def _on_record(tx: Tx, ctx: Ctx, action: str, gateway_id: GatewayId, detail: Mapping[str, object]) -> None:
    await audit.record(tx, ctx, action, subject_kind="gateway", subject_id=gateway_id, detail=detail)
