"""Walk the page "Reproduce the paper" from the data sets' files to its table, in a planted world.

    python experiments/reproduce_the_paper.py --table vox1_meta.csv -o runs/paper

VoxCeleb1 and VGGFace cannot be shipped, so this writes a tree of their published layouts, with
people of the real table of identities and planted voices and faces (docs/planted.md) in files of
their formats, and gives every command of docs/reproduce.md on it, each with its time. `--small`
takes fewer people and steps, to see that all of it works. What is finished is not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from voice2face.files import write_atomically
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.latents import Person, WorldSettings, sample_person
from voice2face.synthetic.voices import SAMPLE_RATE_HZ, record

SEED = 11
VIDEOS, UTTERANCES, PHOTOGRAPHS = 3, 2, 8
WORLD = WorldSettings()
# People of one side only, as the real sets have them.
ONLY_HEARD, ONLY_SEEN = 3, 5


def main() -> None:
    """Write the tree and give the commands."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--table", type=Path, required=True, help="vox1_meta.csv as published")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--people", type=int, default=100, metavar="N")
    parser.add_argument("--images", type=int, default=60_000, metavar="N", help="of each run")
    parser.add_argument("--small", action="store_true", help="30 people, runs of seconds")
    options = parser.parse_args()
    out: Path = options.out
    n_people = 30 if options.small else options.people
    if not (out / "vgg").exists():
        write_tree(out, options.table, n_people)
    steps, images = (40, 640) if options.small else (1500, options.images)
    walk = Walk(out)
    for command in commands(out, steps, images):
        walk.give(*command)
    walk.write()
    table(out)


def commands(out: Path, steps: int, images: int) -> Iterator[tuple[str, ...]]:
    """Every command of the page, at a size for one core."""
    data = ("--voices", f"voxceleb1:{out}/vox1", "--faces", f"vggface:{out}/vgg", "--aligned")
    store, voice = f"{out}/store", f"{out}/voice"
    speaker = (
        "--preset", "planted", "--set", f"speaker.steps={steps}",
        "--set", f"speaker.steps_per_epoch={steps // 2}",
    )  # fmt: skip
    game = (
        "--preset", "planted", "--set", f"gan.images={images}",
        "--set", f"gan.checkpoint_images={images // 4}", "--speaker", voice,
    )  # fmt: skip
    yield ("prepare", *data, "--pair-by", "identity", "--split", "fz", "-o", store)
    yield ("train", "speaker", store, *speaker, "-o", voice)
    runs = {
        "identity": (),
        "classifiers": ("--set", "gan.classifiers=gender,nationality"),
        "gender": ("--pair-by", "gender"),
        "nationality": ("--pair-by", "nationality"),
        "gender-nationality": ("--pair-by", "gender,nationality"),
    }
    for name, changed in runs.items():
        yield ("train", "gan", store, *game, *changed, "-o", f"{out}/{name}")
    yield ("report", f"{out}/identity", f"{out}/classifiers", "-o", f"{out}/report.html")
    bundles = [f"{out}/{name}/bundle" for name in ("identity", "gender")]
    for split in ("test", "train"):
        judges = ("--judges", "planted-network,planted-closed-form")
        question = ("--store", store, "--pair-by", "identity", "--split", split, *judges)
        yield ("evaluate", *bundles, *question, "-o", f"{out}/evaluated-{split}")


class Walk:
    """Gives commands, one after the other, and keeps their times."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.file = out / "walk.json"
        self.times: list[dict] = json.loads(self.file.read_text()) if self.file.exists() else []

    def give(self, *arguments: str) -> None:
        """Run a command that did not end well before; end with what it says where it fails."""
        command = " ".join(("voice2face", *arguments))
        if any(done["command"] == command for done in self.times):
            return
        print(f"$ {command}", flush=True)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "voice2face", *arguments],
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr[-3000:]}\nFAILED: {command}")
        if "nan" in done.stdout.split():
            sys.exit(f"{done.stdout}\nFAILED: says nan: {command}")
        seconds = round(time.perf_counter() - began, 1)
        print(f"{done.stdout.rstrip()}\n  {seconds} s", flush=True)
        self.times.append({"command": command, "seconds": seconds})
        self.write()

    def write(self) -> None:
        """Write the commands and their times."""
        write_atomically(self.file, json.dumps(self.times, indent=1).encode())


def write_tree(out: Path, table: Path, n_people: int) -> None:
    """Write voices and faces of some people of the table as the two data sets are laid out.

    Args:
        out: Where `vox1` and `vgg` are written.
        table: The published `vox1_meta.csv`.
        n_people: People that both sides have; they are spread over the table, so that the split
            by initial has some in each part.
    """
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines, delimiter="\t"))
    chosen = rows[:: len(rows) // (n_people + ONLY_HEARD)][: n_people + ONLY_HEARD]
    write_atomically(out / "vox1" / "vox1_meta.csv", table.read_bytes())
    strangers = [sample_person(SEED, 900_000 + number, WORLD) for number in range(ONLY_SEEN)]
    for number, (row, person) in enumerate(zip(chosen, people_of(chosen), strict=True)):
        folder = out / "vox1" / "wav" / row["VoxCeleb1 ID"]
        for video in range(VIDEOS):
            for utterance in range(UTTERANCES):
                index = video * UTTERANCES + utterance
                path = folder / f"{number:03d}_{video:07d}" / f"{utterance + 1:05d}.wav"
                write_wav(path, record(person, index, WORLD))
        if number < n_people:
            # Cleaned copies of VGGFace spell names in several ways.
            name = row["VGGFace1 ID"]
            write_faces(out / "vgg" / (name.lower() if number % 3 else name), person)
    for number, person in enumerate(strangers):
        write_faces(out / "vgg" / f"Zz_Stranger_{number}", person)


def people_of(rows: list[dict[str, str]]) -> Iterator[Person]:
    """Planted people of the genders that the table tells."""
    number = 0
    for row in rows:
        wanted = {"f": "female", "m": "male"}[row["Gender"]]
        while (person := sample_person(SEED, number, WORLD)).gender != wanted:
            number += 1
        number += 1
        yield person


def write_wav(path: Path, waveform: np.ndarray) -> None:
    """Write 16-bit WAV, one channel at 16 kHz, as VoxCeleb1 publishes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=SAMPLE_RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(waveform[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_faces(folder: Path, person: Person) -> None:
    """Write JPEG photographs of a person."""
    folder.mkdir(parents=True)
    indexes = list(range(PHOTOGRAPHS))
    for index, image in enumerate(photograph([person] * PHOTOGRAPHS, indexes, WORLD)):
        Image.fromarray(image).save(folder / f"{index + 1:08d}.jpg", quality=95)


def table(out: Path) -> None:
    """Print the paper's table of matching, of each system, and write it beside the results."""
    rows = ["| people | system | judge | unstratified | same gender |", "|---|---|---|---|---|"]
    for split in ("train", "test"):
        result = json.loads((out / f"evaluated-{split}" / "result.json").read_text())
        for judge, answers in result["identity"].items():
            for system, answer in answers["contenders"].items():
                told = {
                    one["name"].split("/")[1]: f"{one['value']} ({one['low']} to {one['high']})"
                    for one in answer["figures"]
                    if one["name"].endswith("/1:2") and one["group"] == "everybody"
                }
                cells = [told.get(stratum, "not asked") for stratum in ("none", "gender")]
                rows.append(f"| {split} | {system} | {judge} | {' | '.join(cells)} |")
    write_atomically(out / "table.md", ("\n".join(rows) + "\n").encode())
    print("\n".join(rows))


if __name__ == "__main__":
    main()
