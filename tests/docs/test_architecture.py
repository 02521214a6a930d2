"""What docs/architecture.md names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "voice2face"


def test_every_file_to_open_exists():
    """A name without a folder lies in the folder of the name before it, or in the package."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## To change X, open Y")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    n_named = 0
    for row in rows:
        folder = PACKAGE
        for name in re.findall(r"`([\w./-]+(?:\.py|/|release))`", row):
            if "/.ci/" in name and not (ROOT / ".ci").exists():
                break  # which a source distribution has not
            found = [at / name for at in (PACKAGE, folder) if (at / name).exists()]
            assert found, f"{name} of: {row}"
            folder = found[0].resolve().parent
            n_named += 1
    assert n_named > 120
