"""The critic that ships: what it sees, and what it says of faces that were rated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import roc_auc_score

from voice2face.networks.artifact_critic import THRESHOLD, ArtifactCritic

ROUND = Path(__file__).parents[2] / "experiments" / "artifact_ratings" / "5"
SIDE, COLUMNS, N = 64, 40, 800


def test_a_larger_face_is_seen_as_its_mean_of_squares():
    faces = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    critic = ArtifactCritic.trained()
    squares = faces.numpy().reshape(3, 3, 64, 2, 64, 2).mean(axis=(3, 5))
    with torch.no_grad():
        logits, wanted = critic(faces), critic(torch.from_numpy(squares))
    assert logits.shape == (3,)
    assert torch.allclose(logits, wanted, atol=1e-4)


def test_it_is_a_network_of_five_convolutions():
    critic, faces = ArtifactCritic.trained(), torch.rand(2, 3, 64, 64)
    state, maps = critic.state_dict(), faces.double()
    for layer, stride in zip(range(0, 15, 3), (2, 2, 2, 2, 1), strict=True):
        weight = state[f"layers.{layer}.weight"].double()
        norm = {
            name: state[f"layers.{layer + 1}.{name}"].double()[:, None, None]
            for name in ("weight", "bias", "running_mean", "running_var")
        }
        maps = F.conv2d(maps, weight, stride=stride, padding=1)
        maps = (maps - norm["running_mean"]) / (norm["running_var"] + 1e-5).sqrt()
        maps = (maps * norm["weight"] + norm["bias"]).relu()
    wanted = maps.flatten(1) @ state["layers.17.weight"].double()[0] + state["layers.17.bias"][0]
    middle = faces.double().numpy()[:, :, 20:52, 16:48].mean(axis=(2, 3))
    wanted = wanted - torch.from_numpy(middle @ state["colour"].double().numpy())
    with torch.no_grad():
        assert torch.allclose(critic(faces).double(), wanted, atol=1e-4)


def test_faces_that_raters_called_broken_score_higher():
    rows = (ROUND / "ratings.csv").read_text().splitlines()[:N]
    ratings = np.array([[float(one) for one in row.split(",")] for row in rows]).mean(axis=1)
    picture = np.asarray(Image.open(ROUND / "faces.webp").convert("RGB"))
    faces = picture[: N // COLUMNS * SIDE].reshape(-1, SIDE, COLUMNS, SIDE, 3)
    shown = torch.from_numpy(faces.swapaxes(1, 2).reshape(N, SIDE, SIDE, 3).copy())
    with torch.no_grad():
        logits = ArtifactCritic.trained()(shown.permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()
    # .83 of faces that it was not fitted to; these it was.
    assert roc_auc_score(ratings >= 0.75, logits) > 0.8
    beyond = [(logits[some] > THRESHOLD).mean() for some in (ratings >= 0.75, ratings < 0.25)]
    assert beyond[0] > 0.9  # so many are generated again
    assert beyond[0] - beyond[1] > 0.3
