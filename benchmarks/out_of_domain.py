"""What a model does with sounds that are no speech, beside real speech.

    python benchmarks/out_of_domain.py --model starter --sounds speech=DIR --sounds animals=DIR

Animal sounds, for example: the Debian package tuxpaint-stamps-default, from which the recordings
without `_desc` in their names, under `stamps/animals`, are of the animals themselves.
"""

from __future__ import annotations

import argparse
import random
import warnings
from pathlib import Path

import numpy as np

from record import line
from voice2face import judges
from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.evaluation.out_of_domain import SoundKind, out_of_domain
from voice2face.runtime.pipeline import VoiceToFace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="starter", help="name or folder of a bundle")
    parser.add_argument("--sounds", action="append", default=[], metavar="KIND=DIR")
    parser.add_argument("--limit", type=int, default=60, help="most recordings of a kind")
    arguments = parser.parse_args()
    recordings = {}
    for told in arguments.sounds:
        kind, _, folder = told.partition("=")
        files = [
            one
            for one in sorted(Path(folder).rglob("*"))
            if one.suffix.lower() in MEDIA_SUFFIXES and "_desc" not in one.name
        ]
        recordings[kind] = random.Random(0).sample(files, min(arguments.limit, len(files)))
    detectors, missing = judges.load_available(judges.DETECTORS)
    kinds = out_of_domain(VoiceToFace.load(arguments.model), detectors, recordings)
    print(
        line(
            "out_of_domain",
            ("onnxruntime",),
            model=arguments.model,
            missing=missing,
            kinds={one.kind: figures(one) for one in kinds},
        )
    )


def figures(kind: SoundKind) -> dict[str, float | None]:
    """What became of a kind; None where nothing was drawn that could tell.

    `speech_s`: median length of what passed for speech. `spread`: mean over pixels of the deviation
    between the faces of different sounds, in grey levels; about 0 where all get one face.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing
        told = {
            "n": kind.n,
            "refused": 1 - len(kind.names) / kind.n if kind.n else np.nan,
            "speech_s": np.median(kind.speech_s),
            "spread": kind.faces.std(axis=0).mean() if len(kind.faces) > 1 else np.nan,
            **{f"face_found/{name}": found.mean() for name, found in kind.found.items()},
        }
    return {name: round(float(value), 3) if np.isfinite(value) else None
            for name, value in told.items()}  # fmt: skip


if __name__ == "__main__":
    main()
