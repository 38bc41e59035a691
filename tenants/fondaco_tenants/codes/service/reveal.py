"""The one use case that opens codes: show plaintext to somebody entitled to it, and write down that it was shown."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fondaco_core import audit, clock, limits, outbox, tenancy
from fondaco_core.context import ActorKind, Ctx, system_ctx
from fondaco_core.crypto import bound_to
from fondaco_core.db import Tx
from fondaco_core.errors import Bug, NotFound
from fondaco_core.ids import AllocationId, CodeId, LinkId, OrderId, TenantId
from fondaco_core.keyring import keyring
from fondaco_core.secret import Secret
from fondaco_tenants.codes.events import CodesRevealed
from fondaco_tenants.codes.rules import Plain, RevealVia, pack, unpack
from fondaco_tenants.codes.service.names import name_of_code
from fondaco_tenants.codes.service.vault import checked_reason
from fondaco_tenants.codes.store import vault as store


@dataclass(frozen=True, slots=True)
class Revealed:
    """A code that was opened: `plaintext` as it was sealed, and its parts as they are shown."""

    code_id: CodeId
    allocation_id: AllocationId | None
    plaintext: Secret[str] = field(repr=False)
    code: Secret[str] = field(repr=False)
    pin: Secret[str] | None = field(repr=False)
    # What its owner noted when it was imported: for the owner's own people, never for a buyer.
    note: Secret[str] | None = field(default=None, repr=False)


async def reveal_codes(
    tx: Tx,
    ctx: Ctx,
    *,
    code_ids: Sequence[UUID],
    via: str,
    order_id: UUID | None = None,
    allocation_ids: Sequence[UUID] | None = None,
    owner_ids: Sequence[UUID] | None = None,
    link_id: UUID | None = None,
    reason: str | None = None,
) -> list[Revealed]:
    """Opens codes and records each as shown, in the same transaction; in the order that was asked.

    They are those of the tenant of `tx`, or of `owner_ids`, merchants who sold them through this one: theirs are opened only
    for the unit that they are bound to. Whether the asker bought them is decided by whoever calls this. A code that is not
    there is a Bug for a buyer, whose allocation names it, and NotFound in the back office, which sees its own alone.
    """
    door = RevealVia(via)
    ctx.require("codes.reveal" if door is RevealVia.BACK_OFFICE else "buyer.reveal")
    assert 0 < len(code_ids) <= limits.HOLD_CODES_MAX
    allocations: Sequence[UUID | None] = allocation_ids if allocation_ids is not None else [None] * len(code_ids)
    assert len(allocations) == len(code_ids)
    home = tx.tenant_id
    owners = [home] * len(code_ids) if owner_ids is None else owner_ids
    assert home is not None
    assert len(owners) == len(code_ids)
    assert door is not RevealVia.BACK_OFFICE or set(owners) == {home}
    own = [code_id for code_id, owner in zip(code_ids, owners, strict=True) if owner == home]
    rows = {row["id"]: row for row in (await tx.fetch(store.SEALED, own) if own else [])}
    rows |= await _sold_through(tx, zip(code_ids, allocations, owners, strict=True))
    missing = sum(1 for code_id in code_ids if code_id not in rows)
    if missing and door is RevealVia.BACK_OFFICE:
        raise NotFound("code", path=("id",))
    if missing:
        msg = f"{missing} codes of allocations are not in the vault of their tenant."
        raise Bug(msg)

    shown: list[Revealed] = []
    for code_id, allocation_id in zip(code_ids, allocations, strict=True):
        row = rows[code_id]
        packed = (await keyring().open(row["sealed"], aad=bound_to("code", row["id"], row["tenant_id"]))).reveal()
        plain = unpack(packed)
        shown.append(
            Revealed(
                CodeId(row["id"]),
                None if allocation_id is None else AllocationId(allocation_id),
                plaintext=Secret(pack(Plain(plain.code, plain.pin)).decode()),
                code=Secret(plain.code),
                pin=None if plain.pin is None else Secret(plain.pin),
                note=None if plain.note is None or door is not RevealVia.BACK_OFFICE else Secret(plain.note),
            )
        )
    await _record(
        tx, ctx, code_ids, allocations, owners=owners, door=door, order_id=order_id, link_id=link_id, reason=reason
    )
    return shown


async def _sold_through(tx: Tx, units: Iterable[tuple[UUID, UUID | None, UUID | None]]) -> dict[UUID, Any]:
    """Codes that other merchants sold through this one: looked at within each of them, and on their record as shown.

    An owner learns that an end customer saw it, and when: not who, by which door, from where, nor at which store.
    """
    bound: dict[UUID, dict[UUID, UUID]] = defaultdict(dict)
    for code_id, allocation_id, owner in units:
        if owner != tx.tenant_id:
            assert owner is not None
            assert allocation_id is not None, "only who bought a unit is shown another merchant's code"
            bound[owner][code_id] = allocation_id
    rows: dict[UUID, Any] = {}
    for owner, codes_of in sorted(bound.items()):
        async with tx.crossing_to(owner):
            found = await tx.fetch(store.SEALED_FOR, list(codes_of), list(codes_of.values()))
            rows |= {row["id"]: row for row in found}
            if found:
                await _record_at_owner(tx, TenantId(owner), list(rows.keys() & codes_of.keys()))
    return rows


async def _record_at_owner(tx: Tx, owner: TenantId, code_ids: Sequence[UUID]) -> None:
    # The door and the asker are the store's to know: at the owner all doors look like the customer's own.
    door, asker = RevealVia.ACCOUNT.value, ActorKind.CUSTOMER.value
    await tx.execute(
        store.ADD_REVEALS, owner, None, door, asker, None, None, None, None, None, clock.now(),
        list(code_ids), [None] * len(code_ids),
    )  # fmt: skip
    # The asker's own request says who they are: the owner's entry has one that stands for nobody.
    await audit.record_many(
        tx, system_ctx("codes.sold_through", tenant_id=owner), "code.revealed", subject_kind="code",
        subjects=[(owner, code_id, {"shown_to": "END_CUSTOMER"}) for code_id in code_ids],
    )  # fmt: skip
    told = CodesRevealed(
        via=door, actor_kind=asker, actor_id=None, order_id=None, link_id=None, units=len(code_ids)
    )  # fmt: skip
    await outbox.announce(tx, (owner, told))


async def reveal_own_code(tx: Tx, ctx: Ctx, *, code_id: CodeId, reason: str) -> Revealed:
    """Shows a merchant's own person one of its codes, for a reason that is kept."""
    ctx.require("codes.reveal")
    await tenancy.require_active(tx, ctx)
    why = checked_reason(reason)
    (shown,) = await reveal_codes(tx, ctx, code_ids=[code_id], via=RevealVia.BACK_OFFICE.value, reason=why)
    return shown


