"""Processes as tests see them: whether they end, without sleeping for it."""

import os
import select
from contextlib import suppress
from pathlib import Path

# Far more than anything here needs; a test that gets this far has failed.
PATIENCE_SECONDS = 30.0


def ends(pid: int) -> bool:
    """Waits for a process to end, ours or not; False when it does not."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            return bool(select.select([handle], [], [], PATIENCE_SECONDS)[0])
        finally:
            os.close(handle)
    return True


def children(pid: int) -> list[int]:
    """The processes that a process started, and theirs."""
    direct = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*direct, *(grandchild for child in direct for grandchild in children(child))]
