"""One merchant's whole world: rows in every table, everybody who may ask, and everything that a stranger must not learn."""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from joserfc.jwk import ECKey

from fondaco_core import clock, identity, limits, mail, outbox, tenancy
from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, trading, transaction
from fondaco_core.identity import MERCHANT_PERMISSIONS, MemberRole, PlatformRole
from fondaco_core.ids import EntitlementId, ListingId, OfferId, OrderId, PlanId, StoreId, TenantId, UploadId
from fondaco_core.money import Money
from fondaco_core.secret import Secret
from fondaco_tenants import codes, customers, delivery, orders, payments, routing, settlement, supply
from fondaco_tenants.supply import Tier
from fondaco_workers.actors.delivery import send
from fondaco_workers.subscriptions import subscriptions
from tests.support.clock import later
from tests.support.door import Door
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.chains import Merchant, make_front
from tests.support.factories.codes import (
    MadePool,
    make_codes,
    make_pool,
    make_requested_import,
    make_upload,
    some_codes,
)
from tests.support.factories.identity import admin_ctx, make_member, make_member_ctx, make_user
from tests.support.factories.offers import make_offer_rows, make_undersold
from tests.support.factories.orders import fund
from tests.support.factories.own_codes import make_own_code_rows
from tests.support.factories.payments import fake_gateways, look_and_settle, make_gateway, send_refunds, start_payment
from tests.support.factories.reconciliation import make_difference
from tests.support.factories.routing import make_source
from tests.support.factories.settling import buy_on_credit
from tests.support.factories.storefront import make_store
from tests.support.factories.supply import make_agreement, make_invitation, make_terms, make_tier
from tests.support.factories.tenancy import make_tenant
from tests.support.factories.traded import fill_from_pool, make_traded, report_sold
from tests.support.factories.webhooks import make_attempted_message, make_endpoint
from tests.support.factories.withdrawals import ask, make_destination, refuse

PASSWORD = Secret("correct horse battery staple")
# What the pages' own scripts send, and foreign pages cannot.
ASKED_BY_SCRIPT = {"x-requested-with": "fondaco"}
_RELAY = system_ctx("relay", permissions=frozenset({"system.run"}))


@dataclass(slots=True)
class World:
    """A merchant with a store, its people, its buyers and their orders; `tag` is in every text that people of it wrote."""

    tag: str
    tenant_id: TenantId
    tenant_slug: str
    store_slug: str
    owner: Ctx
    members: dict[MemberRole, Ctx]
    machine: Ctx
    buyer: Ctx
    buyer_machine: Ctx
    other_buyer: Ctx
    guest: Ctx
    # The owner of another merchant, who supplies this one and buys from it.
    partner: Ctx
    plan_id: PlanId
    contact: str
    order_id: OrderId
    order_code: str
    other_order_code: str
    guest_order_code: str
    link_id: UUID
    link_secret: str
    upload_id: UploadId
    pool: MadePool
    # Every secret that was issued or imported, by a word for it; none of them may be found anywhere afterwards.
    secrets: dict[str, str] = field(default_factory=dict)
    # What only this merchant and its buyer may learn, each shown by some field to the owner or to the buyer.
    private: tuple[str, ...] = ()


async def make_worlds(door: Door) -> tuple[World, World]:
    """Two merchants who have nothing to do with each other; nothing is relayed after them, so that events wait in both."""
    pair = await _make_world(door), await _make_world(door)
    await _relay()
    for world in pair:
        await make_requested_import(world.pool, "\n".join(some_codes(2)).encode())
    return pair


async def _relay() -> None:
    relayed = 1
    while relayed:
        async with governing(_RELAY) as tx:
            relayed = (await outbox.hand_over(tx, subscriptions())).events


