"""Fit the two judges of the planted world's faces, and say how well they judge.

    python benchmarks/planted_judges.py                 # measure those that are shipped
    python benchmarks/planted_judges.py --fit           # fit them anew first: minutes

Each is fitted on a world of its own and measured on people of a third one.
"""

from __future__ import annotations

import argparse
import io
import json
import math

import numpy as np
import onnx
import torch
from torch import nn

from record import line
from voice2face.data.backends import Workers, run_tasks
from voice2face.export import export_network
from voice2face.files import write_atomically
from voice2face.synthetic import judges as planted
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.latents import FACE_FACTORS, WorldSettings, sample_person
from voice_probe import fit_ridge

SEEDS = {"closed_form": 910_001, "network": 910_002, "test": 910_003}
COMPONENTS, SQUARED = 400, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="write new judges into the package")
    parser.add_argument("--people", type=int, default=10_000, help="to fit on")
    parser.add_argument("--passes", type=int, default=16, help="over them, of the network")
    parser.add_argument("--test-people", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.jobs)
    if options.fit:
        fit_closed_form(*rendered(SEEDS["closed_form"], options.people, 2, options.jobs))
        faces = rendered(SEEDS["network"], options.people, 2, options.jobs)
        fit_network(*faces, options.passes)
    faces, truth = rendered(SEEDS["test"], options.test_people, 4, options.jobs)
    figures = {judge.name: measured(judge(), faces, truth) for judge in JUDGES}
    size = {
        path.name: path.stat().st_size for path in (planted.CLOSED_FORM_FILE, planted.NETWORK_FILE)
    }
    print(
        line("planted_judges", ("numpy", "onnxruntime"), people=options.test_people, bytes=size)[
            :-1
        ]
        + ", "
        + json.dumps(figures)[1:]
    )


JUDGES = (planted.ClosedFormJudge, planted.NetworkJudge)


def rendered(seed: int, people: int, each: int, jobs: int) -> tuple[np.ndarray, np.ndarray]:
    """(people, each, 64, 64, 3) faces, and (people, 11) what they express."""
    tasks = [(seed, at, min(people, at + 200), each) for at in range(0, people, 200)]
    blocks = sorted(run_tasks(render_block, tasks, Workers(jobs)), key=lambda block: block[0])
    return tuple(np.concatenate([block[part] for block in blocks]) for part in (1, 2))


def render_block(seed: int, first: int, last: int, each: int) -> tuple:
    """The people from `first` up to `last`."""
    settings = WorldSettings()
    people = [sample_person(seed, number, settings) for number in range(first, last)]
    truth = [
        [*(person.face[name] for name in FACE_FACTORS), 1 if person.gender == "male" else -1]
        for person in people
    ]
    sitters = [person for person in people for _ in range(each)]
    faces = photograph(sitters, [*range(each)] * len(people), settings)
    return first, faces.reshape(len(people), each, *faces.shape[1:]), np.array(truth, np.float32)


