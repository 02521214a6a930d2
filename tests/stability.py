"""What version 1 promises not to break, as text: the golden files in `tests/stable`.

    python -m tests.stability

writes them anew. What they hold and which changes are allowed: docs/stability.md.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

import voice2face
from voice2face.cli import build_parser
from voice2face.runtime.bundle_file import BUNDLE_FILES
from voice2face.runtime.description import FORMAT, ModelDescription

FOLDER = Path(__file__).parent / "stable"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def commands() -> str:
    """What --help says of every command; argparse itself writes it otherwise in each Python."""
    return "\n".join(_of_parser(build_parser())) + "\n"


def _of_parser(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"{parser.prog}: {parser.description}"
    below: list[argparse.ArgumentParser] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below = list(action.choices.values())
            continue
        if isinstance(action, argparse._HelpAction):
            continue
        default = "" if action.default in (None, argparse.SUPPRESS) else f" = {action.default!r}"
        name = ", ".join(action.option_strings) or action.dest
        need = " required" if action.required and action.option_strings else ""
        n_values = "" if action.nargs is None else f" nargs={action.nargs}"
        choices = f" of {list(action.choices)}" if action.choices else ""
        shown = f" {action.metavar}" if action.metavar else ""
        yield f"  {name}{shown}{n_values}{choices}{default}{need}: {action.help}"
    for sub in below:
        yield ""
        yield from _of_parser(sub)


def python() -> str:
    """Public names of the package, with their signatures."""
    lines = []
    for name in sorted(voice2face.__all__):
        value = getattr(voice2face, name)
        if not inspect.isclass(value):
            lines.append(f"{name}: {type(value).__name__}")
            continue
        bases = ", ".join(base.__name__ for base in value.__bases__)
        lines.append(f"class {name}({bases})")
        if dataclasses.is_dataclass(value):
            lines += [f"    {one.name}: {one.type}" for one in dataclasses.fields(value)]
        for method, found in sorted(vars(value).items()):
            if method.startswith("_") or isinstance(found, (str, bytes)):
                continue
            if isinstance(found, property):
                kind = inspect.signature(found.fget).return_annotation  # pyright: ignore[reportArgumentType]
                lines.append(f"    property {method}: {kind}")
            elif callable(called := getattr(value, method)):
                lines.append(f"    {method}{inspect.signature(called)}")
    return "\n".join(lines) + "\n"


def bundle() -> str:
    """The format of bundles: its number, the files, and the fields of `model.json`."""
    lines = [f"format {FORMAT}", *(f"file {name}" for name in BUNDLE_FILES)]
    return "\n".join([*lines, *_of_record(ModelDescription, "")]) + "\n"


def _of_record(kind: type, above: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for one in dataclasses.fields(kind):
        yield f"{above}{one.name}: {one.type}"
        for inner in (hints[one.name], *get_args(hints[one.name])):
            if dataclasses.is_dataclass(inner) and isinstance(inner, type):
                yield from _of_record(inner, f"{above}{one.name}.")


def store() -> str:
    """The layout of a store that `prepare` makes of two people."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, person in enumerate(("ann", "bob")):
            for side in ("voices", "faces"):
                (folder / side / person).mkdir(parents=True)
            recording = sorted(EXAMPLES.glob("*.flac"))[index]
            (folder / "voices" / person / "a.flac").write_bytes(recording.read_bytes())
            pixels = np.random.default_rng(index).integers(0, 255, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "faces" / person / "a.png")
        arguments = ["--voices", f"folder:{folder / 'voices'}", "--faces",
                     f"folder:{folder / 'faces'}", "--pair-by", "identity", "--aligned",
                     "--waveforms", "--jobs", "1", "-o", str(folder / "store")]  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "voice2face", "prepare", *arguments],
            check=True,
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        lines = [line for path in sorted((folder / "store").iterdir()) for line in _of_file(path)]
    return "\n".join(lines) + "\n"


def _of_file(path: Path) -> Iterator[str]:
    yield path.name
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode="r")
        yield f"  {array.dtype} {' x '.join(['n', *map(str, array.shape[1:])])}"
    elif path.suffix == ".parquet":
        yield from (f"  {one.name}: {one.type}" for one in pq.read_schema(path))
    elif path.suffix == ".csv":
        with path.open(newline="") as file:
            yield f"  {', '.join(next(csv.reader(file)))}"
    elif path.suffix == ".json":
        yield from _keys(json.loads(path.read_text()), "  ")


def _keys(content: Any, indent: str) -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{indent}{key}: list of"
            yield from _keys(value[0], indent + "  ")
        elif isinstance(value, dict):
            yield f"{indent}{key}"
            yield from _keys(value, indent + "  ")
        else:
            yield f"{indent}{key}: {type(value).__name__}"


PROMISES = {"commands": commands, "python": python, "bundle": bundle, "store": store}


def main() -> None:
    """Write the golden files anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in PROMISES.items():
        (FOLDER / f"{name}.txt").write_text(text())


if __name__ == "__main__":
    main()
