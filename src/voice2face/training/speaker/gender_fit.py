"""Fit the evidence of gender: a logistic regression on the embeddings of a trained encoder."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
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
from voice2face.training.speaker.identifier import GENDER_SCALE, WOMAN, Identifier
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.variants import BEYOND, with_variants

EVIDENCE_FILE = "gender_evidence.json"
# One, two, four and eight seconds; half of the crops are as recorded.
_LENGTHS_FRAMES = (100, 200, 400, 800)
_CLEAN = AugmentSettings()
_CROPS_A_SPEAKER = 2 * len(_LENGTHS_FRAMES)
_STAGE = "gender"
# Found with held-out speakers: docs/log.md.
_PENALTY = 0.3
# A voice this surely of one gender is a typical one.
_SURE = 0.9
# Of held-out voices of any kind, at most this share may be told so surely, and wrongly.
_SURE_AND_WRONG = 0.02


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
    rows = balanced(TrainingSpeakers.from_store(view), _CROPS_A_SPEAKER).rows
    crops = []
    for index, row in enumerate(rows):
        random = np.random.default_rng([seed, index, *_STAGE.encode()])
        # Both ways in turn, shifted by one halfway: rows come by turns too, often of four.
        settings = augmentation if (index + index // 4) % 2 else _CLEAN
        n_frames = _LENGTHS_FRAMES[index // 2 % len(_LENGTHS_FRAMES)]
        crops.append(augmented_crop(store, row, n_frames, settings, rows, front_end, random))
    woman = [WOMAN[store.voices["gender"][row]] == 1 for row in rows]
    return GenderCrops(crops, np.array(woman, bool))


def held_out_crops(
    store: Store, stage: SpeakerSettings, front_end: FrontEnd, seed: int
) -> list[GenderCrops]:
    """Cut crops of the validation split: of its recordings, and with variants of these, too.

    Returns:
        Crops of recordings; of variants like those trained on; and of variants `BEYOND` them.

    Raises:
        DataError: The store holds no waveforms.
        MissingDependencyError: `pyworld-prebuilt` is not installed, for the variants.
    """
    kinds: list[Store] = [store]
    if stage.variants.each:
        kinds += [
            with_variants(store, settings, "val").variants_alone("val")
            for settings in (stage.variants, BEYOND)
        ]
    return [gender_crops(one, "val", stage.augment, front_end, seed) for one in kinds]


@torch.no_grad()
def held_out_loss(
    network: Identifier, held_out: Sequence[GenderCrops], min_frames: int
) -> float | None:
    """Tell how well the network itself says the gender of crops, while it learns.

    Returns:
        The mean log loss, kinds weighing the same; None where gender is not learned, or there are
        no crops.
    """
    kinds = [crops for crops in held_out if len(crops.woman)]
    if network.gender is None or not kinds:
        return None
    was_training = network.training
    network.eval()
    losses = []
    for crops in kinds:
        found = torch.from_numpy(embedded(network.encoder, crops.log_mels, min_frames))
        logits = network.gender(GENDER_SCALE * found.to(network.gender.weight.device))[:, 0].cpu()
        woman = torch.from_numpy(crops.woman).float()
        losses.append(float(nn.functional.binary_cross_entropy_with_logits(logits, woman)))
    network.train(was_training)
    return sum(losses) / len(losses)


def fit_gender(
    encoder: nn.Module, train: GenderCrops, held_out: Sequence[GenderCrops], min_frames: int
) -> GenderEvidence:
    """Fit the axis on training speakers, and calibrate it on others.

    Genders weigh the same, and so do kinds of held-out crops of the same number. Where of any kind
    more than 2 % are then told with 90 % and wrongly, all probabilities are brought nearer to one
    half until they are not.

    Args:
        held_out: By kind, of speakers that it was not trained on; where they are not of both
            genders, scale and bias stay those of the fit.
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
    kinds = [
        (embedded(encoder, crops.log_mels, min_frames), crops.woman)
        for crops in held_out
        if crops.has_both
    ]
    if kinds:
        others, woman = (np.concatenate(part) for part in zip(*kinds, strict=True))
        evidence = calibrate(evidence, others, woman)
        factor = min(_caution(evidence, *kind) for kind in kinds)
        evidence = dataclasses.replace(
            evidence, scale=factor * evidence.scale, bias=factor * evidence.bias
        )
    return dataclasses.replace(evidence, margin=_margin(evidence, embeddings))


def fit_logistic(
    embeddings: NDArray[np.floating], woman: NDArray[np.bool_], penalty: float = _PENALTY
) -> GenderEvidence:
    """Fit a penalised logistic regression, both genders weighing the same.

    Args:
        embeddings: (crops, embedding) of unit length.
        woman: (crops,) whether it is of a woman; both occur.
        penalty: Of half of the squared weights, beside the sum of the losses.
    """
    return _evidence(*_fitted(embeddings, woman, woman.astype(float), penalty))


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


def _caution(
    evidence: GenderEvidence, embeddings: NDArray[np.floating], woman: NDArray[np.bool_]
) -> float:
    """The factor on the log-odds, at most 1, at which few are surely told, and wrongly."""
    log_odds = evidence.scale * (embeddings @ np.array(evidence.axis)) + evidence.bias
    wrong = np.sort(np.where(woman, -log_odds, log_odds))[::-1]
    allowed = int(_SURE_AND_WRONG * len(woman))
    return float(min(1.0, math.log(_SURE / (1 - _SURE)) / max(wrong[allowed], 1e-9)))


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
