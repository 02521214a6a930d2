"""The whole evaluation on pixels: what is known of a system is what its result says."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from typing import ClassVar

import numpy as np
import pytest
from tests.evaluation.worlds import (
    Answers,
    GenderByPixels,
    NotBlack,
    PixelJudge,
    constant_face,
    gender_mean,
    shuffled_face,
    true_face,
)

from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.baselines import GenderMean, MeanFace
from voice2face.evaluation.embeddings import Embeddings
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.keys import row_keys
from voice2face.evaluation.sections import Context
from voice2face.evaluation.shown import shown_trials
from voice2face.evaluation.trials import TrialSettings, make_trials
from voice2face.evaluation.verdicts import verdicts
from voice2face.reporting.evaluation_page import result_page, write_result_page

SETTINGS = TrialSettings(rounds=6, gallery=20)
ORACLE, CONSTANT = Answers("oracle", true_face), Answers("one face", constant_face)
SHUFFLED = Answers("shuffled", shuffled_face)
GENDER = Answers("mean of the gender", gender_mean)


CONFIG = EvaluationConfig(settings=SETTINGS)
# What guessing gives is known of these; of the others there is no such level.
WITH_CHANCE = ("matching", "verification", "retrieval", "agreement", "consistency/score", "VGGFace")


class PatternMatcher:
    """Puts a voice where the mean true face of its speaker is: as good as it gets."""

    name = "matcher"

    def fit(self, store, pair_by, judge):
        self.embedded = judge.embed(store.images)

    def embed_voices(self, store, voice_rows, judge):
        owner = np.array(store.faces["identity"])
        people = [store.voices["identity"][row] for row in voice_rows]
        return np.stack([self.embedded[owner == one].mean(axis=0) for one in people])


class NearestPerson:
    """Names which training person's mean face is nearest."""

    name = "nearest training person"
    statistics: ClassVar = {"people": 20.0, "faces": 120.0, "tested": 20.0, "right_percent": 100.0}

    def __init__(self, store) -> None:
        owner = np.where(np.array(store.faces["split"]) == "train", store.faces["identity"], "")
        flat = store.images.reshape(len(store.images), -1).astype(float)
        self.means = np.stack([flat[owner == one].mean(axis=0) for one in sorted({*owner} - {""})])

    def posteriors(self, faces):
        flat = faces.reshape(len(faces), -1).astype(float)
        nearest = ((flat[:, None] - self.means) ** 2).sum(axis=2).argmin(axis=1)
        return np.eye(len(self.means))[nearest]


def judges(store):
    return Judges(
        recognisers=(PixelJudge(store),),
        classifiers=(GenderByPixels(store),),
        detectors=(NotBlack(),),
        features=(PixelJudge(store),),
        identifiers=(NearestPerson(store),),
    )


