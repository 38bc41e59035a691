"""The pages of delivery over real HTTP requests: looking is harmless, a press opens once, strangers learn nothing."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from fondaco_api.app import create_app
from fondaco_api.http import links, middleware
from fondaco_core import clock, limits, logs
from fondaco_core.config import Settings
from fondaco_core.db import transaction
from fondaco_core.secret import Secret
from fondaco_tenants import delivery
from fondaco_tenants.catalog import FulfilmentKind
from tests.support.factories.delivery import Sale, make_link, make_sale

pytestmark = pytest.mark.usefixtures("database")

ASKING = {"x-requested-with": "fondaco"}


@pytest.fixture(autouse=True)
def _the_clock_comes_back() -> Iterator[None]:
    yield
    clock.use(None)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at an address of its own, so that no test waits for another's wrong secrets."""
    app = create_app(settings)
    valkey = Redis.from_url(settings.require_redis_url().reveal())
    app.state.process.valkey = valkey
    transport = httpx2.ASGITransport(app=app, client=(f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as made:
        yield made
    await valkey.aclose()


def page_of(sale: Sale, link: delivery.Link) -> str:
    return f"/s/{sale.store.slug}/r/{link.id}"


async def press(client: httpx2.AsyncClient, path: str, secret: Secret[str] | None, **headers: str) -> httpx2.Response:
    body = {} if secret is None else {"secret": secret.reveal()}
    return await client.post(f"{path}/open", json=body, headers=ASKING | headers)


async def opens_of(sale: Sale, link: delivery.Link) -> int:
    async with transaction(sale.owner) as tx:
        return (await delivery.find_links(tx, sale.owner, [link.id]))[link.id].opens


async def follow(
    client: httpx2.AsyncClient, sale: Sale, token: Secret[str], path: str = "state", **body: Any
) -> httpx2.Response:
    address = f"/s/{sale.store.slug}/o/{sale.order_code}/{path}"
    headers = ASKING | {"authorization": f"Bearer {token.reveal()}"}
    if path == "state":
        return await client.get(address, headers=headers)
    return await client.post(address, json=body, headers=headers)


# A link's page


async def test_looking_at_a_link_never_opens_it(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)

    for agent in ("WeChat", "facebookexternalhit/1.1", "Slackbot-LinkExpanding 1.0"):
        looked = await client.get(page_of(sale, link), headers={"user-agent": agent})
        glanced = await client.head(page_of(sale, link), headers={"user-agent": agent})
        assert (looked.status_code, glanced.status_code) == (200, 200)
        assert sale.codes[0] not in looked.text
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert (await client.request(method, f"{page_of(sale, link)}/open", headers=ASKING)).status_code == 405

    assert await opens_of(sale, link) == 0
    assert (await press(client, page_of(sale, link), secret)).status_code == 200


async def test_a_press_shows_the_code_once(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)

    first = await press(client, page_of(sale, link), secret)
    second = await press(client, page_of(sale, link), secret)

    answer = first.json()
    assert (answer["store"], answer["orderCode"], answer["opensLeft"]) == ("Card Corner", sale.order_code, 0)
    (unit,) = answer["units"]
    assert (unit["code"], unit["pin"], unit["title"]) == (sale.codes[0], None, "Steam 50")
    assert unit["qr"].startswith("data:image/svg+xml")
    assert unit["redemption"]["zh-CN"] == "打开 Steam,选择兑换,输入卡密。"
    assert first.headers["cache-control"] == "no-store"
    assert (second.status_code, second.json()["error"]["code"]) == (410, "LINK_SPENT")
    assert sale.codes[0] not in second.text


async def test_of_twenty_presses_at_once_exactly_one_gets_the_code(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)

    answers = await asyncio.gather(*(press(client, page_of(sale, link), secret) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200, *[410] * 19]


async def test_the_page_is_the_same_for_every_link_known_or_not(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    await press(client, page_of(sale, link), secret)

    known = await client.get(page_of(sale, link))
    unknown = await client.get(f"/s/{sale.store.slug}/r/{uuid4()}")
    odd = await client.get(f"/s/{sale.store.slug}/r/x")

    assert known.status_code == unknown.status_code == odd.status_code == 200
    assert known.text == unknown.text == odd.text


async def test_an_unknown_link_a_wrong_secret_and_another_store_answer_alike(client: httpx2.AsyncClient) -> None:
    sale, other = await make_sale(), await make_sale()
    link, secret = await make_link(sale)

    answers = [
        await press(client, page_of(sale, link), Secret("x" * 43)),
        await press(client, page_of(sale, link), None),
        await press(client, f"/s/{sale.store.slug}/r/{uuid4()}", secret),
        await press(client, f"/s/{sale.store.slug}/r/not-an-id", secret),
        await press(client, f"/s/{other.store.slug}/r/{link.id}", secret),
        await press(client, f"/s/no-such-store/r/{link.id}", secret),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"]["code"] == "LINK_UNKNOWN"
    assert await opens_of(sale, link) == 0


async def test_revoked_and_expired_links_say_so_to_who_holds_the_secret(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    revoked, revoked_secret = await make_link(sale)
    expired, expired_secret = await make_link(sale, hours=1)
    async with transaction(sale.buyer) as tx:
        await delivery.revoke_link(tx, sale.buyer, link_id=revoked.id)
    later = datetime.now(UTC) + timedelta(hours=2)
    clock.use(lambda: later)

    answers = [
        await press(client, page_of(sale, revoked), revoked_secret),
        await press(client, page_of(sale, expired), expired_secret, **{"accept-language": "zh-CN"}),
    ]

    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [
        (410, "LINK_REVOKED"),
        (410, "LINK_EXPIRED"),
    ]
    assert "过期" in answers[1].json()["error"]["message"]


async def test_a_link_to_what_is_on_its_way_waits_without_being_used_up(client: httpx2.AsyncClient) -> None:
    sale = await make_sale(paid=False)
    link, secret = await make_link(sale)

    answer = await press(client, page_of(sale, link), secret)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NOT_DELIVERED")
    assert await opens_of(sale, link) == 0


async def test_who_guesses_has_to_wait_at_that_link_and_not_elsewhere(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    another, another_secret = await make_link(sale)

    guesses = [await press(client, page_of(sale, link), Secret("x" * 43)) for _ in range(limits.LINK_MISSES_MAX)]
    blocked = await press(client, page_of(sale, link), secret)

    assert {guess.status_code for guess in guesses} == {404}
    assert (blocked.status_code, blocked.json()["error"]["code"]) == (429, "THROTTLED")
    assert int(blocked.headers["retry-after"]) > 0
    assert await opens_of(sale, link) == 0
    assert (await press(client, page_of(sale, another), another_secret)).status_code == 200


async def test_without_valkey_the_process_counts_guesses_itself(settings: Settings) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    app = create_app(settings)
    transport = httpx2.ASGITransport(app=app, client=(f"2001:db8:{uuid4().hex[:4]}::2", 1))

    async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as alone:
        for _ in range(limits.LINK_MISSES_MAX):
            await press(alone, page_of(sale, link), Secret("x" * 43))
        blocked = await press(alone, page_of(sale, link), secret)

    assert blocked.status_code == 429


async def test_a_page_of_another_site_cannot_press(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    address, body = f"{page_of(sale, link)}/open", {"secret": secret.reveal()}

    refused = [
        await client.post(address, json=body),
        await client.post(address, json=body, headers=ASKING | {"origin": "https://evil.test"}),
        await client.post(address, json=body, headers=ASKING | {"sec-fetch-site": "cross-site"}),
        await client.post(address, data=body, headers=ASKING),
        await client.post(address, content=b"[", headers=ASKING | {"content-type": "application/json"}),
        await client.post(
            address, content=b"{" + b" " * 5_000 + b"}", headers=ASKING | {"content-type": "application/json"}
        ),
    ]

    assert {answer.status_code for answer in refused} <= {400, 403}
    assert await opens_of(sale, link) == 0


async def test_pages_are_strict_and_in_the_readers_language(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    link, _ = await make_link(sale)

    english = await client.get(page_of(sale, link), headers={"accept-language": "en-US,en;q=0.9"})
    chinese = await client.get(page_of(sale, link), headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.1"})
    nowhere = await client.get(f"/s/no-such-store/r/{link.id}")

    policy = english.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert english.headers["cache-control"] == "no-store"
    assert english.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in english.headers["x-robots-tag"]
    assert english.headers["x-frame-options"] == "DENY"
    assert '<html lang="en">' in english.text
    assert "A delivery for you" in english.text
    assert '<html lang="zh-CN">' in chinese.text
    assert "您有一份商品待查收" in chinese.text
    assert "<style" not in english.text
    assert " style=" not in english.text
    assert " onclick=" not in english.text
    assert nowhere.status_code == 404


async def test_scripts_and_styles_are_ours_and_kept(client: httpx2.AsyncClient) -> None:
    sale = await make_sale()
    page = (await client.get(f"/s/{sale.store.slug}/o/{sale.order_code}")).text
    addresses = [part.split('"')[0] for part in page.replace('src="', 'href="').split('href="')[1:]]

    assets = [address for address in addresses if address != "data:,"]
    answers = [await client.get(address) for address in assets]

    assert len(assets) == 2
    assert all(address.startswith("/assets/") for address in assets)
    assert {answer.status_code for answer in answers} == {200}
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert (await client.get("/assets/x/..%2Fpage.html")).status_code == 404
    assert (await client.get("/assets/x/page.html")).status_code == 404


async def test_a_stores_name_cannot_write_into_the_page(client: httpx2.AsyncClient) -> None:
    sale = await make_sale(store_name='<script>alert(1)</script>" onload="x')
    link, _ = await make_link(sale)

    page = (await client.get(page_of(sale, link))).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


# An order's page


async def test_who_holds_the_orders_token_follows_it_and_presses_for_its_codes(client: httpx2.AsyncClient) -> None:
    sale = await make_sale(units=2)

    order = (await follow(client, sale, sale.token)).json()
    one = (await follow(client, sale, sale.token, "reveal", allocationId=order["units"][0]["id"])).json()
    all_of_them = (await follow(client, sale, sale.token, "reveal", allocationId=None)).json()

    assert (order["code"], order["state"], order["total"]) == (
        sale.order_code,
        "FULFILLED",
        {"amount": "96.00", "currency": "CNY"},
    )
    assert [unit["state"] for unit in order["units"]] == ["FULFILLED", "FULFILLED"]
    assert not any(code in str(order) for code in sale.codes)
    assert [unit["allocationId"] for unit in one["units"]] == [str(sale.allocations[0])]
    assert sorted(unit["code"] for unit in all_of_them["units"]) == sorted(sale.codes)


async def test_another_orders_token_opens_nothing_here(client: httpx2.AsyncClient) -> None:
    sale, other = await make_sale(), await make_sale()

    answers = [
        await follow(client, sale, other.token),
        await follow(client, sale, Secret("fd_order_nonsense")),
        await follow(client, sale, other.token, "reveal", allocationId=str(sale.allocations[0])),
        await client.get(f"/s/{sale.store.slug}/o/{sale.order_code}/state", headers=ASKING),
        await follow(client, other, other.token, "reveal", allocationId=str(sale.allocations[0])),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert not any(sale.codes[0] in answer.text for answer in answers)


async def test_an_unpaid_order_shows_its_page_and_no_code(client: httpx2.AsyncClient) -> None:
    sale = await make_sale(paid=False)

    order = (await follow(client, sale, sale.token)).json()
    refused = await follow(client, sale, sale.token, "reveal", allocationId=None)

    assert order["state"] == "PENDING_PAYMENT"
    assert order["holdExpiresAt"] is not None
    assert [unit["masked"] for unit in order["units"]] == [None]
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "NOT_DELIVERED")


async def test_a_redemption_link_comes_as_it_was_imported(client: httpx2.AsyncClient) -> None:
    address = f"https://redeem.example.com/gift/{uuid4().hex}?Sig=aB"
    sale = await make_sale(kind=FulfilmentKind.LINK, texts=(address,))
    link, secret = await make_link(sale)

    answer = (await press(client, page_of(sale, link), secret)).json()

    assert answer["units"][0]["code"] == address
    assert answer["units"][0]["kind"] == "LINK"


async def test_no_code_no_secret_and_no_token_reaches_a_log(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = await make_sale()
    link, secret = await make_link(sale)
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure()
    for module in (links, middleware):
        monkeypatch.setattr(module, "log", logs.get_logger(module.__name__))

    await press(client, page_of(sale, link), Secret("a-wrong-one"))
    await press(client, page_of(sale, link), secret)
    await follow(client, sale, sale.token, "reveal", allocationId=None)

    logged = written.getvalue()
    assert "links.wrong_secret" in logged
    assert not any(hidden in logged for hidden in (sale.codes[0], secret.reveal(), sale.token.reveal(), "a-wrong-one"))
