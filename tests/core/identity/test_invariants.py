"""Every invariant holds after people, machines and buyers have come and gone."""

import pytest

from fondaco_core import identity, tenancy
from fondaco_core.context import Ctx
from fondaco_core.db import governing, transaction
from fondaco_core.identity import MemberRole
from fondaco_core.secret import Secret
from fondaco_tenants import customers
from tests.support.factories.customers import make_customer
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, some_email
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants

pytestmark = pytest.mark.usefixtures("database")


async def test_a_merchants_comings_and_goings_break_no_promise() -> None:
    admin, tenant_id = admin_ctx(), await make_tenant()
    owner = await make_member_ctx(tenant_id)
    buyer = await make_customer(tenant_id)
    leaving = await make_member(tenant_id, role=MemberRole.OWNER)

    async with transaction(owner) as tx:
        _, token = await identity.invite_member(tx, owner, email=some_email(), name="New", role=MemberRole.SUPPORT)
        client, _ = await identity.create_api_client(tx, owner, name="A machine", scopes=["catalog.read"])
        await identity.create_api_client(tx, owner, name="Another", scopes=["orders.read"])
    assert token is not None
    await identity.accept_invitation(Ctx(ip="192.0.2.9"), token=token, password=Secret("a password of four words"))
    known = await identity.find_api_client(client.client_id)
    assert known is not None
    await identity.start_access(Ctx(), known, scopes=known.scopes)
    async with transaction(owner) as tx:
        await identity.revoke_api_client(tx, owner, api_client_id=client.id)
        await identity.remove_member(tx, owner, member_id=leaving)
        await customers.block_customer(tx, owner, customer_id=buyer, reason="a reason")
    async with governing(admin) as tx:
        await tenancy.suspend_tenant(tx, admin, tenant_id, reason="a reason")
        await tenancy.close_tenant(tx, admin, tenant_id, reason="a reason")

    await assert_invariants()