async def _record(
    tx: Tx,
    ctx: Ctx,
    code_ids: Sequence[UUID],
    allocations: Sequence[UUID | None],
    *,
    owners: Sequence[UUID | None],
    door: RevealVia,
    order_id: UUID | None,
    link_id: UUID | None,
    reason: str | None,
) -> None:  # fmt: skip
    owner = tx.tenant_id
    assert owner is not None
    await tx.execute(
        store.ADD_REVEALS, owner, None if order_id is None else OrderId(order_id), door.value, ctx.actor.value, ctx.actor_id,
        None if link_id is None else LinkId(link_id), ctx.ip, ctx.user_agent, reason, clock.now(),
        list(code_ids), list(allocations),
    )  # fmt: skip
    detail = {"via": door.value, "order_id": order_id, "link_id": link_id}
    await audit.record_many(
        tx, ctx, "code.revealed", subject_kind="code", reason=reason,
        subjects=[
            (TenantId(owner), name_of_code(code_id, owner_id=whose, seen_by=owner), {**detail, "allocation_id": allocation})
            for code_id, allocation, whose in zip(code_ids, allocations, owners, strict=True)
        ],
    )  # fmt: skip
    told = CodesRevealed(
        via=door.value, actor_kind=ctx.actor.value, actor_id=ctx.actor_id, order_id=order_id, link_id=link_id,
        units=len(code_ids),
    )  # fmt: skip
    await outbox.announce(tx, (owner, told))
