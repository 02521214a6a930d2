"""What any system must beat: faces drawn by simple rules, fitted on the training split only.

What they hear of a voice is exchangeable (`voice_features`): statistics of the spectrogram by
default, so that a baseline owes nothing to the system beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.evaluation.interfaces import Baseline, Rows
from voice2face.evaluation.ridge import Ridge, fit_ridge
from voice2face.evaluation.voice_features import VoiceFeatures, log_mel_statistics
from voice2face.pretrained.interfaces import FaceRecogniser

# Faces that the eigenfaces are of, their number, and faces of one label that are averaged.
_FACES = 2000
_EIGENFACES = 64
_FACES_PER_LABEL = 500


@dataclass(frozen=True)
class _Training:
    """The training split, paired."""

    voice_rows: NDArray[np.int64]
    voice_labels: NDArray[np.int64]
    speakers: NDArray[np.int64]
    labels: int
    face_rows: NDArray[np.int64]
    face_labels: NDArray[np.int64]

    @classmethod
    def from_store(cls, store: Store, pair_by: str) -> _Training:
        paired = pair(store, pair_by, "train")
        names = np.array(store.voices["identity"])[paired.voice_rows]
        return cls(
            paired.voice_rows,
            paired.voice_labels,
            np.unique(names, return_inverse=True)[1],
            len(paired.labels),
            paired.face_rows,
            paired.face_labels,
        )

    def label_means(
        self, store: Store, describe: Callable[[NDArray[np.uint8]], NDArray[np.floating]]
    ) -> NDArray[np.float32]:
        """Mean over each label's faces of what a function makes of them, (labels, values)."""
        means = []
        for label in range(self.labels):
            rows = self.face_rows[self.face_labels == label]
            if len(rows) > _FACES_PER_LABEL:
                random = np.random.default_rng([0, label])
                rows = np.sort(random.choice(rows, _FACES_PER_LABEL, replace=False))
            means.append(describe(store.images[rows]).mean(axis=0))
        return np.stack(means).astype(np.float32)


class MeanFace:
    """The mean of all training faces, whoever speaks."""

    name = "mean face"

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn from the split "train"; see `interfaces.Baseline`.

        Raises:
            DataError: It has no faces.
        """
        rows = [row for row, split in enumerate(store.faces["split"]) if split == "train"]
        self._face = _mean(store, rows)

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces; see `interfaces.System`. All samples are equal."""
        return _as_samples(np.repeat(self._face[None], len(rows), axis=0), samples)


class GenderMean:
    """The mean training face of the speaker's gender, which it is *told*, not made to hear.

    Attributes:
        note: For how many recordings the mean of all stands, as their gender is not known; "" for
            none.
    """

    name = "mean face of the gender"
    note = ""

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn from the split "train"; see `interfaces.Baseline`.

        Raises:
            DataError: Its faces tell fewer than two genders, so that there is nothing to be told.
        """
        rows: dict[str, list[int]] = {}
        for row, split in enumerate(store.faces["split"]):
            gender = store.faces["gender"][row]
            if split == "train" and gender is not None:
                rows.setdefault(gender, []).append(row)
        if len(rows) < 2:
            found = f"only {' '.join(rows)}" if rows else "none"
            raise DataError(
                f"{store.folder}: needs training faces of two genders, but the store has {found}; "
                "prepare it with a table of identities that has the column gender"
            )
        self._faces = {gender: _mean(store, own) for gender, own in rows.items()}
        self._of_all = _mean(store, [r for r, s in enumerate(store.faces["split"]) if s == "train"])

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces; see `interfaces.System`. All samples are equal.

        Raises:
            DataError: No recording tells a gender that training faces have.
        """
        genders = [store.voices["gender"][int(row)] for row in rows]
        known, unknown = sorted(self._faces), sum(one not in self._faces for one in genders)
        if unknown == len(genders):
            raise DataError(
                f"{store.folder}: needs the speakers' gender, and no recording tells one of "
                f"{', '.join(known)}; prepare the store with a table of identities that has the "
                "column gender"
            )
        if unknown:
            self.note = (
                f"{unknown} of {len(genders)} recordings tell no gender ({', '.join(known)}), and "
                "get the mean face of all"
            )
        return _as_samples(np.stack([self._faces.get(g, self._of_all) for g in genders]), samples)


