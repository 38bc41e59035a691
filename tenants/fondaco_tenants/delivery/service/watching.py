"""Use cases after codes were shown: note what has arrived, and look whether the showing was unusual."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fondaco_core import clock, limits, outbox
from fondaco_core.addresses import household
from fondaco_core.context import Ctx
from fondaco_core.crypto import keyed_hash
from fondaco_core.db import Tx
from fondaco_core.ids import new_id
from fondaco_core.keyring import keyring
from fondaco_tenants.codes import RevealVia
from fondaco_tenants.delivery import store
from fondaco_tenants.delivery.events import RevealUnusual
from fondaco_tenants.delivery.rules import Channel, Unusual, Usual, judge_client, judge_link, judge_place, judge_staff
from fondaco_tenants.delivery.service.outgoing import mark_delivered

_PAGES = {RevealVia.ACCOUNT: Channel.ACCOUNT, RevealVia.GUEST: Channel.ACCOUNT, RevealVia.API: Channel.API}
_BUYERS_DOORS = frozenset({RevealVia.ACCOUNT, RevealVia.GUEST, RevealVia.LINK})
_WATCHED = frozenset({"MEMBER", "API_CLIENT"})


@dataclass(frozen=True, slots=True)
class Showing:
    """That codes were shown: through which door, to whom, of which order, by which link."""

    via: RevealVia
    actor_kind: str
    actor_id: UUID | None
    order_id: UUID | None
    link_id: UUID | None


async def look_at_reveals(tx: Tx, ctx: Ctx, *, shown: Sequence[Showing]) -> list[Unusual]:
    """Looks at what was shown within the last hour around some showings, and raises an alarm for what is unusual, once an hour.

    It looks once around everybody and every order, however often codes were shown to them, and says what is raised now.
    """
    ctx.require("system.run")
    since = clock.now() - timedelta(seconds=limits.REVEAL_WINDOW_S)
    usual = await _usual(tx, ctx)
    await mark_delivered(
        tx, ctx,
        {
            (each.order_id, each.link_id, _PAGES.get(each.via))
            for each in shown
            if each.order_id is not None and each.via is not RevealVia.EMAIL
        },
    )  # fmt: skip
    actors = {(each.actor_id, each.actor_kind) for each in shown if each.actor_kind in _WATCHED}
    orders = {each.order_id for each in shown if each.via in _BUYERS_DOORS and each.order_id is not None}
    links = {(each.order_id, each.link_id) for each in shown if each.via in _BUYERS_DOORS}
    found: list[Unusual] = []
    for actor_id, actor_kind in actors:
        if actor_id is not None:
            found += await _around_actor(tx, ctx, actor_id=actor_id, actor_kind=actor_kind, since=since, usual=usual)
    if orders:
        found += await _at_places(tx, ctx, order_ids=list(orders), since=since, usual=usual)
    for order_id, link_id in links:
        if order_id is not None and link_id is not None:
            places = await tx.fetch(store.PLACES_OF_LINK, order_id, link_id, since, limits.ORDER_REVEALS_SEEN_MAX)
            found += judge_link(str(link_id), opened_at=[row["ip"] for row in places])
    # In one order, so that two who raise the same wait for each other and not around each other.
    ordered = sorted(found, key=lambda each: (each.rule.value, each.subject))
    return [each for each in ordered if await _raise(tx, ctx, each)]


async def _usual(tx: Tx, ctx: Ctx) -> Usual:
    row = await tx.fetchrow(store.USUAL, ctx.tenant)
    return Usual() if row is None else Usual(*row.values())


async def _around_actor(
    tx: Tx, ctx: Ctx, *, actor_id: UUID, actor_kind: str, since: datetime, usual: Usual
) -> list[Unusual]:
    most = usual.client_reveals if actor_kind == "API_CLIENT" else usual.staff_reveals
    # Twice as many as usual says enough, however many more there were.
    shown = await tx.fetchval(store.SHOWN_TO, ctx.tenant, actor_id, actor_kind, since, 2 * most + 1)
    if actor_kind == "API_CLIENT":
        return judge_client(str(actor_id), shown=shown, usual=usual)
    long_ago = since - timedelta(days=limits.PLACES_KNOWN_DAYS)
    looked_at = limits.PLACES_SEEN_MAX
    now_at = await tx.fetch(store.PLACES_OF, ctx.tenant, actor_id, since, clock.now(), looked_at)
    before_at = await tx.fetch(store.PLACES_OF, ctx.tenant, actor_id, long_ago, since, looked_at)
    return judge_staff(
        str(actor_id), shown=shown, now_at=[row["ip"] for row in now_at], before_at=[row["ip"] for row in before_at],
        usual=usual,
    )  # fmt: skip


async def _at_places(
    tx: Tx, ctx: Ctx, *, order_ids: Sequence[UUID], since: datetime, usual: Usual
) -> list[Unusual]:  # fmt: skip
    """What is unusual about the addresses at which codes of these orders were shown; each address is looked at once."""
    found: list[Unusual] = []
    rows = await tx.fetch(
        store.ACCOUNTS_AT_PLACES, ctx.tenant, order_ids, since, limits.ORDER_REVEALS_SEEN_MAX, limits.PLACES_COUNTED_MAX,
        limits.PLACE_REVEALS_SEEN_MAX,
    )  # fmt: skip
    for row in rows:
        place = keyed_hash(keyring().lookup_key, "place", f"{ctx.tenant}|{household(row['ip'])}").hex()[:32]
        found += judge_place(place, accounts=row["accounts"], usual=usual)
    return found


async def _raise(tx: Tx, ctx: Ctx, found: Unusual) -> bool:
    """Whether nobody raised this alarm within the hour before."""
    id_ = new_id()
    now = clock.now()
    if not await tx.fetchval(store.RAISE_ALARM, id_, ctx.tenant, found.rule.value, found.subject, now, found.count):
        return False
    await outbox.announce(tx, (ctx.tenant, RevealUnusual(id_, found.rule.value, found.count)))
    return True
