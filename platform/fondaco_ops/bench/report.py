"""What a run found: figures with their ratios, what they must reach, the machine; as a table and as JSON."""

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: a ratio measured in this run, the absolute beside it, and the bound it has to keep."""

    case: str
    what: str
    ratio: float | None
    absolute: str
    least: float | None = None
    most: float | None = None

    @property
    def must(self) -> str:
        """The bound in words."""
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}"

    @property
    def reached(self) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        if self.ratio is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.ratio >= self.least) and (self.most is None or self.ratio <= self.most)


@dataclass(slots=True)
class Report:
    """All figures of one run."""

    quick: bool
    figures: list[Figure] = field(default_factory=list)
    invariants: int = 0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def table(self) -> str:
        """The figures as a table that is Markdown, too."""
        rows = [("case", "figure", "ratio", "must be", "", "absolute")]
        rows += [
            (
                f.case, f.what, "" if f.ratio is None else f"{f.ratio:.3g}", f.must,
                {True: "yes", False: "NO", None: ""}[f.reached], f.absolute,
            )
            for f in self.figures
        ]  # fmt: skip
        widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]
        lines.insert(1, "| " + " | ".join("-" * max(3, width) for width in widths) + " |")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The figures for programs."""
        return {
            "began": self.began.isoformat(timespec="seconds"),
            "quick": self.quick,
            "machine": machine(),
            "invariants": self.invariants,
            "figures": [
                {
                    "case": f.case, "figure": f.what, "ratio": f.ratio, "absolute": f.absolute, "least": f.least,
                    "most": f.most, "reached": f.reached,
                }
                for f in self.figures
            ],
        }  # fmt: skip


def machine() -> dict[str, Any]:
    """What this ran on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024**3),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
