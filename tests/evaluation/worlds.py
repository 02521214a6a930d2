"""Stores of pixels, judges that look at pixels, and systems whose figures are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voice2face.data.store import Store

SIZE = 12


def make_store(images: np.ndarray, person: list[int], n_recordings: int, **told) -> Store:
    """A store of given faces, with voices that are only rows."""
    n_people = max(person) + 1
    about = {name: told.get(name, [None] * n_people) for name in ("gender", "nationality", "age")}
    splits = told.get("split", ["test"] * n_people)

    def columns(of: list[int], suffix: str) -> dict[str, list]:
        return {
            "identity": [f"person {one:03}" for one in of],
            "file": [f"some/where/{index}.{suffix}" for index in range(len(of))],
            "split": [splits[one] for one in of],
            **{name: [values[one] for one in of] for name, values in about.items()},
        }

    voices = [one for one in range(n_people) for _ in range(n_recordings)]
    return Store(
        folder=Path("world"),
        card={"content_sha256": "0" * 64, "sources": []},
        voices=columns(voices, "wav"),
        faces=columns(person, "png"),
        log_mels=np.zeros((0, 64), np.float16),
        images=images,
    )


class PixelJudge:
    """Pixels, each less its mean over the store's faces, are the embedding."""

    def __init__(self, store: Store, name: str = "pixels") -> None:
        self.name = name
        self.mean = store.images.reshape(len(store.images), -1).mean(axis=0)

    def embed(self, faces: np.ndarray) -> np.ndarray:
        return (faces.reshape(len(faces), -1) - self.mean).astype(np.float32)

    extract = embed


class GenderByPixels:
    """The nearer of the two genders' mean training faces; no verdict on black."""

    name = "nearest gender mean"

    def __init__(self, store: Store) -> None:
        gender = np.array(store.faces["gender"])
        train = np.array(store.faces["split"]) == "train"
        flat = store.images.reshape(len(store.images), -1).astype(float)
        self.labels = ("female", "male")
        self.means = [flat[train & (gender == one)].mean(axis=0) for one in self.labels]

    def classify(self, faces: np.ndarray) -> dict[str, list[str | None]]:
        flat = faces.reshape(len(faces), -1).astype(float)
        distance = np.stack([((flat - mean) ** 2).sum(axis=1) for mean in self.means])
        said = [self.labels[one] for one in distance.argmin(axis=0)]
        return {"gender": [s if row.any() else None for s, row in zip(said, flat, strict=True)]}


class NotBlack:
    """Finds a face wherever there is anything."""

    name = "not black"

    def found(self, faces: np.ndarray) -> np.ndarray:
        return faces.reshape(len(faces), -1).any(axis=1)


class Answers:
    """A system that gives a face of the store for each recording, as a function tells.

    Args:
        name: Its name.
        choose: From (store, identity, seed) to a face, (size, size, 3).
    """

    def __init__(self, name: str, choose) -> None:
        self.name = name
        self._choose = choose

    def fit(self, store: Store, pair_by: str) -> None:
        """Nothing is learned."""

    def generate(self, store: Store, voice_rows, samples: int, seed: int) -> np.ndarray:
        faces = [
            [self._choose(store, store.voices["identity"][row], int(row) + 7919 * (seed + s))]
            for row in voice_rows
            for s in range(samples)
        ]
        return np.stack(faces).reshape(len(voice_rows), samples, *store.images.shape[1:])


def true_face(store: Store, identity: str, seed: int) -> np.ndarray:
    rows = [row for row, one in enumerate(store.faces["identity"]) if one == identity]
    return store.images[rows[seed % len(rows)]]


def shuffled_face(store: Store, identity: str, seed: int) -> np.ndarray:
    """A true face of somebody else: identity labels are shuffled between voice and face."""
    people = sorted(set(store.faces["identity"]))
    order = np.random.default_rng(1).permutation(len(people))
    return true_face(store, people[order[people.index(identity)]], seed)


def constant_face(store: Store, identity: str, seed: int) -> np.ndarray:
    return store.images[5]


def gender_mean(store: Store, identity: str, seed: int) -> np.ndarray:
    gender = store.voices["gender"][store.voices["identity"].index(identity)]
    rows = [
        row
        for row, one in enumerate(store.faces["gender"])
        if one == gender and store.faces["split"][row] == "train"
    ]
    return store.images[rows].mean(axis=0).astype(np.uint8)
