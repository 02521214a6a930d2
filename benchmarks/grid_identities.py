"""Are faces that were imagined for the ten people of GRID classified as their speakers?

    python benchmarks/grid_identities.py ../shared/data/pairs/grid -o run

True pairs: the faces and the voices are of the same people. Training hears the first part of each
clip; the rest, other words, is never trained on. Generated faces of both parts, drawn by the
exported bundle from sound alone, are classified by the run's own F_c, which taught the generator,
and by every face recogniser that can be had, none of which took part: by cosine, the nearest of the
ten people's mean true faces. The picture has a column a person: a true face, one imagined from the
first part, and one from the rest.
"""

from __future__ import annotations

import argparse
import sys
import wave
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from record import line
from voice2face import VoiceToFace
from voice2face.audio.decode import decode
from voice2face.cli import main as voice2face
from voice2face.data.importers import VOICES, import_rows
from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.files import atomic_path
from voice2face.images.sheet import grid
from voice2face.judges import FACE_RECOGNISERS, load_available, suited
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.networks.discriminator import Discriminator, DiscriminatorConfig
from voice2face.scalar_log import read_log
from voice2face.training import checkpoint
from voice2face.training.crops import faces_to_tensor

SAMPLES = 10
HEARD_SHARE = 0.65
CHANNELS = (16, 32, 64, 128, 128)
SETTINGS = (
    "speaker.encoder.channels=64,96,144,216", "speaker.steps=400", "speaker.batch_size=32",
    "speaker.crop_frames=80,200",
    "gan.generator.channels=192,96,48,24,16",
    f"gan.discriminator.channels={','.join(map(str, CHANNELS))}",
    "gan.classifier_first_images=6400", "gan.batch_size=32", "gan.crop_frames=80,200",
    "gan.sample_frames=100", "gan.ema_half_life_images=1000", "gan.checkpoint_images=8000",
    "gan.initialisation=he",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of the clips")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to work in")
    parser.add_argument("--images", type=int, default=32_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--note", default="", help="what else the machine was doing")
    options = parser.parse_args()
    heard, unheard = (options.out / name for name in ("heard", "unheard"))
    cut(options.clips, heard, unheard)
    run, store = options.out / "run", options.out / "store"
    settings = [*SETTINGS, f"gan.images={options.images}"]
    given = ["--preset", "starter", "--seed", str(options.seed), "-o", str(run)]
    given += [word for setting in settings for word in ("--set", setting)]
    command("prepare", "--voices", f"folder:{heard}", "--faces", f"grid:{options.clips}",
            "--pair-by", "identity", "--split", "hash:100/0/0", "-o", str(store))  # fmt: skip
    command("train", "speaker", str(store), *given)
    command("train", "gan", str(store), *given)
    seconds = sum(read_log(run / f"{stage}.jsonl").seconds() for stage in ("speaker", "gan"))
    judges = Judges(run, store)
    shown = [judges.true]
    figures = {}
    for name, folder in (("heard", heard), ("unheard", unheard)):
        faces, labels = imagine(run, folder, judges.names)
        figures[name] = {
            judge: share(said == labels, labels) for judge, said in judges.say(faces).items()
        }
        shown.append(faces[np.unique(labels, return_index=True)[1]])
    if options.picture is not None:
        picture = grid(np.concatenate(shown), columns=len(judges.names))
        with atomic_path(options.picture) as path:
            picture.save(path, format="PNG", optimize=True)
    print(
        line(
            "grid_identities",
            ("torch", "onnxruntime"),
            people=len(judges.names),
            chance=1 / len(judges.names),
            faces_a_recording=SAMPLES,
            settings=settings,
            training_s=round(seconds),
            note=options.note,
            true_faces=judges.on_true_faces,
            imagined=figures,
            seed=options.seed,
        )
    )


def command(*arguments: str) -> None:
    """Run a command of voice2face."""
    if status := voice2face(list(arguments)):
        raise SystemExit(status)


def cut(clips: Path, heard: Path, unheard: Path) -> None:
    """Write the sound of each clip as two WAV files, in a folder a person."""
    _, rows = import_rows(f"grid:{clips}", VOICES)
    for row in rows:
        waveform = decode(row.path, str(row.path)).waveform
        at = int(HEARD_SHARE * len(waveform))
        # The rest holds under half a second of speech, less than the front end takes; it repeats
        # short recordings itself, so that twice the same tells it nothing new.
        rest = np.tile(waveform[at:], 2)
        for folder, part in ((heard, waveform[:at]), (unheard, rest)):
            path = folder / row.identity / f"{row.path.stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                continue
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes(part.astype("<i2").tobytes())


def imagine(
    run: Path, folder: Path, names: tuple[str, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw faces for every recording with the exported model, and say whose they should be."""
    model = VoiceToFace.load(run / "bundle")
    faces, labels = [], []
    for path in sorted(folder.glob("*/*.wav")):
        faces.append(model.generate(path, SAMPLES).faces)
        labels += [names.index(path.parent.name)] * SAMPLES
    return np.concatenate(faces), np.array(labels)


class Judges:
    """Whose face is it: the run's own classifier, and a face recogniser that took no part."""

    def __init__(self, run: Path, folder: Path) -> None:
        store = Store.open(folder)
        pairing = pair(store, "identity", "train")
        self.names, labels = pairing.labels, pairing.face_labels
        real = store.images[pairing.face_rows]
        n_people = len(self.names)
        config = DiscriminatorConfig((n_people,), CHANNELS)  # else as in the preset
        self._classifier = Discriminator(config)
        checkpoint.load(run / "gan.safetensors", {"discriminator": self._classifier})
        self._recognisers, missing = load_available(suited(FACE_RECOGNISERS, planted=False))
        print(*missing, sep="\n", file=sys.stderr)
        self._means = {
            judge.name: np.stack([unit[labels == n].mean(axis=0) for n in range(n_people)])
            for judge in self._recognisers
            for unit in [unit_rows(judge.embed(real))]
        }
        self.true = np.stack([real[np.flatnonzero(labels == n)[0]] for n in range(n_people)])
        self.on_true_faces = {
            judge: {"share": round(float((said == labels).mean()), 3), "n": len(labels)}
            for judge, said in self.say(real).items()
        }

    def say(self, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
        """Name the person of each face."""
        with torch.no_grad():
            _, classes = self._classifier(faces_to_tensor(torch.from_numpy(faces)))
        said = {"own classifier": classes.argmax(1).numpy()}
        for judge in self._recognisers:
            likeness = unit_rows(judge.embed(faces)) @ unit_rows(self._means[judge.name]).T
            said[judge.name] = likeness.argmax(axis=1)
        return said


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of unit length."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def share(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[str, object]:
    """The share that is right, with its interval over people."""
    people = np.unique(labels)
    tops = [[right[labels == n].sum()] for n in people]
    counts = [[(labels == n).sum()] for n in people]
    weights = identity_weights(len(people), seed=0)
    value, low, high = mean_interval(weights, tops, counts, bounds=(0.0, 1.0))
    interval = [round(float(low[0]), 3), round(float(high[0]), 3)]
    return {"share": round(float(value[0]), 3), "interval_95": interval, "n": len(labels)}


if __name__ == "__main__":
    main()
