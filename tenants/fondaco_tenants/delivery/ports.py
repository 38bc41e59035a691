"""What delivery asks of the outside: to bring a text message to a telephone. Mails go by fondaco_core.mail."""

from dataclasses import dataclass, field
from typing import Protocol

from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Message:
    """One text message. Equal ids are one message: a gateway that was asked twice sends it once."""

    id: str
    to: Secret[str]
    text: str = field(repr=False)


class Messenger(Protocol):
    """A way to telephones."""

    async def send(self, message: Message) -> None:
        """Hands a message over; returning means that it was taken.

        Raises mail.Undelivered when it may pass later (`sent` when it may have passed already), mail.Refused for never.
        """
        ...
