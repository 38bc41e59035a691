"""The mailbox's process: SMTP and HTTP on the loopback, in one loop."""

import argparse
import asyncio
import socket
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session

from fondaco_core.config import read_settings
from fondaco_core.errors import SettingError
from fondaco_ops.mailbox.kept import BYTES_MAX, Kept
from fondaco_ops.mailbox.pages import make_pages

HOST = "127.0.0.1"


class Taker:
    """Takes every mail for everybody."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keeps a mail; a disk that is full is told as a server tells it."""
        try:
            self._kept.add(envelope.original_content or b"", "eml")
        except OSError:
            return "452 4.3.1 There is no room left"
        return "250 2.0.0 Kept"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it listens and what it keeps."""
    parser.description = "Takes every mail and text message of this machine, shows them on a page, and delivers none."
    parser.add_argument("--smtp-port", type=int, default=0, help="where it takes mails (a free port)")
    parser.add_argument(
        "--http-port", type=int, default=0, help="where it shows them, and takes text messages (a free port)"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where it keeps them (FONDACO_DATA/mail)")


def run(args: argparse.Namespace) -> int:
    """Runs until somebody stops it; 0 then."""
    folder = args.folder or read_settings().data_dir / "mail"
    return asyncio.run(serve(Kept(folder), smtp_port=args.smtp_port, http_port=args.http_port))


async def serve(kept: Kept, *, smtp_port: int, http_port: int) -> int:
    """Listens at both ports until the page's server is told to stop."""
    loop = asyncio.get_running_loop()
    smtp_socket, http_socket = listen(smtp_port), listen(http_port)
    smtp = await loop.create_server(
        lambda: SMTP(Taker(kept), hostname="mailbox.localhost", data_size_limit=BYTES_MAX, loop=loop), sock=smtp_socket
    )
    print(
        f"mailbox: mails at smtp://{HOST}:{smtp_socket.getsockname()[1]}, page at http://{HOST}:{http_socket.getsockname()[1]}/",
        flush=True,
    )
    page = uvicorn.Server(uvicorn.Config(make_pages(kept), log_level="warning", access_log=False))
    async with smtp:
        await page.serve(sockets=[http_socket])
    return 0


def listen(port: int) -> socket.socket:
    """A socket at a port of this machine alone."""
    try:
        return socket.create_server((HOST, port))
    except OSError as failure:
        msg = f"The mailbox cannot listen on {HOST}:{port} ({failure.strerror}); give another port."
        raise SettingError(msg) from failure
