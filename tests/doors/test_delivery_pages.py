"""What a buyer sees of a delivery in a real browser: the mail, the order's page with its log, and where to find help."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fondaco_core.config import Settings
from fondaco_core.db import reading, transaction
from fondaco_tenants import delivery, merchants
from fondaco_tenants.delivery import DeliverySettings, Form, default_words
from fondaco_tenants.delivery.rules import SAMPLE, SAMPLE_ATTACHED, fill
from fondaco_workers.actors.delivery import plan, send
from tests.doors.test_pages import address, browse, link_page
from tests.support.factories.delivery import Sale, make_link, make_sale
from tests.support.smtp import Post, post_office

pytestmark = pytest.mark.usefixtures("database", "run_node")
__all__ = ["address"]


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(settings)
        yield opened


async def with_support(sale: Sale) -> Sale:
    async with transaction(sale.owner) as tx:
        await merchants.update_profile(
            tx, sale.owner, version=0, display_name="Card Corner", legal_name=None, support_contact="help@corner.example",
            currency="CNY",
        )  # fmt: skip
    return sale


async def deliver(sale: Sale) -> None:
    await plan.perform(sale.tenant_id, {"order_id": str(sale.order_id)})
    async with reading(sale.owner) as tx:
        made = (await delivery.list_deliveries(tx, sale.owner, [sale.order_id]))[sale.order_id]
    await send.perform(
        sale.tenant_id, {"delivery_id": str(next(each.id for each in made if each.form is not Form.PAGE))}
    )


@pytest.mark.parametrize(
    ("language", "width", "again", "told"),
    [
        ("en-US", 390, "Send again", "It is on its way again. Look into spam as well."),
        ("zh-CN", 390, "重新发送", "已重新发送，请同时查看垃圾邮件。"),
        ("zh-CN", 1280, "重新发送", "已重新发送，请同时查看垃圾邮件。"),
    ],
)
async def test_an_orders_page_says_where_it_went_and_sends_it_again(  # noqa: PLR0917 - parameters of the test
    address: str, post: Post, language: str, width: int, again: str, told: str
) -> None:
    sale = await with_support(await make_sale(units=1, store_name="星河数卡"))
    await deliver(sale)
    page, name = f"{address}/s/{sale.store.slug}/o/{sale.order_code}#{sale.token.reveal()}", f"{language}-{width}"
    button = "[data-role=deliveries] li button"

    report = await browse(
        [
            ("goto", page), ("wait", button), ("text", "[data-role=deliveries]", "sent"), ("text", button, "button"),
            ("shot", f"order-sent-{name}"), ("overflow", "wide"), ("small", "small"), ("click", button),
            ("wait", "[data-role=deliveries] .note"), ("text", "[data-role=deliveries] .note", "told"),
            ("text", "[data-delivery]", "log"), ("text", "[data-role=help]", "help"), ("shot", f"order-resent-{name}"),
        ],
        language=language, width=width,
    )  # fmt: skip

    seen = report["seen"]
    assert len(post.raw) == 1
    assert "•••@" in seen["sent"][0]
    assert (seen["button"], seen["told"], len(seen["log"])) == ([again], [told], 2)
    assert "help@corner.example" in seen["help"][0]
    assert sale.order_code in seen["help"][0]
    assert (seen["wide"], seen["small"], report["console"]) == (0, [], [])


async def test_the_passphrase_of_a_mailed_file_shows_on_the_orders_page_alone(address: str, post: Post) -> None:
    sale = await make_sale()
    async with transaction(sale.owner) as tx:
        await delivery.update_settings(tx, sale.owner, settings=DeliverySettings(form=Form.PDF))
    await deliver(sale)
    page = f"{address}/s/{sale.store.slug}/o/{sale.order_code}#{sale.token.reveal()}"

    report = await browse(
        [("goto", page), ("wait", "[data-role=passphrase]"), ("text", "[data-role=passphrase]", "passphrase"),
         ("shot", "order-passphrase"), ("small", "small")]
    )  # fmt: skip

    assert report["seen"]["passphrase"] == [delivery.passphrase_of(sale.order_id).reveal()]
    assert report["seen"]["small"] == []
    assert delivery.passphrase_of(sale.order_id).reveal().encode() not in post.raw[0]


async def test_a_closed_link_names_the_stores_help_and_the_order(address: str) -> None:
    sale = await with_support(await make_sale())
    link, secret = await make_link(sale)
    async with transaction(sale.buyer) as tx:
        await delivery.revoke_link(tx, sale.buyer, link_id=link.id)

    report = await browse(
        [
            ("goto", link_page(address, sale, link, secret.reveal())), ("wait", "#open"), ("click", "#open"),
            ("wait", "[data-error]"), ("text", "[data-role=help]", "right"), ("shot", "link-help"),
            ("goto", "about:blank"), ("goto", link_page(address, sale, link, "x" * 43)), ("wait", "#open"), ("click", "#open"),
            ("wait", "[data-error]"), ("text", "[data-role=help]", "wrong"),
        ]
    )  # fmt: skip

    seen = report["seen"]
    assert "help@corner.example" in seen["right"][0]
    assert sale.order_code in seen["right"][0]
    assert "help@corner.example" in seen["wrong"][0]
    assert sale.order_code not in seen["wrong"][0], "who does not hold the secret learns nothing of the order"


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("look", ["light", "dark"])
async def test_our_mails_fit_a_telephone_and_a_screen(tmp_path: Path, locale: str, width: int, look: str) -> None:
    steps = []
    for name, facts in (("link", SAMPLE), ("file", SAMPLE_ATTACHED)):
        page = tmp_path / f"{name}.html"
        page.write_text(fill(default_words(locale), facts).html, encoding="utf-8")
        steps += [
            ("goto", page.as_uri()), ("overflow", f"{name} wide"), ("text", "h1", name),
            ("shot", f"mail-{name}-{locale}-{width}-{look}"),
        ]  # fmt: skip

    report = await browse(steps, width=width, dark=look == "dark")

    assert (report["seen"]["link wide"], report["seen"]["file wide"]) == (0, 0)
    assert report["seen"]["link"] != [""]
    assert [request["url"].partition(":")[0] for request in report["requests"]] == ["file", "file"]
