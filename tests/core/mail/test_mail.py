"""Mail leaves whole, once, to whom it is meant; what is not known is not called failed, and nothing of it is said aloud."""

from dataclasses import replace

import pytest

from fondaco_core import limits, mail
from fondaco_core.config import Settings
from fondaco_core.errors import SettingError
from fondaco_core.mail import Attachment, Mail, Refused, Undelivered, send_mail
from fondaco_core.secret import Secret
from tests.support.smtp import Lie, post_office

LETTER = Mail(
    to=Secret("anna@buyer.example"),
    subject="您的订单 F-1 已发货",
    text="您好！\n.\n链接：https://shop.example/s/x#geheim\n",
    html="<p>您好！</p>",
    message_id="<delivery.1@fondaco.example>",
    sender_name="星河数卡",
)


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with post_office() as post:
        await send_mail(replace(LETTER, attachments=(Attachment("卡密.zip", Secret(b"PK\0\1"), "application/zip"),)))

    (got,) = post.mails
    assert got["To"] == "anna@buyer.example"
    assert got["From"] == "星河数卡 <shop@fondaco.example>"
    assert got["Subject"] == LETTER.subject
    assert got["Message-ID"] == LETTER.message_id
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == LETTER.text
    assert html is not None
    assert html.get_content().strip() == LETTER.html
    (attachment,) = got.iter_attachments()
    assert attachment.get_filename() == "卡密.zip"
    assert attachment.get_content() == b"PK\0\1"


@pytest.mark.parametrize("lie", [Lie.NEVER, Lie.NEVER_AFTER_DATA])
async def test_a_final_no_is_told_from_a_later(lie: Lie) -> None:
    async with post_office() as post:
        post.lies = [Lie.LATER, lie]

        with pytest.raises(Undelivered) as later:
            await send_mail(LETTER)
        with pytest.raises(Refused) as never:
            await send_mail(LETTER)

    assert (later.value.sent, later.value.status) == (False, 450)
    assert never.value.status in {550, 554}
    assert post.raw == []


@pytest.mark.parametrize("lie", [Lie.DROPS, Lie.TAKES_AND_DROPS])
async def test_a_server_that_hangs_up_after_the_message_leaves_it_unknown(lie: Lie) -> None:
    async with post_office() as post:
        post.lies = [lie]

        with pytest.raises(Undelivered) as lost:
            await send_mail(LETTER)

    assert lost.value.sent
    assert len(post.raw) == (1 if lie is Lie.TAKES_AND_DROPS else 0)


async def test_a_server_that_never_answers_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAIL_STEP_S", 0.2)
    async with post_office() as post:
        post.lies = [Lie.SILENT]

        with pytest.raises(Undelivered) as lost:
            await send_mail(LETTER)

    assert lost.value.sent


async def test_no_server_and_no_way_are_an_outage() -> None:
    async with post_office() as post:
        gone = post.settings()
    mail.open_mail(gone)

    with pytest.raises(Undelivered) as away:
        await send_mail(LETTER)
    mail.close_mail()
    assert not mail.configured()
    with pytest.raises(Undelivered) as none:
        await send_mail(LETTER)

    assert (away.value.sent, none.value.sent) == (False, False)


@pytest.mark.parametrize(
    "bad",
    [
        replace(LETTER, subject="Hello\r\nBcc: eve@evil.example"),
        replace(LETTER, subject="Hello\nX"),
        replace(LETTER, subject="Hello\u2028X"),
        replace(LETTER, sender_name="Shop\r\nBcc: eve@evil.example"),
        replace(LETTER, reply_to="help@shop.example\r\nBcc: eve@evil.example"),
        replace(LETTER, to=Secret("anna@buyer.example\r\nRCPT TO:<eve@evil.example>")),
        replace(LETTER, to=Secret("anna@buyer.example, eve@evil.example")),
        replace(LETTER, to=Secret("Anna <anna@buyer.example>")),
        replace(LETTER, to=Secret("anna")),
        replace(LETTER, to=Secret("安娜@buyer.example")),
        replace(LETTER, attachments=(Attachment("a\r\nb.zip", Secret(b""), "application/zip"),)),
    ],
)
async def test_a_text_that_would_make_a_header_or_a_second_recipient_is_refused(bad: Mail) -> None:
    async with post_office() as post:
        with pytest.raises(Refused):
            await send_mail(bad)

    assert post.attempts == 0


async def test_a_host_in_chinese_is_written_as_the_protocol_wants_it() -> None:
    async with post_office() as post:
        await send_mail(replace(LETTER, to=Secret("anna@例子.中国")))

    assert post.mails[0]["To"] == "anna@xn--fsqu00a.xn--fiqs8s"


async def test_nothing_of_a_mail_is_said_aloud(capsys: pytest.CaptureFixture[str]) -> None:
    async with post_office() as post:
        post.lies = [Lie.NEVER, Lie.LATER, Lie.TAKES_AND_DROPS]
        errors: list[BaseException] = []
        for _ in range(3):
            with pytest.raises((Refused, Undelivered)) as failed:
                await send_mail(LETTER)
            errors.append(failed.value)

    said = "".join([*capsys.readouterr(), *(f"{e!r} {e} {e.__cause__!r}" for e in errors), repr(LETTER)])
    assert "anna@" not in said
    assert "geheim" not in said


async def test_a_login_goes_with_the_mail_where_it_is_asked_for() -> None:
    async with post_office(login=True) as post:
        mail.open_mail(post.settings(mail_url=Secret(f"smtp://shop%40x:pass%3Aword@127.0.0.1:{post.port}")))
        await send_mail(LETTER)
        mail.open_mail(post.settings(mail_url=Secret(f"smtp://shop%40x:wrong@127.0.0.1:{post.port}")))

        with pytest.raises(Undelivered) as locked_out:
            await send_mail(LETTER)

    assert set(post.logins) == {"shop@x"}
    assert locked_out.value.status == 535
    assert len(post.raw) == 1


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtp://user:password@mail.example?starttls=never", "a@b.example"),
        ("smtp://mail.example?starttls=perhaps", "a@b.example"),
        ("smtp://", "a@b.example"),
        ("smtp://mail.example:99999", "a@b.example"),
        ("smtp://mail.example", ""),
        ("smtp://mail.example", "nobody"),
        ("smtp://mail.example", "Shop <a@b.example>\r\nBcc: x@y.example"),
    ],
)
def test_a_way_that_is_none_or_not_safe_is_refused_at_the_start(url: str, sender: str) -> None:
    with pytest.raises(SettingError):
        mail.open_mail(Settings(mail_url=Secret(url), mail_from=sender))


async def test_a_server_without_tls_gets_nothing_where_tls_is_meant() -> None:
    async with post_office() as post:
        mail.open_mail(post.settings(mail_url=Secret(f"smtp://127.0.0.1:{post.port}?starttls=required")))

        with pytest.raises(Undelivered) as plain:
            await send_mail(LETTER)

    assert not plain.value.sent
    assert post.attempts == 0
