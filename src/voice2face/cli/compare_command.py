"""The command `compare`: one's own voices beside photographs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice2face.cli.arguments import Command, file_path, model_option, workshop
from voice2face.errors import MissingDependencyError, printable

if TYPE_CHECKING:
    from voice2face.images.detect import FaceDetector


def add(command: Command) -> None:
    """Add the command."""
    sub = command(
        "compare", _compare, "make a page of generated faces next to photographs of the speakers"
    )
    sub.add_argument(
        "pairs", nargs="+", metavar="RECORDING=PHOTOGRAPH", help="such as me.wav=me.jpg"
    )
    model_option(sub)
    sub.add_argument(
        "--samples", type=int, default=4, metavar="N", help="faces per recording (default: 4)"
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    sub.add_argument(
        "--force", action="store_true", help="generate faces even if nobody seems to speak"
    )
    sub.add_argument(
        "-o", "--out", type=file_path, default=Path("compare.html"), metavar="PAGE.html"
    )


def _compare(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.reporting.compare import compare, read_pair
    from voice2face.runtime.description import DEFAULT_MODEL
    from voice2face.runtime.pipeline import VoiceToFace

    pairs = [read_pair(text) for text in options.pairs]
    model = VoiceToFace.load(options.model or DEFAULT_MODEL)
    failed = compare(
        pairs,
        lambda path: model.generate(path, options.samples, options.seed, force=options.force),
        model.description.image_size_px,
        options.out,
        _detector(),
        options.seed,
        _recogniser(),
    )
    print(printable(f"{len(pairs) - len(failed)} of {len(pairs)} pairs -> {options.out}"))
    for message in failed:
        print(f"voice2face: {printable(message)}", file=sys.stderr)
    return 1 if failed else 0


def _detector() -> FaceDetector | None:
    """The face detector, where what it needs is installed."""
    try:
        from voice2face.pretrained.detectors import load_detector

        return load_detector()
    except (ImportError, MissingDependencyError):
        return None


def _recogniser() -> tuple[str, Any] | None:
    """A face recogniser and its name, where one is installed."""
    try:
        from voice2face.judges import FACE_RECOGNISERS, load_available, suited
    except ImportError:
        return None
    found, _ = load_available(suited(FACE_RECOGNISERS, planted=False))
    return (found[0].name, found[0].embed) if found else None
