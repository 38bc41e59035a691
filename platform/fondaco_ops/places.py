"""Folders, secrets, ports and logs that stay the same from one start to the next."""

import os
import secrets
import shutil
import socket
from contextlib import suppress
from pathlib import Path

from fondaco_core.errors import SettingError

# A log larger than this is moved aside.
LOG_BYTES_MAX = 10 * 1024 * 1024


def make_folder(folder: Path, *, passable: bool = False) -> None:
    """Makes a private folder. Where root needs another account to reach what lies in it, a `passable` one lets it through."""
    mode = 0o711 if passable and os.geteuid() == 0 else 0o700
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as failure:
        msg = f"The folder {folder} cannot be made: {failure.strerror}."
        raise SettingError(msg) from failure


def remove_tree(folder: Path) -> None:
    """Removes a folder with all in it, if it is there."""
    if not folder.exists():
        return
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            Path(parent, name).unlink()
        for name in folders:
            path = Path(parent, name)
            path.unlink() if path.is_symlink() else path.rmdir()
    folder.rmdir()


def write_private(path: Path, text: str) -> None:
    """Writes a new file that only we can read; fails when it exists."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(text)


def keep_secret(path: Path) -> str:
    """The random secret in a file, made at the first call; only we can read it."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    value = secrets.token_hex(24)
    # Moved into place, so that a full disk cannot leave half a secret behind.
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_private(fresh, value)
    fresh.rename(path)
    return value


def keep_port(path: Path, *, anew: bool = False) -> int:
    """A free port on 127.0.0.1: the one in the file while it is free, so that addresses stay; otherwise a new one."""
    with suppress(OSError, ValueError):
        port = int(path.read_text(encoding="ascii"))
        if not anew and port_is_free("127.0.0.1", port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    path.write_text(str(port), encoding="ascii")
    return port


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def set_aside(log: Path, *, in_use: bool = False) -> None:
    """Moves a log that has grown large to `<name>.1`, over an older one.

    One that is `in_use` is copied and emptied in place: whoever writes it appends, and goes on at the beginning.
    """
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES_MAX:
            older = log.with_name(f"{log.name}.1")
            if in_use:
                shutil.copyfile(log, older)
                os.truncate(log, 0)
            else:
                log.replace(older)
