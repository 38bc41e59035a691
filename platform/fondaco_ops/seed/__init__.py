"""`fondaco seed`: a small believable world in an empty installation, and demo.json, which tells programs of it."""

import argparse

from fondaco_ops.seed.greeting import greet

__all__ = ["greet", "run"]


def run(args: argparse.Namespace) -> int:
    """Makes the demo world unless the installation holds data already; says what it did."""
    # What makes the world is most of the system; whoever only greets, as `fondaco up` does for days, goes without.
    from fondaco_ops.seed import world  # noqa: PLC0415

    return world.run(args)
