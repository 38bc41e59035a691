"""The pages of delivery in a real browser: a press shows the code, in both languages, on a phone."""

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import uvicorn

from fondaco_api.app import create_app
from fondaco_core.config import Settings
from fondaco_core.db import trading, transaction
from fondaco_tenants import delivery, orders
from fondaco_tenants.catalog import FulfilmentKind
from tests.doors.conftest import HERE
from tests.support.factories.delivery import Sale, make_link, make_sale

pytestmark = pytest.mark.usefixtures("database", "run_node")

# Screenshots are written here when somebody wants to look at them.
SHOTS = os.environ.get("FONDACO_SHOTS")

Step = Sequence[str]


def chromium() -> str:
    """The browser that is installed; `make test` installs one where none is."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found is not None, "The browser tests need Chromium; `make chromium` installs it."
    return found


@pytest.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    """The real application on a free port, in this very loop, with this process's pools."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), lifespan="off", log_level="warning"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running
    listening.close()


async def browse(
    steps: Sequence[Step],
    *,
    language: str = "en-US",
    width: int = 390,
    dark: bool = False,
    said: Callable[[], Awaitable[None]] | None = None,
) -> Any:
    """Walks through the steps in a browser and reads its report; `said` is done when a step says something."""
    asked = {"steps": steps, "language": language, "width": width, "height": 844, "shots": SHOTS, "dark": dark}
    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        node, "pages.mjs", chromium(), json.dumps(asked), cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    report: dict[str, Any] = {}
    async for line in process.stdout:
        report = json.loads(line)
        if "said" in report:
            assert said is not None
            await said()
    complaint = await process.stderr.read()
    assert await process.wait() == 0, complaint.decode()
    return report


def link_page(address: str, sale: Sale, link: delivery.Link, fragment: str) -> str:
    return f"{address}/s/{sale.store.slug}/r/{link.id}#{fragment}"


async def opens_of(sale: Sale, link: delivery.Link) -> int:
    async with transaction(sale.owner) as tx:
        return (await delivery.find_links(tx, sale.owner, [link.id]))[link.id].opens


@pytest.mark.parametrize(
    ("language", "width", "button", "heading"),
    [
        ("en-US", 390, "Show my code", "Your code"),
        ("zh-CN", 390, "查看我的卡密", "您的卡密"),
        ("en-US", 320, "Show my code", "Your code"),
        ("zh-CN", 1280, "查看我的卡密", "您的卡密"),
    ],
)
async def test_a_press_shows_the_code_and_the_link_is_used_up(
    address: str, language: str, width: int, button: str, heading: str
) -> None:
    sale = await make_sale(pin="0042", title="Steam 钱包充值卡 50 元 Steam Wallet 50 CNY")
    link, secret = await make_link(sale)
    page, name = link_page(address, sale, link, secret.reveal()), f"{language}-{width}"

    async def nothing_is_open_yet() -> None:
        assert await opens_of(sale, link) == 0

    report = await browse(
        [
            ("goto", page), ("wait", "#open"), ("text", "#open", "button"), ("overflow", "sealed wide"),
            ("small", "sealed small"), ("shot", f"link-{name}"), ("reload",), ("wait", "#open"), ("say", "looked"),
            ("click", "#open"), ("wait", "[data-role=code]"), ("focus", "focus"), ("text", "h1", "heading"),
            ("text", "[data-role=code]", "code"), ("text", "[data-role=pin]", "pin"), ("shot", f"opened-{name}"),
            ("click", ".secret .button"), ("clipboard", "copied"), ("click", "summary"), ("wait", "img.qr"),
            ("shot", f"qr-{name}"), ("overflow", "wide"), ("small", "small"), ("address", "address"),
            ("reload",), ("wait", "[data-error]"), ("attribute", "[data-error]", "data-error", "afterwards"),
            ("goto", page), ("wait", "#open"),
        ],
        language=language, width=width, said=nothing_is_open_yet,
    )  # fmt: skip

    seen = report["seen"]
    assert (seen["button"], seen["sealed wide"], seen["sealed small"]) == ([button], 0, [])
    assert (seen["heading"], seen["code"], seen["pin"]) == ([heading], [sale.codes[0]], ["0042"])
    assert seen["copied"] == sale.codes[0]
    assert (seen["focus"], seen["wide"], seen["small"]) == ("H1", 0, [])
    assert seen["afterwards"] == "INCOMPLETE"
    assert secret.reveal() not in seen["address"]
    assert await opens_of(sale, link) == 1
    assert report["console"] == []
    # Nothing comes from elsewhere, and the secret is in no address and no referrer.
    assert all(request["url"].startswith((address, "data:")) for request in report["requests"])
    sent = [f"{request['url'].partition('#')[0]} {request['referrer']}" for request in report["requests"]]
    assert not any(secret.reveal() in each for each in sent)