async def _make_world(door: Door) -> World:
    tag = uuid4().hex[:10]
    tenant_slug = f"t-{tag}"
    tenant_id = await make_tenant(slug=tenant_slug, name=f"Merchant {tag}")
    owner_email = f"owner-{tag}@example.com"
    await make_member(
        tenant_id, user_id=await make_user(email=owner_email, name=f"Owner {tag}", password=PASSWORD.reveal())
    )
    stranger = Ctx(request_id=f"world-{tag}", ip=f"2001:db8::{tag[:4]}", user_agent=f"browser {tag}")
    owner = (await identity.sign_in(stranger, email=owner_email, password=PASSWORD)).ctx
    members = {role: await make_member_ctx(tenant_id, role=role) for role in MemberRole}
    shop = _Shop(door, tag, owner)
    await shop.open()
    await shop.stock()
    buyer, contact = await shop.register("buyer")
    other, _ = await shop.register("other")
    sold = await shop.sell(buyer)
    await shop.sell_through_a_gateway(buyer)
    await shop.sell_to_another(other)
    guest = await shop.sell_to_a_guest()
    await shop.sell_a_gift(buyer)
    await shop.count_and_write_down()
    machine = await shop.make_machine(None)
    buyer_machine = await shop.make_machine(buyer)
    await shop.invite(owner_email)
    await shop.be_looked_at(buyer)
    await shop.listen()
    await shop.deal()
    upload_id = await shop.leave_work_behind()
    shop.secrets |= await make_own_code_rows(
        owner, listing_id=key_of(shop.listing), entitlement_id=shop.entitlement_id, buyer=other, tag=tag
    )
    return World(
        tag=tag, tenant_id=tenant_id, tenant_slug=tenant_slug, store_slug=shop.store_slug, owner=owner, members=members,
        machine=machine, buyer=buyer, buyer_machine=buyer_machine, other_buyer=other, guest=guest, partner=shop.partner, plan_id=shop.plan_id, contact=contact,
        order_id=sold.order_id, order_code=sold.order_code, other_order_code=shop.other_order_code,
        guest_order_code=shop.guest_order_code, link_id=sold.link_id, link_secret=sold.link_secret, upload_id=upload_id,
        pool=shop.pool,
        secrets=shop.secrets,
        private=(
            f"Pool {tag}", f"origin {tag}", f"Legal {tag}", f"reference {tag}", f"Machine {tag}", f"Buyer {tag}", f"Owner {tag}", sold.order_code,
            f"Plan {tag}", f"Tier {tag}", f"Invitation {tag}", f"Partner {tag}", f"Offer {tag}", f"Drafted {tag}",
            f"Offered {tag}", f"Place {tag}",
        ),
    )  # fmt: skip


@dataclass(slots=True)
class _Sold:
    order_id: OrderId
    order_code: str
    link_id: UUID
    link_secret: str


