"""What identity has to know of the installation: where browsers find it, and whether it is one's own machine."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fondaco_core.config import Settings


@dataclass(frozen=True, slots=True)
class Ways:
    """The address that people open, and how strict to be."""

    public_url: str = "http://127.0.0.1:8000"
    platform_needs_factor: bool = False

    @property
    def origin(self) -> str:
        """What a browser says it is at, and passkeys are bound to."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def host(self) -> str:
        """The name that passkeys belong to."""
        return urlsplit(self.public_url).hostname or "localhost"


_ways = Ways()


def open_identity(settings: Settings) -> None:
    """Takes over what the settings say, once, at the door of a process."""
    global _ways  # noqa: PLW0603 - one installation a process
    _ways = Ways(public_url=settings.public_url, platform_needs_factor=settings.profile != "local")


def ways() -> Ways:
    """The installation this process belongs to."""
    return _ways
