"""Our bundles and other people's images, as systems to score."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from voice2face import VoiceToFace
from voice2face.audio.settings import preset
from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.evaluation.keys import row_keys
from voice2face.evaluation.systems import (
    BundleSystem,
    FolderSystem,
    find_systems,
    generate_apart,
    shares_noise,
)
from voice2face.runtime.description import bundled_models
from voice2face.runtime.reading import read_features


@pytest.fixture(scope="module")
def heard(repository, example):
    """A store of two real recordings, as `prepare` writes their spectrograms."""
    files = [example, repository / "examples" / "librispeech-3699.flac"]
    settings = preset("modern")  # of the model that ships
    log_mels = [read_features(file, settings).log_mel.astype(np.float16) for file in files]
    frames = [len(one) for one in log_mels]
    voices = {
        "identity": ["a", "b"],
        "file": [str(file) for file in files],
        "start": [0, frames[0]],
        "frames": frames,
    }
    images = np.zeros((1, 64, 64, 3), np.uint8)
    card = {"settings": {"front_end": "modern"}}
    return Store(files[0].parent, card, voices, {}, np.concatenate(log_mels), images)


def test_a_bundle_draws_from_the_store_what_it_draws_from_the_recording(heard):
    model = VoiceToFace.load()
    drawn = BundleSystem(model).generate(heard, [1, 0], samples=5, seed=7)
    assert drawn.shape == (2, 5, 64, 64, 3)
    for faces, row in zip(drawn, (1, 0), strict=True):
        expected = model.generate(heard.voices["file"][row], samples=5, seed=7).faces
        # The store holds half precision.
        assert np.abs(faces.astype(int) - expected).mean() < 0.5
        assert np.abs(faces.astype(int) - expected).max() <= 4
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() > 10


def test_a_store_of_another_front_end_is_refused(heard):
    model = VoiceToFace.load()
    model._bundle.description = dataclasses.replace(
        model.description, front_end=dataclasses.replace(model.description.front_end, n_mels=40)
    )
    with pytest.raises(DataError, match="'modern', and projected-64 was trained with other"):
        BundleSystem(model).generate(heard, [0], samples=1, seed=0)


def test_images_are_found_by_the_key_of_their_recording(world, tmp_path):
    keys = row_keys(world.voices)
    random = np.random.default_rng(0)
    for key, suffix in zip(keys[:3], ("png", "bmp", "PNG"), strict=True):
        pixels = random.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{key}.{suffix}")
    drawn = FolderSystem(tmp_path).generate(world, [2, 0], samples=2, seed=0)
    assert drawn.shape == (2, 2, 12, 12, 3)
    with Image.open(tmp_path / f"{keys[2]}.PNG") as image:
        np.testing.assert_array_equal(drawn[0, 1], np.asarray(image))
    with pytest.raises(
        DataError, match=rf"no image for 17 of 20 recordings: {keys[3]}, .* 12 more"
    ):
        FolderSystem(tmp_path).generate(world, range(20), samples=1, seed=0)
    (tmp_path / f"{keys[0]}.jpg").touch()
    with pytest.raises(DataError, match="has the same name"):
        FolderSystem(tmp_path)


def test_a_system_is_found_by_what_a_user_writes(tmp_path):
    starter, again, folder = find_systems(
        ["starter", str(bundled_models()["starter"]), str(tmp_path)]
    )
    assert isinstance(starter, BundleSystem)
    # Both are called "starter"; so each goes by as much of its path as tells them apart.
    assert [starter.name, again.name] == ["starter", "models/starter"]
    assert isinstance(folder, FolderSystem)
    assert folder.name == tmp_path.name
    # One path that is spelt in two ways has no end that tells it from itself.
    spelt = [f"{bundled_models()['starter']}{end}" for end in ("", "/")]
    assert [one.name for one in find_systems(spelt)] == spelt
    with pytest.raises(DataError, match="is not a folder"):
        find_systems([str(tmp_path / "nothing")])


def test_recordings_share_noise_or_have_their_own(heard):
    """Alike, two rows of one recording get one face; apart, each its own; the same ones again."""
    system = BundleSystem(VoiceToFace.load())
    assert shares_noise(system) and not shares_noise(BundleSystem(VoiceToFace.load("starter")))
    rows = np.array([0, 0])
    alike = system.generate(heard, rows, 2, 0)
    assert np.array_equal(alike[0], alike[1])
    twice = {field: [*values, values[0]] for field, values in heard.voices.items()}
    copied = dataclasses.replace(heard, voices=twice)
    rows = np.array([0, len(heard.voices["identity"])])
    apart = generate_apart(system, copied, rows, 2, 0)
    assert not np.array_equal(apart[0], apart[1])
    assert np.array_equal(apart, generate_apart(system, copied, rows, 2, 0))
