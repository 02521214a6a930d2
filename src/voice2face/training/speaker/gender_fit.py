"""Fit the evidence of gender: a logistic regression on the embeddings of a trained encoder."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.speaker.augmented_crops import TrainingSpeakers, augmented_crop
from voice2face.training.speaker.crop_pool import balanced
from voice2face.training.speaker.embedding import embedded
from voice2face.training.speaker.identifier import WOMAN

__all__ = [
    "EVIDENCE_FILE",
    "LENGTHS_FRAMES",
    "GenderCrops",
    "calibrate",
    "fit_gender",
    "fit_logistic",
    "gender_crops",
]

EVIDENCE_FILE = "gender_evidence.json"
# One, two, four and eight seconds; half of the crops are as recorded.
LENGTHS_FRAMES = (100, 200, 400, 800)
_CLEAN = AugmentSettings()
_CROPS_A_SPEAKER = 2 * len(LENGTHS_FRAMES)
_STAGE = "gender"
_PENALTY = 1e-2
# A voice this surely of one gender is a typical one.
_SURE = 0.9


@dataclass(frozen=True)
class GenderCrops:
    """Crops of speakers of known gender, every speaker equally often.

    Attributes:
        log_mels: (frames, mels) each, normalised, of one to eight seconds; half made worse.
        woman: (crops,) whether it is of a woman.
    """

    log_mels: list[NDArray[np.float32]]
    woman: NDArray[np.bool_]

    @property
    def has_both(self) -> bool:
        """Whether there are crops of women and of men."""
        return bool(self.woman.any() and not self.woman.all())


def gender_crops(
    store: Store, split: str, augmentation: AugmentSettings, front_end: FrontEnd, seed: int
) -> GenderCrops:
    """Cut crops of the speakers of a split whose gender is known.

    Returns:
        The crops; none where the split has no such speakers.

    Raises:
        DataError: The store holds no waveforms.
    """
    of_split = [
        "train" if of == split and gender in WOMAN else "other"
        for of, gender in zip(store.voices["split"], store.voices["gender"], strict=True)
    ]
    view = dataclasses.replace(store, voices={**store.voices, "split": of_split})
    rows = balanced(TrainingSpeakers.of(view), _CROPS_A_SPEAKER).rows
    crops = []
    for index, row in enumerate(rows):
        random = np.random.default_rng([seed, index, *_STAGE.encode()])
        settings = augmentation if index % 2 else _CLEAN
        n_frames = LENGTHS_FRAMES[index // 2 % len(LENGTHS_FRAMES)]
        crops.append(augmented_crop(store, row, n_frames, settings, rows, front_end, random))
    woman = [WOMAN[store.voices["gender"][row]] == 1 for row in rows]
    return GenderCrops(crops, np.array(woman, bool))


def fit_gender(
    encoder: nn.Module, train: GenderCrops, held_out: GenderCrops, min_frames: int
) -> GenderEvidence:
    """Fit the axis on training speakers, and calibrate it on others.

    Genders weigh the same.

    Args:
        held_out: Of speakers that it was not trained on; where they are not of both genders, scale
            and bias stay those of the fit.
        min_frames: Shorter crops are repeated to this length, as in use.

    Raises:
        DataError: The training speakers are not of both genders.
    """
    if not train.has_both:
        raise DataError(
            "the training speakers are not of both genders, which evidence of gender is learned "
            "from; set speaker.gender_weight=0"
        )
    embeddings = embedded(encoder, train.log_mels, min_frames)
    evidence = fit_logistic(embeddings, train.woman)
    if held_out.has_both:
        others = embedded(encoder, held_out.log_mels, min_frames)
        evidence = calibrate(evidence, others, held_out.woman)
    return dataclasses.replace(evidence, margin=_margin(evidence, embeddings))


def fit_logistic(embeddings: NDArray[np.floating], woman: NDArray[np.bool_]) -> GenderEvidence:
    """Fit a penalised logistic regression, both genders weighing the same.

    Args:
        embeddings: (crops, embedding) of unit length.
        woman: (crops,) whether it is of a woman; both occur.
    """
    return _evidence(*_fitted(embeddings, woman, woman.astype(float), _PENALTY))


def calibrate(
    evidence: GenderEvidence, embeddings: NDArray[np.floating], woman: NDArray[np.bool_]
) -> GenderEvidence:
    """Fit scale and bias anew, along the same axis.

    Args:
        embeddings: (crops, embedding) of speakers that the axis was not fitted to.
        woman: (crops,) whether it is of a woman; both occur.

    Returns:
        The evidence; as it was, if the axis turns out to tell nothing.

    Source:
        Platt 1999, Probabilistic outputs for support vector machines, equation 5: of n voices that
        all were told right, the next one still is a mistake with a probability of 1 / (n + 2).
    """
    along = embeddings @ np.array(evidence.axis)
    n_women, n_men = int(woman.sum()), int((~woman).sum())
    wanted = np.where(woman, (n_women + 1) / (n_women + 2), 1 / (n_men + 2))
    (scale,), bias = _fitted(along[:, None], woman, wanted, penalty=0.0)
    if scale <= abs(bias):
        return evidence
    return dataclasses.replace(evidence, scale=float(scale), bias=bias)


def _fitted(
    values: NDArray[np.floating],
    woman: NDArray[np.bool_],
    wanted: NDArray[np.floating],
    penalty: float,
) -> tuple[NDArray[np.float64], float]:
    """Weights and intercept of a logistic regression, both genders weighing the same.

    Args:
        wanted: (crops,) probability of a woman that is to be told, from 0 to 1.
        penalty: Of the squared weights, against the sum over crops of the losses.
    """
    share = woman.mean()
    weight = np.where(woman, 0.5 / share, 0.5 / (1 - share))
    # A target between 0 and 1 is both answers, each with its share of the weight.
    weights = np.concatenate([weight * wanted, weight * (1 - wanted)])
    kept = weights > 0
    inputs = np.concatenate([values, values]).astype(np.float64)
    answers = np.repeat([1, 0], len(values))
    model = LogisticRegression(
        C=1 / penalty if penalty else np.inf, solver="newton-cholesky", tol=1e-9, max_iter=1000
    )
    model.fit(inputs[kept], answers[kept], weights[kept])
    return np.ravel(model.coef_), np.ravel(model.intercept_).item()


def _evidence(direction: NDArray[np.float64], bias: float) -> GenderEvidence:
    scale = float(np.linalg.norm(direction))
    # Further out, the boundary would miss the sphere of embeddings.
    most = 0.99 * scale
    return GenderEvidence(
        tuple((direction / scale).tolist()), scale, float(np.clip(bias, -most, most))
    )


def _margin(evidence: GenderEvidence, embeddings: NDArray[np.floating]) -> float:
    """Median distance from the boundary of those that are surely of one gender."""
    distances = np.abs(embeddings @ np.array(evidence.axis) + evidence.bias / evidence.scale)
    sure = distances * evidence.scale > math.log(_SURE / (1 - _SURE))
    return float(np.median(distances[sure] if sure.any() else distances))