@pytest.fixture(scope="module")
def scored(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("result")
    result = evaluate(
        Contenders([ORACLE], [CONSTANT, SHUFFLED, GENDER], [PatternMatcher()]),
        world,
        "test",
        judges(world),
        EvaluationConfig(samples=2, settings=SETTINGS),
        out,
    )
    return result, out


def figures(result, name, kind="identity"):
    (section,) = result[kind].values()
    own = section["contenders"][name]["figures"]
    return {f["name"]: f for f in own if f["group"] == "everybody"}


def test_the_oracle_is_right_and_what_knows_nothing_is_at_chance(scored):
    result, _ = scored
    oracle = figures(result, "oracle")
    assert oracle["matching/none/1:10"]["value"] > 97
    assert oracle["matching/gender/1:2"]["value"] > 97
    assert oracle["verification/none/eer"]["value"] < 5
    assert oracle["consistency/score"]["low"] > 0.3
    constant = figures(result, "one face")
    for size in (2, 10):
        assert constant[f"matching/none/1:{size}"]["value"] == pytest.approx(100 / size, abs=1e-3)
    assert constant["consistency/score"]["value"] is None
    for name, figure in figures(result, "shuffled").items():
        if figure["chance"] is not None and not name.startswith("consistency"):
            half = (figure["high"] - figure["low"]) / 2
            over = figure["value"] - figure["chance"]
            # In a gallery of all, the same stranger is found again and again: far below chance.
            gap = over if name.startswith("retrieval") else abs(over)
            assert gap < 2.2 * half, name
    assert figures(result, "matcher")["matching/none/1:10"]["value"] > 97


def test_the_gender_mean_gains_from_gender_and_from_nothing_else(scored):
    result, _ = scored
    mean = figures(result, "mean of the gender")
    assert mean["matching/none/1:2"]["low"] > 55
    assert mean["matching/gender/1:2"]["value"] == pytest.approx(50, abs=1e-3)
    assert mean["consistency/score"]["value"] is None


def test_judges_are_told_by_what_they_see_in_real_faces(scored):
    result, _ = scored
    (identity,) = result["identity"].values()
    own = {f["name"]: f for f in identity["own"]}
    assert own["matching/none/1:2"]["value"] > 97
    assert own["verification/gender/eer"]["value"] < 5
    (attributes,) = result["attributes"].values()
    real = next(f for f in attributes["own"] if f["name"] == "agreement/gender")
    assert real["value"] > 95
    assert real["n_trials"] == 240
    assert figures(result, "oracle", "attributes")["agreement/gender"]["value"] > 95
    assert figures(result, "oracle", "detection")["face found"]["value"] == 100
    (quality,) = result["quality"].values()
    own = {f["name"]: f for f in quality["own"]}
    oracle, one = (figures(result, name, "quality") for name in ("oracle", "one face"))
    assert one["diversity"]["value"] == 0
    assert oracle["diversity"]["value"] == pytest.approx(own["diversity"]["value"], rel=0.1)
    assert one["kernel distance"]["low"] > oracle["kernel distance"]["high"]
    assert figures(result, "one face", "vggface")["VGGFace score"]["value"] == pytest.approx(1)
    assert figures(result, "oracle", "vggface")["VGGFace score"]["low"] > 1.5


def test_agreement_by_gender_and_confusion_are_those_of_a_count(scored, world):
    result, _ = scored
    (section,) = result["attributes"].values()
    counts = np.array(section["contenders"]["one face"]["confusion"]["gender"]["counts"])
    n_recordings = 40 * 8 * 2
    assert counts.sum() == n_recordings
    told = {
        f["group"]: f["value"]
        for f in section["contenders"]["one face"]["figures"]
        if f["name"] == "agreement/gender"
    }
    assert sorted([told["gender=female"], told["gender=male"]]) == [0, 100]
    best = 100 * counts.sum(axis=1).max() / n_recordings
    figure = figures(result, "one face", "attributes")["agreement/gender"]
    assert figure["chance"] == pytest.approx(best, abs=1e-3)
    # The best constant answer is right about one of the groups, and wrong about the other.
    by_group = [f for f in section["contenders"]["one face"]["figures"] if "gender=" in f["group"]]
    chances = {f["chance"] for f in by_group if f["name"] == "agreement/gender"}
    assert chances == {0, 100}


def test_words_say_who_beats_whom_within_gender(scored, world):
    result, _ = scored
    said = " ".join(result["verdicts"])
    assert "same gender: oracle is better than mean of the gender" in said
    assert "oracle does not differ significantly from matcher" in said
    one = evaluate(Contenders([CONSTANT]), world, "test", judges(world), config=CONFIG)
    assert "all speakers get the same face" in " ".join(one["verdicts"])


@pytest.fixture(scope="module")
def two(world):
    """Two systems at once, without a baseline."""
    return evaluate(Contenders([ORACLE, SHUFFLED]), world, "test", judges(world), CONFIG)


def test_two_systems_are_asked_the_same_and_told_as_each_alone(two, world):
    alone = evaluate(Contenders([SHUFFLED]), world, "test", judges(world), CONFIG)
    assert two["systems"] == ["oracle", "shuffled"]
    assert figures(two, "shuffled") == figures(alone, "shuffled")
    said = " ".join(two["verdicts"])
    assert "same gender: oracle is better than shuffled" in said
    assert "same gender: shuffled is worse than oracle" in said
    assert "the faces of shuffled" in said


def test_paired_differences_are_those_of_the_resampled_figures_of_both(two):
    (section,) = two["identity"].values()
    forth, back = (
        section["differences"]["shuffled"],
        section["differences_of"]["shuffled"]["oracle"],
    )
    own, other = figures(two, "oracle"), figures(two, "shuffled")
    for one, reverse in zip(forth, back, strict=True):
        name = one["name"]
        if own[name]["n_trials"] == other[name]["n_trials"] == one["n_trials"]:
            gap = own[name]["value"] - other[name]["value"]
            assert one["value"] == pytest.approx(gap, abs=1e-3), name
        assert (one["low"], one["high"]) == pytest.approx((-reverse["high"], -reverse["low"]))


def test_trials_to_look_at_name_whom_each_judge_takes(two, world):
    shown = two["shown"]
    assert shown["protocol"] == "matching/gender/1:4"
    assert len({trial["identity"] for trial in shown["trials"]}) == len(shown["trials"]) == 12
    right = 0
    for trial in shown["trials"]:
        # A key is the person, then the file: every candidate is another person of one gender.
        person = trial["identity"].replace(" ", "_")
        assert trial["probe"].startswith(person)
        assert trial["candidates"][trial["right"]].startswith(person)
        assert len({one.partition("__")[0] for one in trial["candidates"]}) == 4
        right += trial["picked"]["pixels"]["oracle"] == trial["right"]
    assert right >= 11
    context = Context.create(world, make_trials(world, "test", SETTINGS), (), 0)
    black = {"oracle": np.zeros((320, 1, 12, 12, 3), np.uint8)}
    embeddings = Embeddings.compute(PixelJudge(world), context.true_faces(), black, {})
    chosen, pictures = shown_trials(context, {"pixels": embeddings}, black)
    assert [t["probe"] for t in chosen["trials"]] == [t["probe"] for t in shown["trials"]]
    keys = row_keys(world.faces)
    for trial in chosen["trials"]:
        for key in trial["candidates"]:
            np.testing.assert_array_equal(pictures[f"face/{key}"], world.images[keys.index(key)])
    page = result_page(two, pictures)
    # Nothing was given for the other system; plots are PNG.
    assert page.count('<img src="data:image/jpeg;base64,') == 12 * 4 + 12
    assert len(re.findall("[✓✗] [1-4], ", page)) == sum(
        len(t["picked"]["pixels"]) for t in shown["trials"]
    )
    assert "image/jpeg" not in result_page(two)


def test_what_cannot_be_computed_is_told_and_left_out(world):
    nothing = dataclasses.replace(
        world,
        voices={**world.voices, "gender": [None] * len(world.voices["gender"])},
        faces={**world.faces, "gender": [None] * len(world.faces["gender"])},
    )
    contenders = Contenders([ORACLE], [MeanFace(), GenderMean()])
    result = evaluate(contenders, nothing, "test", judges(world), CONFIG)
    assert result["baselines"] == ["mean face"]
    (why,) = [line for line in result["not_asked"] if line.startswith("mean face of the gender")]
    assert "the store has none" in why
    page = result_page(result)
    assert "<li>mean face of the gender: " in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)
    assert "NaN" not in json.dumps(result)


