"""Sounds that are no speech, given to a real bundle."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import write_media
from tests.evaluation.worlds import Answers, constant_face

from voice2face import VoiceToFace
from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.out_of_domain import out_of_domain
from voice2face.evaluation.sections import Context
from voice2face.evaluation.sound_section import find_sounds, sound_section
from voice2face.evaluation.systems import BundleSystem
from voice2face.evaluation.trials import TrialSettings, make_trials
from voice2face.synthetic.sounds import MEASURING_SOUNDS


class Anything:
    """Finds a face in whatever is not of one colour."""

    name = "anything"

    def found(self, faces: np.ndarray) -> np.ndarray:
        return faces.reshape(len(faces), -1).std(axis=1) > 0


def test_speech_gets_faces_silence_and_damaged_files_none(bundle, example, tmp_path):
    silence = write_media(tmp_path / "silence.wav", np.zeros((1, 32000)))
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(b"RIFF, but not much of it")
    told = out_of_domain(
        VoiceToFace.load(bundle),
        [Anything()],
        {"speech": [example, example], "nothing": [silence, damaged]},
        n_synthesised=2,
        seconds=1.5,
    )
    kinds = {one.kind: one for one in told}
    assert list(kinds) == ["speech", "nothing", *MEASURING_SOUNDS]
    speech = kinds["speech"]
    assert speech.n == 2
    assert speech.speech_s == (pytest.approx(6, abs=1),) * 2
    assert speech.found["anything"].all()
    np.testing.assert_array_equal(*speech.faces)  # the same recording twice
    expected = VoiceToFace.load(bundle).generate(example, samples=1).faces
    np.testing.assert_array_equal(speech.faces[:1], expected)
    assert speech.names == (str(example),) * 2
    assert kinds["nothing"].names == kinds["silence with hum"].names == ()
    assert kinds["nothing"].faces.shape == (0, 64, 64, 3)
    assert not len(kinds["nothing"].found["anything"])


def test_a_model_that_knows_speech_refuses_what_is_none(example):
    told = out_of_domain(
        VoiceToFace.load(), [Anything()], {"speech": [example]}, n_synthesised=3, seconds=3.0
    )
    drawn = {one.kind: len(one.names) for one in told}
    assert drawn["speech"] == 1
    assert drawn["white noise"] == drawn["pink noise"] == 0


def test_what_cannot_be_asked(bundle):
    model = VoiceToFace.load(bundle)
    with pytest.raises(ConfigError, match="hum are synthesised"):
        out_of_domain(model, [], {"hum": []})
    with pytest.raises(ConfigError, match="seconds: got 0"):
        out_of_domain(model, [], {}, seconds=0)


def test_the_section_tells_kinds_with_intervals_and_what_to_give(bundle, example, world, tmp_path):
    (tmp_path / "dogs").mkdir()
    for number in range(3):
        write_media(tmp_path / "dogs" / f"{number}.wav", np.zeros((1, 32000)))
    (tmp_path / "dogs" / "bark.flac").write_bytes(example.read_bytes())
    assert list(find_sounds(tmp_path)) == ["dogs"]
    assert [path.name for path in find_sounds(tmp_path / "dogs")["dogs"]][-1] == "bark.flac"
    context = Context.create(world, make_trials(world, "test", TrialSettings(rounds=1)), (), 0)
    drawn = world.images[context.trials.recording_rows][:, None]
    model = BundleSystem(VoiceToFace.load(bundle))
    section = sound_section(context, model, drawn, [Anything()], tmp_path)
    told = {(figure["group"], figure["name"]): figure for figure in section["figures"]}
    assert {kind for kind, _ in told} == {"speech of the split", "dogs", *MEASURING_SOUNDS}
    dogs = told["dogs", "refused"]
    assert (dogs["value"], dogs["n_trials"]) == (75, 4)
    assert dogs["low"] < 75 < dogs["high"]
    assert told["dogs", "face found/anything"]["n_trials"] == 1
    assert told["silence with hum", "refused"]["value"] == 100
    assert told["silence with hum", "refused"]["low"] == pytest.approx(83.2, abs=0.1)  # of 20
    assert told["speech of the split", "face found/anything"]["value"] == 100
    assert not section["note"]
    without = sound_section(context, Answers("one face", constant_face), drawn, [Anything()], None)
    assert without == {"figures": [], "note": without["note"]}
    assert "only a model can" in without["note"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no recording"):
        find_sounds(empty)
