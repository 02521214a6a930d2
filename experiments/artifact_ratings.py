"""Ratings of how broken generated faces look, and the score and critic that are fitted to them.

    python experiments/artifact_ratings.py sheets MODEL STORE FOLDER [--faces 800] [--first-seed N]
    python experiments/artifact_ratings.py fit STORE [STORE ...]
    python experiments/artifact_ratings.py critic STORE [STORE ...] --models MODEL [MODEL ...]

"sheets" generates faces for the voices of the store's test split and writes them into FOLDER:
`faces.webp`, all of them, and numbered sheets of 25 to be rated. "fit" reads every round of
`experiments/artifact_ratings/`: its `faces.webp`, and `ratings.csv`, in which row i has what each
rater said of face i: 0 nothing amiss, 0.5 doubtful, 1 broken. With photographs of the stores'
training splits, which count as 0, it fits `networks.artifact_score.ArtifactScore`, and prints how
well half of each round is predicted by the other halves. README.md there has the raters' rule.

"critic" fits `networks.artifact_critic.ArtifactCritic`, which has nothing but pixels to tell by: to
the ratings, to photographs, and to that score of 12,000 faces of each model, generated from random
noise and the first store's test voices. It prints beyond which logits a share of these faces is.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unpicked_faces import unpicked_faces
from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.files import write_atomically
from voice2face.images.pixels import to_pixels
from voice2face.images.sheet import grid
from voice2face.networks.artifact_critic import CRITIC_PX, ArtifactCritic
from voice2face.networks.artifact_critic import WEIGHTS_FILE as CRITIC_FILE
from voice2face.networks.artifact_score import WEIGHTS_FILE, ArtifactScore, described
from voice2face.networks.frozen_features import FrozenFeatures
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import find_bundle
from voice2face.training.crops import faces_to_tensor
from voice2face.training.gan.differentiable_augment import N_NUMBERS, augment

ROUNDS = Path(__file__).with_suffix("")
# Faces a row of `faces.webp`, and a row and column of a sheet.
COLUMNS, SHEET = 40, 5
SHEET_FACE_PX, LABEL_PX = 192, 14
QUALITY = 90
# Each face is also shown mirrored, and with the colours and shifts of training, which change
# nothing of its rating.
AUGMENT_PROBABILITY = 0.7
# Of each store. With more, they are told from generated faces better, and broken faces worse.
PHOTOGRAPHS = 1200
# Of the ridge, a view; found by halves.
STRENGTH = 1e4

# Of the critic; found with half of the faces.
N_SCORED, N_FRAMES = 12_000, 200
EPOCHS, BATCH, RATE, WEIGHT_DECAY = 6, 128, 1e-3, 0.05

Faces = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True)
    of_sheets = steps.add_parser("sheets")
    of_sheets.add_argument("model")
    of_sheets.add_argument("store", type=Path)
    of_sheets.add_argument("folder", type=Path)
    of_sheets.add_argument("--faces", type=int, default=800)
    of_sheets.add_argument("--first-seed", type=int, default=100_000)
    of_fit = steps.add_parser("fit")
    of_fit.add_argument("stores", type=Path, nargs="+")
    of_critic = steps.add_parser("critic")
    of_critic.add_argument("stores", type=Path, nargs="+")
    of_critic.add_argument("--models", nargs="+", required=True)
    options = parser.parse_args()
    if options.step == "sheets":
        model, store = VoiceToFace.load(options.model), Store.open(options.store)
        faces = unpicked_faces(model, store, options.faces // 2, options.first_seed)
        # Women's and men's voices mixed.
        write_sheets(np.random.default_rng(0).permutation(faces), options.folder)
        return
    stores = [Store.open(store) for store in options.stores]
    if options.step == "fit":
        fit(stores)
    else:
        fit_critic(stores, options.models)


def write_sheets(faces: Faces, folder: Path) -> None:
    """Write all faces in one file, and sheets of 25 with numbers above them."""
    write_atomically(folder / "faces.webp", compressed(faces))
    side, step = SHEET_FACE_PX + 8, SHEET_FACE_PX + 8 + LABEL_PX
    for first in range(0, len(faces), SHEET**2):
        sheet = Image.new("RGB", (SHEET * side, SHEET * step), "white")
        write = ImageDraw.Draw(sheet)
        for place, face in enumerate(faces[first : first + SHEET**2]):
            x, y = place % SHEET * side, place // SHEET * step
            write.text((x + side // 2, y), str(first + place), fill="black", anchor="ma")
            size = SHEET_FACE_PX, SHEET_FACE_PX
            large = Image.fromarray(face).resize(size, Image.Resampling.LANCZOS)
            sheet.paste(large, (x + 4, y + LABEL_PX))
        sheet.save(folder / f"sheet-{first // SHEET**2:03d}.png")


def compressed(faces: Faces) -> bytes:
    """Encode faces in one picture, as those that were rated are kept."""
    file = io.BytesIO()
    grid(faces, COLUMNS).save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


def decompressed(file: io.BytesIO | Path, count: int) -> Faces:
    """Read so many faces from a picture that `compressed` made."""
    picture = np.asarray(Image.open(file).convert("RGB"))
    side = picture.shape[1] // COLUMNS
    tiles = picture.reshape(-1, side, COLUMNS, side, 3).swapaxes(1, 2)
    return tiles.reshape(-1, side, side, 3)[:count]


def fit(stores: list[Store]) -> None:
    """Fit the score to all rounds, print how well halves predict each other, and write it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    look = FrozenFeatures()
    rounds = {name: (views(look, faces), ratings) for name, faces, ratings in rated()}
    both = dict(rounds)
    for store in stores:
        faces = photographs_of(store)
        both[store.folder.name] = views(look, faces), np.zeros(len(faces))
    predicted = {name: np.zeros(len(ratings)) for name, (_, ratings) in both.items()}
    for half in (0, 1):
        model = fitted([(seen[:, half::2], ratings[half::2]) for seen, ratings in both.values()])
        for name, (seen, _) in both.items():
            predicted[name][1 - half :: 2] = model.predict(seen[0, 1 - half :: 2])
    print("round, faces, mean rating, mean score, correlation, AUC of broken")
    for name, (_, ratings) in both.items():
        told = [name, str(len(ratings)), f"{ratings.mean():.3f}", f"{predicted[name].mean():.3f}"]
        if name in rounds:
            told.append(f"{np.corrcoef(predicted[name], ratings)[0, 1]:.3f}")
            told.append(f"{roc_auc_score(ratings >= 0.75, predicted[name]):.3f}")
        print(", ".join(told), flush=True)
    scale, ridge = fitted(list(both.values())).named_steps.values()
    weights = ridge.coef_ / scale.scale_
    offset = ridge.intercept_ - scale.mean_ @ weights
    arrays = {"weights": weights.astype(np.float32), "offset": np.float32(offset)}
    file = io.BytesIO()
    np.savez(file, **arrays)
    write_atomically(WEIGHTS_FILE, file.getvalue())


