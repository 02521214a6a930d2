"""Measured traits against colours worked out elsewhere, and on photographs taken twice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.evaluation.worlds import Answers, constant_face, make_store, shuffled_face, true_face

from voice2face.evaluation.estimates import Subgroups
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.measured_section import correlation_estimates
from voice2face.evaluation.trials import TrialSettings
from voice2face.images.photographs import aligned_face
from voice2face.images.traits import ita_deg, measure_pixels, proportion, srgb_to_lab
from voice2face.metrics.intervals import identity_weights
from voice2face.pretrained.detectors import DEFAULT, load_detector
from voice2face.pretrained.trait_measures import PixelMeasures
from voice2face.reporting.evaluation_page import result_page


def test_colours_are_those_of_published_tables():
    """Lindbloom's CIE calculator: sRGB, D65, no adaptation."""
    known = {
        (255, 255, 255): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (255, 0, 0): (53.2408, 80.0925, 67.2032),
        (0, 255, 0): (87.7347, -86.1827, 83.1793),
        (0, 0, 255): (32.2970, 79.1875, -107.8602),
    }
    found = srgb_to_lab(np.array(list(known), np.uint8))
    np.testing.assert_allclose(found, list(known.values()), atol=0.02)


def test_ita_by_hand():
    # 20 above the middle, b* 20: half a right angle. Source of the classes: Chardon et al. 1991.
    assert ita_deg(np.array(70.0), np.array(20.0)) == pytest.approx(45)
    assert ita_deg(np.array(40.0), np.array(10 * math.sqrt(3))) == pytest.approx(-30)
    assert np.isnan(ita_deg(np.array(70.0), np.array(0.0)))


def test_a_painted_face_is_measured_where_it_is_painted():
    face = np.full((1, 64, 64, 3), (30, 60, 200), np.uint8)  # neither skin nor hair
    face[:, 22:52, 10:54] = skin = (214, 170, 140)
    face[:, :10] = hair = (70, 45, 30)
    face[:, 30:34, 20:26] = 255  # a highlight, fewer than a fifth of the pixels
    found = measure_pixels(face)
    lightness, _, b = srgb_to_lab(np.array(skin, np.uint8))
    assert found["skin tone"][0] == pytest.approx(math.degrees(math.atan((lightness - 50) / b)))
    lightness, a, b = srgb_to_lab(np.array(hair, np.uint8))
    assert found["hair darkness"][0] == pytest.approx(100 - lightness)
    assert found["hair hue"][0] == pytest.approx(math.degrees(math.atan2(b, a)))
    grey = np.repeat(face[..., :1], 3, axis=-1)
    assert np.isnan(measure_pixels(grey)["skin tone"][0])
    assert np.isfinite(measure_pixels(grey)["hair darkness"][0])


def test_proportion_by_hand_whatever_the_size_and_roll():
    points = np.array([[[2, 4], [8, 4], [5, 6], [3, 9], [7, 9]]], float)
    assert proportion(points) == pytest.approx(6 / 5)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert proportion(3 * points @ turn + 7) == pytest.approx(6 / 5)
    points[0, 3] = np.nan
    assert np.isnan(proportion(points)[0])


def test_correlations_are_numpys_and_their_interval_holds_them():
    random = np.random.default_rng(0)
    x, y = random.multivariate_normal((3, 5), ((1, 0.6), (0.6, 1)), 80).T
    y[3] = np.nan
    subgroups = Subgroups(("everybody", "few"), np.stack([np.ones(80, bool), np.arange(80) < 2]))
    weights = identity_weights(80, 0)
    (figure,) = correlation_estimates("r", (x, y), np.ones(80, int), subgroups, weights)
    kept = np.isfinite(y)
    assert figure.value == pytest.approx(np.corrcoef(x[kept], y[kept])[0, 1])
    assert figure.n_identities == 79
    # Fisher's z has a deviation of 1 / sqrt(n - 3).
    reach = 1.96 / math.sqrt(76)
    ends = [math.tanh(math.atanh(figure.value) + sign * reach) for sign in (-1, 1)]
    assert (figure.low, figure.high) == pytest.approx(ends, abs=0.06)
    (same,) = correlation_estimates("r", (np.ones(80), y), np.ones(80, int), subgroups, weights)
    assert math.isnan(same.value)
    assert "same for all" in same.note
    assert same.as_dict()["value"] is None


@pytest.fixture(scope="module")
def london(shared_data, mtcnn_weights):
    """40 people twice, neutral and smiling, cut as a store does."""
    detector, folder = load_detector(DEFAULT), shared_data / "faces" / "london"
    paths = sorted(folder.glob("*-neutral.jpg"))[:40]
    both = [(p, p.with_name(p.name.replace("neutral", "smiling"))) for p in paths]
    faces = [aligned_face(path, detector, 64) for pair in both for path in pair]
    return make_store(np.stack(faces), [k // 2 for k in range(len(faces))], n_recordings=1)


def test_on_photographs_taken_twice_traits_are_found_again(london):
    """In one studio, smiling or not. Drawing the person is told from drawing another or a mean."""
    systems = [Answers("oracle", true_face), Answers("shuffled", shuffled_face),
               Answers("one face", constant_face)]  # fmt: skip
    result = evaluate(
        Contenders(systems),
        london,
        "test",
        Judges(measures=[PixelMeasures()]),
        config=EvaluationConfig(settings=TrialSettings(rounds=2)),
    )
    section = result["measured"]["pixels"]
    real = {f["name"]: f for f in section["own"]}
    for trait in ("skin tone", "hair darkness"):
        assert real[f"correlation/{trait}"]["value"] > 0.8
        difference = real[f"difference/{trait}"]
        assert difference["value"] < difference["chance"] / 2
    told = {
        name: {f["name"]: f for f in contender["figures"]}
        for name, contender in section["contenders"].items()
    }
    for trait in ("skin tone", "hair darkness"):
        name = f"correlation/{trait}"
        assert told["oracle"][name]["low"] > 0.8
        assert told["shuffled"][name]["low"] < 0.2
        assert told["one face"][name]["value"] is None
    page = result_page(result)
    assert "Visible traits, judged by pixels" in page
    assert "undefined: the trait is the same for all" in page
