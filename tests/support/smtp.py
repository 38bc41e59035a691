"""A mail server on the loopback that keeps what it gets, and lies on demand."""

import asyncio
import email
import email.policy
import socket
import ssl
import warnings
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from enum import Enum, auto
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from fondaco_core import mail
from fondaco_core.config import Settings
from fondaco_core.secret import Secret


class Lie(Enum):
    """What a mail server does to those who trust it."""

    NONE = auto()
    LATER = auto()  # 450 to the recipient
    NEVER = auto()  # 550 to the recipient
    NEVER_AFTER_DATA = auto()  # 554 to the message
    TAKES_AND_DROPS = auto()  # keeps the message, and hangs up without a word
    DROPS = auto()  # loses the message, and hangs up
    SILENT = auto()  # keeps the message, and says nothing for long


@dataclass
class Post:
    """A running mail server: the mails it has, and its next lies, the first first."""

    port: int = 0
    lies: list[Lie] = field(default_factory=list)
    always: Lie = Lie.NONE
    raw: list[bytes] = field(default_factory=list)
    attempts: int = 0
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    # Set when the server holds a message back; the test lets it go on.
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    _lie: Lie = Lie.NONE

    @property
    def mails(self) -> list[EmailMessage]:
        """What arrived, read."""
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in self.raw]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes the recipient, or lies."""
        self.attempts += 1
        self._lie = self.lies.pop(0) if self.lies else self.always
        if self._lie is Lie.LATER:
            return f"450 4.2.0 {address} come back later"
        if self._lie is Lie.NEVER:
            return f"550 5.1.1 {address} lives elsewhere"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Takes the message, or lies."""
        content = envelope.original_content or b""
        assert isinstance(server.transport, asyncio.Transport)
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        if self._lie is Lie.NEVER_AFTER_DATA:
            return "554 5.7.1 looks like spam"
        if self._lie is not Lie.DROPS:
            self.raw.append(content)
        if self._lie in {Lie.TAKES_AND_DROPS, Lie.DROPS}:
            server.transport.abort()
        if self._lie is Lie.SILENT:
            self.holding.set()
            await self.go_on.wait()
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Lets in who knows the password."""
        self.logins.append(data.login.decode())
        return AuthResult(success=data.password == b"pass:word", handled=False)

    def settings(self, **changes: object) -> Settings:
        """The settings of a process that mails by this server."""
        base = Settings(mail_url=Secret(f"smtp://127.0.0.1:{self.port}"), mail_from="星河数卡 <shop@fondaco.example>")
        return replace(base, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def post_office(
    *, tls: ssl.SSLContext | None = None, starttls: bool = False, login: bool = False
) -> AsyncGenerator[Post]:
    """A mail server of this test alone, and this process's way out led to it."""
    post = Post()

    def make() -> SMTP:
        with warnings.catch_warnings():
            # A password without TLS is what one of the tests is about.
            warnings.simplefilter("ignore", UserWarning)
            return SMTP(
                post, hostname="post.example", tls_context=tls if starttls else None, require_starttls=starttls,
                authenticator=post.authenticate if login else None, auth_require_tls=False, auth_required=login,
            )  # fmt: skip

    listening = socket.create_server(("127.0.0.1", 0))
    post.port = listening.getsockname()[1]
    server = await asyncio.get_running_loop().create_server(make, sock=listening, ssl=None if starttls else tls)
    mail.open_mail(post.settings())
    try:
        yield post
    finally:
        mail.close_mail()
        post.go_on.set()
        server.close()
        await server.wait_closed()
