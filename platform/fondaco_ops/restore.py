"""`fondaco restore`: brings back what `fondaco backup` wrote, into a folder that holds nothing yet."""

import argparse
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from fondaco_core.config import read_settings
from fondaco_core.crypto.keys import FileMasterKeys
from fondaco_core.errors import SettingError
from fondaco_ops.backup import ABOUT, BASE, FORMAT, digest_of
from fondaco_ops.places import keep_secret, make_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to restore, and with which keys."""
    parser.description = (
        "Unpacks a backup into FONDACO_DATA, which must hold no data yet; `fondaco up` starts it then. Codes open with the "
        "master keys they were sealed under, and with nothing else."
    )
    parser.add_argument("file", type=Path, help="a file that `fondaco backup` wrote")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="the master key file to put beside it")


def run(args: argparse.Namespace) -> int:
    """Restores and says what comes next."""
    data_dir = read_settings().data_dir
    about = restore(args.file, data_dir, keys=args.keys)
    print(f"Restored what was taken {about['taken_at']} (revision {about['revision']}) into {data_dir}.")
    if args.keys is None:
        needed = ", ".join(about["master_keys"])
        print(
            f"Put the key file with {needed} at {data_dir / 'keys' / 'master.keys'}, then start it with `fondaco up`."
        )
    return 0


def restore(file: Path, data_dir: Path, *, keys: Path | None = None) -> dict[str, Any]:
    """Unpacks a backup into an empty data folder, whole or not at all; returns what it says of itself."""
    cluster = data_dir / "postgres" / "cluster"
    if (data_dir / "begun").exists() or cluster.exists():
        msg = f"There is an installation in {data_dir} already; set FONDACO_DATA to a new folder."
        raise SettingError(msg)
    about = read_about(file)
    if keys is not None:
        _check_keys(keys, about)
    make_folder(data_dir, passable=True)
    make_folder(data_dir / "postgres", passable=True)
    with tempfile.TemporaryDirectory(dir=data_dir / "postgres", prefix="cluster.restored.") as folder:
        base = Path(folder) / BASE
        with tarfile.open(file) as archive:
            archive.extract(BASE, folder, filter="data")
        if digest_of(base) != about["base_sha256"]:
            msg = f"{file} is damaged: what is in it is not what was written."
            raise SettingError(msg)
        fresh = Path(folder) / "cluster"
        fresh.mkdir(mode=0o700)
        with tarfile.open(base) as archive:
            archive.extractall(fresh, filter="data")
        _only_ours(fresh)
        fresh.rename(cluster)
    _dress(data_dir, about, keys)
    return about


def read_about(file: Path) -> dict[str, Any]:
    """What a backup says of itself; a refusal for anything else."""
    try:
        with tarfile.open(file) as archive:
            content = archive.extractfile(ABOUT)
            about: dict[str, Any] = json.loads(content.read()) if content is not None else {}
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        msg = f"{file} is no backup of Fondaco ({type(error).__name__})."
        raise SettingError(msg) from error
    if about.get("format") != FORMAT:
        msg = f"{file} is no backup that this version can read."
        raise SettingError(msg)
    return about


def _check_keys(keys: Path, about: dict[str, Any]) -> None:
    missing = set(about["master_keys"]) - set(FileMasterKeys(keys).key_ids)
    if missing:
        msg = f"{keys} has no master key {', '.join(sorted(missing))}, which the backup needs."
        raise SettingError(msg)


def _only_ours(folder: Path) -> None:
    """PostgreSQL wants its files for itself; how they were packed need not say so."""
    for parent, folders, files in os.walk(folder):
        for name in folders:
            Path(parent, name).chmod(0o700)
        for name in files:
            Path(parent, name).chmod(0o600)


def _dress(data_dir: Path, about: dict[str, Any], keys: Path | None) -> None:
    """What else an installation has: the superuser's password, the roles' secret (new: the start sets it), the keys."""
    password = data_dir / "postgres" / "password"
    password.unlink(missing_ok=True)
    with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(about["password"])
    (data_dir / "keys").mkdir(mode=0o700, exist_ok=True)
    keep_secret(data_dir / "keys" / "role.secret")
    if keys is not None:
        master = data_dir / "keys" / "master.keys"
        shutil.copyfile(keys, master)
        master.chmod(0o600)
    (data_dir / "decided").touch()
    # From now on a key that is missing is a loss and not a first start.
    (data_dir / "begun").touch()