def test_results_of_one_system_made_before_there_could_be_several_still_make_a_page(scored):
    result, _ = scored
    old = {k: v for k, v in result.items() if k not in ("systems", "shown", "sounds_of")}
    for section in old["identity"].values():
        old["identity"] = {"pixels": {k: v for k, v in section.items() if k != "differences_of"}}
    assert "<h1>oracle</h1>" in result_page(old)


def test_the_result_is_whole_on_disk_and_can_be_asked_again_on_the_same_trials(scored, world):
    result, out = scored
    assert json.loads((out / "result.json").read_text()) == json.loads(json.dumps(result))
    assert len(result["trials"]["sha256"]) == 64
    config = EvaluationConfig(samples=2, trials_from=out / "trials")
    again = evaluate(Contenders([ORACLE]), world, "test", judges(world), config)
    assert again["trials"]["sha256"] == result["trials"]["sha256"]
    assert figures(again, "oracle") == figures(result, "oracle")
    with pytest.raises(DataError, match="of the split 'test', not 'train'"):
        evaluate(Contenders([ORACLE]), world, "train", judges(world), config)


def test_the_page_stands_alone_and_shows_what_the_result_holds(scored):
    result, out = scored
    page = write_result_page(out).read_text()
    addresses = re.findall(r"""\b(?:src|srcset|href)\s*=\s*["']?([^"'\s>]*)""", page)
    assert len(addresses) > 50
    inline = ("data:image/jpeg;base64,", "data:image/png;base64,", "#")
    assert all(address.startswith(inline) for address in addresses)
    assert not re.search(r"@import|url\(|<script", page)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    for expected in (*result["verdicts"][:1], "mean of the gender", "nationality=A"):
        assert expected in page
    assert "undefined" in page
    # Bars: two of identity, gender, face found, kernel distance. Curves: matching and recall, each
    # any gender and same gender. Differences: likewise.
    assert page.count("<picture>") == 5 + 4 + 2
    assert "agreement gender, by group" in page
    assert "<summary>face found, by group" in page
    assert "<summary>VGGFace score, by group" in page
    for band in ("matching", "agreement", "verdict given"):
        assert page.count(f">{band}</th></tr>") == 1
    assert "EER, same gender" in page
    assert ">ceiling</th>" not in page  # it is not known
    hostile = {**result, "system": "oracle", "ceiling": "<script>alert(1)</script>"}
    assert "<script" not in result_page(hostile)


