"""Lists for `voice2face prepare` of the store that docs/results/starter-grid was measured on.

    python experiments/starter_grid_lists.py --data ../shared/data -o lists

The GRID clips are the test: true pairs of ten people, whom the bundled model has never heard. For
the baselines to learn from there are 120 speakers of LibriSpeech and 600 photographs of FairFace,
half of each gender: people whom the bundled model was trained on.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
from pathlib import Path

from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.importers.grid import WOMEN
from voice2face.data.manifest import ManifestRow
from voice2face.data.store import hash_split
from voice2face.files import write_atomically
from voice2face.labels import GENDERS

N_SPEAKERS, N_PHOTOGRAPHS = 60, 300  # of each gender
COLUMNS = ("path", "identity", "gender", "split")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data sets")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    data = arguments.data
    _, clips = import_rows(f"grid:{data / 'pairs' / 'grid'}", VOICES)
    _, spoken = import_rows(f"librispeech:{data / 'voices' / 'librispeech-100'}", VOICES)
    _, seen = import_rows(f"fairface:{data / 'faces' / 'fairface'}", FACES)
    speakers = [row for row in spoken if hash_split(f"librispeech/{row.identity}") == "train"]
    photographs = [row for row in seen if row.split == "train"]
    for name, learned, prefix, most in (
        ("voices", speakers, "librispeech", N_SPEAKERS),
        ("faces", photographs, "fairface", N_PHOTOGRAPHS),
    ):
        rows = [(row, row.identity, GENDERS[row.identity not in WOMEN], "test") for row in clips]
        for gender in GENDERS:
            chosen = [row for row in learned if row.gender == gender][:most]
            rows += [(row, f"{prefix} {row.identity}", gender, "train") for row in chosen]
        write_list(arguments.out / f"{name}.csv", rows)


def write_list(path: Path, rows: list[tuple[ManifestRow, str, str, str]]) -> None:
    """Write a list, with paths from its own folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, *told in rows:
        writer.writerow([os.path.relpath(row.path, path.parent), *told])
    write_atomically(path, text.getvalue().encode())


if __name__ == "__main__":
    main()
