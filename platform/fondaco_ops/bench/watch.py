"""What processes take: memory and processor time, as the system tells; and the statements that the database was sent."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")

# What only begins or ends a transaction.
_BOUNDS = re.compile(r"LOG:  statement: (BEGIN|COMMIT|ROLLBACK)")
_SENT = re.compile(r"LOG:  (statement|execute [^:]+): ")


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parents[int(entry.name)] = int(_fields(int(entry.name))[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """The processor time that these processes have taken, in seconds; one that is gone counts as none."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            fields = _fields(pid)
            total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def resident_mb(pids: Iterable[int]) -> float:
    """The memory that these processes hold, what they share counted once among those who share it, in MB."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
            total += int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:")))
    return total / 1024


def statements_in(log: str) -> tuple[int, int]:
    """How many statements a server's log tells of, and how many more that only begin and end transactions."""
    lines = log.splitlines()
    bounds = sum(1 for line in lines if _BOUNDS.search(line))
    return sum(1 for line in lines if _SENT.search(line)) - bounds, bounds


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
