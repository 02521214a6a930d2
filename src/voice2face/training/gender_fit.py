"""Fit the evidence of gender: a logistic regression on the embeddings of a trained encoder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.augmented_crops import TrainingSpeakers, augmented_crop, other_speakers
from voice2face.training.crop_pool import balanced
from voice2face.training.identifier import WOMAN

__all__ = ["EVIDENCE_FILE", "LENGTHS_FRAMES", "calibrate", "fit_gender", "fit_logistic", "heard"]

EVIDENCE_FILE = "gender_evidence.json"
# One, two, four and eight seconds; half of the crops are as recorded.
LENGTHS_FRAMES = (100, 200, 400, 800)
_CLEAN = AugmentSettings()
_CROPS_A_SPEAKER = 2 * len(LENGTHS_FRAMES)
_STAGE = "gender"
_BATCH = 64
_RIDGE = 1e-2
_NEWTON_STEPS = 50
# A voice this surely of one gender is a typical one.
_SURE = 0.9


def fit_gender(
    encoder: nn.Module,
    store: Store,
    augmentation: AugmentSettings,
    front_end: FrontEnd,
    seed: int,
) -> GenderEvidence:
    """Fit the axis on training speakers, and calibrate it on validation speakers.

    Every speaker of known gender is heard equally often, in crops of one to eight seconds, half of
    them made worse. Genders weigh the same. Where there are no validation speakers of both
    genders, scale and bias stay those of the fit.

    Args:
        encoder: A trained encoder, in evaluation mode.
        store: A prepared store with waveforms.
        augmentation: How half of the crops are made worse.
        front_end: Settings of the front end.
        seed: Of the crops.

    Returns:
        The evidence.

    Raises:
        DataError: The training speakers are not of both genders.
    """
    split, gender = store.voices["split"], store.voices["gender"]
    rows = {
        part: [row for row, of in enumerate(split) if of == part and gender[row] in WOMAN]
        for part in ("train", "val")
    }
    if {gender[row] for row in rows["train"]} != set(WOMAN):
        raise DataError(
            f"{store.folder}: its training speakers are not of both genders, which evidence of "
            "gender is learned from; set speaker.gender_weight=0"
        )
    embeddings, woman = heard(encoder, store, rows["train"], augmentation, front_end, seed)
    evidence = fit_logistic(embeddings, woman)
    if {gender[row] for row in rows["val"]} == set(WOMAN):
        held_out = heard(encoder, store, rows["val"], augmentation, front_end, seed)
        evidence = calibrate(evidence, *held_out)
    return dataclasses.replace(evidence, margin=_margin(evidence, embeddings))


def heard(
    encoder: nn.Module,
    store: Store,
    rows: Sequence[int],
    augmentation: AugmentSettings,
    front_end: FrontEnd,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Embed crops of some recordings, every speaker equally often.

    Args:
        encoder: A trained encoder, in evaluation mode.
        store: A prepared store with waveforms.
        rows: Recordings of speakers of known gender: rows of the voice manifest.
        augmentation: How half of the crops are made worse.
        front_end: Settings of the front end.
        seed: Of the crops.

    Returns:
        (crops, embedding) of unit length, and (crops,) whether it is of a woman.
    """
    of_rows = {**store.voices, "split": ["other"] * len(store.voices["split"])}
    for row in rows:
        of_rows["split"][row] = "train"
    speakers = TrainingSpeakers.of(dataclasses.replace(store, voices=of_rows))
    chosen = balanced(speakers, _CROPS_A_SPEAKER).rows
    found: dict[int, NDArray[np.float32]] = {}
    for turn, n_frames in enumerate(LENGTHS_FRAMES):
        indices = [index for index in range(len(chosen)) if index // 2 % 4 == turn]
        crops = []
        for index in indices:
            random = np.random.default_rng([seed, index, *_STAGE.encode()])
            settings = augmentation if index % 2 else _CLEAN
            most = settings.babble_speakers[1]
            others = other_speakers(store, rows, chosen[index], most, random)
            crops.append(
                augmented_crop(store, chosen[index], n_frames, settings, others, front_end, random)
            )
        found.update(zip(indices, _embedded(encoder, crops), strict=True))
    woman = [WOMAN[store.voices["gender"][row]] == 1 for row in chosen]
    return np.stack([found[index] for index in range(len(chosen))]), np.array(woman)


@torch.no_grad()
def _embedded(encoder: nn.Module, crops: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Embed crops of one length."""
    device = next(encoder.parameters()).device
    parts = []
    for at in range(0, len(crops), _BATCH):
        log_mel = torch.from_numpy(np.stack(crops[at : at + _BATCH])).transpose(1, 2)
        parts.append(nn.functional.normalize(encoder(log_mel.to(device)).float(), dim=1).cpu())
    return torch.cat(parts).numpy()


def fit_logistic(embeddings: NDArray[np.floating], woman: NDArray[np.bool_]) -> GenderEvidence:
    """Fit a logistic regression, with a ridge on the axis, both genders weighing the same.

    Args:
        embeddings: (crops, embedding) of unit length.
        woman: (crops,) whether it is of a woman; both occur.

    Returns:
        The evidence, without a margin.
    """
    weights = _newton(embeddings, woman, _RIDGE)
    return _evidence(weights[:-1], weights[-1])


def calibrate(
    evidence: GenderEvidence, embeddings: NDArray[np.floating], woman: NDArray[np.bool_]
) -> GenderEvidence:
    """Fit scale and bias anew, along the same axis.

    Args:
        evidence: The evidence.
        embeddings: (crops, embedding) of speakers that the axis was not fitted to.
        woman: (crops,) whether it is of a woman; both occur.

    Returns:
        The evidence; as it was, if the axis turns out to tell nothing.

    Source:
        Platt 1999, Probabilistic outputs for support vector machines.
    """
    along = embeddings @ np.array(evidence.axis)
    scale, bias = _newton(along[:, None], woman, _RIDGE)
    if scale <= abs(bias):
        return evidence
    return dataclasses.replace(evidence, scale=float(scale), bias=float(bias))


def _newton(
    values: NDArray[np.floating], woman: NDArray[np.bool_], ridge: float
) -> NDArray[np.float64]:
    """Newton's method on the penalised log-likelihood; the last weight is the intercept."""
    inputs = np.column_stack([values.astype(np.float64), np.ones(len(values))])
    share = woman.mean()
    weight = np.where(woman, 0.5 / share, 0.5 / (1 - share)) / len(woman)
    penalty = np.full(inputs.shape[1], ridge / len(woman))
    penalty[-1] = 0.0
    found = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        probability = 0.5 + 0.5 * np.tanh(inputs @ found / 2)
        gradient = inputs.T @ (weight * (probability - woman)) + penalty * found
        curvature = weight * np.maximum(probability * (1 - probability), 1e-9)
        step = np.linalg.solve(
            inputs.T @ (curvature[:, None] * inputs) + np.diag(penalty), gradient
        )
        found -= step
        if np.abs(step).max() < 1e-9:
            break
    return found


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
