"""Codes leave in files that only the passphrase opens, readable in Chinese; and to machines in envelopes for their key."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
import pyzipper
from joserfc import jwe, jwk
from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError

from fondaco_core import audit, limits
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import reading, transaction
from fondaco_core.errors import NotAllowed, NotFound
from fondaco_core.ids import ApiClientId
from fondaco_core.secret import Secret
from fondaco_tenants import customers, delivery
from fondaco_tenants.delivery import DeliverySettings, Form, KeyRefused, PlainRefused
from fondaco_tenants.delivery.rules import Enclosed, make_pdf
from fondaco_workers.actors.delivery import plan, send
from tests.support.factories.delivery import Sale, make_sale
from tests.support.smtp import Post, post_office

pytestmark = pytest.mark.usefixtures("database")
REGISTRY = jwe.JWERegistry(algorithms=["RSA-OAEP-256", "ECDH-ES", "A256GCM"])


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(settings)
        yield opened


async def mail_in(form: Form, sale: Sale) -> None:
    async with transaction(sale.owner) as tx:
        await delivery.update_settings(tx, sale.owner, settings=DeliverySettings(form=form))
    await plan.perform(sale.tenant_id, {"order_id": str(sale.order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    await send.perform(sale.tenant_id, {"delivery_id": str(next(each.id for each in made if each.form is form))})


def enclosed(post: Post, sale: Sale) -> bytes:
    """The file in the one mail; the mail itself holds no code, and not the passphrase."""
    (message,) = post.mails
    (attachment,) = message.iter_attachments()
    written = post.raw[0].decode() + "".join(
        str(part.get_content()) for part in message.walk() if part.get_content_maintype() == "text"
    )
    assert not any(code in written for code in sale.codes)
    assert delivery.passphrase_of(sale.order_id).reveal() not in written
    content: bytes = attachment.get_content()
    assert not any(code.encode() in content for code in sale.codes)
    return content


async def test_a_zip_opens_with_the_passphrase_of_the_order_and_counts_as_shown(post: Post) -> None:
    sale = await make_sale(units=2, title="蒸汽 50 元")
    await mail_in(Form.ZIP, sale)

    archive = pyzipper.AESZipFile(io.BytesIO(enclosed(post, sale)))
    with pytest.raises(RuntimeError):
        archive.read("codes.txt")
    archive.setpassword(delivery.passphrase_of(sale.order_id).reveal().encode())
    text = archive.read("codes.txt").decode("utf-8-sig")

    assert all(code in text for code in sale.codes)
    assert "蒸汽 50 元" in text
    assert archive.infolist()[0].wz_aes_strength == 3  # 256 bits
    async with reading(sale.owner) as tx:
        shown = (await delivery.list_reveals(tx, sale.owner, [sale.order_id]))[sale.order_id]
    assert [each.via for each in shown] == ["EMAIL", "EMAIL"]


async def test_a_pdf_opens_with_the_passphrase_and_reads_chinese(post: Post) -> None:
    sale = await make_sale(units=2, title="蒸汽 50 元")
    await mail_in(Form.PDF, sale)

    reader = PdfReader(io.BytesIO(enclosed(post, sale)))
    with pytest.raises(FileNotDecryptedError):
        len(reader.pages)
    assert reader.decrypt("wrong") == 0
    assert reader.decrypt(delivery.passphrase_of(sale.order_id).reveal()) != 0
    text = "".join(page.extract_text() for page in reader.pages)

    assert all(code in text for code in sale.codes)
    assert "蒸汽 50 元" in text


def test_a_large_pdf_has_every_code_on_some_page() -> None:
    units = [Enclosed("标题", "兑换方法" * 30, "须知", f"CODE-{n:05}", "1234") for n in range(120)]

    made = make_pdf(units, passphrase=Secret("pass"), title="FD-1", chinese=True)
    reader = PdfReader(io.BytesIO(made.reveal()), password="pass")
    text = "".join(page.extract_text() for page in reader.pages)

    assert len(reader.pages) > 5
    assert all(unit.code in text for unit in units)


async def test_the_passphrase_is_the_buyers_alone_and_not_in_the_database(post: Post) -> None:
    sale, other = await make_sale(), await make_sale()

    assert post.raw == []
    assert delivery.passphrase_of(sale.order_id) == delivery.passphrase_of(sale.order_id)
    assert delivery.passphrase_of(sale.order_id) != delivery.passphrase_of(other.order_id)
    assert len(delivery.passphrase_of(sale.order_id).reveal()) == 19


async def machine_of(sale: Sale) -> Ctx:
    """A real API client of the buyer."""
    assert sale.buyer.customer_id is not None
    async with transaction(sale.owner) as tx:
        client, _ = await customers.create_buyer_client(
            tx, sale.owner, customer_id=sale.buyer.customer_id, name="Shop robot", scopes=["buyer.read", "buyer.reveal"]
        )
    return replace(sale.machine, actor_id=client.id)


async def register(sale: Sale, machine: Ctx, text: str, *, ctx: Ctx | None = None) -> delivery.ClientKey:
    asker = ctx or sale.owner
    assert machine.actor_id is not None
    async with transaction(asker) as tx:
        return await delivery.register_client_key(tx, asker, api_client_id=ApiClientId(machine.actor_id), jwk=text)


@pytest.mark.parametrize("private", [jwk.RSAKey.generate_key(2048), jwk.ECKey.generate_key("P-256")])
async def test_a_machine_with_a_key_is_shown_codes_as_only_that_key_opens_them(private: jwk.Key) -> None:
    sale = await make_sale(units=2)
    machine = await machine_of(sale)
    async with transaction(machine) as tx:
        plain = await delivery.reveal_code(tx, machine, allocation_id=sale.allocations[0])
    made = await register(sale, machine, json.dumps(private.as_dict(private=False)))

    async with transaction(machine) as tx:
        one = await delivery.reveal_code(tx, machine, allocation_id=sale.allocations[0])
        every = await delivery.reveal_order(tx, machine, order_id=sale.order_id)

    assert plain.code.reveal() == sale.codes[0]
    assert plain.jwe is None
    opened = []
    for unit in (one, *every):
        assert unit.jwe is not None
        assert (unit.code.reveal(), unit.pin) == ("", None)
        token = jwe.decrypt_compact(unit.jwe, private, registry=REGISTRY)
        assert token.plaintext is not None
        assert token.headers()["kid"] == made.thumbprint == private.thumbprint()
        opened.append(orjson.loads(token.plaintext))
    assert [each["code"] for each in opened] == [sale.codes[0], *sale.codes]
    assert opened[0]["allocationId"] == str(sale.allocations[0])


async def test_a_machine_with_a_key_makes_no_link_that_would_show_codes_in_the_open() -> None:
    sale = await make_sale()
    machine = await machine_of(sale)
    await register(sale, machine, json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)))

    with pytest.raises(PlainRefused):
        async with transaction(machine) as tx:
            await delivery.create_link(tx, machine, order_id=sale.order_id)


async def test_racing_registrations_leave_one_key() -> None:
    sale = await make_sale()
    machine = await machine_of(sale)
    keys = [json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)) for _ in range(4)]

    await asyncio.gather(*(register(sale, machine, key) for key in keys), return_exceptions=True)

    async with reading(sale.owner) as tx:
        held = await tx.fetchval(
            "SELECT count(*) FROM client_key WHERE api_client_id = $1 AND retired_at IS NULL", machine.actor_id
        )
    assert held == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "no", "[]", "{}", "null", '{"kty": "oct", "k": "c2VjcmV0"}', '{"kty": "RSA", "n": "x", "e": "AQAB"}',
        '{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}', '{"kty": "OKP", "crv": "X25519", "x": "a"}',
        json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=True)),
        json.dumps(jwk.ECKey.generate_key("secp256k1").as_dict(private=False)),
        json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False) | {"use": "sig"}),
        "[" * 4_000,
        "x" * 10_000,
    ],
)  # fmt: skip
async def test_what_is_no_public_key_for_encryption_is_refused(text: str) -> None:
    sale = await make_sale()
    machine = await machine_of(sale)

    with pytest.raises(KeyRefused):
        await register(sale, machine, text)


async def test_nobody_registers_a_key_for_anothers_machine_or_takes_one_away_who_may_not_see_codes() -> None:
    sale, other = await make_sale(), await make_sale()
    machine = await machine_of(sale)
    key = json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False))
    support = await sale.support()

    with pytest.raises(NotFound):
        await register(sale, machine, key, ctx=other.owner)
    for ctx in (support, machine, sale.buyer):
        with pytest.raises(NotAllowed):
            await register(sale, machine, key, ctx=ctx)
    await register(sale, machine, key)
    manager = replace(sale.owner, permissions=sale.owner.permissions - {"codes.reveal"})
    assert machine.actor_id is not None
    with pytest.raises(NotAllowed):
        async with transaction(manager) as tx:
            await delivery.retire_client_key(
                tx, manager, api_client_id=ApiClientId(machine.actor_id), reason="no longer needed"
            )


@pytest.mark.parametrize("reason", ["", "  ", "x" * (limits.NOTE_MAX + 1), "no\0reason"])
async def test_a_key_is_retired_for_a_reason_that_says_something(reason: str) -> None:
    sale = await make_sale()
    machine = await machine_of(sale)
    await register(sale, machine, json.dumps(jwk.ECKey.generate_key("P-256").as_dict(private=False)))
    assert machine.actor_id is not None

    with pytest.raises(audit.ReasonNeeded):
        async with transaction(sale.owner) as tx:
            await delivery.retire_client_key(tx, sale.owner, api_client_id=ApiClientId(machine.actor_id), reason=reason)
