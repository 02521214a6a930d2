"""Does a test fail when a module of the package is deleted? Each module in turn.

    python benchmarks/deleted_modules.py -o FILE.csv [--only MODULE ...]

Works in a temporary copy of what is committed. Where a test file imports the module, directly or
through others, one of those on the way is imported without it; a package that the environment has
as an editable one must be this checkout's. Of a module that is imported late, the test files that
name it, or the modules or commands that do, are run until one fails that passes with it. A
package's `__init__.py` without code is left out: without it, the folder is still a package.
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
from collections.abc import Callable, Iterator
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
        rows = sorted(notice_each(arguments.only))
    with out.open("w", newline="") as file:
        csv.writer(file).writerows([("module", "noticed", "test"), *rows])
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


def notice_each(only: list[str] | None) -> Iterator[tuple[str, str, str]]:
    """Delete each module in turn: its path, how a test noticed it, and which."""
    files = {name_of(file): file for part in ("src", "tests") for file in Path(part).rglob("*.py")}
    imports = {name: imported(file, files) for name, file in files.items()}
    reached = {name: closure(name, imports) for name in files}
    tests = [name for name in files if name.startswith("tests.")]
    tests.sort(key=lambda name: (not name.endswith("conftest"), len(reached[name]), name))
    first = {name: next((test for test in tests if name in reached[test]), "") for name in files}
    # What tests import takes no time; it comes first.
    for name in sorted(files.keys() - {*tests}, key=lambda name: (not first[name], name)):
        module, test = files[name], first[name]
        path = module.as_posix().removeprefix("src/voice2face/")
        if is_empty_package(module) or (only and path not in only):
            continue
        code = module.read_bytes()
        module.unlink()
        try:
            if test and fails_to_import(name, imports, reached, reached[test]):
                row = (path, "cannot be imported", files[test].as_posix())
            else:
                row = (path, *first_failing(module, code))
        finally:
            module.write_bytes(code)
        print(*row, flush=True)
        yield row


def name_of(module: Path) -> str:
    """A file's name as a module."""
    parts = module.with_suffix("").parts
    return ".".join(parts[parts[0] == "src" :]).removesuffix(".__init__")


def imported(file: Path, files: dict[str, Path]) -> set[str]:
    """The modules of the package, and packages of the tests, that a file imports at once."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    above = {name[:end] for name in found for end, sign in enumerate(name) if sign == "."}
    return (found | above) & files.keys() - {name_of(file)}


def closure(name: str, imports: dict[str, set[str]]) -> set[str]:
    """A module, and all that it imports, directly or through others."""
    found, waiting = {name}, [name]
    while waiting:
        new = imports[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def fails_to_import(
    name: str, imports: dict[str, set[str]], reached: dict[str, set[str]], within: set[str]
) -> bool:
    """Whether what a test imports cannot be: the smallest of its modules that imports this one."""
    importers = [one for one in within if name in imports[one]]
    smallest = min(importers, key=lambda one: (len(reached[one]), one))
    return name in (in_child(lambda: import_error(smallest)) or "")


def import_error(name: str) -> str:
    """What is told of an import that fails, with the whole names of modules; "" where it works."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        # Of `from package import module`, the message has the two apart.
        apart = re.search(r"cannot import name '(\w+)' from .*?'([\w.]+)'", str(error))
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
    calling = [
        file for file in Path("src").rglob("*.py") if re.search(rf"\b{stem}\b", file.read_text())
    ]
    callers = {file.parent.name if file.stem == "__init__" else file.stem for file in calling}
    commands = {re.sub("_commands?$", "", file.stem) for file in calling if "cli" in file.parts}
    scored = []
    for file in Path("tests").rglob("test_*.py"):
        text = file.read_text()
        words = set(re.findall(r"\w+", text))
        if '"-m", "voice2face"' in text:
            words.add("__main__")
        score = 4 * (stem in file.stem) + 2 * (stem in words) + len(callers & words) / 100
        score += any(f'"{command}"' in text for command in commands)
        score += 2 * (module.parent.name in file.parts)
        scored.append((-score, "e2e" in file.parts, file.stat().st_size, file))
    return [file for score, *_, file in sorted(scored) if score < 0][:_MOST_FILES]


def passes(file: Path) -> bool:
    """Whether the short tests of a file pass, or are skipped, in a process of its own."""
    command = ["-x", "-q", "-n0", "-p", "no:cacheprovider", str(file)]
    return in_child(lambda: int(pytest.main(command))) in ("0", "5")


def is_empty_package(module: Path) -> bool:
    body = ast.parse(module.read_text()).body
    return module.name == "__init__.py" and all(isinstance(node, ast.Expr) for node in body)


if __name__ == "__main__":
    main()