def rated() -> Iterator[tuple[str, Faces, NDArray[np.float64]]]:
    """Read each round: its name, its faces, and the mean rating of each."""
    for folder in sorted(path for path in ROUNDS.iterdir() if path.is_dir()):
        with (folder / "ratings.csv").open(newline="") as file:
            ratings = np.array([[float(one) for one in row] for row in csv.reader(file)])
        yield folder.name, decompressed(folder / "faces.webp", len(ratings)), ratings.mean(axis=1)


def photographs_of(store: Store) -> Faces:
    """Take photographs of the training split, compressed as the rated faces are."""
    rows = [row for row, split in enumerate(store.faces["split"]) if split == "train"]
    some = np.random.default_rng(0).permutation(rows)[:PHOTOGRAPHS]
    return decompressed(io.BytesIO(compressed(store.images[some])), len(some))


def fit_critic(stores: list[Store], models: list[str]) -> None:
    """Fit the critic, print how it judges generated faces, and write it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    look, score = FrozenFeatures(), ArtifactScore()
    sets = [(averaged(faces), ratings) for _, faces, ratings in rated()]
    sets += [(averaged(faces), np.zeros(len(faces))) for faces in map(photographs_of, stores)]
    sets += sets  # ratings tell more than a score does
    for name in models:
        faces = random_faces(Bundle(find_bundle(name)), stores[0])
        scores = []
        for part in np.array_split(faces, len(faces) // 64):
            flips = (torch.full((len(part),), mirrored) for mirrored in (False, True))
            shown = [faces_to_tensor(torch.from_numpy(part), flip) for flip in flips]
            with torch.no_grad():
                scores.append(torch.stack([score(look(one)) for one in shown]).mean(dim=0))
        sets.append((averaged(faces), torch.cat(scores).clamp(0, 1).numpy()))
        print(f"{name}: mean score {sets[-1][1].mean():.3f}", flush=True)
    faces = torch.from_numpy(np.concatenate([faces for faces, _ in sets]))
    targets = torch.tensor(np.concatenate([ratings for _, ratings in sets]), dtype=torch.float32)
    critic = ArtifactCritic()
    optimiser = torch.optim.AdamW(critic.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    n_batches = len(faces) // BATCH
    decay = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * n_batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(faces))[: n_batches * BATCH].split(BATCH):
            shown = faces_to_tensor(faces[rows], torch.rand(BATCH) < 0.5)
            shown = augment(shown, torch.rand(BATCH, N_NUMBERS), AUGMENT_PROBABILITY)
            loss = F.binary_cross_entropy_with_logits(critic(shown), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            decay.step()
    take_off_colour(critic.eval(), np.concatenate([faces for faces, _ in sets[-len(models) :]]))
    file = io.BytesIO()
    np.savez(file, **{name: value.half().numpy() for name, value in critic.state_dict().items()})
    write_atomically(CRITIC_FILE, file.getvalue())
    critic = ArtifactCritic.trained()
    for name, (generated, _) in zip(models, sets[-len(models) :], strict=True):
        with torch.no_grad():
            logits = critic(faces_to_tensor(torch.from_numpy(generated)))
        beyond = {share: round(float(logits.quantile(1 - share)), 2) for share in (0.1, 0.3, 0.5)}
        print(f"{name}: logit that a share of faces is beyond: {beyond}")


def take_off_colour(critic: ArtifactCritic, generated: Faces) -> None:
    """Make the logits of generated faces independent of their mean colour, and keep their mean."""
    faces = faces_to_tensor(torch.from_numpy(generated))
    with torch.no_grad():
        colours, logits = critic.mean_colour(faces), critic(faces)
        centred = colours - colours.mean(dim=0)
        critic.colour.copy_(torch.linalg.lstsq(centred, logits[:, None]).solution[:, 0])
        last = critic.layers[-1]
        assert isinstance(last, torch.nn.Linear)
        last.bias.add_(colours.mean(dim=0) @ critic.colour)


def random_faces(bundle: Bundle, store: Store) -> Faces:
    """Generate faces from random noise and the first seconds of voices of the test split."""
    random = np.random.default_rng(0)
    rows = [row for row, split in enumerate(store.voices["split"]) if split == "test"]
    voices = [bundle.embed(store.log_mel(row)[None, :N_FRAMES]) for row in rows]
    faces = []
    for _ in range(N_SCORED // 4):
        some = np.concatenate([voices[one] for one in random.integers(len(voices), size=4)])
        noise = random.standard_normal((4, bundle.description.noise_dim), dtype=np.float32)
        faces.append(to_pixels(bundle.draw(some, noise), bundle.description.pixel_range))
    return np.concatenate(faces)


def averaged(faces: Faces) -> Faces:
    """Bring faces to the critic's size, by means of squares."""
    step = faces.shape[1] // CRITIC_PX
    squares = faces.reshape(len(faces), CRITIC_PX, step, CRITIC_PX, step, 3)
    return np.round(squares.mean(axis=(2, 4))).astype(np.uint8)


