"""The mailbox of `fondaco up`: where nobody named a mail server, mails and text messages stay on this machine, to look at."""

from dataclasses import dataclass, replace

from fondaco_core.config import Settings
from fondaco_core.secret import Secret
from fondaco_ops.places import keep_port, make_folder


@dataclass(frozen=True, slots=True)
class LocalMailbox:
    """Where it listens, and what starts it: the arguments after `python -m`."""

    smtp_port: int
    http_port: int

    @property
    def page(self) -> str:
        """Where a browser sees what came."""
        return f"http://127.0.0.1:{self.http_port}/"

    @property
    def arguments(self) -> tuple[str, ...]:
        """What starts it."""
        return (
            "fondaco_ops", "mailbox", "--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port),
        )  # fmt: skip


def with_mailbox(settings: Settings) -> tuple[Settings, LocalMailbox | None]:
    """The settings with a mailbox of our own, where they name no mail server and are not of a production."""
    if settings.mail_url is not None or settings.profile != "local":
        return settings, None
    folder = settings.data_dir / "mail"
    make_folder(folder)
    mailbox = LocalMailbox(keep_port(folder / "smtp.port"), keep_port(folder / "http.port"))
    return replace(
        settings,
        mail_url=Secret(f"smtp://127.0.0.1:{mailbox.smtp_port}"),
        mail_from=settings.mail_from or "Fondaco <shop@fondaco.example>",
        sms_url=settings.sms_url or Secret(f"http://127.0.0.1:{mailbox.http_port}/sms"),
    ), mailbox
