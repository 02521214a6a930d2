"""Clusters worked out by hand, and conversations of two real speakers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from voice2face import VoiceToFace
from voice2face.audio.settings import preset
from voice2face.audio.vad import voiced_waveform
from voice2face.cli import main
from voice2face.errors import ConfigError, DataError, RecordingError
from voice2face.runtime.explain import times_of_speech
from voice2face.runtime.speech import voices_of
from voice2face.runtime.voices import (
    HOP_FRAMES,
    LEAST_FRAMES,
    WINDOW_FRAMES,
    cluster,
    divide,
    two_voices_threshold,
    windows_of,
)

RATE_HZ = 16000


def at(*degrees: float) -> np.ndarray:
    """Points of the unit circle."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_clusters_of_directions():
    """Three near 90 degrees, two near 0, one at 200: by hand."""
    points = at(0, 85, 90, 10, 95, 200)
    assert cluster(points, 3).tolist() == [1, 0, 0, 1, 0, 2]
    assert cluster(points, 1).tolist() == 6 * [0]
    assert sorted(cluster(points, 6)) == list(range(6))


def test_cosine_of_two_voices():
    """Mean directions at 10 and 100 degrees, so the cosine is that of 90."""
    assert divide(at(5, 15, 95, 105), 625, 2).cosine == pytest.approx(0, abs=1e-6)
    assert divide(at(0, 0, 60, 60), 625, 2).cosine == pytest.approx(0.5, abs=1e-6)


def test_one_strange_window_of_many_is_no_voice():
    strange = at(*(9 * [0, 2]), 90)
    assert divide(strange, 2500, 2).cosine == 1
    assert divide(at(0), 250, 2).cosine == 1


def test_a_frame_is_of_the_voice_of_the_windows_over_it():
    """Windows 0 to 2 are of one voice, 3 to 7 of another, who speaks more and so is voice 0."""
    division = divide(at(0, 0, 0, 90, 90, 90, 90, 90), 9 * HOP_FRAMES + 40, 2)
    of_hop = division.whose[::HOP_FRAMES]
    # Hop 3 has half of window 2 and half of window 3: of equals, the first.
    assert of_hop[:3].tolist() == [1, 1, 1]
    assert of_hop[4:].tolist() == 6 * [0]
    log_mel = np.arange(division.n_frames, dtype=np.float32)[:, None]
    (most, share), (least, rest) = division.parts(log_mel)
    assert (len(most), len(least)) == tuple(np.bincount(division.whose))
    assert share == len(most) / len(log_mel)
    assert share + rest == pytest.approx(1)


def test_windows_are_the_frames_at_their_places_normalised():
    log_mel = np.random.default_rng(0).normal(3, 2, (700, 4)).astype(np.float32)
    seen = []

    def embed(cut: np.ndarray) -> np.ndarray:
        seen.append(cut)
        return cut[:, 0]

    windows = windows_of(log_mel, embed)
    (cut,) = seen
    assert cut.shape == (4, WINDOW_FRAMES, 4)  # at 0, 125, 250 and 375 of 700
    raw = log_mel[375:625]
    np.testing.assert_allclose(cut[3], (raw - raw.mean(0)) / raw.std(0), atol=1e-4)
    np.testing.assert_array_equal(windows, cut[:, 0])
    assert len(windows_of(log_mel[:100], embed)) == 1


@pytest.fixture(scope="module")
def shipped() -> VoiceToFace:
    return VoiceToFace.load()


def test_each_of_two_real_voices_is_drawn(shipped, conversation, example):
    faces = shipped.generate(conversation, samples=3, speakers=2)
    assert faces.faces.shape[0] == 6
    woman, man = faces.voices
    assert woman.woman_probability > 0.8
    assert man.woman_probability < 0.2
    assert woman.share + man.share == pytest.approx(1)
    assert woman.share == pytest.approx(0.6, abs=0.12)
    np.testing.assert_array_equal(np.concatenate([woman.faces, man.faces]), faces.faces)
    # Her part of the conversation is nearer to her own recording than the whole is.
    alone = shipped.generate(example, samples=1).embedding
    together = shipped.generate(conversation, samples=1, speakers=1).embedding
    assert woman.embedding @ alone > max(0.9, together @ alone)
    assert faces.native_image.size[1] == 2 * faces.faces.shape[1]


