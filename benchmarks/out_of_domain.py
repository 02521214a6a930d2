"""What a model does with sounds that are no speech, beside real speech.

    python benchmarks/out_of_domain.py --model starter --sounds speech=DIR --sounds animals=DIR

Animal sounds, for example: the Debian package tuxpaint-stamps-default, from which the recordings
without `_desc` in their names, under `stamps/animals`, are of the animals themselves.
"""

from __future__ import annotations

import argparse
import math
import random
from pathlib import Path

from record import line
from voice2face import judges
from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.evaluation.out_of_domain import out_of_domain
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
            kinds={
                one.kind: {
                    name: round(value, 3) if math.isfinite(value) else None
                    for name, value in one.figures().items()
                }
                for one in kinds
            },
        )
    )


if __name__ == "__main__":
    main()
