"""Mail by TLS: to the server that is meant and to no other, and never in the open where TLS is meant."""

from pathlib import Path

import pytest

from fondaco_core import mail
from fondaco_core.mail import Mail, Undelivered, send_mail
from fondaco_core.secret import Secret
from tests.support.certificates import Authority, make_authority
from tests.support.smtp import Post, post_office

LETTER = Mail(
    to=Secret("anna@buyer.example"), subject="A letter", text="#geheim", message_id="<delivery.1@fondaco.example>"
)
# How TLS is begun: at once, or by a word within a conversation that begins in the open.
WAYS = ["smtps", "starttls"]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process believes, beside nobody else."""
    made = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def lead(post: Post, way: str, *, user: str = "shop:pass%3Aword") -> None:
    """Leads this process's way out to the server, by its name; a password travels along."""
    scheme, asked = ("smtps", "") if way == "smtps" else ("smtp", "?starttls=required")
    mail.open_mail(post.settings(mail_url=Secret(f"{scheme}://{user}@localhost:{post.port}{asked}")))


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_an_authority_vouches_for_gets_the_mail_and_the_password(
    authority: Authority, way: str
) -> None:
    async with post_office(tls=authority.server("localhost"), starttls=way == "starttls", login=True) as post:
        lead(post, way)
        await send_mail(LETTER)

    assert post.mails[0]["To"] == "anna@buyer.example"
    assert (post.logins, post.encrypted) == (["shop"], [True])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wrong", ["another host", "an unknown authority", "over"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(
    authority: Authority, tmp_path: Path, way: str, wrong: str
) -> None:
    (tmp_path / "other").mkdir()
    stranger = make_authority(tmp_path / "other")
    shown = {
        "another host": authority.server("mail.example.com", "127.0.0.1"),
        "an unknown authority": stranger.server("localhost"),
        "over": authority.server("localhost", days=-1),
    }[wrong]
    async with post_office(tls=shown, starttls=way == "starttls", login=True) as post:
        lead(post, way)

        with pytest.raises(Undelivered) as refused:
            await send_mail(LETTER)

    assert not refused.value.sent
    assert (post.attempts, post.logins, post.raw) == (0, [], [])


@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_speaks_no_tls_gets_nothing(authority: Authority, way: str) -> None:
    assert authority
    async with post_office(login=True) as post:
        lead(post, way)

        with pytest.raises(Undelivered) as plain:
            await send_mail(LETTER)

    assert not plain.value.sent
    assert (post.attempts, post.logins, post.raw) == (0, [], [])
