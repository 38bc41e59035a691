"""Use cases after codes were shown: note what has arrived, and look whether the showing was unusual."""

from datetime import datetime, timedelta
from uuid import UUID

from fondaco_core import clock, limits, outbox
from fondaco_core.addresses import household
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.ids import OrderId, new_id
from fondaco_core.keyring import keyring
from fondaco_tenants.codes import RevealVia
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.events import RevealUnusual
from fondaco_tenants.delivery.rules import Channel, Unusual, Usual, judge_client, judge_link, judge_place, judge_staff
from fondaco_tenants.delivery.service.outgoing import mark_delivered

_PAGES = {RevealVia.ACCOUNT: Channel.ACCOUNT, RevealVia.GUEST: Channel.ACCOUNT, RevealVia.API: Channel.API}


async def look_at_reveals(
    tx: Tx, ctx: Ctx, *, via: str, actor_kind: str, actor_id: UUID | None, order_id: UUID | None, link_id: UUID | None
) -> list[Unusual]:
    """Looks at what was shown within the last hour around one showing, and raises an alarm for what is unusual, once an hour."""
    ctx.require("system.run")
    door, since = RevealVia(via), clock.now() - timedelta(seconds=limits.REVEAL_WINDOW_S)
    found: list[Unusual] = []
    usual = await _usual(tx, ctx)
    if order_id is not None and door is not RevealVia.EMAIL:
        channels = [_PAGES[door]] if door in _PAGES else []
        await mark_delivered(tx, ctx, order_id=OrderId(order_id), link_id=link_id, channels=channels)
    if actor_id is not None and actor_kind in {"MEMBER", "API_CLIENT"}:
        found += await _around_actor(tx, ctx, actor_id=actor_id, actor_kind=actor_kind, since=since, usual=usual)
    if order_id is not None and door in {RevealVia.ACCOUNT, RevealVia.GUEST, RevealVia.LINK}:
        found += await _around_order(tx, ctx, order_id=order_id, link_id=link_id, since=since, usual=usual)
    for each in found:
        await _raise(tx, ctx, each)
    return found


async def _usual(tx: Tx, ctx: Ctx) -> Usual:
    row = await tx.fetchrow(store.USUAL, ctx.tenant)
    return Usual() if row is None else Usual(*row.values())


async def _around_actor(
    tx: Tx, ctx: Ctx, *, actor_id: UUID, actor_kind: str, since: datetime, usual: Usual
) -> list[Unusual]:
    shown = await tx.fetchval(store.SHOWN_TO, ctx.tenant, actor_id, actor_kind, since)
    if actor_kind == "API_CLIENT":
        return judge_client(str(actor_id), shown=shown, usual=usual)
    long_ago = since - timedelta(days=limits.PLACES_KNOWN_DAYS)
    most = limits.PLACES_SEEN_MAX
    now_at = await tx.fetch(store.PLACES_OF, ctx.tenant, actor_id, since, clock.now(), most)
    before_at = await tx.fetch(store.PLACES_OF, ctx.tenant, actor_id, long_ago, since, most)
    return judge_staff(
        str(actor_id), shown=shown, now_at=[row["ip"] for row in now_at], before_at=[row["ip"] for row in before_at],
        usual=usual,
    )  # fmt: skip


async def _around_order(
    tx: Tx, ctx: Ctx, *, order_id: UUID, link_id: UUID | None, since: datetime, usual: Usual
) -> list[Unusual]:
    found: list[Unusual] = []
    for row in await tx.fetch(store.ACCOUNTS_AT_PLACES, ctx.tenant, order_id, since):
        place = keyed_hash(keyring().lookup_key, "place", f"{ctx.tenant}|{household(row['ip'])}").hex()[:32]
        found += judge_place(place, accounts=row["accounts"], usual=usual)
    if link_id is not None:
        places = await tx.fetch(store.PLACES_OF_LINK, order_id, link_id, since)
        found += judge_link(str(link_id), opened_at=[row["ip"] for row in places])
    return found


async def _raise(tx: Tx, ctx: Ctx, found: Unusual) -> None:
    id_ = new_id()
    now = clock.now()
    if await tx.fetchval(store.RAISE_ALARM, id_, ctx.tenant, found.rule.value, found.subject, now, found.count):
        await outbox.announce(tx, (ctx.tenant, RevealUnusual(id_, found.rule.value, found.count)))
