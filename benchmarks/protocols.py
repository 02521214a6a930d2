"""How long the protocols take, judges and drawing left out.

    python benchmarks/protocols.py

Trial lists are drawn and written, and every protocol of identity (matching 1:2 to 1:10 in five
strata, verification, retrieval, similarity, consistency; all by gender, nationality and age; 1,000
resamples each) and attribute agreement are asked of one system, with embeddings and verdicts made
up. Seconds for one system and one judge; a second system costs the same again.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "2"

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from record import line, spread
from voice2face.data.store import Store
from voice2face.evaluation.embeddings import Embeddings
from voice2face.evaluation.sections import Context, attribute_section, identity_section
from voice2face.evaluation.trial_files import write_trials
from voice2face.evaluation.trials import ATTRIBUTES, make_trials

STAGES = ("draw_and_write_trials_s", "identity_s", "attributes_s", "all_s")


class MadeUp:
    """A judge whose answers are drawn at random around each person."""

    name = "made up"

    def __init__(self, n_people: int, embedding: int) -> None:
        self.random = np.random.default_rng(0)
        self.latent = self.random.normal(size=(n_people, embedding)).astype(np.float32)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """Embed faces whose first two pixels tell whose they are."""
        person = faces[:, 0, 0, 0].astype(int) + 256 * faces[:, 0, 0, 1].astype(int)
        noise = self.random.standard_normal((len(person), self.latent.shape[1]), np.float32)
        return 0.3 * self.latent[person] + noise

    def classify(self, faces: np.ndarray) -> dict[str, list[str | None]]:
        """Guess."""
        return {
            "gender": [("female", "male")[one] for one in self.random.integers(2, size=len(faces))]
        }


def made_up_store(n_people: int, n_each: int) -> Store:
    """People with attributes, and images that hold nothing but whose they are."""
    random = np.random.default_rng(1)
    person = np.repeat(np.arange(n_people), n_each)
    images = np.zeros((len(person), 1, 1, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = person % 256, person // 256

    def told(values: list[str]) -> list[str]:
        return np.array(values)[random.integers(len(values), size=n_people)][person].tolist()

    columns = {
        "identity": [f"person {one:05}" for one in person],
        "file": [f"{row}.wav" for row in range(len(person))],
        "split": ["test"] * len(person),
        "gender": told(["female", "male"]),
        "nationality": told([f"country {one}" for one in range(20)]),
        "age": told(["20-29", "30-39", "40-49", "50-59"]),
    }
    card = {"content_sha256": "0" * 64}
    return Store(Path("made-up"), card, columns, columns, np.zeros((0, 64), np.float16), images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--each", type=int, default=20, help="recordings, and faces, a person")
    parser.add_argument("--embedding", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    store = made_up_store(options.people, options.each)
    judge = MadeUp(options.people, options.embedding)
    measured = [once(store, judge) for _ in range(options.repeats + 1)][1:]
    figures = {
        stage: spread([times[number] for times in measured]) for number, stage in enumerate(STAGES)
    }
    print(
        line(
            "protocols",
            ("numpy", "pyarrow"),
            people=options.people,
            recordings=len(store.voices["file"]),
            faces=len(store.images),
            embedding=options.embedding,
            threads=2,
            by=ATTRIBUTES,
            **figures,
        )
    )


def once(store: Store, judge: MadeUp) -> tuple[float, float, float, float]:
    """Seconds of each of `STAGES`."""
    laps = [time.perf_counter()]
    trials = make_trials(store, "test")
    with tempfile.TemporaryDirectory() as folder:
        write_trials(trials, Path(folder))
    laps.append(time.perf_counter())
    context = Context.create(store, trials, ATTRIBUTES, seed=0)
    drawn = {"system": store.images[trials.recording_rows][:, None]}
    embeddings = Embeddings.compute(judge, context.true_faces(), drawn, {})
    identity_section(context, embeddings, ["system"])
    laps.append(time.perf_counter())
    attribute_section(context, judge, drawn, ["system"])
    laps.append(time.perf_counter())
    one, two, three = np.diff(laps).tolist()
    return one, two, three, one + two + three


if __name__ == "__main__":
    main()
