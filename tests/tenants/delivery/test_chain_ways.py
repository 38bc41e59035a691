"""Codes of other merchants go out by mail, message, file and address as one's own do, and to nobody but their buyer."""

import base64
import hashlib
import hmac
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import pyzipper
from pypdf import PdfReader

from fondaco_core.config import Settings
from fondaco_core.context import Ctx, system_ctx
from fondaco_core.db import governing, reading, trading, transaction
from fondaco_core.errors import NotFound
from fondaco_core.ids import LinkId, OrderId
from fondaco_core.secret import Secret
from fondaco_tenants import codes, customers, delivery, orders
from fondaco_tenants.catalog import FulfilmentKind
from fondaco_tenants.delivery import Channel, DeliverySettings, Form, errands
from fondaco_workers.actors.delivery import plan, plan_replacement, send
from tests.support.factories.chain_sales import ChainSale, make_chain_sale
from tests.support.factories.codes import make_codes
from tests.support.factories.delivery import Sale, opener
from tests.support.factories.identity import admin_ctx, some_email
from tests.support.invariants import assert_invariants
from tests.support.smtp import Post, post_office
from tests.tenants.delivery.test_outgoing import Gateway, give, link_in, text_of

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened
    await assert_invariants()


async def send_by(sale: Sale, channel: Channel, order_id: OrderId | None = None) -> None:
    """Plans what an order makes, and sends what goes by one way."""
    order_id = order_id or sale.order_id
    await plan.perform(sale.tenant_id, {"order_id": str(order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [order_id]))[order_id]
    await send.perform(sale.tenant_id, {"delivery_id": str(next(each.id for each in made if each.channel is channel))})


async def open_mailed(sale: Sale, text: str) -> list[str]:
    link_id, secret = link_in(text)
    stranger = opener(sale)
    async with transaction(stranger) as tx:
        opened = await delivery.open_link(
            tx, stranger, store_slug=sale.store.slug, link_id=LinkId(UUID(link_id)), secret=Secret(secret)
        )
    return [unit.code.reveal() for unit in opened.units]


async def enclosed(post: Post, made: ChainSale, form: Form) -> bytes:
    sale = made.sale
    async with transaction(sale.owner) as tx:
        await delivery.update_settings(tx, sale.owner, settings=DeliverySettings(form=form))
    await send_by(sale, Channel.EMAIL)
    (message,) = post.mails
    (attachment,) = message.iter_attachments()
    assert not any(code.encode() in post.raw[0] for code in sale.codes)
    content: bytes = attachment.get_content()
    return content


async def test_a_mailed_link_opens_them(post: Post) -> None:
    made = await make_chain_sale(units=2)

    await send_by(made.sale, Channel.EMAIL)

    (message,) = post.mails
    assert not any(code in text_of(message) for code in made.sale.codes)
    assert await open_mailed(made.sale, text_of(message)) == list(made.sale.codes)


@pytest.mark.parametrize("form", [Form.ZIP, Form.PDF])
async def test_they_go_out_in_files_that_the_buyer_opens(post: Post, form: Form) -> None:
    made = await make_chain_sale(units=2)

    content = io.BytesIO(await enclosed(post, made, form))
    passphrase = delivery.passphrase_of(made.sale.order_id).reveal()

    if form is Form.ZIP:
        text = pyzipper.AESZipFile(content).read("codes.txt", pwd=passphrase.encode()).decode("utf-8-sig")
    else:
        text = "".join(page.extract_text() for page in PdfReader(content, password=passphrase).pages)
    assert all(code in text for code in made.sale.codes)
    async with governing(admin_ctx()) as tx:
        told = await tx.fetch(
            "SELECT DISTINCT tenant_id, via FROM code_reveal WHERE code_id = ANY($1)", list(made.code_ids)
        )
    # By which way it went is the store's to know.
    assert {(row["tenant_id"], row["via"]) for row in told} == {
        (made.chain.c.tenant_id, "EMAIL"), (made.chain.a.tenant_id, "ACCOUNT"),
    }  # fmt: skip


async def test_a_telephone_and_whom_it_was_given_to_get_the_link(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    assert post
    made, gateway = await make_chain_sale(), Gateway()
    (fresh,) = await make_codes(made.sale.pool, 1)
    monkeypatch.setattr(errands, "_ways", errands._Ways("https://shop.example", gateway))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - stands for a telephone
    order_id = await give(made.sale, "+86 138 0013 8000")

    await send_by(made.sale, Channel.SMS, order_id)

    (message,) = gateway.got
    assert await open_mailed(made.sale, message.text.replace("：", " ")) == [fresh]


async def test_a_replaced_unit_is_sent_again_with_the_new_code(post: Post) -> None:
    made = await make_chain_sale(spare=1)
    sale = made.sale
    await send_by(sale, Channel.EMAIL)
    async with transaction(made.chain.a.owner) as tx:
        await codes.quarantine_codes(tx, made.chain.a.owner, code_ids=made.code_ids, reason="does not redeem")
    system = system_ctx("test", permissions=frozenset({"system.run"}))
    async with trading(system) as tx:
        await orders.swap_withdrawn(tx, system, code_ids=made.code_ids)
    async with reading(sale.owner) as tx:
        *_, new = sorted(
            await orders.list_allocations(tx, sale.owner, order_id=sale.order_id), key=lambda unit: unit.attempt
        )

    await plan_replacement.perform(sale.tenant_id, {"order_id": str(sale.order_id), "allocation_id": str(new.id)})
    async with reading(sale.owner) as tx:
        log = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    mail = next(each for each in log if each.channel is Channel.EMAIL and each.allocation_id is not None)
    await send.perform(sale.tenant_id, {"delivery_id": str(mail.id)})

    (shown,) = await open_mailed(sale, text_of(post.mails[-1]))
    assert shown not in sale.codes


async def test_an_address_is_signed_with_the_key_of_the_merchant_who_made_it() -> None:
    address = "https://redeem.example/x/Q7w8E9r0?o={order}&b={buyer}&e={expires}&s={signature}"
    made = await make_chain_sale(kind=FulfilmentKind.LINK, texts=(address,))
    async with transaction(made.sale.buyer) as tx:
        unit = await delivery.reveal_code(tx, made.sale.buyer, allocation_id=made.sale.allocations[0])
    seen = {name: values[0] for name, values in parse_qs(urlsplit(unit.code.reveal()).query).items()}

    a = made.chain.a.owner
    async with transaction(a) as tx:
        key = base64.urlsafe_b64decode((await delivery.show_link_key(tx, a, reason="we check them")).reveal() + "=")

    signed = unit.code.reveal().replace(seen["s"], "").encode()
    assert base64.urlsafe_b64decode(seen["s"] + "=") == hmac.new(key, signed, hashlib.sha256).digest()
    assert str(made.sale.order_id) not in unit.code.reveal()


async def test_the_people_of_the_store_have_them_sent_nowhere_else() -> None:
    made = await make_chain_sale()
    sale, support = made.sale, await made.sale.support()
    await plan.perform(sale.tenant_id, {"order_id": str(sale.order_id)})
    async with reading(sale.owner) as tx:
        log = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    mail = next(each for each in log if each.channel is Channel.EMAIL)

    for allocation_id in (None, sale.allocations[0]):
        with pytest.raises(delivery.CodesOfOthers):
            async with transaction(sale.owner) as tx:
                await delivery.create_link(
                    tx, sale.owner, order_id=sale.order_id, allocation_id=allocation_id, reason="lost the mail"
                )
    with pytest.raises(delivery.CodesOfOthers):
        async with transaction(sale.owner) as tx:
            await delivery.resend_delivery(
                tx, sale.owner, delivery_id=mail.id, contact=some_email(), reason="a typing error"
            )
    async with transaction(support) as tx:
        again = await delivery.resend_delivery(tx, support, delivery_id=mail.id)
    async with transaction(sale.buyer) as tx:
        assert await delivery.create_link(tx, sale.buyer, order_id=sale.order_id)

    assert (again.addressee, again.contact_masked) == ("BUYER", mail.contact_masked)


async def test_no_machine_is_made_to_act_for_a_guest() -> None:
    made = await make_chain_sale()
    owner = made.sale.owner
    guest = Ctx(tenant_id=owner.tenant, request_id="test")
    async with transaction(guest) as tx:
        customer_id = await customers.find_or_create_guest(tx, guest, contact=some_email())

    with pytest.raises(NotFound):
        async with transaction(owner) as tx:
            await customers.create_buyer_client(
                tx, owner, customer_id=customer_id, name="Robot", scopes=["buyer.read", "buyer.reveal"]
            )