class _Shop:
    """Makes the parts of a world, one after the other."""

    store_slug: str
    store_id: StoreId
    entitlement_id: UUID
    listing: str
    pool: MadePool
    plan_id: PlanId
    partner: Ctx
    other_order_code: str
    guest_order_code: str

    def __init__(self, door: Door, tag: str, owner: Ctx) -> None:
        self.door = door
        self.tag = tag
        self.owner = owner
        self.secrets: dict[str, str] = {"password": PASSWORD.reveal()}

    async def do(
        self, mutation: str, input_: dict[str, Any], show: str = "", *, ctx: Ctx | None = None
    ) -> dict[str, Any]:
        """A mutation that must succeed."""
        done = await self.door.do(mutation, input_, ctx=ctx or self.owner, show=show)
        assert "code" not in done, (mutation, done)
        return done

    async def open(self) -> None:
        """A store with a listing on sale and one that is not, and the merchant's profile."""
        store = await make_store(self.owner, slug=f"store-{self.tag}", name=f"Store {self.tag}")
        self.store_slug, self.store_id = store.slug, store.id
        entitlement = await make_entitlement(sku=f"sku-{self.tag}")
        self.entitlement_id = entitlement.id
        listing = await make_listing(
            self.owner, store_id=store.id, entitlement_id=entitlement.id, title=f"Title {self.tag}", low_stock_at=3
        )
        await make_listing(
            self.owner, store_id=store.id, entitlement_id=entitlement.id, title=f"Draft {self.tag}", published=False
        )
        self.listing = node_id("Listing", listing.id)
        self.pool = await make_pool(self.owner, entitlement_id=entitlement.id, name=f"Pool {self.tag}")
        await make_source(self.owner, listing_id=listing.id, pool_id=self.pool.id)
        await self.do("setRoutingPolicy", {"listingId": self.listing, "kind": "WEIGHTED"})
        profile = {
            "version": 0, "displayName": f"Display {self.tag}", "legalName": f"Legal {self.tag}",
            "supportContact": f"help-{self.tag}@example.com", "currency": "CNY",
        }  # fmt: skip
        await self.do("updateMerchantProfile", profile)
        admin = admin_ctx()
        async with governing(admin) as tx:
            fees = tenancy.Fees(0, {f"category {self.tag}": 100})
            self.plan_id = (await tenancy.create_plan(tx, admin, name=f"Plan {self.tag}", fees=fees)).id
            await tenancy.set_tenant_fees(
                tx, admin, tenant_id=self.owner.tenant, plan_id=self.plan_id, fee_bps=None, reason="it has agreed to"
            )

    async def stock(self) -> None:
        """Codes in the pool, with lines that were none, one quarantined and one void."""
        texts = some_codes(12)
        self.secrets |= {f"code {place}": text for place, text in enumerate(texts)}
        given = {
            "poolId": node_id("Pool", self.pool.id), "lines": [*texts, texts[0], "x" * 5_000],
            "origin": f"origin {self.tag}", "unitCost": {"amount": "30.00", "currency": "CNY"},
        }  # fmt: skip
        await self.do("importCodes", given)
        async with transaction(self.owner) as tx:
            found = [code.id for code in await codes.list_codes(tx, self.owner, pool_id=self.pool.id)]
        ids = [node_id("Code", id_) for id_ in found]
        await self.do("quarantineCodes", {"ids": ids[-2:], "reason": f"block {self.tag}"})
        await self.do("voidCodes", {"ids": ids[-1:], "reason": f"void {self.tag}"})

    async def register(self, who: str) -> tuple[Ctx, str]:
        """A buyer with an account, a session and money."""
        contact = f"{who}-{self.tag}@example.com"
        self.secrets[f"contact of {who}"] = contact
        stranger = Ctx(
            request_id=f"world-{self.tag}", ip=f"2001:db8::{uuid4().hex[:4]}", user_agent=f"phone {self.tag}"
        )
        signed_in = await customers.sign_up_customer(
            stranger, store_slug=self.store_slug, contact=contact, password=PASSWORD, name=f"{who.title()} {self.tag}"
        )
        self.secrets[f"session of {who}"] = signed_in.session.token.reveal()
        assert signed_in.ctx.customer_id is not None
        await fund(self.owner.tenant, signed_in.ctx.customer_id, 1_000_000)
        return signed_in.ctx, contact

    async def place(self, ctx: Ctx | None, quantity: int, **more: Any) -> dict[str, Any]:
        """An order."""
        given = {"lines": [{"listingId": self.listing, "quantity": quantity}], "reference": f"reference {self.tag}"}
        show = "... on PlaceOrderSuccess { guestToken order { id code allocations(first: 5) { nodes { id } } } }"
        document = f'mutation ($i: PlaceOrderInput!) {{ result: placeOrder(input: $i, idempotencyKey: "{uuid4()}") {{ {show} }} }}'
        done: dict[str, Any] = (await self.door.ask(document, {"i": given | more}, ctx=ctx))["result"]
        return done

    async def sell(self, buyer: Ctx) -> _Sold:
        """Orders of one buyer: delivered and shown, refunded in part, cancelled, waiting to be paid; a link opened once."""
        placed = (await self.place(buyer, 2, payBy="WALLET"))["order"]
        await self.do("revealCode", {"allocationId": placed["allocations"]["nodes"][0]["id"]}, ctx=buyer)
        made = await self.do(
            "createDeliveryLink",
            {"orderId": placed["id"], "opensMax": 3},
            "... on CreateDeliveryLinkSuccess { link { id } url }",
            ctx=buyer,
        )
        page, _, secret = made["url"].partition("#")
        self.secrets["link"] = secret
        link = key_of(made["link"]["id"])
        answer = await self.door.send(f"{urlsplit(page).path}/open", headers=ASKED_BY_SCRIPT, json={"secret": secret})
        assert answer.status_code == HTTPStatus.OK, answer.text
        refunded = (await self.place(buyer, 2, payBy="WALLET"))["order"]
        some = [refunded["allocations"]["nodes"][0]["id"]]
        await self.do("refundOrder", {"orderId": refunded["id"], "reason": f"refund {self.tag}", "allocationIds": some})
        cancelled = (await self.place(buyer, 1, payBy="LATER"))["order"]
        await self.do("cancelOrder", {"orderId": cancelled["id"], "reason": f"cancel {self.tag}"}, ctx=buyer)
        await self.place(buyer, 1, payBy="LATER")
        await self.deliver(key_of(placed["id"]))
        return _Sold(OrderId(key_of(placed["id"])), placed["code"], link, secret)

    async def deliver(self, order_id: UUID) -> None:
        """What is mailed of an order, in the merchant's own words, and an alarm; there is no way out any more, which is a way, too."""
        store = key_of(
            (await self.door.ask("{ merchant { stores(first: 1) { nodes { id } } } }", ctx=self.owner))["merchant"][
                "stores"
            ]["nodes"][0]["id"]
        )
        words = {"subject": f"Mail {self.tag}", "text": "{{ link.url }}", "html": "<a href='{{ link.url }}'>open</a>"}
        await self.do("saveDeliveryTemplate", {"storeId": node_id("Store", store), "words": words, "version": 0})
        await self.do("updateDeliverySettings", {"version": 0, "linkOpensMax": 4})
        delivery.open_ways(Settings())
        planner = system_ctx("world", tenant_id=self.owner.tenant, permissions=frozenset({"system.run"}))
        async with transaction(planner) as tx:
            await delivery.plan_deliveries(
                tx, planner, order_ids=[OrderId(order_id)], ways_out={delivery.Channel.EMAIL}
            )
        async with transaction(self.owner) as tx:
            due = await tx.fetchval("SELECT id FROM delivery WHERE order_id = $1 AND channel = 'EMAIL'", order_id)
            await tx.execute(
                "INSERT INTO reveal_alarm (id, tenant_id, rule, subject, window_at, count, raised_at)"
                " VALUES ($1, $2, 'STAFF_BURST', $3, now(), 21, now())",
                uuid4(), self.owner.tenant, str(self.owner.actor_id),
            )  # fmt: skip
        await send.perform(self.owner.tenant, {"delivery_id": str(due)})

    async def sell_through_a_gateway(self, buyer: Ctx) -> None:
        """An order that is paid from outside, with its notification, and refunded to its source."""
        async with fake_gateways():
            gateway = await make_gateway()
            placed = (await self.place(buyer, 1, payBy="LATER"))["order"]
            payment_id = await start_payment(gateway, buyer, OrderId(key_of(placed["id"])))
            gateway.pay(payment_id)
            await payments.receive_notification(gateway.key, gateway.notification(payment_id), ip="198.51.100.7")
            await look_and_settle(payment_id)
            await self.do("refundOrder", {"orderId": placed["id"], "reason": f"back {self.tag}"})
            await send_refunds(payment_id)
            await make_difference(self.owner.tenant)
            contact = f"refused-{self.tag}@example.com"
            bought = await self.place(None, 1, payBy="LATER", guest={"contact": contact})
            self.secrets |= {"contact of refused guest": contact, "token of refused guest": bought["guestToken"]}
            guest = await identity.authenticate_bearer(Secret(bought["guestToken"]), Ctx(request_id=uuid4().hex))
            payment_id = await start_payment(gateway, guest, OrderId(key_of(bought["order"]["id"])))
            gateway.pay(payment_id)
            await look_and_settle(payment_id)
            await self.do("refundOrder", {"orderId": bought["order"]["id"], "reason": f"refused {self.tag}"})
            gateway.refused = {"refund"}
            await send_refunds(payment_id)

    async def sell_to_another(self, other: Ctx) -> None:
        """An order of another buyer of the same store."""
        placed = (await self.place(other, 1, payBy="WALLET"))["order"]
        self.other_order_code = placed["code"]

    async def sell_to_a_guest(self) -> Ctx:
        """An order of a visitor without an account, who holds its token."""
        contact = f"guest-{self.tag}@example.com"
        placed = await self.place(None, 1, payBy="LATER", guest={"contact": contact})
        self.guest_order_code = placed["order"]["code"]
        self.secrets |= {"contact of guest": contact, "order token": placed["guestToken"]}
        return await identity.authenticate_bearer(Secret(placed["guestToken"]), Ctx(request_id=uuid4().hex))

    async def sell_a_gift(self, buyer: Ctx) -> None:
        """An order of a buyer for somebody else."""
        recipient = f"recipient-{self.tag}@example.com"
        gift = {"contact": recipient, "name": f"Recipient {self.tag}", "message": f"Best wishes {self.tag}"}
        await self.place(buyer, 1, payBy="WALLET", giftTo=gift)
        self.secrets["contact of recipient"] = recipient

    async def count_and_write_down(self) -> None:
        """Budgets of holds, and a file of orders."""
        budgets = {
            f"{whose}{what}Max": 50 for whose in ("buyer", "guest", "device", "address") for what in ("Orders", "Units")
        }
        await self.do("setHoldBudgets", {"version": 0, "guestSharePercent": 60, **budgets})
        period = {"placedFrom": "2020-01-01T00:00:00Z", "placedTo": "2020-06-01T00:00:00Z", "reason": "the books"}
        made = await self.do("exportOrders", period, "... on ExportOrdersSuccess { export { url } }")
        writer = system_ctx("world", tenant_id=self.owner.tenant, permissions=frozenset({"system.run"}))
        await orders.write_export(writer, export_id=UUID(made["export"]["url"].rpartition("/")[2]))

    async def make_machine(self, buyer: Ctx | None) -> Ctx:
        """A program with credentials and an access token, of the merchant or of one of its buyers."""
        given: dict[str, Any] = {"name": f"Machine {self.tag}", "scopes": sorted(MERCHANT_PERMISSIONS)}
        if buyer is not None:
            assert buyer.customer_id is not None
            given |= {
                "scopes": sorted(identity.BUYER_SCOPES),
                "customerId": node_id("Customer", buyer.customer_id),
            }
        made = await self.do(
            "createApiClient", given, "... on CreateApiClientSuccess { apiClient { id clientId } secret }"
        )
        if buyer is not None:
            await self.do("approveApiClient", {"apiClientId": made["apiClient"]["id"]}, ctx=buyer)
        client = await identity.find_api_client(made["apiClient"]["clientId"])
        assert client is not None
        if buyer is None:
            jwk = ECKey.generate_key("P-256").as_dict(private=False)
            await self.do("registerClientKey", {"apiClientId": node_id("ApiClient", client.id), "jwk": json.dumps(jwk)})
        stranger = Ctx(request_id=uuid4().hex, ip="2001:db8::7")
        started = await identity.start_access(stranger, client, scopes=client.scopes)
        whose = "merchant" if buyer is None else "buyer"
        self.secrets |= {f"secret of {whose}": made["secret"], f"access of {whose}": started.token.reveal()}
        return await identity.authenticate_bearer(started.token, stranger)

    async def invite(self, owner_email: str) -> None:
        """Somebody who has not accepted yet, and a password that is about to be chosen anew."""
        given = {"email": f"invited-{self.tag}@example.com", "name": f"Invited {self.tag}", "role": "SUPPORT"}
        made = await self.do("inviteMember", given, "... on InviteMemberSuccess { invitationToken }")
        self.secrets["invitation"] = made["invitationToken"]
        admin = admin_ctx()
        async with governing(admin) as tx:
            _, reset = await identity.issue_password_reset(tx, admin, email=owner_email)
        assert reset is not None
        self.secrets["reset"] = reset.reveal()

    async def be_looked_at(self, buyer: Ctx) -> None:
        """One of the platform's people looks, a provider is set up, and a buyer was asked whose the address is."""
        admin = replace(admin_ctx(), actor_id=await make_user(platform_role=PlatformRole.ADMIN))
        async with governing(admin) as tx:
            _, started = await identity.break_glass(
                tx, admin, tenant_id=self.owner.tenant, reason=f"look {self.tag}", minutes=30
            )
        self.secrets["glass"] = started.token.reveal()
        self.secrets["provider"] = uuid4().hex
        given = {
            "title": f"Provider {self.tag}", "issuer": f"https://{self.tag}.example", "clientId": f"client {self.tag}",
            "clientSecret": self.secrets["provider"], "domains": [f"{self.tag}.example"],
        }  # fmt: skip
        await self.do("addIdentityProvider", given)
        mail.open_mail(Settings(mail_url=Secret("smtp://127.0.0.1:9"), mail_from="shop@example.com"))
        try:
            await customers.ask_for_verification(buyer)
        finally:
            mail.close_mail()

    async def listen(self) -> None:
        """An endpoint of the merchant's own system, with a message that did not arrive."""
        url, name = f"https://127.0.0.1/hooks-{self.tag}", f"Endpoint {self.tag}"
        endpoint, secret = await make_endpoint(self.owner, url=url, description=name)
        self.secrets["webhook secret"] = secret.reveal()
        await make_attempted_message(self.owner, endpoint)

    async def deal(self) -> None:
        """Agreements with another merchant, who has to do with nobody else, in both directions; offers, terms to come, an invitation."""
        partner = self.partner = await make_member_ctx(await make_tenant(name=f"Partner {self.tag}"))
        tier = await make_tier(
            self.owner, name=f"Tier {self.tag}", terms=make_terms(credit=Money(50_000, "CNY"), settle_days=3)
        )
        async with transaction(self.owner) as tx:
            coming = clock.now() + timedelta(days=30)
            await supply.change_terms(
                tx, self.owner, tier_id=tier.id, terms=make_terms(settle_days=7), starts_at=coming
            )
        await make_agreement(self.owner, partner, tier=tier)
        their_tier = await make_tier(partner, terms=make_terms(commissions=(100,)))
        theirs = await make_agreement(partner, self.owner, tier=their_tier)
        mine, offered, sold = await make_offer_rows(
            self.owner, partner, entitlement_id=EntitlementId(self.entitlement_id), tier_id=tier.id,
            their_tier_id=theirs.tier_id, tag=self.tag,
        )  # fmt: skip
        _, token = await make_invitation(self.owner, tier, label=f"Invitation {self.tag}", uses_max=5)
        self.secrets["supply invitation"] = token.reveal()
        await self.trade(mine, offered, sold.id)
        await self.bring(their_tier, offered)
        await self.lend(tier, mine)

    async def trade(self, mine: OfferId, theirs: OfferId, sold: ListingId) -> None:
        """What the two have sold over each other: of the merchant's codes in its partner's store, and the other way round."""
        entitlement_id = EntitlementId(self.entitlement_id)
        texts = {"code resold": some_codes(4), "code of partner": some_codes(6)}
        self.secrets |= {f"{what} {place}": text for what, found in texts.items() for place, text in enumerate(found)}
        own, other = [await make_pool(who, entitlement_id=entitlement_id) for who in (self.owner, self.partner)]
        await make_codes(own, 4, texts=texts["code resold"])
        await make_codes(other, 6, texts=texts["code of partner"])
        await fill_from_pool(self.owner, offer_id=mine, pool_id=own.id)
        await fill_from_pool(self.partner, offer_id=theirs, pool_id=other.id)
        resold = await make_undersold(
            self.owner, offer_id=theirs, entitlement_id=entitlement_id, store_id=self.store_id
        )
        await make_traded(self.partner, listing_id=sold)
        await make_traded(self.owner, listing_id=resold.id)
        await report_sold(self.owner, pool_id=own.id, place=f"Place {self.tag}")
        await report_sold(self.partner, pool_id=other.id, place="A forum")

    async def bring(self, tier: Tier, offer_id: OfferId) -> None:
        """A reseller that the merchant has brought to its partner, and what that one bought there."""
        third = await make_member_ctx(await make_tenant())
        await make_agreement(self.partner, third, tier=tier, referrer_id=self.owner.tenant)
        entitlement_id = EntitlementId(self.entitlement_id)
        shop = await make_front(Merchant(third.tenant, third, tier), entitlement_id, offer_id, price_minor=20_000)
        await make_traded(third, listing_id=shop.listing_id)

    async def lend(self, tier: Tier, offer_id: OfferId) -> None:
        """A reseller that bought on credit, and paid some of it."""
        third = await make_member_ctx(await make_tenant())
        agreement = await make_agreement(self.owner, third, tier=tier)
        entitlement_id = EntitlementId(self.entitlement_id)
        await buy_on_credit(Merchant(third.tenant, third, tier), agreement.id, entitlement_id, offer_id)

    async def be_paid_out(self) -> None:
        """What it sold so far is its own."""
        system = system_ctx("world", permissions=frozenset({"system.run"}))
        with later(days=limits.SALE_SETTLE_DAYS + 1):
            async with trading(system) as tx:
                await settlement.settle_seller(tx, system, tenant_id=self.owner.tenant, currency="CNY")
        holder, reference = f"Holder {self.tag}", f"IBAN-{self.tag}-{uuid4().hex}"
        self.secrets |= {"holder of an account": holder, "number of an account": reference}
        destination = await make_destination(self.owner, holder=holder, reference=reference)
        await fund(self.owner.tenant, None, 100_000)
        withdrawal = await ask(self.owner, destination.id)
        await refuse(admin_ctx(), withdrawal.id)
        await ask(self.owner, destination.id)
        period = settlement.Period("CNY", clock.now() - timedelta(days=3), clock.now() - timedelta(days=1))
        async with transaction(self.owner) as tx:
            file = await settlement.request_statement(tx, self.owner, period=period, form=orders.ExportFormat.CSV)
        await settlement.write_statement(
            system_ctx("world", tenant_id=self.owner.tenant, permissions=frozenset({"system.run"})), export_id=file.id
        )

    async def be_watched(self) -> None:
        """Codes near their expiry, announced, and what the pool and its listing have."""
        (text,) = some_codes(1)
        self.secrets["code near its expiry"] = text
        soon = (clock.now() + timedelta(days=5)).isoformat()
        given = {
            "poolId": node_id("Pool", self.pool.id), "format": "CSV",
            "lines": ["code,serial,note", f"{text},serial {self.tag},note {self.tag}"], "origin": f"origin {self.tag}", "unitCost": {"amount": "30.00", "currency": "CNY"}, "expiresAt": soon,
        }  # fmt: skip
        await self.do("importCodes", given)
        await codes.watch_stock(_RELAY)
        await codes.watch_expiry(_RELAY)
        await routing.watch_listings(_RELAY, over_others=orders.stock_over_others)
        await routing.watch_resale_prices(_RELAY)
        await orders.tell_stock(_RELAY, [self.owner.tenant])

    async def leave_work_behind(self) -> UploadId:
        """An import that was asked for, and an upload that was looked at and that nobody imported."""
        await self.be_paid_out()
        await self.be_watched()
        lines = some_codes(2)
        self.secrets |= {f"upload {place}": text for place, text in enumerate(lines)}
        await make_requested_import(self.pool, "\n".join(lines).encode())
        upload_id = await make_upload(self.owner, "\n".join(lines).encode())
        await codes.preview_import(self.owner, pool_id=self.pool.id, upload_id=upload_id, unit_cost=Money(0, "CNY"))
        return upload_id


def node_id(kind: str, key: UUID) -> str:
    """The opaque id of a row, as the schema writes it."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def key_of(text: str) -> UUID:
    """The row's id behind an opaque id."""
    return UUID(base64.b64decode(text).decode().partition(":")[2])