def test_two_voices_are_heard_and_the_main_one_drawn(shipped, conversation, example):
    asked = shipped.generate(conversation, samples=2, speakers=2)
    faces = shipped.generate(conversation, samples=2)
    assert faces.heard.startswith("two voices or more; voice 1, ")
    assert [len(voice.faces) for voice in faces.voices] == [2, 0]
    np.testing.assert_array_equal(faces.faces, asked.voices[0].faces)
    bundle, log_mel = shipped._bundle, shipped.read(conversation).features.log_mel
    assert len(voices_of(bundle, "", log_mel)[0]) == 2
    # Two voices are not looked for in less than ten seconds of speech.
    short = voices_of(bundle, "", log_mel[: LEAST_FRAMES - 1])
    assert (len(short[0]), short[1]) == (1, None)
    assert len(shipped.generate(conversation, samples=1, speakers=1).voices) == 1
    one = shipped.generate(example, samples=1)
    assert [voice.share for voice in one.voices] == [1]
    assert "voice" not in one.heard


def test_too_many_speakers_are_refused(shipped, example):
    with pytest.raises(RecordingError, match=r"too little to tell 3 voices apart; 8\.\d s"):
        shipped.read(example, speakers=3)
    for speakers in (0, 9):
        with pytest.raises(ConfigError, match=f"speakers: got {speakers}; give 1 to 8"):
            shipped.read(example, speakers=speakers)


def test_speech_is_found_again_in_the_recording(speech):
    """The sample at each frame's time is the voiced waveform's at that frame."""
    front_end = preset("modern")
    voiced = voiced_waveform(speech, front_end)
    times_s = times_of_speech(speech, front_end)
    assert len(times_s) == len(voiced) // 160 + 1
    samples = np.rint(times_s[:-1] * RATE_HZ).astype(int)
    np.testing.assert_array_equal(speech[samples], voiced[::160][: len(samples)])


def test_explain_draws_a_picture_of_each_recording(conversation, example, tmp_path, capsys):
    out, png = tmp_path / "faces", tmp_path / "why"
    asked = ["generate", str(conversation), str(example), "--samples", "1", "--json"]
    assert main([*asked, "-o", str(out), "--explain", str(png)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line["voices"]) >= 1 and line["stretches_s"] == [] for line in lines] == [True] * 2
    pictures = sorted(png.iterdir())
    assert [one.name for one in pictures] == ["librispeech-4340.png", "talk.png"]
    for one in pictures:
        with Image.open(one) as picture:
            pixels = np.asarray(picture)
        # The spectrogram is dark somewhere, and the bar of the first voice is there.
        assert (pixels == (0, 90, 181)).all(axis=2).sum() > 1000
        assert (pixels.max(axis=2) < 80).sum() > 1000
    assert main([*asked, "-o", str(out), "--explain", str(out)]) != 0
    assert "give --explain another name" in capsys.readouterr().err


def test_thresholds_are_read_from_beside_the_encoder(repository, tmp_path):
    beside = repository / "checkpoints" / "modern-voice" / "two_voices.json"
    assert two_voices_threshold(beside) == 0.32
    assert two_voices_threshold(tmp_path / "none.json") is None
    (tmp_path / "a.json").write_text('{"threshold": null}')
    assert two_voices_threshold(tmp_path / "a.json") is None
    for wrong, told in (
        ('{"threshold": 2}', "2"),
        ("{}", "'missing'"),
        ('{"threshold": true}', "True"),
    ):
        (tmp_path / "a.json").write_text(wrong)
        with pytest.raises(DataError, match=f"threshold is {told}; a number from -1 to 1, or null"):
            two_voices_threshold(tmp_path / "a.json")