def test_the_summary_tells_every_estimate_over_everybody_with_its_people_and_interval(scored):
    result, out = scored
    write_result_page(out)
    text = (out / "summary.md").read_text()
    assert len(text) < len((out / "result.json").read_text()) / 10
    _, _, section = text.partition("## Identity, judged by pixels\n")
    rows = [
        [one.strip() for one in line.split("|")[1:-1]]
        for line in section.partition("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    column = rows[0].index("oracle")
    told = {row[0]: (int(row[1]), row[column]) for row in rows if row[1].isdigit()}
    own = result["identity"]["pixels"]["contenders"]["oracle"]["figures"]
    (eer,) = [
        one for one in own if (one["group"], one["name"]) == ("everybody", "verification/none/eer")
    ]
    value, low, high = (f"{eer[key]:.1f}" for key in ("value", "low", "high"))
    assert told["EER, any gender"] == (eer["n_identities"], f"{value} % ({low} to {high})")
    assert {"1:2, any gender", "1:2, same gender", "AUC, any gender"} <= told.keys()


def every_figure(tree, path=""):
    """Each dict of a result that is a figure, with where it stands."""
    if isinstance(tree, dict) and {"name", "value"} <= tree.keys():
        yield path, tree
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from every_figure(value, f"{path}/{key}")


def test_every_figure_has_its_number_interval_and_chance(scored):
    _, out = scored
    told = list(every_figure(json.loads((out / "result.json").read_text())))
    sections = {path.split("/")[1] for path, _ in told}
    assert sections == {"identity", "attributes", "detection", "quality", "vggface"}
    for path, figure in told:
        assert figure["n_identities"] >= 1, path
        assert figure["n_trials"] >= figure["n_identities"], path
        assert figure["few"] == (figure["n_identities"] < 10), path
        if figure["value"] is None:
            assert figure["note"], path
            continue
        if figure["n_identities"] > 1:
            assert figure["low"] <= figure["value"] + 1e-4 * abs(figure["value"]) + 1e-4, path
            assert figure["high"] >= figure["value"] - 1e-4 * abs(figure["value"]) - 1e-4, path
        known = figure["name"].startswith(WITH_CHANCE) or "/differences/" in path
        assert (figure["chance"] is not None) == known, (path, figure["name"])


def test_every_protocol_is_told_by_group_and_names_the_worst(scored):
    result, _ = scored
    protocols = {
        "identity": ("matching", "verification", "retrieval", "similarity", "consistency"),
        "attributes": ("agreement", "verdict given"),
        "detection": ("face found",),
        "quality": ("kernel distance", "precision", "coverage", "diversity", "nearest"),
        "vggface": ("VGGFace score",),
    }
    for kind, names in protocols.items():
        (section,) = result[kind].values()
        own = section["contenders"]["oracle"]
        for name in names:
            told = [f for f in own["figures"] if f["name"].startswith(name)]
            groups = {f["group"].split("=")[0] for f in told}
            assert groups == {"everybody", "gender", "nationality", "age"}, name
            if told[0]["higher_is_better"] is not None:
                assert any(worst.startswith(name) for worst in own["worst"]), name
    (section,) = result["attributes"].values()
    confusion = section["contenders"]["one face"]["confusion"]["gender"]
    of_groups = [np.array(confusion["groups"][f"gender={one}"]) for one in ("female", "male")]
    np.testing.assert_array_equal(sum(of_groups), confusion["counts"])
    assert (of_groups[0][1] == 0).all()


def test_the_page_says_who_does_not_beat_the_mean_of_the_gender(scored, world):
    result, _ = scored
    words = "same gender: shuffled does not differ significantly from mean of the gender"
    shuffled = evaluate(Contenders([SHUFFLED], [GENDER]), world, "test", judges(world), CONFIG)
    assert words in result_page(shuffled)
    assert "does not differ significantly from chance" in result_page(shuffled)
    assert "same gender: oracle is better than mean of the gender" in result_page(result)
    nothing = dataclasses.replace(
        world,
        voices={**world.voices, "gender": [None] * len(world.voices["gender"])},
        faces={**world.faces, "gender": [None] * len(world.faces["gender"])},
    )
    judge = Judges(recognisers=(PixelJudge(world),), missing=["hearing"])
    result = evaluate(Contenders([SHUFFLED]), nothing, "test", judge, CONFIG)
    assert "It is not measured whether the faces show more than gender." in result_page(result)
    assert "<li>hearing</li>" in result_page(result)


def test_words_say_when_too_few_people_stand_behind_a_figure(scored):
    result, _ = scored
    few = json.loads(json.dumps(result).replace('"few": false', '"few": true'))
    for path, figure in every_figure(few):
        figure["n_identities"] = 1 if "consistency" in figure["name"] else 3
        assert path
    said = verdicts(few)
    assert sum(line.endswith(" 3 people are too few for a conclusion.") for line in said) == 3
    assert sum(line.endswith(" One person is too few for a conclusion.") for line in said) == 1
    assert not any("too few" in line for line in result["verdicts"])


def test_people_on_one_side_only_are_still_judged_by_attribute(world):
    faces = {**world.faces, "identity": [f"other {one}" for one in world.faces["identity"]]}
    unpaired = dataclasses.replace(world, faces=faces)
    system = Answers("mean of the gender", gender_mean)
    result = evaluate(
        Contenders([system]), unpaired, "test", judges(world), EvaluationConfig(pair_by="gender")
    )
    figure = figures(result, system.name, "attributes")["agreement/gender"]
    assert figure["value"] == 100
    assert figure["n_identities"] == 40
    assert "Nobody in the split has both a voice and a face" in " ".join(result["verdicts"])
    assert not any(name.startswith("matching") for name in figures(result, system.name))
    assert "Nothing" not in result_page(result).split("<h2>Attributes")[1]


def test_names_and_answers_that_do_not_fit_are_refused(world):
    with pytest.raises(ConfigError, match="by religion: give some of gender, nationality, age"):
        EvaluationConfig(by=("religion",))
    with pytest.raises(ConfigError, match="called oracle"):
        Contenders([ORACLE], [ORACLE])

    class Grey(Answers):
        def generate(self, store, voice_rows, samples, seed):
            return np.zeros((len(voice_rows), 12, 12), np.uint8)

    with pytest.raises(DataError, match=r"grey: gave uint8 of shape \(320, 12, 12\)"):
        evaluate(Contenders([Grey("grey", constant_face)]), world, "test", Judges(), CONFIG)


def test_real_photographs_another_of_the_same_person_is_found_and_a_stranger_is_not(olivetti):
    judge = Judges(recognisers=(PixelJudge(olivetti),))
    result = evaluate(Contenders([ORACLE], [SHUFFLED, CONSTANT]), olivetti, "test", judge, CONFIG)
    oracle, shuffled = figures(result, "oracle"), figures(result, "shuffled")
    assert oracle["matching/none/1:2"]["low"] > 90
    assert oracle["consistency/score"]["low"] > 0
    for size in (2, 5, 10):
        figure = shuffled[f"matching/none/1:{size}"]
        assert abs(figure["value"] - 100 / size) < 1.1 * (figure["high"] - figure["low"])
        one = figures(result, "one face")[f"matching/none/1:{size}"]
        assert one["value"] == pytest.approx(100 / size, abs=1e-3)
    (section,) = result["identity"].values()
    own = {f["name"]: f["value"] for f in section["own"]}
    assert own["matching/none/1:2"] > 90


def test_hostile_names_are_text_on_the_page(two):
    evil = "<img src=x onerror=alert(1)> & \"quotes\" 'too' $\\frac$ {{ 7 * 7 }}"
    names = ("oracle", "pixels", "test", *(trial["identity"] for trial in two["shown"]["trials"]))
    text = json.dumps(two)
    for name in names:
        text = text.replace(json.dumps(name), json.dumps(evil))
    result = json.loads(text)
    result |= {"ceiling": evil, "not_asked": [evil], "verdicts": [evil]}
    result["store"] |= {"name": evil, "sources": [{"title": evil}, evil]}
    page = result_page(result, {f"face/{evil}": np.zeros((8, 8, 3), np.uint8)})
    assert "<img src=x" not in page and "{{ 7 * 7 }}" in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") > 50
    (heading,) = re.findall("<h1>(.*?)</h1>", page)
    assert "<" not in heading and html.unescape(heading) == f"{evil}, shuffled"


def test_the_same_result_gives_the_same_page(scored):
    result, _ = scored
    assert result_page(result) == result_page(json.loads(json.dumps(result)))
