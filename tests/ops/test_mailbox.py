"""The local mailbox keeps what is sent, shows it harmlessly, and never grows beyond its bound."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from fondaco_core import mail
from fondaco_core.config import Settings
from fondaco_core.mail import Mail, send_mail
from fondaco_core.secret import Secret
from fondaco_ops.mailbox.kept import KEPT_MAX, Kept
from fondaco_ops.mailbox.local import with_mailbox
from fondaco_tenants.delivery.adapters.http_messenger import HttpMessenger
from fondaco_tenants.delivery.ports import Message


@dataclass
class Running:
    """Where a mailbox listens."""

    smtp: str
    page: str


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Running]:
    """A mailbox as `fondaco up` starts it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fondaco_ops", "mailbox", "--folder", str(tmp_path / "mail"), stdout=asyncio.subprocess.PIPE
    )  # fmt: skip
    assert process.stdout is not None
    said = (await process.stdout.readline()).decode()
    found = re.search(r"(smtp://\S+), page at (http://\S+)", said)
    assert found is not None, said
    yield Running(found[1], found[2])
    process.terminate()
    await process.wait()


async def test_a_mail_is_kept_and_shown_where_it_can_do_nothing(mailbox: Running) -> None:
    mail.open_mail(Settings(mail_url=Secret(mailbox.smtp), mail_from="shop@fondaco.example"))
    letter = Mail(
        to=Secret("anna@buyer.example"), subject="<b>您的订单</b>", text="链接在此", html="<p>Hi</p><script>alert(1)</script>",
        message_id="<delivery.1@fondaco.example>",
    )  # fmt: skip

    await send_mail(letter)
    mail.close_mail()
    async with httpx2.AsyncClient(base_url=mailbox.page) as client:
        listed = await client.get("/")
        name = re.search(r'href="/([0-9]+-[0-9a-f]+\.eml)"', listed.text)
        assert name is not None
        shown = await client.get(f"/{name[1]}")
        html = await client.get(f"/{name[1]}/html")
        outside = [await client.get(path) for path in ("/none.eml", "/..%2F..%2Fetc%2Fpasswd", "/passwd/raw")]

    assert "anna@buyer.example" in listed.text
    assert "&lt;b&gt;您的订单&lt;/b&gt;" in listed.text
    assert "链接在此" in shown.text
    assert "<p>Hi</p>" in html.text
    assert "sandbox" in html.headers["content-security-policy"]
    assert "script-src" not in html.headers["content-security-policy"]
    assert [each.status_code for each in outside] == [404, 404, 404]


async def test_a_text_message_shows_as_well(mailbox: Running) -> None:
    await HttpMessenger(f"{mailbox.page}sms", None).send(Message("1", Secret("+8613800138000"), "【星河数卡】已发货"))

    async with httpx2.AsyncClient(base_url=mailbox.page) as client:
        listed = await client.get("/")
        wrong = await client.post("/sms", json={"to": "+1"})

    assert "【星河数卡】已发货" in listed.text
    assert wrong.status_code == 400


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    names = [kept.add(b"Subject: x\r\n\r\ny", "eml") for _ in range(KEPT_MAX + 3)]

    assert [entry.name for entry in kept.entries()] == names[:2:-1]


def test_a_mailbox_stands_in_for_a_mail_server_and_never_beside_one_or_in_production(tmp_path: Path) -> None:
    bare, named = Settings(data_dir=tmp_path), Settings(data_dir=tmp_path, mail_url=Secret("smtp://mail.example"))

    settings, ours = with_mailbox(bare)

    assert ours is not None
    assert settings.mail_url == Secret(f"smtp://127.0.0.1:{ours.smtp_port}")
    assert settings.sms_url == Secret(f"{ours.page}sms")
    assert with_mailbox(named) == (named, None)
    assert with_mailbox(Settings(data_dir=tmp_path, profile="production"))[1] is None


async def test_the_mailbox_speaks_the_language_of_who_looks(mailbox: Running) -> None:
    async with httpx2.AsyncClient(base_url=mailbox.page) as client:
        await client.post("/sms", json={"id": "1", "to": "+8613800138000", "text": "您的验证码"})
        pages = {
            locale: (await client.get("/", headers={"accept-language": locale})).text
            for locale in ("en", "zh-CN", "zh;q=0.9")
        }
        name = re.search(r'href="/([0-9]+-[0-9a-f]+\.json)"', pages["en"])
        assert name is not None
        shown = (await client.get(f"/{name[1]}", headers={"accept-language": "zh-CN"})).text

    assert '<html lang="en">' in pages["en"]
    assert "Mailbox" in pages["en"]
    for chinese in (pages["zh-CN"], pages["zh;q=0.9"]):
        assert '<html lang="zh-CN">' in chinese
        assert "邮箱" in chinese
        assert "Mailbox" not in chinese
    assert "← 全部" in shown
