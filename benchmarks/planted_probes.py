"""Whether the planted factors can be heard, and how near a direct matcher comes to the ceiling.

    python benchmarks/planted_probes.py

Ridge regressions learn from statistics of spectrograms, on training people with their truth: the
voice's factors, for R^2 on people never heard; and the face's shared factors, for choosing the
right one of two faces of the voice's gender. The faces are given by their true factors, and as
both judges see one image of each. Beside it stands the best that is possible.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from record import line
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.backends import Workers, run_tasks
from voice2face.records import Recording
from voice2face.synthetic.ceilings import list_ceiling
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.judges import ClosedFormJudge, NetworkJudge
from voice2face.synthetic.latents import (
    SHARED,
    VOICE_FACTORS,
    WorldSettings,
    sample_person,
)
from voice2face.synthetic.voices import SAMPLE_RATE_HZ, record
from voice_probe import fit_ridge, fit_voice_probe, voice_statistics

SEEDS = {"train": 920_001, "test": 920_002}
SETTINGS = WorldSettings()
PENALTY = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1500, help="to learn from")
    parser.add_argument("--test-people", type=int, default=400)
    parser.add_argument("--recordings", type=int, default=4, help="of each")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    heard, people = {}, {}
    for name, count in (("train", options.people), ("test", options.test_people)):
        tasks = [
            (SEEDS[name], at, min(count, at + 25), options.recordings) for at in range(0, count, 25)
        ]
        blocks = sorted(run_tasks(listen, tasks, Workers(options.jobs)), key=lambda block: block[0])
        heard[name] = np.concatenate([block[1] for block in blocks])
        people[name] = [sample_person(SEEDS[name], number, SETTINGS) for number in range(count)]
    figures = {
        "r2_on_unseen_people": audible(heard, people),
        "choice_1_of_2_within_gender_percent": matched(heard, people),
    }
    sizes = {
        "train_people": options.people,
        "test_people": options.test_people,
        "recordings_each": options.recordings,
    }
    print(line("planted_probes", ("numpy",), **sizes)[:-1] + ", " + json.dumps(figures)[1:])


def listen(seed: int, first: int, last: int, recordings: int) -> tuple[int, np.ndarray]:
    """(people, recordings, statistics)."""
    front_end = preset("wen2019")
    found = []
    for number in range(first, last):
        person = sample_person(seed, number, SETTINGS)
        for index in range(recordings):
            sound = Recording("planted", record(person, index, SETTINGS), SAMPLE_RATE_HZ)
            found.append(voice_statistics(extract(sound, front_end).log_mel))
    return first, np.array(found).reshape(last - first, recordings, -1)


def audible(heard: dict, people: dict) -> dict:
    """R^2 of each factor from one recording, and from the mean over a person's recordings."""
    each = heard["train"].shape[1]
    truth = {
        name: np.array([list(person.voice.values()) for person in of_split])
        for name, of_split in people.items()
    }
    genders = [person.gender for person in people["train"] for _ in range(each)]
    flat = heard["train"].reshape(len(genders), -1)
    probe = fit_voice_probe(flat, np.repeat(truth["train"], each, axis=0), genders, PENALTY)
    n_test = len(people["test"])
    estimates, male = probe(heard["test"].reshape(n_test * each, -1))
    estimates = estimates.reshape(n_test, each, -1)
    wrong = estimates - truth["test"][:, None]
    spread = truth["test"].var(axis=0)
    one = 1 - (wrong**2).mean(axis=(0, 1)) / spread
    mean = 1 - (wrong.mean(axis=1) ** 2).mean(axis=0) / spread
    is_male = np.array([person.gender == "male" for person in people["test"]])
    return {
        "one_recording": rounded(one),
        "mean_of_recordings": rounded(mean),
        "gender_percent": round(100 * float((male == np.repeat(is_male, each)).mean()), 2),
    }


def matched(heard: dict, people: dict) -> dict:
    """The direct matcher, from one recording, for faces seen in three ways."""
    seen = {"true_factors": {name: true_faces(of_split) for name, of_split in people.items()}}
    images = {
        name: photograph(of_split, [0] * len(of_split), SETTINGS)
        for name, of_split in people.items()
    }
    for judge in (ClosedFormJudge(), NetworkJudge()):
        seen[judge.name] = {
            split: judge.factors(faces)[:, : len(SHARED)] for split, faces in images.items()
        }
    figures = {name: direct(heard, people, faces) for name, faces in seen.items()}
    best = list_ceiling(SETTINGS, "matching", "gender", 2)["matching/gender/1:2"]
    return {**figures, "ceiling": round(best, 2), "chance": 50.0}


def direct(heard: dict, people: dict, faces: dict) -> float:
    """Score by p(face | voice) / p(face), both taken as normal."""
    mean, spread = faces["train"].mean(axis=0), faces["train"].std(axis=0)
    faces = {split: (values - mean) / spread for split, values in faces.items()}
    random = np.random.default_rng(0)
    right = []
    for gender in ("female", "male"):
        rows = {
            split: np.array([n for n, person in enumerate(of_split) if person.gender == gender])
            for split, of_split in people.items()
        }
        each = heard["train"].shape[1]
        # Regressed on recordings; how far it misses is told by the people learnt from last.
        split_at = int(0.85 * len(rows["train"]))
        fit_rows, check_rows = rows["train"][:split_at], rows["train"][split_at:]
        flat = heard["train"][fit_rows].reshape(len(fit_rows) * each, -1)
        ridge = fit_ridge(flat, np.repeat(faces["train"][fit_rows], each, axis=0), PENALTY)
        missed = ridge.predict(heard["train"][check_rows, 0]) - faces["train"][check_rows]
        variance = missed.var(axis=0)
        own = faces["test"][rows["test"]]
        told = ridge.predict(heard["test"][rows["test"], 0])

        def odds(face: np.ndarray, told: np.ndarray, variance: np.ndarray) -> np.ndarray:
            return (face**2 - (face - told) ** 2 / variance).sum(axis=1)

        for _ in range(20):
            shift = random.integers(1, len(own), size=len(own))
            other = own[(np.arange(len(own)) + shift) % len(own)]
            right.append(odds(own, told, variance) > odds(other, told, variance))
    return round(100 * float(np.concatenate(right).mean()), 2)


def true_faces(people: list) -> np.ndarray:
    return np.array([[person.face[face] for _, face in SHARED] for person in people])


def rounded(values: np.ndarray) -> dict:
    return {name: round(float(value), 3) for name, value in zip(VOICE_FACTORS, values, strict=True)}


if __name__ == "__main__":
    main()
