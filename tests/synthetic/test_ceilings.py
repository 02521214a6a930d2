"""The best reachable figures of a planted world, and the command that prints them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from voice2face.cli import main
from voice2face.judges import FACE_RECOGNISERS
from voice2face.synthetic.ceilings import known_ceiling, list_ceiling
from voice2face.synthetic.latents import SHARED, WorldSettings, sample_person
from voice2face.synthetic.world import World, make_world


def matching(settings: WorldSettings, stratum: str, size: int) -> float:
    return list_ceiling(settings, "matching", stratum, size)[f"matching/{stratum}/1:{size}"]


def test_where_only_gender_is_shared_the_ceiling_can_be_had_by_hand():
    nothing = WorldSettings(n_shared=0)
    assert matching(nothing, "gender", 5) == pytest.approx(20)
    within = list_ceiling(nothing, "retrieval", "gender", 10)
    assert within == {
        "retrieval/gender/1:10/recall@1": pytest.approx(10),
        "retrieval/gender/1:10/recall@5": pytest.approx(50),
        "retrieval/gender/1:10/map": pytest.approx(10 * sum(1 / k for k in range(1, 11))),
        "retrieval/gender/1:10/median rank": 5.5,
    }
    # Half the impostors are known by their gender; between accepting nobody and accepting all of
    # the voice's gender, misses fall from 1 to 0 while false alarms rise from 0 to 1/2.
    mixed = list_ceiling(nothing, "verification", "none", 2)
    assert mixed == {
        "verification/none/eer": pytest.approx(100 / 3, abs=0.3),
        "verification/none/auc": pytest.approx(75, abs=0.3),
    }
    assert matching(nothing, "none", 2) == pytest.approx(75, abs=1)


def test_where_all_is_shared_nothing_is_missed():
    everything = WorldSettings(correlation=1)
    assert list_ceiling(everything, "retrieval", "gender", 50) == {
        **{f"retrieval/gender/1:50/recall@{k}": 100 for k in (1, 5, 10)},
        "retrieval/gender/1:50/map": 100,
        "retrieval/gender/1:50/median rank": 1,
    }
    assert list_ceiling(everything, "verification", "gender", 2)["verification/gender/eer"] == 0


def test_the_best_verification_is_that_of_the_density_of_drawn_people():
    """Against bivariate normal densities of drawn people, judged by scikit-learn."""
    settings = WorldSettings(n_shared=2, correlation=0.7)
    people = [sample_person(11, number, settings) for number in range(4000)]
    men = [person for person in people if person.gender == "male"]
    voice = np.array([[person.voice[name] for name, _ in SHARED[:2]] for person in men])
    face = np.array([[person.face[name] for _, name in SHARED[:2]] for person in men])

    def log_density(v, f):
        return -(v**2 + f**2 - 2 * 0.7 * v * f) / (2 * (1 - 0.7**2))

    def score(v, f):
        return (log_density(v, f) + (v**2 + f**2) / 2).sum(axis=1)

    scores = np.append(score(voice, face), score(voice, np.roll(face, 1, axis=0)))
    area = roc_auc_score(np.arange(len(scores)) < len(men), scores)
    found = list_ceiling(settings, "verification", "gender", 2)["verification/gender/auc"]
    assert found == pytest.approx(100 * area, abs=100 * 3 * 0.5 / math.sqrt(len(men)))


@pytest.mark.parametrize("r", [0.2, 0.6, 0.95])
def test_ceiling_is_the_closed_form_with_one_factor(r):
    exact = math.acos(-r / math.sqrt(2 - r**2)) / math.pi
    settings = WorldSettings(n_shared=1, correlation=r)
    found = matching(settings, "gender", 2)
    assert found == pytest.approx(100 * exact, abs=0.6)
    # Half the wrong faces fall out by their gender.
    mixed = matching(settings, "none", 2)
    assert mixed == pytest.approx(100 * (1 + exact) / 2, abs=0.6)


def test_of_four_candidates_with_nothing_shared_gender_leaves_half_the_wrong_ones():
    # k of 3 wrong faces remain: the mean of 1 / (1 + k) is 15/32.
    nothing = WorldSettings(n_shared=0)
    assert matching(nothing, "none", 4) == pytest.approx(100 * 15 / 32, abs=0.6)


def test_no_rule_beats_the_ceiling_on_drawn_people():
    """The rule on real draws of people agrees with the simulation, and other rules fall short."""
    settings = WorldSettings(n_shared=3, correlation=0.6)
    people = [sample_person(3, number, settings) for number in range(2000)]
    men = [person for person in people if person.gender == "male"]
    voice = np.array([[person.voice[v] for v, _ in SHARED[:3]] for person in men])
    face = np.array([[person.face[f] for _, f in SHARED[:3]] for person in men])
    wrong = np.roll(np.arange(len(men)), 1)

    def accuracy(loss) -> float:
        return float(np.mean(loss(voice, face) < loss(voice, face[wrong])))

    best = matching(settings, "gender", 2) / 100
    bayes = accuracy(lambda v, f: ((v - 0.6 * f) ** 2).sum(axis=1))
    first = accuracy(lambda v, f: (v[:, 0] - f[:, 0]) ** 2)
    assert bayes == pytest.approx(best, abs=4 * 0.5 / math.sqrt(len(men)))
    assert first < best - 0.05


@pytest.fixture(scope="module")
def told(bundle, tmp_path_factory):
    """The command as it is, on a small planted world; what it printed and wrote."""
    folder = tmp_path_factory.mktemp("command")
    settings = WorldSettings(duration_s=(1.5, 2.0), correlation=0.9)
    store = make_world(folder / "store", World(30, 3, settings, 2, 2, split="20/0/80"))
    order = ["evaluate", str(bundle), "--store", str(store.folder), "--split", "test"]
    return main([*order, "-o", str(folder / "out")]), folder / "out", settings


@pytest.mark.long
def test_the_command_asks_the_judges_of_the_world(told):
    status, out, _ = told
    assert status == 0
    result = json.loads((out / "result.json").read_text())
    planted = {name for name in FACE_RECOGNISERS if name.startswith("planted-")}
    assert set(result["identity"]) == planted
    assert {name for name in planted if name.endswith("-shared")}
    assert set(result["attributes"]) == {name for name in planted if not name.endswith("-shared")}
    assert result["detection"] == {}
    for section in result["identity"].values():
        real = {figure["name"]: figure["value"] for figure in section["own"]}
        assert real["matching/gender/1:2"] > 90
    for section in result["attributes"].values():
        real = {f["name"]: f["value"] for f in section["own"] if f["group"] == "everybody"}
        assert real["agreement/gender"] > 90


def test_the_result_and_the_page_carry_the_ceiling(told):
    _, out, settings = told
    result = json.loads((out / "result.json").read_text())
    ceilings = result["ceilings"]
    asked = {
        figure["name"]
        for figure in result["identity"]["planted-network"]["contenders"]["small"]["figures"]
        if figure["name"].startswith(("matching", "verification", "retrieval"))
    }
    assert set(ceilings) == asked
    for size in (2, 5, 10):
        for stratum in ("none", "gender"):
            name = f"matching/{stratum}/1:{size}"
            assert ceilings[name] == matching(settings, stratum, size)
    page = (out / "result.html").read_text()
    assert result["ceiling"] in page
    assert f"1 of 2: {matching(settings, 'none', 2):.1f} %, within" in result["ceiling"]
    assert ">ceiling</th>" in page
    assert f"{ceilings['matching/gender/1:2']:.1f} %" in page


def test_of_other_stores_no_ceiling_is_known(world):
    assert known_ceiling(world, None) == ("", {})
