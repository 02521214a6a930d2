"""What guards the suite: an oracle, a constant, a shuffle; and each figure by another road."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from tests.evaluation.worlds import make_store

from voice2face.evaluation.consistency import consistency_estimates
from voice2face.evaluation.estimates import (
    Estimate,
    Subgroups,
    TrialMetric,
    difference_estimates,
    mean_estimates,
    weights_for,
    worst_group,
)
from voice2face.evaluation.protocols import (
    TrialScores,
    group_scores,
    identity_metrics,
    rank_estimates,
    similarity_metrics,
    verification_estimates,
)
from voice2face.evaluation.trials import TrialSettings, make_trials
from voice2face.metrics import retrieval as metrics

N_PEOPLE, DIM = 120, 24


@pytest.fixture(scope="module")
def crowd():
    """Trials over 120 people in two genders, three nationalities and one age band too rare."""
    random = np.random.default_rng(0)
    gender = random.choice(["female", "male"], N_PEOPLE).tolist()
    nationality = random.choice(["A", "B", "C"], N_PEOPLE).tolist()
    age = ["60-69"] * 5 + ["20-29"] * (N_PEOPLE - 5)
    store = make_store(
        np.zeros((6 * N_PEOPLE, 1, 1, 3), np.uint8),
        np.repeat(np.arange(N_PEOPLE), 6).tolist(),
        n_recordings=8,
        gender=gender,
        nationality=nationality,
        age=age,
    )
    return make_trials(store, "test", TrialSettings(rounds=8, gallery=30))


@pytest.fixture(scope="module")
def latent():
    return np.random.default_rng(1).normal(size=(N_PEOPLE, DIM))


def embed(latent, person, noise, seed):
    random = np.random.default_rng(seed)
    return metrics.unit(latent[person] + noise * random.normal(size=(len(person), DIM)))


@pytest.fixture(scope="module")
def faces(crowd, latent):
    return embed(latent, crowd.face_person, 0.3, seed=2)


def all_figures(trials, probes, faces, by=()):
    subgroups, weights = Subgroups.from_trials(trials, by), weights_for(trials, 0)
    outcomes = [
        *identity_metrics(TrialScores(trials, probes, faces)),
        *similarity_metrics(TrialScores(trials, probes, faces)),
    ]
    return [
        *mean_estimates(outcomes, subgroups, weights),
        *verification_estimates(TrialScores(trials, probes, faces), subgroups, weights),
        *rank_estimates(TrialScores(trials, probes, faces), subgroups, weights),
        *consistency_estimates(trials, probes, subgroups, weights),
    ]


def test_an_oracle_is_right_nearly_always(crowd, latent, faces):
    oracle = embed(latent, crowd.recording_person, 0.3, seed=3)
    for figure in all_figures(crowd, oracle, faces):
        if figure.name.startswith("matching") or "recall" in figure.name or "/map" in figure.name:
            assert figure.value > 97, figure
        if figure.name.endswith("median rank"):
            assert figure.value == 1
        if figure.name.endswith("eer"):
            assert figure.value < 2
        if figure.name == "consistency/score":
            assert figure.value > 0.8


def test_one_face_for_all_gets_exactly_chance_and_no_consistency(crowd, latent, faces):
    constant = np.tile(embed(latent, crowd.recording_person[:1], 0, seed=0), (960, 1))
    told = all_figures(crowd, constant, faces)
    for figure in told:
        if figure.name.startswith(("matching", "retrieval", "verification")):
            assert figure.value == pytest.approx(figure.chance, abs=1e-6)
            assert figure.low <= figure.chance <= figure.high
    consistency = {f.name: f for f in told if f.name.startswith("consistency")}
    score = consistency["consistency/score"]
    assert math.isnan(score.value)
    assert math.isnan(score.high)
    assert "all speakers get the same face" in score.note
    assert score.as_dict()["value"] is None
    assert consistency["consistency/between"].value == pytest.approx(0, abs=1e-6)


def test_faces_that_differ_by_a_hair_are_one_face_beside_real_ones(crowd, latent):
    """Else a generator that adds a grey level a speaker would be perfectly consistent."""
    base = np.ones((len(crowd.recording_person), DIM))
    nearly = metrics.unit(base + 0.01 * latent[crowd.recording_person])
    weights = weights_for(crowd, 0)
    score, _, between = consistency_estimates(
        crowd, nearly, Subgroups.from_trials(crowd), weights, 0.9
    )
    assert 0 < between.value < 0.009
    assert math.isnan(score.value)


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_identities_bring_every_protocol_to_chance(crowd, latent, faces, seed):
    order = np.random.default_rng(seed).permutation(N_PEOPLE)
    shuffled = embed(latent[order], crowd.recording_person, 0.3, seed=4)
    told = all_figures(crowd, shuffled, faces)
    asked = [f for f in told if not math.isnan(f.chance) and not f.name.startswith("consistency")]
    assert len(asked) > 50
    # Most of the figures rest on the same people, so that a few may miss together.
    missed = [f for f in asked if not f.low <= f.chance <= f.high]
    assert len(missed) <= 0.2 * len(asked), missed
    for figure in asked:
        half = (figure.high - figure.low) / 2
        assert abs(figure.value - figure.chance) <= 2.2 * half, figure


def test_what_knows_only_the_gender_is_at_chance_within_it(crowd, faces, latent):
    _, gender = crowd.factorize("gender")
    by_gender = np.stack([latent[gender == one].mean(axis=0) for one in (0, 1)])
    shifted = metrics.unit(faces + 0.7 * metrics.unit(by_gender)[gender[crowd.face_person]])
    mean = metrics.unit(by_gender[gender[crowd.recording_person]])
    told = {f.name: f for f in all_figures(crowd, mean, shifted)}
    assert told["matching/none/1:2"].low > 55
    within = told["matching/gender/1:2"]
    assert within.value == pytest.approx(50, abs=1e-6)


def test_matching_is_what_a_loop_over_trials_counts(crowd, latent, faces):
    probes = embed(latent, crowd.recording_person, 1.5, seed=5)
    outcomes = {o.name: o for o in identity_metrics(TrialScores(crowd, probes, faces))}
    groups = next(
        g for g in crowd.lists if (g.protocol, g.stratum, g.size) == ("matching", "gender", 5)
    )
    right = []
    for recordings, candidates in zip(groups.recording, groups.face, strict=True):
        for place, recording in enumerate(recordings):
            right.append(np.argmax(faces[candidates] @ probes[recording]) == place)
    assert outcomes["matching/gender/1:5"].value.mean() == pytest.approx(np.mean(right))
    assert outcomes["matching/gender/1:5"].person.tolist() == groups.person.ravel().tolist()


def test_verification_and_its_interval_agree_with_scikit_learn(crowd, latent, faces):
    probes = embed(latent, crowd.recording_person, 2.0, seed=6)
    weights = weights_for(crowd, 0)
    told = verification_estimates(
        TrialScores(crowd, probes, faces), Subgroups.from_trials(crowd), weights
    )
    figure = next(f for f in told if f.name == "verification/none/auc")
    groups = next(g for g in crowd.lists if g.protocol == "verification")
    scores, _ = group_scores(groups, probes, faces)
    genuine = np.concatenate([scores[:, 0, 0], scores[:, 1, 1]])
    impostor = np.concatenate([scores[:, 0, 1], scores[:, 1, 0]])
    person = np.tile(np.concatenate([groups.person[:, 0], groups.person[:, 1]]), 2)
    both, target = np.append(genuine, impostor), np.arange(2 * len(genuine)) < len(genuine)
    assert figure.value == pytest.approx(100 * roc_auc_score(target, both), abs=1e-6)
    resampled = [
        100 * roc_auc_score(target, both, sample_weight=weight[person]) for weight in weights[:400]
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    width = high - low
    assert figure.low == pytest.approx(low, abs=0.12 * width)
    assert figure.high == pytest.approx(high, abs=0.12 * width)


def test_a_faultless_eer_is_not_certain(crowd, latent, faces):
    oracle = embed(latent, crowd.recording_person, 0.0, seed=3)
    exact = metrics.unit(latent[crowd.face_person])
    weights = weights_for(crowd, 0)
    told = verification_estimates(
        TrialScores(crowd, oracle, exact), Subgroups.from_trials(crowd), weights
    )
    found = {f.name: f for f in told}
    reach = 100 * (1 - 0.025 ** (1 / N_PEOPLE))
    eer, auc = found["verification/none/eer"], found["verification/none/auc"]
    assert (eer.low, eer.value, eer.high) == (0, 0, pytest.approx(reach))
    assert (auc.low, auc.value, auc.high) == pytest.approx((100 - reach, 100, 100))


def test_the_mean_average_precision_of_a_gallery_agrees_with_scikit_learn(crowd, latent, faces):
    probes = embed(latent, crowd.recording_person, 2.0, seed=7)
    groups = next(g for g in crowd.lists if (g.protocol, g.size) == ("retrieval", 30))
    scores, _ = group_scores(groups, probes, faces)
    rows, right = scores.reshape(-1, 30), np.tile(np.eye(30), (len(scores), 1))
    expected = np.mean([average_precision_score(*one) for one in zip(right, rows, strict=True)])
    found = next(
        o
        for o in identity_metrics(TrialScores(crowd, probes, faces))
        if o.name.endswith("1:30/map")
    )
    assert found.value.mean() == pytest.approx(expected)
    rank = np.median((rows >= (rows * right).sum(axis=1, keepdims=True)).sum(axis=1))
    told = rank_estimates(
        TrialScores(crowd, probes, faces), Subgroups.from_trials(crowd), weights_for(crowd, 0)
    )
    figure = next(f for f in told if "1:30/" in f.name)
    assert figure.value == rank
    assert figure.low <= rank <= figure.high


def test_a_recording_without_a_face_counts_as_guessing_and_an_unseen_face_is_not_asked(
    crowd, latent, faces
):
    oracle = embed(latent, crowd.recording_person, 0.1, seed=8)
    nothing = metrics.unit(np.full_like(oracle, np.nan))
    outcomes = {o.name: o for o in identity_metrics(TrialScores(crowd, nothing, faces))}
    assert (outcomes["matching/none/1:4"].value == 0.25).all()
    unseen = faces.copy()
    unseen[crowd.face_person == 0] = 0
    asked = {o.name: o for o in identity_metrics(TrialScores(crowd, oracle, unseen))}[
        "matching/none/1:2"
    ]
    assert 0 not in asked.person
    assert len(asked.value) == len(outcomes["matching/none/1:2"].value) - 2 * 8
    assert asked.value.mean() > 0.99


def test_groups_are_told_and_few_people_are_marked(crowd, latent, faces):
    noisy = np.where(np.array(crowd.attributes["gender"]) == "male", 3.0, 0.5)
    random = np.random.default_rng(9)
    person = crowd.recording_person
    probes = metrics.unit(
        latent[person] + noisy[person, None] * random.normal(size=(len(person), DIM))
    )
    figures = all_figures(crowd, probes, faces, by=("gender", "nationality", "age"))
    matching = {f.group: f for f in figures if f.name == "matching/none/1:2"}
    assert set(matching) == {
        "everybody",
        "gender=female",
        "gender=male",
        *(f"nationality={one}" for one in "ABC"),
        "age=20-29",
        "age=60-69",
    }
    assert matching["everybody"].n_identities == N_PEOPLE
    assert matching["gender=female"].low > matching["gender=male"].high
    shares = [matching[g].n_trials * matching[g].value for g in ("gender=female", "gender=male")]
    everybody = matching["everybody"]
    assert sum(shares) == pytest.approx(everybody.n_trials * everybody.value)
    assert matching["age=60-69"].few
    assert not matching["gender=male"].few
    worst = worst_group(figures)
    assert worst["matching/none/1:2"]["group"] == "gender=male"
    assert worst["verification/none/eer"]["group"] == "gender=male"


def test_the_worst_group_is_never_one_of_few_people():
    def figure(group: str, value: float, n: int) -> Estimate:
        return Estimate("m", value, value, value, n, n, group=group)

    told = [
        figure("everybody", 70, 60),
        figure("a", 80, 30),
        figure("b", 60, 25),
        figure("c", 1, 5),
    ]
    assert worst_group(told)["m"] == {"group": "b", "value": 60.0, "everybody": 70.0}


def test_a_paired_difference_sees_what_two_intervals_cannot(crowd):
    """The same trials: a small steady gain stands out from trials that are hard for both."""
    random = np.random.default_rng(10)
    person = np.repeat(np.arange(N_PEOPLE), 10)
    hard = np.repeat(random.random(N_PEOPLE), 10)
    one = (random.random(len(person)) < hard).astype(float)
    other = np.where(random.random(len(person)) < 0.04, 0.0, one)
    weights = weights_for(crowd, 0)
    outcomes = [TrialMetric("m", person, value, 0.5) for value in (one, other)]
    separate = mean_estimates(outcomes, Subgroups.from_trials(crowd), weights)
    assert separate[1].high > separate[0].low
    (difference,) = difference_estimates(outcomes[:1], outcomes[1:], weights)
    assert difference.value == pytest.approx(separate[0].value - separate[1].value)
    assert difference.low > 0
    (same,) = difference_estimates(outcomes[:1], outcomes[:1], weights)
    assert (same.low, same.value, same.high) == (0, 0, 0)
    fewer = dataclasses.replace(outcomes[1], person=person[:-1], value=other[:-1])
    assert difference_estimates(outcomes[:1], [fewer], weights) == []
