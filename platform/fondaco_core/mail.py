"""Mail on its way out: one message to one address, and what is known of it afterwards. Only errands send.

Three ends are told apart, because a caller acts differently on each. `send_mail` returns: the server has taken it.
`Undelivered`: not now, and `sent` says whether the server may have taken it all the same, its answer being lost.
`Refused`: never, not to this address or not this message.

Nothing of a message is logged, and no error carries a word of it or of the server's answer, which likes to quote addresses.
"""

import asyncio
import email.policy
import ipaddress
import re
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.errors import FondacoError, Outage, SettingError
from fondaco_core.logs import get_logger
from fondaco_core.secret import Secret

T = TypeVar("T")

log = get_logger(__name__)

# 7 bits on the wire: no server on the way needs 8BITMIME.
_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")
_LOCAL_PART: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_MESSAGE_ID: Final = re.compile(r"<[A-Za-z0-9._-]{1,120}@[A-Za-z0-9.-]{1,120}>")
# Whatever a program may take for the end of a header: control characters and Unicode's own ends of lines.
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The first digit of an answer that will be the same next time (RFC 5321, 4.2.1).
_PERMANENTLY: Final = 5
# The server's answers that are about itself or us, however final they sound: a person mends them, and the mail goes then.
_OUR_FAULT: Final = frozenset({502, 503, 504, 530, 534, 535, 538})


class Undelivered(Outage):
    """Not now. `sent` is whether the server may have taken the message all the same; `status` its answer, if there was one."""

    def __init__(self, *, sent: bool, status: int | None = None) -> None:
        super().__init__("The mail server did not take a message.")
        self.sent = sent
        self.status = status


class Refused(FondacoError):
    """Never: the address or the message is none that the server, or we, let through. `status` is the server's answer."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__("A message was refused for good.")
        self.status = status


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a mail."""

    name: str
    content: Secret[bytes]
    media_type: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one address. The same `message_id` marks a repetition as one, which many mailboxes then hide."""

    to: Secret[str]
    subject: str
    text: str = field(repr=False)
    message_id: str
    html: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()
    # What the mail says it is from, before the operator's address, and where answers go.
    sender_name: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    host: str
    port: int
    user: str | None
    password: Secret[str] | None
    tls: bool
    starttls: bool
    sender: Address
    # Certificates are always verified; SSL_CERT_FILE names other authorities than the system's.
    context: ssl.SSLContext


_way: _Way | None = None


def open_mail(settings: Settings) -> None:
    """Reads how mail leaves, once, at the door of a process; raises SettingError for a way that is none, or not a safe one."""
    global _way  # noqa: PLW0603 - one way out a process, opened at its door
    _way = None if settings.mail_url is None else _read_way(settings.mail_url, settings.mail_from)


def close_mail() -> None:
    """Forgets the way out."""
    global _way  # noqa: PLW0603
    _way = None


def configured() -> bool:
    """Whether there is a way out at all."""
    return _way is not None


def message_id_of(kind: str, number: object) -> str:
    """The stable Message-ID of something that is sent, however often: `<kind.number@sender's host>`."""
    assert _way is not None, "open_mail() comes first"
    return f"<{kind}.{number}@{_way.sender.domain}>"


async def send_mail(mail: Mail) -> None:
    """Hands a message to the mail server; returning means that the server has taken it.

    Raises Undelivered when it may pass later, Refused when it never will.
    """
    if _way is None:
        raise Undelivered(sent=False)
    recipient = _address(mail.to.reveal())
    message = _write(mail, recipient, _way)
    client = aiosmtplib.SMTP(
        hostname=_way.host, port=_way.port, use_tls=_way.tls, start_tls=_way.starttls, tls_context=_way.context,
        username=_way.user, password=None if _way.password is None else _way.password.reveal(),
        timeout=limits.MAIL_STEP_S, local_hostname=_way.sender.domain,
    )  # fmt: skip
    try:
        async with asyncio.timeout(limits.MAIL_BEGIN_S):
            await _step(client.connect(), about_us=True)
            await _step(client.mail(_way.sender.addr_spec), about_us=True)
            await _step(client.rcpt(recipient.addr_spec))
        # From here on a lost answer leaves open whether the message arrived.
        await _step(client.data(message), sent=True)
        await _leave(client)
    except TimeoutError:
        raise Undelivered(sent=False) from None
    finally:
        client.close()


async def _step(step: Awaitable[T], *, sent: bool = False, about_us: bool = False) -> T:
    try:
        return await step
    except aiosmtplib.SMTPResponseException as answer:
        # 421 after the message is the server's goodbye, which says that it did not take it.
        final = answer.code // 100 == _PERMANENTLY and answer.code not in _OUR_FAULT and not about_us
        log.warning("mail.not_taken", status=answer.code, final=final)
        if final:
            raise Refused(answer.code) from None
        raise Undelivered(sent=False, status=answer.code) from None
    except (aiosmtplib.SMTPException, OSError) as error:
        log.warning("mail.unanswered", failure=type(error).__name__, sent=sent)
        raise Undelivered(sent=sent) from None


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Says goodbye; the message is taken, whatever comes of that."""
    try:
        await client.quit(timeout=limits.MAIL_GOODBYE_S)
    except (aiosmtplib.SMTPException, OSError):
        return


