"""The score of broken faces: how it is laid out, and what it says of faces that were rated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from voice2face.networks.artifact_score import ArtifactScore
from voice2face.networks.frozen_features import CHANNELS, FrozenFeatures

ROUND = Path(__file__).parents[2] / "experiments" / "artifact_ratings" / "5"
SIDE, COLUMNS, N = 64, 40, 400


def test_it_is_a_linear_function_of_maps_at_two_strides():
    random = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(3, channels, side, side, generator=random)
        for channels, side in zip(CHANNELS, (32, 16, 8, 4), strict=True)
    ]
    score = ArtifactScore()
    weights = score.weights.double().numpy()
    of_8, of_16 = np.split(weights, [CHANNELS[1] * 64])
    halved = maps[1].double().numpy().reshape(3, CHANNELS[1], 8, 2, 8, 2).mean(axis=(3, 5))
    wanted = float(score.offset) + np.tensordot(halved, of_8.reshape(-1, 8, 8), 3)
    wanted += np.tensordot(maps[2].double().numpy(), of_16.reshape(-1, 8, 8), 3)
    assert np.allclose(score(maps).numpy(), wanted, atol=1e-4)
    assert not list(score.state_dict())  # it is no part of a run's checkpoint


def test_faces_that_raters_called_broken_score_higher(lite0_weights):
    rows = (ROUND / "ratings.csv").read_text().splitlines()[:N]
    ratings = np.array([[float(one) for one in row.split(",")] for row in rows]).mean(axis=1)
    picture = np.asarray(Image.open(ROUND / "faces.webp").convert("RGB"))
    faces = picture[: N // COLUMNS * SIDE].reshape(-1, SIDE, COLUMNS, SIDE, 3)
    shown = torch.from_numpy(faces.swapaxes(1, 2).reshape(N, SIDE, SIDE, 3).copy())
    maps = FrozenFeatures()(shown.permute(0, 3, 1, 2).float() / 127.5 - 1)
    scores = ArtifactScore()(maps).numpy()
    # .86 of faces that it was not fitted to, as one rater's ratings by another's.
    assert roc_auc_score(ratings >= 0.75, scores) > 0.8