def calibration(estimates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over people, and the map that makes the spread within a person spherical.

    Args:
        estimates: (people, each, 11).
    """
    mean = estimates.mean(axis=(0, 1))
    apart = estimates - estimates.mean(axis=1, keepdims=True)
    apart = apart.reshape(-1, apart.shape[-1])
    within = apart.T @ apart / (len(estimates) * (estimates.shape[1] - 1))
    values, vectors = np.linalg.eigh(within + 0.02 * np.eye(len(within)))
    return mean, (vectors / np.sqrt(values)) @ vectors.T


def fit_closed_form(faces: np.ndarray, truth: np.ndarray) -> None:
    """Principal components, their ridge regression, and that of products of the first ones."""
    each = faces.shape[1]
    pixels = planted.halved(faces.reshape(-1, *faces.shape[2:]))
    mean_pixels = pixels.mean(axis=0)
    pixels -= mean_pixels
    values, vectors = np.linalg.eigh(pixels.T @ pixels / len(pixels))
    scaled = vectors[:, ::-1][:, :COMPONENTS] / np.sqrt(values[::-1][:COMPONENTS])
    basis = scaled[:, :SQUARED].astype(np.float16)
    products = planted.squares(pixels @ basis.astype(np.float32))
    inputs = np.concatenate([pixels @ scaled, products], axis=1)
    # The last fifth of the people tells how far estimates of one person lie apart.
    fitted = np.arange(len(pixels)) < 0.8 * len(pixels)
    ridge = fit_ridge(inputs[fitted], np.repeat(truth, each, axis=0)[fitted], 0.01)
    estimates = ridge.predict(inputs[~fitted]).reshape(-1, each, truth.shape[1])
    mean, whitening = calibration(estimates)
    scaler, regression = (step for _, step in ridge.steps)
    weights = (regression.coef_ / scaler.scale_).T
    file = io.BytesIO()
    np.savez_compressed(
        file,
        mean_pixels=mean_pixels.astype(np.float16),
        of_pixels=(scaled @ weights[:COMPONENTS]).astype(np.float32),
        basis=basis,
        of_squares=weights[COMPONENTS:].astype(np.float32),
        intercept=(regression.intercept_ - scaler.mean_ @ weights).astype(np.float32),
        mean=mean.astype(np.float32),
        whitening=whitening.astype(np.float32),
    )
    write_atomically(planted.CLOSED_FORM_FILE, file.getvalue())


class Network(nn.Module):
    """Four strided convolutions and two layers; takes faces as they are stored."""

    def __init__(self) -> None:
        super().__init__()
        layers, width = [], 3
        for out in (16, 32, 48, 64):
            layers += [nn.Conv2d(width, out, 3, 2, 1), nn.BatchNorm2d(out), nn.ReLU()]
            width = out
        layers += [nn.Flatten(), nn.Linear(width * 16, 96), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Linear(96, len(FACE_FACTORS) + 1))

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Estimate factors and gender."""
        values = self.body(faces.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return torch.cat([values[:, :-1], torch.tanh(values[:, -1:])], dim=1)


def fit_network(faces: np.ndarray, truth: np.ndarray, passes: int) -> None:
    """Adam on the squared error, with the last twentieth of the people held out."""
    torch.manual_seed(0)
    people, each = faces.shape[:2]
    n_fit = int(0.95 * people)
    inputs = torch.from_numpy(faces[:n_fit].reshape(-1, *faces.shape[2:]))
    targets = torch.from_numpy(np.repeat(truth[:n_fit], each, axis=0))
    network, batch = Network(), 64
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    steps = passes * len(inputs) // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2
    )
    for _ in range(steps):
        rows = torch.randint(len(inputs), (batch,))
        loss = (network(inputs[rows]) - targets[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    held_out = torch.from_numpy(faces[n_fit:].reshape(-1, *faces.shape[2:]))
    with torch.no_grad():
        estimates = network(held_out).numpy().reshape(-1, each, truth.shape[1])
    mean, whitening = calibration(estimates)
    path = planted.NETWORK_FILE
    export_network(network, held_out[:2], path, ("faces", "factors"), {0: "batch"})
    model = onnx.load(path)
    numbers = [*mean, *whitening.ravel()]
    onnx.helper.set_model_props(model, {"calibration": " ".join(f"{x:.6g}" for x in numbers)})
    write_atomically(path, model.SerializeToString())


def measured(
    judge: planted.ClosedFormJudge | planted.NetworkJudge, faces: np.ndarray, truth: np.ndarray
) -> dict:
    """Correlation by factor, gender, and the choice of a person's other image among ten."""
    people, each = faces.shape[:2]
    flat = faces.reshape(-1, *faces.shape[2:])
    estimates, embedding = judge.estimate(flat), judge.embed(flat)
    of_image = np.repeat(truth, each, axis=0)
    correlations = [np.corrcoef(estimates[:, k], of_image[:, k])[0, 1] for k in range(10)]
    embedding = embedding.reshape(people, each, -1)
    male = truth[:, -1] > 0
    unit = embedding / np.linalg.norm(embedding, axis=-1, keepdims=True)
    likeness = unit[:, 0] @ unit[:, 1].T
    return {
        "correlation": {
            name: round(float(value), 3)
            for name, value in zip(FACE_FACTORS, correlations, strict=True)
        },
        "gender_percent": round(
            100 * float(np.mean((estimates[:, -1] > 0) == (of_image[:, -1] > 0))), 2
        ),
        "match_1_to_10_percent": round(100 * choice(likeness, np.ones((people, people), bool)), 2),
        "match_1_to_10_within_gender_percent": round(
            100 * choice(likeness, male[:, None] == male[None, :]), 2
        ),
    }


def choice(likeness: np.ndarray, allowed: np.ndarray, n_candidates: int = 10) -> float:
    """Share of people whose own image is the likest among that of nine allowed others."""
    random = np.random.default_rng(0)
    right = []
    for row in range(len(likeness)):
        others = np.flatnonzero(allowed[row] & (np.arange(len(likeness)) != row))
        for _ in range(10):
            wrong = random.choice(others, n_candidates - 1, replace=False)
            right.append(likeness[row, row] > likeness[row, wrong].max())
    return float(np.mean(right))


if __name__ == "__main__":
    main()
