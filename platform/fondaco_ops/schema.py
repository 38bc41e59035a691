"""`fondaco schema`: prints the GraphQL schema, writes schema.graphql, or compares it with the code."""

import argparse
import difflib
import subprocess
import sys
from itertools import islice
from pathlib import Path

from fondaco_core.errors import SettingError

FILE = Path("schema.graphql")
# Enough of a difference to see what it is about.
DIFFERENCE_LINES = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--check", action="store_true", help=f"compare {FILE} with the code; exit code 1 when they differ"
    )
    which.add_argument("--write", action="store_true", help=f"write {FILE} from the code")


def run(arguments: argparse.Namespace) -> int:
    """Prints, writes or compares."""
    printed = print_schema()
    if arguments.write:
        FILE.write_text(printed, encoding="utf-8")
        return 0
    if not arguments.check:
        print(printed, end="")
        return 0
    if not FILE.exists():
        msg = f"There is no {FILE} here; run this at the root of the tree."
        raise SettingError(msg)
    found = FILE.read_text(encoding="utf-8")
    if found == printed:
        return 0
    difference = difflib.unified_diff(found.splitlines(), printed.splitlines(), str(FILE), "the code", lineterm="", n=2)
    print("\n".join(islice(difference, DIFFERENCE_LINES)))
    print(f"{FILE} is not what the code says; `make schema` writes it anew.", file=sys.stderr)
    return 1


def print_schema() -> str:
    """The schema as the API prints it; a process of its own, because one door does not know another."""
    done = subprocess.run(
        [sys.executable, "-m", "fondaco_api.graphql"], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        msg = "The schema cannot be assembled; what is wrong with it stands above."
        raise SettingError(msg)
    return done.stdout
