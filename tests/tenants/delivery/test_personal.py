"""A redemption address is made for its buyer: opaque ids, an expiry, and a signature that only the merchant's key makes."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest

from fondaco_core import clock
from fondaco_core.db import transaction
from fondaco_core.errors import NotAllowed
from fondaco_tenants import delivery
from fondaco_tenants.catalog import FulfilmentKind
from tests.support.factories.delivery import Sale, make_sale

pytestmark = pytest.mark.usefixtures("database")
ADDRESS = "https://redeem.example/x/{n}?o={{order}}&b={{buyer}}&e={{expires}}&s={{signature}}"


async def bought(n: int) -> tuple[Sale, str, dict[str, str]]:
    sale = await make_sale(kind=FulfilmentKind.LINK, texts=(ADDRESS.format(n=f"A1b2C3d4{n}"),))
    async with transaction(sale.buyer) as tx:
        unit = await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])
    address = unit.code.reveal()
    return sale, address, {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def key_of(sale: Sale) -> bytes:
    async with transaction(sale.owner) as tx:
        shown = await delivery.show_link_key(tx, sale.owner, reason="the shop checks signatures")
    return base64.urlsafe_b64decode(shown.reveal() + "=")


async def test_an_address_is_filled_in_and_signed_for_its_buyer() -> None:
    sale, address, seen = await bought(1)
    other, _, others = await bought(2)

    signed = address.replace(seen["s"], "").encode()
    right, wrong = [hmac.new(await key_of(each), signed, hashlib.sha256).digest() for each in (sale, other)]
    assert base64.urlsafe_b64decode(seen["s"] + "=") == right != wrong
    assert 0 < int(seen["e"]) - clock.now().timestamp() <= 24 * 3_600
    assert seen["o"] != others["o"]
    assert seen["b"] != others["b"]
    assert str(sale.order_id) not in address
    assert str(sale.buyer.customer_id) not in address


async def test_the_same_order_and_buyer_have_the_same_ids_whenever_it_is_shown() -> None:
    sale, _, seen = await bought(3)

    async with transaction(sale.buyer) as tx:
        again = await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])

    assert f"o={seen['o']}&b={seen['b']}" in again.code.reveal()


async def test_what_is_no_such_address_is_left_as_it_is() -> None:
    sale = await make_sale(texts=("ABC{order}DEF12345",))

    async with transaction(sale.buyer) as tx:
        unit = await delivery.reveal_code(tx, sale.buyer, allocation_id=sale.allocations[0])

    assert unit.code.reveal() == "ABC{order}DEF12345"


async def test_the_signing_key_is_for_who_may_see_codes_alone() -> None:
    sale = await make_sale()
    support = await sale.support()

    for ctx in (support, sale.buyer, sale.machine):
        with pytest.raises(NotAllowed):
            async with transaction(ctx) as tx:
                await delivery.show_link_key(tx, ctx, reason="because I want to")
