"""The classifier of the VGGFace score: against normal densities, and on real photographs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from tests.evaluation.worlds import PixelJudge

from voice2face.data.store import rows_by_identity
from voice2face.errors import DataError
from voice2face.evaluation.identity_classifier import (
    fit_identity_classifier,
    read_identity_classifier,
)
from voice2face.metrics.retrieval import unit, vggface_score


class Few(PixelJudge):
    """Forty pixels are the embedding; black cannot be embedded."""

    def embed(self, faces):
        found = super().embed(faces)[:, ::10][:, :40]
        return np.where(faces.reshape(len(faces), -1).any(axis=1)[:, None], found, np.nan)


def test_it_tells_densities_of_one_covariance_but_for_its_sureness(world):
    """People of four and of six faces count alike: their priors are equal."""
    splits = list(world.faces["split"])
    for rows in list(rows_by_identity(world.faces, "train").values())[:8]:
        for row in rows[4:]:
            splits[row] = "none"
    uneven = dataclasses.replace(world, faces={**world.faces, "split": splits})
    judge = Few(uneven)
    classifier = fit_identity_classifier(uneven, judge)
    assert classifier.statistics["people"] == 20
    assert classifier.statistics["tested"] == 20
    people = [
        unit(judge.embed(uneven.images[[row for n, row in enumerate(rows) if n % 4 != 3]]))
        for _, rows in sorted(rows_by_identity(uneven.faces, "train").items())
    ]
    assert sorted({len(one) for one in people}) == [3, 5]
    apart = np.concatenate([one - one.mean(axis=0) for one in people]).astype(float)
    covariance = apart.T @ apart / len(apart)
    covariance = 0.9 * covariance + 0.1 * np.trace(covariance) / 40 * np.eye(40)
    tests = unit(judge.embed(uneven.images[:100])).astype(float)
    theirs = np.column_stack(
        [multivariate_normal(one.mean(axis=0), covariance).logpdf(tests) for one in people]
    )
    ours = tests @ classifier.weights + classifier.offsets
    theirs, ours = (one - one.mean(axis=1, keepdims=True) for one in (theirs, ours))
    slope = (ours * theirs).sum() / (theirs**2).sum()
    np.testing.assert_allclose(ours, slope * theirs, atol=1e-3 * np.abs(ours).max())


def test_it_names_real_people_and_is_no_surer_than_it_is_right(olivetti):
    store = dataclasses.replace(olivetti, faces={**olivetti.faces, "split": ["train"] * 400})
    classifier = fit_identity_classifier(store, PixelJudge(store))
    assert classifier.statistics["right_percent"] > 85
    p = classifier.posteriors(store.images[7::10])
    assert (p.argmax(axis=1) == np.arange(40)).mean() > 0.85
    assert vggface_score(p) > 15
    assert p.max(axis=1).mean() == pytest.approx(0.95, abs=0.1)


def test_a_file_gives_the_same_classifier_and_what_is_none_is_named(world, tmp_path):
    judge = Few(world)
    classifier = fit_identity_classifier(world, judge)
    path = tmp_path / "a.safetensors"
    classifier.write(path)
    again = read_identity_classifier(path, [PixelJudge(world, "other"), judge])
    faces = np.concatenate([world.images[:8], np.zeros_like(world.images[:1])])
    np.testing.assert_array_equal(again.posteriors(faces), classifier.posteriors(faces))
    np.testing.assert_allclose(again.posteriors(faces)[-1], 1 / 20, rtol=1e-6)
    assert again.statistics == classifier.statistics
    with pytest.raises(DataError, match="embeddings of 'pixels', but the face recognisers in use"):
        read_identity_classifier(path, [PixelJudge(world, "other")])
    with pytest.raises(DataError, match="no such file"):
        read_identity_classifier(tmp_path / "none", [judge])
    path.write_bytes(b"no tensors")
    with pytest.raises(DataError, match="cannot be read as an identity classifier"):
        read_identity_classifier(path, [judge])


def test_a_store_with_one_face_a_person_is_refused_with_what_to_give(olivetti):
    faces = {name: values[::10] for name, values in olivetti.faces.items()}
    faces["split"] = ["train"] * 40
    store = dataclasses.replace(olivetti, faces=faces, images=olivetti.images[::10])
    with pytest.raises(DataError, match=r"has 0 people with 4 faces.*--identity-classifier FILE"):
        fit_identity_classifier(store, PixelJudge(store))
