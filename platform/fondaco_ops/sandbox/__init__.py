"""`fondaco sandbox-gateway`: a payment gateway to play with, on this machine only; no money moves.

It is somebody else's system as far as Fondaco is concerned: reached over HTTP by signed requests, with books of its own
(sandbox.db). It does what gateways do, and at the turn of a switch what gateways do wrong (switches.py). `fondaco up`
starts it in the local profile. Begin reading at work.py; the protocol is in signing.py and api.py.
"""

import argparse
import asyncio

from fondaco_core.config import read_settings
from fondaco_core.errors import SettingError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What it can be told beyond its settings."""
    parser.add_argument(
        "--register", action="store_true", help="make it a way to pay of this installation, and end; `up` does so"
    )


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop, or registers."""
    settings = read_settings()
    if settings.profile == "production":
        msg = "FONDACO_PROFILE is production: a gateway whose money is none does not run there."
        raise SettingError(msg)
    if args.register:
        # Each needs what the other does without.
        from fondaco_ops.sandbox.register import register_alone  # noqa: PLC0415

        asyncio.run(register_alone(settings))
        return 0
    from fondaco_ops.sandbox.places import sandbox_port, sandbox_secret  # noqa: PLC0415
    from fondaco_ops.sandbox.server import serve  # noqa: PLC0415

    folder = settings.data_dir / "sandbox"
    return serve(folder / "sandbox.db", sandbox_secret(settings), sandbox_port(settings))
