"""The files of the mailbox: one for each mail or message, their names in the order they came."""

import email
import email.policy
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import orjson

# What is kept, and the largest of each, in bytes; together less than a small disk.
KEPT_MAX: Final = 500
BYTES_MAX: Final = 10 * 1024 * 1024
_NAME: Final = re.compile(r"[0-9]{19}-[0-9a-f]{8}\.(eml|json)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the page."""

    name: str
    kind: str
    to: str
    subject: str
    arrived_at: float


class Kept:
    """A folder of mails and messages, bounded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, content: bytes, kind: str) -> str:
        """Keeps one and gives its name; whole or not at all, also when the disk is full."""
        name = f"{time.time_ns()}-{os.urandom(4).hex()}.{kind}"
        fresh = self._folder / f".{name}"
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
        fresh.rename(self._folder / name)
        for old in self._names()[KEPT_MAX:]:
            (self._folder / old).unlink(missing_ok=True)
        return name

    def entries(self) -> Iterator[Entry]:
        """Everything, the newest first."""
        for name in self._names():
            at = int(name.partition("-")[0]) / 1e9
            if name.endswith(".eml"):
                mail = self.mail(name)
                yield Entry(name, "mail", str(mail["to"]), str(mail["subject"]), at)
            else:
                message = self.message(name)
                yield Entry(name, "sms", message.get("to", ""), message.get("text", ""), at)

    def raw(self, name: str) -> bytes:
        """One as it came; FileNotFoundError for what is none of ours."""
        if _NAME.fullmatch(name) is None:
            raise FileNotFoundError
        return (self._folder / name).read_bytes()

    def mail(self, name: str) -> EmailMessage:
        """One mail, read."""
        return email.message_from_bytes(self.raw(name), policy=email.policy.default)

    def message(self, name: str) -> dict[str, str]:
        """One text message."""
        return {key: str(value) for key, value in orjson.loads(self.raw(name)).items()}

    def _names(self) -> list[str]:
        return sorted((entry.name for entry in self._folder.iterdir() if _NAME.fullmatch(entry.name)), reverse=True)
