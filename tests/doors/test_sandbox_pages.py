"""The sandbox gateway's pages in a real browser: paying, paying less, declining and turning switches, in both languages, on a phone."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest

from fondaco_core import clock
from fondaco_core.ids import PaymentId
from fondaco_core.money import Money
from fondaco_tenants.payments.ports import NewPayment
from tests.doors.test_pages import browse
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("run_node")


@pytest.fixture(scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    made = Sandbox(tmp_path_factory.mktemp("sandbox"))
    await made.start()
    yield made
    await made.aclose()


async def open_page(sandbox: Sandbox, *, locale: str, amount_minor: int = 12_345_600) -> tuple[str, PaymentId]:
    """A payment, and the page to pay it at."""
    new = NewPayment(
        payment_id=PaymentId(uuid4()), amount=Money(amount_minor, "CNY"),
        subject="流明点卡 · Steam 钱包充值卡 50 元 × 20" if locale == "zh-CN" else "Harbor Gifts · Steam Wallet 50 CNY × 20",
        notify_url=f"{sandbox.url}/healthz", return_url=f"{sandbox.url}/", expires_at=clock.now() + timedelta(minutes=15),
        locale=locale,
    )  # fmt: skip
    return (await sandbox.gateway().create(new)).pay_url, new.payment_id


@pytest.mark.parametrize(
    ("locale", "width", "press", "told"),
    [
        ("en", 390, "pay", "Paid"),
        ("zh-CN", 390, "less", "已支付"),
        ("en", 320, "decline", "Closed"),
        ("zh-CN", 1280, "decline", "已关闭"),
    ],
)
async def test_a_press_pays_pays_less_or_declines(
    sandbox: Sandbox, locale: str, width: int, press: str, told: str
) -> None:
    page, payment_id = await open_page(sandbox, locale=locale)
    state = "CLOSED" if press == "decline" else "PAID"
    name = f"sandbox-{locale}-{width}"
    steps = [
        ("goto", page), ("wait", "[data-state=PENDING]"), ("text", "h1", "heading"), ("overflow", "wide"), ("small", "small"),
        ("attribute", "img.qr", "alt", "qr"), ("shot", name), ("click", f"button[value={press}]"),
        ("wait", f"[data-state={state}]"), ("text", ".badge", "badge"), ("overflow", "wide after"), ("shot", f"{name}-after"),
        ("goto", page), ("wait", f"[data-state={state}]"),
    ]  # fmt: skip

    report = await browse(steps, language="zh-CN" if locale == "zh-CN" else "en-US", width=width, dark=width == 1280)

    seen = report["seen"]
    assert seen["heading"] == ["Confirm payment" if locale == "en" else "确认付款"]
    assert (seen["badge"], seen["wide"], seen["wide after"], seen["small"]) == ([told], 0, 0, [])
    assert report["console"] == []
    assert all(request["url"].startswith((sandbox.url, "data:")) for request in report["requests"])
    shown = await sandbox.shown(payment_id)
    assert shown["paid_minor"] == {"pay": 12_345_600, "less": 6_172_800, "decline": None}[press]


async def test_who_pays_reads_their_own_language_and_not_that_of_who_started(sandbox: Sandbox) -> None:
    page, _ = await open_page(sandbox, locale="en")

    async with httpx2.AsyncClient() as client:
        shown = {
            asked: (await client.get(page, headers={"accept-language": asked})).text
            for asked in ("zh-CN", "en-US", "fr")
        }
        chosen = await client.get(f"{page}?lang=en", headers={"accept-language": "zh-CN"})

    assert {asked: "确认付款" in text for asked, text in shown.items()} == {"zh-CN": True, "en-US": False, "fr": False}
    assert "Confirm payment" in chosen.text


@pytest.mark.parametrize(
    ("language", "width", "heading"), [("en-US", 390, "Sandbox gateway"), ("zh-CN", 1280, "沙盒网关")]
)
async def test_switches_are_turned_on_and_off_by_hand(
    sandbox: Sandbox, language: str, width: int, heading: str
) -> None:
    await sandbox.reset()
    await sandbox.switch("SLOW", seconds=1, count=3, operation="STATEMENT")
    _, payment_id = await open_page(sandbox, locale="en")
    steps = [
        ("goto", f"{sandbox.url}/"), ("wait", "[data-switch=SLOW]"), ("text", "h1", "heading"),
        ("click", "button[value=on]"), ("wait", "[data-switch=LATE]"), ("overflow", "wide"), ("small", "small"),
        ("shot", f"sandbox-control-{language}"), ("click", "[data-switch=SLOW] button"), ("wait", "[data-switch=LATE]"),
        ("click", f"[data-payment='{payment_id}'] button"), ("wait", "main:not(:has([data-switch]))"), ("say", "looked"),
    ]  # fmt: skip
    found = []

    async def look() -> None:
        found.extend([each["fault"] for each in await sandbox.switches()])

    report = await browse(steps, language=language, width=width, said=look)

    assert report["seen"]["heading"] == [heading]
    assert (report["seen"]["wide"], report["seen"]["small"], report["console"]) == (0, [], [])
    # One was turned off; the other was used up by the notification.
    assert found == []


async def test_a_page_says_that_nothing_comes_from_elsewhere(sandbox: Sandbox) -> None:
    page, _ = await open_page(sandbox, locale="en")

    async with httpx2.AsyncClient(trust_env=False) as client:
        answers = [await client.get(address) for address in (page, f"{sandbox.url}/", f"{page}/qr.svg")]
        missing = await client.get(f"{sandbox.url}/pay/nothing")

    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "<script" not in answer.text
    assert answers[2].headers["content-type"].startswith("image/svg+xml")
    assert missing.status_code == 404
    assert "There is no such payment" in missing.text
