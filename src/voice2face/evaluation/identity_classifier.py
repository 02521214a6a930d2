"""A classifier of who a face is, for the VGGFace score: a judge's embeddings, and known people.

The published score takes a network that was taught 2,622 people of VGGFace. No package holds one,
so that one is fitted here: linear discriminants on a face recogniser's embeddings of the training
people of a store, sharpened to be as sure as it is right. Scores of different classifiers, or of
different numbers of people, may not be compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from voice2face.data.store import Store, rows_by_identity
from voice2face.errors import DataError
from voice2face.files import atomic_path
from voice2face.metrics.retrieval import unit
from voice2face.pretrained.interfaces import FaceRecogniser

FORMAT = 1
# Of one person: three to learn from and one to be tested on, at least; no more are looked at.
_LEAST_FACES, _MOST_FACES = 4, 40
_LEAST_PEOPLE = 10
_TESTED = 4  # one face in so many
# Share of the pooled covariance that a sphere replaces: there may be fewer faces than numbers.
_SHRINKAGE = 0.1
_SHARPNESSES = np.logspace(-2, 1, 31)


@dataclass(frozen=True)
class EmbeddingClassifier:
    """Names which of the people that it was fitted to a face is.

    Attributes:
        recogniser: Whose embeddings it reads.
        weights: (embedding, people).
        offsets: (people,).
        about: "people" and "faces" that it was fitted to; of "tested" other faces of these people
            it names "right_percent".
    """

    recogniser: FaceRecogniser
    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]
    statistics: dict[str, float]

    @property
    def name(self) -> str:
        """What results call it."""
        return f"linear discriminants on {self.recogniser.name}"

    def posteriors(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify faces; see `interfaces.IdentityClassifier`.

        Args:
            faces: (n, size, size, 3) RGB.

        Returns:
            (n, people); all people alike where the face cannot be embedded.
        """
        found = unit(self.recogniser.embed(faces))
        p = _posteriors(found.astype(np.float64) @ self.weights + self.offsets)
        p[~found.any(axis=1)] = 1 / p.shape[1]
        return p.astype(np.float32)

    def write(self, path: Path) -> None:
        """Write it to a safetensors file; the recogniser is named, and people are not.

        Raises:
            OutputError: It cannot be written.
        """
        entries = {"recogniser": self.recogniser.name, "about": self.statistics}
        arrays = {"weights": self.weights, "offsets": self.offsets}
        header = {"format": str(FORMAT), "identity_classifier": json.dumps(entries)}
        with atomic_path(path) as temporary:
            save_file(arrays, temporary, metadata=header)


def fit_identity_classifier(store: Store, recogniser: FaceRecogniser) -> EmbeddingClassifier:
    """Fit a classifier to the people of a store's split "train" who have four faces or more.

    One face in four of each is left out, to find how sure the classifier may be, and how often it
    is right.

    Raises:
        DataError: There are fewer than ten such people.

    Source:
        Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, section 4.3,
        with equal priors; sharpened as in Guo et al. 2017 (arXiv 1706.04599), section 4.2.
    """
    rows, person = _several_faces(store)
    found = unit(recogniser.embed(store.images[rows]))
    kept = found.any(axis=1)
    found, person = found[kept].astype(np.float64), person[kept]
    order = np.concatenate([np.arange(count) for count in np.bincount(person)])
    tested = order % _TESTED == _TESTED - 1
    n_people = int(person.max(initial=-1)) + 1
    if n_people == 0 or np.bincount(person[~tested], minlength=n_people).min() < 2:
        raise DataError(f"{recogniser.name} cannot embed two faces of each training person")
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=_SHRINKAGE)
    model.fit(found[~tested], person[~tested])
    weights = np.ascontiguousarray(model.coef_.T)  # as safetensors wants it
    offsets = model.intercept_ - np.log(model.priors_)  # equal priors
    logits = found[tested] @ weights + offsets
    right = person[tested]
    unsure = [
        -np.log(_posteriors(logits * one)[np.arange(len(right)), right] + 1e-300).mean()
        for one in _SHARPNESSES
    ]
    sharpness = _SHARPNESSES[int(np.argmin(unsure))]
    statistics = {
        "people": n_people,
        "faces": int((~tested).sum()),
        "tested": len(right),
        "right_percent": round(100 * float((logits.argmax(axis=1) == right).mean()), 1),
    }
    return EmbeddingClassifier(
        recogniser,
        (weights * sharpness).astype(np.float32),
        (offsets * sharpness).astype(np.float32),
        statistics,
    )


def read_identity_classifier(
    path: Path, recognisers: Sequence[FaceRecogniser]
) -> EmbeddingClassifier:
    """Read a classifier that `EmbeddingClassifier.write` wrote.

    Raises:
        DataError: It is missing, is none, or reads a recogniser that is not at hand.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            entries = json.loads(header["identity_classifier"])
            name, statistics = entries["recogniser"], dict(entries["about"])
            weights, offsets = file.get_tensor("weights"), file.get_tensor("offsets")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; give an identity classifier") from None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: cannot be read as an identity classifier ({error}); give one that "
            "voice2face evaluate wrote into a result"
        ) from None
    if header.get("format") != str(FORMAT) or weights.shape[1:] != offsets.shape:
        raise DataError(f"{path}: is an identity classifier of another format; fit it again")
    for recogniser in recognisers:
        if recogniser.name == name:
            return EmbeddingClassifier(recogniser, weights, offsets, statistics)
    raise DataError(
        f"{path}: reads the embeddings of {name!r}, but the face recognisers in use are "
        f"{', '.join(one.name for one in recognisers) or 'none'}; "
        "install that judge, or add it to --judges"
    )


def _several_faces(store: Store) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of faces of training people who have several, and the number of each one's person."""
    by_person = rows_by_identity(store.faces, "train")
    several = [rows[:_MOST_FACES] for _, rows in sorted(by_person.items())]
    several = [rows for rows in several if len(rows) >= _LEAST_FACES]
    if len(several) < _LEAST_PEOPLE:
        raise DataError(
            f"the split 'train' of {store.folder.name} has {len(several)} people with "
            f"{_LEAST_FACES} faces or more, and {_LEAST_PEOPLE} are needed; give "
            "--identity-classifier FILE, fitted on another store"
        )
    person = np.repeat(np.arange(len(several)), [len(rows) for rows in several])
    return np.concatenate(several).astype(np.int64), person


def _posteriors(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
