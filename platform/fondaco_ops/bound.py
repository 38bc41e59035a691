"""Runs `dramatiq` so that its worker processes cannot outlive their master, even when that one is killed.

    python -m fondaco_ops.bound fondaco_workers.main --threads 4 …

Dramatiq forks its workers, and a worker whose master got `kill -9` goes on for ever: it would take messages beside those
of the next start. In a container the container's end takes care of that; on one machine nothing does but this.
"""

import multiprocessing
import os
import signal
import sys

from dramatiq import cli

from fondaco_ops.leash import tie


def main() -> int:
    """Becomes dramatiq, with its own arguments; gives its exit code."""
    master = os.getpid()
    tied = False

    def tie_once() -> None:
        # A worker that forks in its turn is another parent, and what it forks is its own business.
        nonlocal tied
        if not tied:
            tied = True
            tie(signal.SIGKILL, master)

    # In the child right after the fork: later would leave a gap as long as the imports take.
    os.register_at_fork(after_in_child=tie_once)
    multiprocessing.set_start_method("fork")
    return int(cli.main() or 0)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(main())