class NearestVoices:
    """The mean of the faces that belong to the k most similar speakers of the training split.

    In a store paired by identity these are the speakers' own faces, else the mean face of what
    they are paired by.
    """

    name = "faces of the nearest voices"

    def __init__(self, features: VoiceFeatures = log_mel_statistics, k: int = 5) -> None:
        self._features = features
        self._k = k

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn from the split "train"; see `interfaces.Baseline`.

        Raises:
            DataError: Voices and faces have no label in common.
        """
        training = _Training.from_store(store, pair_by)
        heard = self._features(store, training.voice_rows).astype(np.float64)
        self._mean, self._deviation = heard.mean(axis=0), heard.std(axis=0) + 1e-9
        heard = (heard - self._mean) / self._deviation
        self._speakers = _unit(_group_means(heard, training.speakers))
        first = np.unique(training.speakers, return_index=True)[1]
        faces = training.label_means(store, _flat)
        self._faces = faces[training.voice_labels[first]]

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces; see `interfaces.System`. All samples are equal."""
        heard = (self._features(store, rows) - self._mean) / self._deviation
        likeness = _unit(heard) @ self._speakers.T
        k = min(self._k, len(self._speakers))
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
        faces = np.stack([self._faces[one].mean(axis=0) for one in nearest])
        return _as_samples(_pixels(faces, store), samples)


class EigenfaceRidge:
    """Eigenface coordinates predicted from the voice by ridge regression.

    Source:
        Turk and Pentland 1991, Eigenfaces for recognition.
    """

    name = "ridge onto eigenfaces"

    def __init__(self, features: VoiceFeatures = log_mel_statistics) -> None:
        self._features = features

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn from the split "train"; see `interfaces.Baseline`.

        Raises:
            DataError: Voices and faces have no label in common, or there is only one speaker.
        """
        training = _Training.from_store(store, pair_by)
        rows = training.face_rows
        if len(rows) > _FACES:
            rows = np.sort(np.random.default_rng(0).choice(rows, _FACES, replace=False))
        faces = _flat(store.images[rows])
        self._mean = faces.mean(axis=0)
        _, _, axes = np.linalg.svd(faces - self._mean, full_matrices=False)
        self._axes = axes[:_EIGENFACES]
        coordinates = (training.label_means(store, _flat) - self._mean) @ self._axes.T
        self.ridge: Ridge = fit_ridge(
            self._features(store, training.voice_rows),
            coordinates[training.voice_labels],
            training.speakers,
        )

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces; see `interfaces.System`. All samples are equal."""
        heard = self._features(store, rows)
        coordinates = self.ridge.offset + self.ridge.deviations(heard)
        return _as_samples(_pixels(coordinates @ self._axes + self._mean, store), samples)


class RidgeMatcher:
    """Puts a voice straight among a judge's face embeddings by ridge regression, without a face."""

    name = "direct matcher (no face)"

    def __init__(self, features: VoiceFeatures = log_mel_statistics) -> None:
        self._features = features

    def fit(self, store: Store, pair_by: str, judge: FaceRecogniser) -> None:
        """Learn from the split "train"; see `interfaces.DirectMatcher`.

        Raises:
            DataError: Voices and faces have no label in common, there is only one speaker, or the
                judge can embed no face of a label.
        """
        training = _Training.from_store(store, pair_by)

        def embedded(faces: NDArray[np.uint8]) -> NDArray[np.floating]:
            found = judge.embed(faces)
            found = found[np.isfinite(found).all(axis=1)]
            if not len(found):
                raise DataError(f"{store.folder}: {judge.name} embeds no face of a training label")
            return _unit(found)

        targets = training.label_means(store, embedded)
        self.ridge = fit_ridge(
            self._features(store, training.voice_rows),
            targets[training.voice_labels],
            training.speakers,
        )

    def embed_voices(self, store: Store, rows: Rows, judge: FaceRecogniser) -> NDArray[np.float32]:
        """Place recordings; see `interfaces.DirectMatcher`.

        The mean embedding, which all faces share and which tells nobody apart, is left out.
        """
        return self.ridge.deviations(self._features(store, rows)).astype(np.float32)


def make_baselines(features: VoiceFeatures = log_mel_statistics) -> list[Baseline]:
    """Make all baselines."""
    return [MeanFace(), GenderMean(), NearestVoices(features), EigenfaceRidge(features)]


def _mean(store: Store, rows: list[int]) -> NDArray[np.uint8]:
    """Mean face, a batch at a time: a store may be larger than the memory."""
    if not rows:
        raise DataError(f"{store.folder}: has no faces in the split 'train'")
    total = np.zeros(store.images.shape[1:], np.int64)
    for start in range(0, len(rows), 1024):
        total += store.images[rows[start : start + 1024]].sum(axis=0, dtype=np.int64)
    return np.rint(total / len(rows)).astype(np.uint8)


def _flat(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    return faces.reshape(len(faces), -1).astype(np.float32)


def _pixels(flat: NDArray[np.floating], store: Store) -> NDArray[np.uint8]:
    faces = flat.reshape(len(flat), *store.images.shape[1:])
    return np.rint(np.clip(faces, 0, 255)).astype(np.uint8)


def _as_samples(faces: NDArray[np.uint8], samples: int) -> NDArray[np.uint8]:
    return np.repeat(faces[:, None], samples, axis=1)


def _group_means(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    sums = np.zeros((groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums / np.bincount(groups)[:, None]


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