@pytest.mark.parametrize("dark", [False, True])
async def test_a_closed_link_says_why_in_plain_words(address: str, dark: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sale = await make_sale()
    spent, spent_secret = await make_link(sale)
    revoked, revoked_secret = await make_link(sale)
    async with transaction(sale.buyer) as tx:
        await delivery.revoke_link(tx, sale.buyer, link_id=revoked.id)
    pages = {
        "spent": link_page(address, sale, spent, spent_secret.reveal()),
        "revoked": link_page(address, sale, revoked, revoked_secret.reveal()),
        "unknown": link_page(address, sale, spent, "x" * 43),
    }
    steps: list[Step] = [("goto", pages["spent"]), ("wait", "#open"), ("click", "#open"), ("wait", "[data-role=code]")]
    for name, page in pages.items():
        steps += [
            ("goto", "about:blank"), ("goto", page), ("wait", "#open"), ("click", "#open"), ("wait", "[data-error]"),
            ("shot", f"{name}-{dark}"), ("text", "h1", f"{name} en"), ("click", "#toggle"), ("text", "h1", f"{name} zh"),
        ]  # fmt: skip

    seen = (await browse(steps, dark=dark))["seen"]

    told = {name: seen[f"{name} en"] + seen[f"{name} zh"] for name in pages}
    assert told == {
        "spent": ["This link is used up", "链接已失效"],
        "revoked": ["This link was withdrawn", "链接已撤销"],
        "unknown": ["This link is not valid", "链接无效"],
    }


@pytest.mark.parametrize(("language", "width"), [("en-US", 390), ("zh-CN", 1280)])
async def test_an_orders_page_moves_on_by_itself_and_shows_each_code_at_a_press(
    address: str, language: str, width: int
) -> None:
    sale = await make_sale(units=3, paid=False)
    page, name = f"{address}/s/{sale.store.slug}/o/{sale.order_code}#{sale.token.reveal()}", f"{language}-{width}"
    steps = [
        ("goto", page), ("wait", "[data-state=PENDING_PAYMENT]"), ("shot", f"order-pending-{name}"), ("say", "waiting"),
        ("wait", "[data-state=FULFILLED]"), ("text", "[data-role=code]", "before"), ("shot", f"order-sealed-{name}"),
        ("click", "[data-unit] button"), ("wait", "[data-role=code]"), ("text", "[data-role=code]", "one"),
        ("shot", f"order-one-{name}"), ("overflow", "wide"), ("small", "small"), ("click", ".button.second"),
        ("wait", "li:nth-child(3) [data-role=code]"), ("text", "[data-role=code]", "all"), ("address", "address"),
    ]  # fmt: skip

    async def pay() -> None:
        async with trading(sale.buyer) as tx:
            await orders.pay_order(tx, sale.buyer, order_id=sale.order_id)

    report = await browse(steps, language=language, width=width, said=pay)

    seen = report["seen"]
    assert (seen["before"], seen["one"]) == ([], [sale.codes[0]])
    assert sorted(seen["all"]) == sorted(sale.codes)
    assert (seen["wide"], seen["small"], report["console"]) == (0, [], [])
    assert not any(sale.token.reveal() in request["url"].partition("#")[0] for request in report["requests"])


async def test_a_redemption_link_is_there_to_be_followed(address: str) -> None:
    target = "https://redeem.example.com/gift/A1b2C3d4E5f6?sig=Zz9"
    sale = await make_sale(kind=FulfilmentKind.LINK, texts=(target,))
    link, secret = await make_link(sale)

    report = await browse(
        [
            ("goto", link_page(address, sale, link, secret.reveal())), ("wait", "#open"), ("click", "#open"),
            ("wait", "a.button"), ("attribute", "a.button", "href", "href"), ("attribute", "a.button", "rel", "rel"),
            ("shot", "redemption-link"),
        ]
    )  # fmt: skip

    assert report["seen"] == {"href": target, "rel": "noopener noreferrer"}
