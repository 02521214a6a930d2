"""Write docs/dependencies.md: every package that an installation brings, with its licence.

Run it where `pip install '.[c2pa,hub,notebooks,serve,train,release]'` was done. `pip-licenses`
reads the licences from the packages' metadata. An unknown licence, or one that asks more than to
be named, ends it.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

from av._core import library_meta
from packaging.requirements import Requirement

EXTRAS = {"": "runtime"} | {one: one for one in ("c2pa", "hub", "notebooks", "serve", "train")}
# Weak copyleft on files or libraries that are used unchanged is fine as well.
FINE = re.compile(
    r"mit|bsd|apache|isc\b|psf|python software foundation|mpl|mozilla|zlib|unlicense|0bsd|hpnd|cc0",
    re.IGNORECASE,
)
# Where the metadata say nothing: what the package's own file LICENSE says.
READ = {"pyworld-prebuilt": "MIT"}
HEADER = """# Dependencies and their licences

Written by `python .ci/dependencies.py`, from the metadata of the installed packages
(`pip-licenses`), on Linux with Python {python}. None is part of voice2face's own files; `pip`
installs them. Why each is needed: [Architecture](architecture.md#dependencies-and-why-each). The
licences of what the browser app is built of are in `web/licences` and on its page.

| package | version | licence | needed by |
|---|---|---|---|
"""
FOOTER = """
Wheels may hold libraries with other licences. The FFmpeg inside the wheel of PyAV {av} says of
itself: {ffmpeg}. Its configuration names {encoders}, whose own licence is the GPL; voice2face
only decodes. Whoever passes that wheel on has to keep to its terms. voice2face only asks for the
package.

## Known vulnerabilities, and a list of parts

    pip-audit
    cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o sbom.json

The second writes a CycloneDX list (SBOM) of the environment that it runs in. The first needs a
connection to PyPI's database. Where this page was written there was none, so nothing is claimed
about known vulnerabilities; the public workflow runs it.
"""


def key(name: str) -> str:
    """Spell a package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(extra: str) -> set[str]:
    """Follow what voice2face with an extra requires here."""
    found: set[str] = set()
    waiting = [("voice2face", extra)]
    while waiting:
        name, extra = waiting.pop()
        for text in importlib.metadata.requires(name) or []:
            one = Requirement(text)
            if one.marker and not one.marker.evaluate({"extra": extra}):
                continue
            if key(one.name) not in found and key(one.name) != "voice2face":
                found.add(key(one.name))
                waiting += [(one.name, inner) for inner in ("", *one.extras)]
    return found


def table() -> list[str]:
    """Rows of the table, sorted by name."""
    parts = {part: closure(extra) for extra, part in EXTRAS.items()}
    listed = subprocess.run(
        ["pip-licenses", "--python", sys.executable, "--format=json", "--from=mixed",
         "--with-system"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    about = {key(one["Name"]): one for one in json.loads(listed)}
    rows = []
    for name in sorted(set.union(*parts.values())):
        one = about[name]
        licence = " ".join(READ.get(name, one["License"]).split())
        if not FINE.search(licence):
            sys.exit(f"{name}: its licence is {licence!r}; look at it, and add it or leave it out")
        by = [part for part, names in parts.items() if name in names]
        needed = "runtime" if "runtime" in by else ", ".join(f"`[{part}]`" for part in by)
        rows.append(f"| {one['Name']} | {one['Version']} | {licence[:80]} | {needed} |")
    return rows


page = Path(__file__).resolve().parents[1] / "docs" / "dependencies.md"
python = ".".join(map(str, sys.version_info[:2]))
ffmpeg = sorted({about["license"] for about in library_meta.values()})
options = {word for about in library_meta.values() for word in about["configuration"].split()}
encoders = sorted(word[9:] for word in options if word in ("--enable-libx264", "--enable-libx265"))
footer = FOOTER.format(
    av=importlib.metadata.version("av"),
    ffmpeg="; ".join(ffmpeg),
    encoders=" and ".join(encoders) or "no library",
)
page.write_text("\n".join([HEADER.format(python=python).rstrip("\n"), *table(), ""]) + footer)
print(f"{page}: written")
