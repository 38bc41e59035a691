"""`fondaco seed`: a small believable world in an empty installation, and demo.json, which tells programs of it."""

from fondaco_ops.seed.greeting import greet
from fondaco_ops.seed.world import run

__all__ = ["greet", "run"]
