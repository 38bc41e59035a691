"""Where the sandbox gateway of an installation is, and the secret that it shares with it."""

from fondaco_core.config import Settings
from fondaco_core.secret import Secret
from fondaco_ops.places import keep_port, keep_secret, make_folder

GATEWAY_KEY = "sandbox"


def sandbox_port(settings: Settings) -> int:
    """The port it listens on: the one that is set, or one that was free once and is kept."""
    if settings.sandbox_port is not None:
        return settings.sandbox_port
    kept = settings.data_dir / "sandbox" / "port"
    make_folder(kept.parent)
    return int(kept.read_text(encoding="ascii")) if kept.exists() else keep_port(kept)


def sandbox_secret(settings: Settings) -> Secret[str]:
    """What its requests and notifications are signed with; made at the first call."""
    folder = settings.data_dir / "sandbox"
    make_folder(folder)
    return Secret(keep_secret(folder / "secret"))


def sandbox_url(settings: Settings) -> str:
    """Its address."""
    return f"http://127.0.0.1:{sandbox_port(settings)}"
