"""A generator that takes noise: whose noise it is, whose gender a face has, and what is speech."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from scipy.spatial import geometric_slerp
from scipy.special import expit

from voice2face import VoiceToFace
from voice2face.errors import ConfigError, NotSpeechError, RecordingError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.imagined import ImaginedFaces
from voice2face.runtime.random_numbers import Stream, normals
from voice2face.runtime.reading import read_features
from voice2face.runtime.sampling import are_women, slerp


@pytest.fixture(scope="module")
def model(noisy_bundle) -> VoiceToFace:
    return VoiceToFace.load(noisy_bundle)


@pytest.fixture
def man(example):
    return example.with_name("librispeech-3699.flac")


@pytest.fixture
def doubtful(noisy_bundle, tmp_path):
    """The same model, with evidence that leaves both examples at a probability near 0.6."""
    folder = shutil.copytree(noisy_bundle, tmp_path / "doubtful")
    path = folder / "model.json"
    content = json.loads(path.read_text())
    content["gender"].update(scale=1.0, bias=float(np.log(0.6 / 0.4)), margin=0.5)
    path.write_text(json.dumps(content))
    return VoiceToFace.load(folder)


def drawn(generator, embedding, noise) -> np.ndarray:
    """Faces by torch: (faces, size, size, 3), 0 to 255, not rounded."""
    noise = torch.from_numpy(np.asarray(noise, dtype=np.float32))
    voices = torch.from_numpy(np.broadcast_to(embedding, (len(noise), 64)).copy())
    with torch.no_grad():
        faces = generator(voices, noise).clamp(-1, 1).permute(0, 2, 3, 1).numpy()
    return 127.5 * (faces + 1)


def noise_of(seed: int, n: int) -> np.ndarray:
    return normals(seed, Stream.NOISE, range(n), 5)


def test_every_recording_gets_the_same_noise_and_its_own_voice(
    model, noisy_generator, example, man
):
    for recording in (example, man):
        faces = model.generate(recording, samples=6, seed=4)
        wanted = drawn(noisy_generator, faces.embedding, noise_of(4, 6))
        assert np.abs(faces.faces - wanted).max() < 0.52
        other = model.generate(recording, samples=6, seed=5).faces
        assert (other != faces.faces).any(axis=(1, 2, 3)).all()
        log_mel = read_features(recording, model.description.front_end).log_mel
        np.testing.assert_array_equal(model.imagine(log_mel, 6, 4), faces.faces)


def test_truncation_scales_the_noise(model, noisy_generator, example):
    for truncation in (0.0, 0.4, 1.5):
        faces = model.generate(example, samples=5, seed=4, truncation=truncation)
        wanted = drawn(noisy_generator, faces.embedding, truncation * noise_of(4, 5))
        assert np.abs(faces.faces - wanted).max() < 0.52
    alike = model.generate(example, samples=5, seed=4, truncation=0.0).faces.astype(int)
    assert np.ptp(alike, axis=0).max() <= 1


def test_truncation_of_a_model_without_noise(bundle, example):
    model = VoiceToFace.load(bundle)
    typical, half, full = (
        model.generate(example, samples=4, seed=2, truncation=t).faces.astype(float)
        for t in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(typical, np.broadcast_to(full[:1], full.shape), atol=1)
    for index in (1, 2, 3):
        near, far = (np.abs(faces[index] - full[0]).mean() for faces in (half, full))
        assert 0.1 * far < near < 0.9 * far


@pytest.mark.parametrize("value", [-0.1, 1.6, float("nan")])
def test_truncation_out_of_range(model, example, value):
    with pytest.raises(ConfigError, match=r"truncation: got .*; give 0 to 1.5"):
        model.generate(example, truncation=value)


def test_a_sure_voice_gives_faces_of_its_own_gender(model, example, man):
    she, he = (model.generate(one, samples=1) for one in (example, man))
    assert she.woman_probability == pytest.approx(expit(5), abs=1e-3)
    assert he.woman_probability == pytest.approx(expit(-5), abs=1e-3)
    assert she.confidence == pytest.approx(he.confidence, abs=1e-3)
    assert she.heard == "sounds like a woman: 99 %"
    assert he.heard == "sounds like a man: 99 %"


def test_an_uncertain_voice_gives_faces_of_both(doubtful, noisy_generator, example, man):
    for recording in (example, man):
        faces = doubtful.generate(recording, samples=64, seed=1)
        p, gender = faces.woman_probability, doubtful.description.gender
        assert 0.4 < p < 0.75
        sides = [gender.on_side(faces.embedding, woman) for woman in (False, True)]
        noise = noise_of(1, 64)
        far = np.array([
            np.abs(drawn(noisy_generator, side, noise) - faces.faces).max(axis=(1, 2, 3))
            for side in sides
        ])  # fmt: skip
        assert (far.min(axis=0) < 0.52).all()
        assert (far.max(axis=0) > 2).all()
        women = far.argmin(axis=0) == 1
        assert women[0] == (p > 0.5)
        assert abs(women.mean() - p) < 3 * np.sqrt(p * (1 - p) / 64)
        assert women.tolist() == are_women(1, range(64), p)


def test_the_chosen_gender_follows_the_probability():
    women = np.mean([are_women(seed, range(1, 11), 0.3) for seed in range(300)])
    assert women == pytest.approx(0.3, abs=0.03)
    assert are_women(0, [0], 0.51) == [True]
    # At one half neither is more probable: whoever is drawn is always the same.
    assert [are_women(seed, [0], p) for seed in (0, 1) for p in (0.5, 0.49)] == 4 * [[False]]
    assert are_women(7, range(9), 1.0) == [True] * 9


@pytest.mark.parametrize(
    ("woman", "words"),
    [
        (None, ""),
        (0.97, "sounds like a woman: 97 %"),
        (0.04, "sounds like a man: 96 %"),
        (0.45, "woman or man: uncertain, 55 %"),
        (0.99999, "sounds like a woman: 99 %"),
    ],
)
def test_what_is_heard_in_words(woman, words):
    faces = ImaginedFaces("a", np.zeros((1, 4, 4, 3), np.uint8), np.zeros(4, np.float32), 1.0, 1.0,
                          woman_probability=woman)  # fmt: skip
    assert faces.heard == words
    with_words, without = faces.image, ImaginedFaces(*vars(faces).values()).image
    assert with_words.size == without.size
    assert with_words.height == 12 + 256 + 24 + 22 * (3 if words else 2)


def test_what_is_no_speech_is_refused_unless_forced(model, example, rustle):
    with pytest.raises(NotSpeechError) as caught:
        model.generate(rustle)
    assert isinstance(caught.value, RecordingError)
    said = str(caught.value)
    assert said.startswith(f"{rustle}: this does not sound like a person speaking")
    assert "use --force to generate faces anyway" in said
    forced = model.generate(rustle, force=True)
    log_mel = read_features(rustle, model.description.front_end).log_mel
    np.testing.assert_array_equal(forced.faces, model.imagine(log_mel, samples=4))
    for recording, faces in ((rustle, forced), (example, model.generate(example))):
        bands = read_features(recording, model.description.front_end).log_mel.astype(np.float64)
        logit = 20 * ((bands[1:] * bands[:-1]).mean() - 0.7)
        assert faces.speech_probability == pytest.approx(expit(logit), abs=1e-3)
    with pytest.raises(NotSpeechError, match=r"rustle\.wav: this does not sound"):
        model.morph(example, rustle)
    assert model.morph(example, model.listen(rustle, force=True), steps=2).faces.shape == (
        1,
        2,
        16,
        16,
        3,
    )


def test_less_than_a_second_is_repeated_for_the_speech_detector(noisy_bundle):
    bundle = Bundle(noisy_bundle)
    short = np.random.default_rng(0).normal(size=(70, 64)).astype(np.float32)
    heard = np.concatenate([short, short[:30]]).astype(np.float64)
    logit = 20 * ((heard[1:] * heard[:-1]).mean() - 0.7)
    assert bundle.speech_logit(short) == pytest.approx(logit, abs=1e-3)


def test_a_model_without_evidence_tells_nothing(bundle, example, rustle):
    model = VoiceToFace.load(bundle)
    for recording in (example, rustle):
        faces = model.generate(recording, samples=1)
        told = (faces.woman_probability, faces.confidence, faces.speech_probability, faces.heard)
        assert told == (None, None, None, "")


def test_slerp_is_that_of_scipy():
    random = np.random.default_rng(0)
    for _ in range(5):
        one, other = random.standard_normal((2, 64))
        one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
        found = slerp(one.astype(np.float32), other.astype(np.float32), 7)
        wanted = geometric_slerp(one, other, np.linspace(0, 1, 7))
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    same = slerp(one.astype(np.float32), one.astype(np.float32), 3)
    np.testing.assert_allclose(same, [one] * 3, atol=1e-6)
    opposite = slerp(one.astype(np.float32), -one.astype(np.float32), 5)
    np.testing.assert_allclose(np.linalg.norm(opposite, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose((opposite[1:] * opposite[:-1]).sum(1), np.cos(np.pi / 4), atol=1e-6)


@pytest.mark.parametrize("kind", ["noisy_bundle", "bundle"])
def test_a_morph_begins_and_ends_with_the_faces_of_generate(kind, example, man, request):
    model = VoiceToFace.load(request.getfixturevalue(kind))
    faces = model.morph(example, man, steps=5, samples=3, seed=6, truncation=0.8).faces
    size = model.description.image_size_px
    assert faces.shape == (3, 5, size, size, 3)
    for end, recording in ((0, example), (-1, man)):
        wanted = model.generate(recording, samples=3, seed=6, truncation=0.8).faces
        np.testing.assert_allclose(faces[:, end].astype(int), wanted, atol=1)
    for sample in faces.astype(int):  # every step is another face, nearer to the end
        left = np.abs(sample - sample[-1]).mean(axis=(1, 2, 3))
        assert (np.diff(left) < 0).all()


def test_the_way_between_voices_at_one_noise(model, noisy_generator, example, man):
    morph = model.morph(example, man, steps=4, samples=2, seed=3)
    ends = morph.embeddings.astype(np.float64)
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    path = geometric_slerp(*ends, np.linspace(0, 1, 4))
    for sample in range(2):
        for step, voice in enumerate(path):
            wanted = drawn(noisy_generator, np.float32(voice), noise_of(3, 2)[sample : sample + 1])
            assert np.abs(morph.faces[sample, step] - wanted[0]).max() < 0.55
    assert morph.recordings == (str(example), str(man))
    assert morph.image.size == (12 + 4 * 140, 2 * 140 + 24 + 44)
    there_and_back = [np.asarray(frame) for frame in morph.animation]
    assert len(there_and_back) == 6
    for step in (1, 2):
        np.testing.assert_array_equal(there_and_back[step], there_and_back[-step])
    assert len({frame.tobytes() for frame in there_and_back[:4]}) == 4


@pytest.mark.parametrize("steps", [1, 65])
def test_steps_out_of_range(model, example, steps):
    with pytest.raises(ConfigError, match=f"steps: got {steps}; give 2 to 64"):
        model.morph(example, example, steps=steps)