def fitted(parts: list[tuple[NDArray[np.float32], NDArray[np.float64]]]):
    """Regress ratings on all views: ((views, faces, numbers), (faces,)) for each round."""
    inputs = np.concatenate([seen.reshape(-1, seen.shape[-1]) for seen, _ in parts])
    targets = np.concatenate([np.tile(ratings, len(seen)) for seen, ratings in parts])
    ridge = Ridge(STRENGTH * len(parts[0][0]), solver="cholesky")
    return make_pipeline(StandardScaler(), ridge).fit(inputs, targets.astype(np.float32))


def views(look: FrozenFeatures, faces: Faces) -> NDArray[np.float32]:
    """Describe faces as they are, mirrored, and each of these augmented: (4, faces, numbers)."""
    found = []
    for mirrored in (False, True):
        for share in (0, AUGMENT_PROBABILITY):
            parts = []
            for part in np.array_split(faces, -(-len(faces) // 64)):
                flip = torch.full((len(part),), mirrored)
                shown = faces_to_tensor(torch.from_numpy(part), flip)
                shown = augment(shown, torch.rand(len(part), N_NUMBERS), share)
                with torch.no_grad():
                    parts.append(described(look(shown)).numpy())
            found.append(np.concatenate(parts))
    return np.stack(found)


if __name__ == "__main__":
    main()
