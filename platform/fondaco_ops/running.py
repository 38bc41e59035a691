"""The settings of a `fondaco up` that runs here, for commands that look at it from outside."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fondaco_core.config import Settings
from fondaco_core.secret import Secret

DATABASE = "fondaco"


def settings_of_running(settings: Settings) -> Settings:
    """The settings, completed by what `fondaco up` keeps in FONDACO_DATA; what the environment names stays as it is.

    Makes nothing: where there is no installation, the settings stay incomplete, and whoever needs one refuses.
    """
    postgres = _address(settings.data_dir / "postgres")
    if settings.database_url is None and postgres is not None:
        settings = replace(settings, database_url=Secret(f"postgresql://postgres:{postgres}/{DATABASE}"))
    valkey = _address(settings.data_dir / "valkey")
    if settings.redis_url is None and valkey is not None:
        settings = replace(settings, redis_url=Secret(f"redis://:{valkey}/0"))
    keys = settings.data_dir / "keys"
    if settings.role_secret is None:
        with suppress(OSError):
            settings = replace(settings, role_secret=Secret((keys / "role.secret").read_text(encoding="ascii").strip()))
    if settings.master_key is None and settings.master_key_file is None and (keys / "master.keys").exists():
        settings = replace(settings, master_key_file=keys / "master.keys")
    return settings


def _address(folder: Path) -> str | None:
    """`password@host:port` of one of our servers, or None when there is none in the folder."""
    with suppress(OSError):
        password, port = ((folder / name).read_text(encoding="ascii").strip() for name in ("password", "port"))
        return f"{password}@127.0.0.1:{port}"
    return None
