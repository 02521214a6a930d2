"""What every benchmark line tells beside its figures."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Summarise repeated measurements.

    Args:
        values: At least five, after a warm-up.
        digits: Decimals to keep.

    Returns:
        Median, minimum and maximum.
    """
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
        "n": len(values),
    }


def line(name: str, packages: Sequence[str], **figures: object) -> str:
    """Write a benchmark's line.

    Args:
        name: The benchmark.
        packages: Packages whose versions matter.
        figures: What was measured, and the sizes it was measured at.

    Returns:
        One line of JSON.
    """
    return json.dumps(
        {
            "benchmark": name,
            "commit": _output("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"),
            "machine": {
                "cpu": _cpu(),
                "cores": os.cpu_count(),
                "load_1_min": round(os.getloadavg()[0], 2),
            },
            "versions": {
                "python": platform.python_version(),
                **{package: version(package) for package in packages},
            },
            **figures,
        }
    )


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for row in info.read_text().splitlines():
            if row.startswith("model name"):
                return row.partition(":")[2].strip()
    return platform.processor()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
