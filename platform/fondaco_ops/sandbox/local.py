"""The sandbox gateway of `fondaco up`: payments can be tried at once, and nobody pays."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from fondaco_core.config import Settings
from fondaco_core.errors import SettingError
from fondaco_ops.places import keep_port, make_folder, port_is_free
from fondaco_ops.sandbox.places import sandbox_secret, sandbox_url


@dataclass(frozen=True, slots=True)
class LocalSandbox:
    """Where it is, and what starts it and makes it known: the arguments after `python -m`."""

    page: str
    arguments: tuple[str, ...] = ("fondaco_ops", "sandbox-gateway")
    registering: tuple[str, ...] = ("fondaco_ops", "sandbox-gateway", "--register")


def with_sandbox(settings: Settings) -> tuple[Settings, LocalSandbox | None]:
    """The settings with a sandbox gateway of our own, unless they are of a production."""
    if settings.profile != "local":
        return settings, None
    if settings.sandbox_port is not None and not port_is_free("127.0.0.1", settings.sandbox_port):
        msg = f"FONDACO_SANDBOX_PORT is {settings.sandbox_port}, which is in use or not ours to take; name a free port."
        raise SettingError(msg)
    folder = settings.data_dir / "sandbox"
    make_folder(folder)
    settings = replace(settings, sandbox_port=settings.sandbox_port or keep_port(folder / "port"))
    return settings, LocalSandbox(f"{sandbox_url(settings)}/")


def is_registered(settings: Settings) -> bool:
    """Whether the installation knows the gateway as it is now: its address and its secret."""
    with suppress(FileNotFoundError):
        return _mark_file(settings).read_text(encoding="ascii") == _mark(settings)
    return False


def note_registered(settings: Settings) -> None:
    """From now on the installation knows it."""
    _mark_file(settings).write_text(_mark(settings), encoding="ascii")


def _mark_file(settings: Settings) -> Path:
    return settings.data_dir / "sandbox" / "registered"


def _mark(settings: Settings) -> str:
    digest = hashlib.sha256(sandbox_secret(settings).reveal().encode()).hexdigest()
    return f"{sandbox_url(settings)} {digest}"