def is_address(text: str) -> bool:
    """Whether mail can be sent to this text: an address of letters the old protocol knows, its host perhaps in Chinese."""
    try:
        _address(text)
    except Refused:
        return False
    return True


def _address(text: str) -> Address:
    local, at, domain = text.rpartition("@")
    if not at or len(local) > limits.MAIL_LOCAL_PART_MAX or not _LOCAL_PART.fullmatch(local):
        raise Refused
    try:
        host = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        raise Refused from None
    if len(host) > limits.MAIL_DOMAIN_MAX or not _DOMAIN.fullmatch(host):
        raise Refused
    return Address(username=local, domain=host)


def _write(mail: Mail, recipient: Address, way: _Way) -> bytes:
    name = way.sender.display_name if mail.sender_name is None else mail.sender_name
    for text in (mail.subject, name, mail.reply_to or "", *(each.name for each in mail.attachments)):
        if _BREAKS.search(text):
            raise Refused
    assert _MESSAGE_ID.fullmatch(mail.message_id), "a Message-ID is ours, and well formed"
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(display_name=name, username=way.sender.username, domain=way.sender.domain)
    message["To"] = recipient
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = mail.message_id
    # Nobody's "out of office" answers a machine (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    if mail.reply_to is not None:
        message["Reply-To"] = _address(mail.reply_to)
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    for each in mail.attachments:
        main, _, sub = each.media_type.partition("/")
        message.add_attachment(each.content.reveal(), maintype=main, subtype=sub, filename=each.name)
    written = message.as_bytes()
    assert len(written) <= limits.MAIL_BYTES_MAX, "who attaches files bounds them"
    return written


def _read_way(url: Secret[str], sender: str) -> _Way:
    parts = urlsplit(url.reveal())
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0 or parts.path.strip("/"):
        msg = "FONDACO_MAIL_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465."
        raise SettingError(msg)
    asked = parse_qs(parts.query).get("starttls", [""])[-1]
    if asked not in {"", "required", "never"}:
        msg = "FONDACO_MAIL_URL: starttls is `required` (what is meant without it) or `never`."
        raise SettingError(msg)
    tls = parts.scheme == "smtps"
    near = _is_loopback(parts.hostname)
    starttls = not tls and (asked == "required" or (asked == "" and not near))
    if parts.password and not (tls or starttls or near):
        msg = "FONDACO_MAIL_URL sends a password without TLS; leave out starttls=never, or use smtps://."
        raise SettingError(msg)
    return _Way(
        host=parts.hostname, port=port or (465 if tls else 587 if starttls else 25),
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        tls=tls, starttls=starttls, sender=_read_sender(sender), context=_context(),
    )  # fmt: skip


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _read_sender(text: str) -> Address:
    name, address = parseaddr(text)
    if _BREAKS.search(text) or not is_address(address):
        msg = "FONDACO_MAIL_FROM must be the address mails come from, like `Fondaco <shop@example.com>`."
        raise SettingError(msg)
    bare = _address(address)
    return Address(display_name=name, username=bare.username, domain=bare.domain)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
