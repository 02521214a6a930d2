"""Does a test fail when a module of the package is deleted? Each module in turn.

    python benchmarks/deleted_modules.py -o FILE.csv [--only MODULE ...]

Works in a temporary copy of what is committed. Where a test file imports the module, directly or
through others, that file is imported again without it. Of a module that is imported late, the test
files that name it, or the modules that do, are run until one fails that passes with it. A package's
`__init__.py` without code is left out: without it, the folder is still a package.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from record import REPOSITORY

# Loaded once, before a process is forked for each module; none of them imports the package.
_HEAVY = (
    "av", "hypothesis", "jaxtyping", "matplotlib.pyplot", "numpy", "onnxruntime", "PIL.Image",
    "pyarrow.parquet", "safetensors.torch", "scipy.stats", "sklearn.linear_model", "torch",
)  # fmt: skip
_MOST_FILES = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="MODULE", help="such as audio/vad.py")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        enter_copy(Path(folder))
        rows = notice_each(Path("src", "voice2face").resolve(), arguments.only)
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow(["module", "noticed", "test"])
    writer.writerows(rows)
    out.write_text(content.getvalue())
    missed = [module for module, how, _ in rows if how == "no"]
    print(f"{len(rows)} modules; not noticed: {', '.join(missed) or 'none'}")


def enter_copy(tree: Path) -> None:
    """Copy what is committed and tests need, go there, and load what all tests load."""
    parts = ("src", "tests", "benchmarks", "examples", "experiments", "web", "pyproject.toml")
    command = ["git", "-C", str(REPOSITORY), "archive", "HEAD", *parts]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    os.chdir(tree)
    others = [place for place in sys.path if place != str(REPOSITORY / "src")]
    sys.path = [str(tree / "src"), str(tree), *others]
    os.environ["PYTHONPATH"] = str(tree / "src")
    for name in _HEAVY:
        importlib.import_module(name)


def notice_each(package: Path, only: list[str] | None) -> list[tuple[str, str, str]]:
    """Delete each module in turn: its path, how a test noticed it, and which."""
    importer = importers_of_modules()
    rows = []
    # What tests import takes no time; it comes first.
    for module in sorted(
        package.rglob("*.py"), key=lambda file: name_of(file, package) not in importer
    ):
        path = module.relative_to(package).as_posix()
        if (only and path not in only) or is_empty_package(module):
            continue
        code = module.read_bytes()
        name = name_of(module, package)
        test = importer.get(name)
        module.unlink()
        try:
            if test and name in (in_child(lambda test=test: import_error(test)) or ""):
                row = (path, "cannot be imported", f"{test.replace('.', '/')}.py")
            else:
                row = (path, *first_failing(module, code))
        finally:
            module.write_bytes(code)
        print(*row, flush=True)
        rows.append(row)
    return sorted(rows)


def name_of(module: Path, package: Path) -> str:
    parts = module.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def importers_of_modules() -> dict[str, str]:
    """A test file, as a module, that imports each module of the package; few of them in all."""

    def load() -> str:
        found: dict[str, str] = {}
        files = sorted(Path("tests").rglob("*.py"), key=lambda file: file.name != "conftest.py")
        for file in files:
            name = ".".join(file.with_suffix("").parts)
            importlib.import_module(name)
            loaded = [key for key in sys.modules if key.startswith("voice2face")]
            found |= {key: name for key in loaded if key not in found}
        return "\n".join(f"{key} {name}" for key, name in found.items())

    told = in_child(load)
    assert told is not None, "the tests cannot be imported as they are"
    return dict(line.split() for line in told.splitlines())


def import_error(name: str) -> str:
    """What is told of an import that fails, with the whole names of modules; "" where it works."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        # Of `from package import module`, the message has the two apart.
        apart = re.search(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
        return f"{apart[2]}.{apart[1]}" if apart else str(error)
    return ""


def in_child(work: Callable[[], object]) -> str | None:
    """What work gives in a process of its own, as text; None where it raises."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            with os.fdopen(writing, "w") as pipe:
                pipe.write(str(work()))
            status = 0
        except Exception:
            pass
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    return told if os.waitpid(child, 0)[1] == 0 else None


def first_failing(module: Path, code: bytes) -> tuple[str, str]:
    """Find the test file that fails without a deleted module, and passes with it."""
    for file in likely_tests(module):
        if passes(file):
            continue
        module.write_bytes(code)
        fair = passes(file)
        module.unlink()
        if fair:
            return "fails", file.as_posix()
    return "no", ""


def likely_tests(module: Path) -> list[Path]:
    """Test files that may run a module: first those with its name, then those with its callers'."""
    stem = module.stem if module.stem != "__init__" else module.parent.name
    callers = {
        file.stem
        for file in Path("src").rglob("*.py")
        if re.search(rf"\b{stem}\b", file.read_text()) and file.stem != "__init__"
    }
    scored = []
    for file in Path("tests").rglob("test_*.py"):
        words = set(re.findall(r"\w+", file.read_text()))
        score = 4 * (stem in file.stem) + 2 * (stem in words) + len(callers & words) / 100
        scored.append((-score, "e2e" in file.parts, file.stat().st_size, file))
    return [file for score, *_, file in sorted(scored) if score < 0][:_MOST_FILES]


def passes(file: Path) -> bool:
    """Whether the short tests of a file pass, or are skipped, in a process of its own."""
    command = ["-x", "-q", "-p", "no:cacheprovider", str(file)]
    return in_child(lambda: int(pytest.main(command))) in ("0", "5")


def is_empty_package(module: Path) -> bool:
    body = ast.parse(module.read_text()).body
    return module.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in body)


if __name__ == "__main__":
    main()
