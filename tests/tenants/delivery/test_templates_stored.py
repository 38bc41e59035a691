"""A template that was saved under older rules stops no delivery and tells nobody its link: the buyer gets our words."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fondaco_core import clock
from fondaco_core.config import Settings
from fondaco_core.db import transaction
from fondaco_core.ids import new_id
from fondaco_tenants import delivery
from fondaco_tenants.delivery import store
from fondaco_workers.actors.delivery import send
from tests.support.factories.delivery import make_sale
from tests.support.smtp import Post, post_office
from tests.tenants.delivery.test_gift_prices import planned

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
async def post(settings: Settings) -> AsyncIterator[Post]:
    """A mail server, and a process that knows its ways out."""
    async with post_office() as opened:
        delivery.open_ways(replace(settings, public_url="https://shop.example"))
        yield opened


@pytest.mark.parametrize(
    "html", ["<img src='https://evil.example/{{ link.url }}'>", "<b>{{ link.url|trim('htps:/.') }}</b>"]
)
async def test_a_stored_template_that_would_tell_its_link_gives_way_to_our_words(post: Post, html: str) -> None:
    sale = await make_sale()
    async with transaction(sale.owner) as tx:
        await tx.fetchrow(
            store.ADD_TEMPLATE, new_id(), sale.tenant_id, sale.store.id, None, "zh-CN", 1, "Own words", "{{ link.url }}",
            "{{ link.url }}" + html, sale.owner.actor_id, clock.now(),
        )  # fmt: skip
    _, sent = await planned(sale)

    await send.perform(sale.tenant_id, {"delivery_id": str(sent)})

    (message,) = post.mails
    said = "".join(part.get_content() for part in message.walk() if part.get_content_maintype() == "text")
    assert "evil.example" not in said
    assert "Own words" not in str(message["Subject"])
    assert "https://shop.example/s/" in said
