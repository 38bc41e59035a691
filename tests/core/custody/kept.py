"""One of each kind of thing that the platform keeps under its own key, made as it is in life."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import LargeBinary

from fondaco_core import audit, custody, identity, limits, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, sealed_columns, transaction
from fondaco_core.identity import PLATFORM_ADMIN_PERMISSIONS, SecondFactorRequired
from fondaco_core.ids import new_id
from fondaco_core.keyring import keyring
from fondaco_core.notary import last_checkpoint
from fondaco_core.secret import Secret
from fondaco_tenants import codes, payments, registry
from tests.core.identity.people import PASSWORD, Person, add_app, code_of, make_person, visitor
from tests.support.clock import later
from tests.support.factories.identity import admin_ctx, make_member_ctx
from tests.support.factories.orders import Shop, make_buyer, make_shop, place
from tests.support.factories.payments import FakeGateway, make_gateway, start_top_up
from tests.support.factories.tenancy import make_tenant
from tests.support.notary import seal_all
from tests.support.rows import as_owner

KEEPER = system_ctx("test", permissions=PLATFORM_ADMIN_PERMISSIONS | {"system.run", "audit.read"})
COLUMNS = sealed_columns(registry.metadata())
WHY = "The contract ended, and the dispute period with it."
CLIENT_SECRET = "a secret of an identity provider"


EVERY_KIND = {
    "audit_key.private_key_sealed",
    "code.sealed",
    "gateway.secret",
    "identity_provider.client_secret_sealed",
    "payment_notification.message",
    "second_factor.secret_sealed",
}


@dataclass(slots=True)
class Kept:
    """One of each kind of thing that the platform keeps under its own key, and what it must open to."""

    gateway: FakeGateway
    notification_id: UUID
    message: str
    provider_id: UUID
    person: Person
    app: Any
    buyer: Ctx
    bought: str

    async def assert_opens(self, round_: int) -> None:
        """Every one of them is used, as whoever needs it does."""
        self.gateway.secret = ""
        top_up = await start_top_up(self.gateway, await make_member_ctx(await make_tenant()))
        assert self.gateway.secret
        assert top_up in self.gateway.payments
        with pytest.raises(SecondFactorRequired) as required:
            await identity.sign_in(visitor(), email=self.person.email, password=PASSWORD)
        # Each code of the app counts once.
        with later(minutes=2 + round_):
            assert await identity.complete_sign_in(
                visitor(), challenge=required.value.challenge, code=code_of(self.app)
            )
        assert await self.signs()
        await self.assert_stored()

    async def assert_stored(self) -> None:
        """What can be looked at again and again without a trace of another kind opens."""
        assert await self.client_secret() == CLIENT_SECRET
        assert await open_bought(self.buyer) == self.bought
        admin = admin_ctx()
        async with payments.reading_evidence(admin) as tx:
            _, message = await payments.reveal_notification(tx, admin, notification_id=self.notification_id, reason=WHY)
        assert message.reveal() == self.message

    async def client_secret(self) -> str:
        """What the platform shows an identity provider."""
        async with governing(KEEPER) as tx:
            sealed = await tx.fetchval(
                "SELECT client_secret_sealed FROM identity_provider WHERE id = $1", self.provider_id
            )
        (column,) = (each for each in COLUMNS if each.name == "identity_provider.client_secret_sealed")
        opened = await keyring().open(sealed, aad=column.aad({"id": self.provider_id}))
        return opened.reveal().decode()

    async def signs(self) -> bool:
        """Whether the audit log's key signs what is new, with the public half that was there before."""
        async with governing(KEEPER) as tx:
            before = await last_checkpoint(tx, KEEPER)
            await audit.record(tx, KEEPER, "test.done", subject_kind="test", subject_id=new_id())
        await seal_all()
        async with governing(KEEPER) as tx:
            after = await last_checkpoint(tx, KEEPER)
            assert after is not None
            public = await tx.fetchval("SELECT public_key FROM audit_key WHERE key_id = $1", after.key_id)
        return after.size > (0 if before is None else before.size) and after.is_signed_by(public)


async def open_bought(buyer: Ctx) -> str:
    """What a buyer bought of a merchant that has left."""
    async with reading(buyer) as tx:
        code_id = await tx.fetchval("SELECT id FROM code WHERE state = 'DELIVERED' ORDER BY id LIMIT 1")
    async with transaction(buyer) as tx:
        (shown,) = await codes.reveal_codes(tx, buyer, code_ids=[code_id], via="ACCOUNT", reason="a look")
    return shown.code.reveal()


async def depart(shop: Shop, *, wholly: bool = True) -> custody.Change:
    """Has a merchant's keys destroyed; or only begins to."""
    async with governing(KEEPER) as tx:
        await tenancy.close_tenant(tx, KEEPER, shop.owner.tenant, reason=WHY)
    with later(days=limits.KEYS_KEPT_DAYS + 1):
        change = await custody.destroy_tenant_keys(KEEPER, tenant_id=shop.owner.tenant, reason=WHY, columns=COLUMNS)
        if wholly:
            change = await custody.carry_on(KEEPER, change_id=change.id, columns=COLUMNS)
    return change


async def make_kept() -> Kept:
    """One of each kind."""
    gateway = await make_gateway()
    owner = await make_member_ctx(await make_tenant())
    raw = gateway.notification(await start_top_up(gateway, owner))
    await payments.receive_notification(gateway.key, raw, ip=None)
    async with governing(KEEPER) as tx:
        notification_id = await tx.fetchval("SELECT id FROM payment_notification ORDER BY received_at DESC LIMIT 1")
    async with transaction(owner) as tx:
        provider = await identity.add_provider(
            tx, owner, title="Corp", issuer="https://corp.example", client_id="fondaco", client_secret=Secret(CLIENT_SECRET),
            domains=["corp.example"], join_role=None,
        )  # fmt: skip
    person = await make_person()
    app, _ = await add_app(person)
    shop = await make_shop(stock=5)
    buyer = await make_buyer(shop)
    for _ in range(3):
        await place(shop, buyer)
    bought = await open_bought(buyer)
    await depart(shop)
    admin = admin_ctx()
    async with payments.reading_evidence(admin) as tx:
        _, message = await payments.reveal_notification(tx, admin, notification_id=notification_id, reason=WHY)
    assert message.reveal().endswith(raw.body.decode())
    kept = Kept(gateway, notification_id, message.reveal(), provider.id, person, app, buyer, bought)
    # The first signature makes the key.
    assert await kept.signs()
    return kept


async def under(settings: Settings, number: int) -> dict[str, int]:
    """How many values of every column of bytes there is are under a key, whatever the column is said to be."""
    found: dict[str, int] = {}
    async with as_owner(settings) as owner:
        for table in registry.metadata().sorted_tables:
            for column in table.columns:
                if isinstance(column.type, LargeBinary):
                    rows = await owner.fetchval(
                        f'SELECT count(*) FROM "{table.name}" WHERE octet_length("{column.name}") >= 33'  # noqa: S608
                        f' AND substring("{column.name}" FOR 5) = $1',
                        b"\x01" + number.to_bytes(4, "big"),
                    )
                    if rows:
                        found[f"{table.name}.{column.name}"] = rows
    return found
