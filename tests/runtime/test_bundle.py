"""A bundle is verified on loading: whatever is wrong with it is said in one line."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest

from voice2face.errors import BundleError, ConfigError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import bundled_models, find_bundle, read_description


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


def edit(folder, change) -> None:
    path = folder / "model.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def flip_a_byte(folder) -> None:
    path = folder / "generator.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap_networks(folder) -> None:
    one, other = folder / "generator.onnx", folder / "voice_encoder.onnx"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)

    def change(model):
        files = model["files"]
        files["generator.onnx"], files["voice_encoder.onnx"] = (
            files["voice_encoder.onnx"],
            files["generator.onnx"],
        )

    edit(folder, change)


def replace_by_text(folder) -> None:
    (folder / "generator.onnx").write_bytes(b"no network")
    digest = hashlib.sha256(b"no network").hexdigest()
    edit(folder, lambda model: model["files"].update({"generator.onnx": digest}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.json").unlink(), "is not a model bundle"),
        (lambda f: (f / "model.json").write_text("{"), "cannot be read as JSON"),
        (lambda f: (f / "model.json").write_text("[]"), "is not a JSON object"),
        (lambda f: edit(f, lambda m: m.update(format=99)), "has format 99"),
        (lambda f: edit(f, lambda m: m.pop("jitter")), "jitter is missing"),
        (lambda f: edit(f, lambda m: m.update(colour="red")), "colour is unknown"),
        (lambda f: edit(f, lambda m: m.update(name=3)), "name is 3: give a text"),
        (lambda f: edit(f, lambda m: m.update(pixel_range="x")), "pixel_range is 'x'"),
        (lambda f: edit(f, lambda m: m["front_end"].pop("n_fft")), "n_fft is missing"),
        (lambda f: edit(f, lambda m: m.update(front_end=1)), "front_end is 1: give an object"),
        (lambda f: edit(f, lambda m: m["front_end"].update(n_mels=32)), "input has shape"),
        (lambda f: edit(f, lambda m: m.update(image_size_px=128)), "output has shape"),
        (flip_a_byte, r"generator\.onnx: is damaged or was changed"),
        (lambda f: (f / "voice_encoder.onnx").unlink(), r"voice_encoder\.onnx: is missing"),
        (swap_networks, "has shape"),
        (replace_by_text, r"generator\.onnx: cannot be used: it is not ONNX"),
    ],
)
def test_damage_is_told(copy, damage, message):
    damage(copy)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle(copy)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def rename_an_input(folder) -> None:
    path = folder / "generator.onnx"
    network = onnx.load(path)
    for item in [*network.graph.input, *network.graph.node]:
        if getattr(item, "name", "") == "noise":
            item.name = "sound"
        if hasattr(item, "input"):
            item.input[:] = ["sound" if name == "noise" else name for name in item.input]
    path.write_bytes(network.SerializeToString())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(folder, lambda model: model["files"].update({"generator.onnx": digest}))


def forget_the_detector(folder) -> None:
    edit(folder, lambda model: model["files"].pop("speech_detector.onnx"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: edit(f, lambda m: m.pop("noise_dim")), "noise_dim is missing"),
        (
            lambda f: edit(f, lambda m: m.update(noise_dim=-1)),
            "noise_dim is -1: give a number of at",
        ),
        (lambda f: edit(f, lambda m: m.update(noise_dim=6)), "input has shape"),
        (lambda f: edit(f, lambda m: m.update(noise_dim=0)), "input has shape"),
        (rename_an_input, r"inputs are called \['speaker_embedding', 'sound'\]"),
        (lambda f: edit(f, lambda m: m.update(gender=[])), "gender is empty: give an object"),
        (lambda f: edit(f, lambda m: m["gender"].pop("scale")), "scale is missing"),
        (lambda f: edit(f, lambda m: m["gender"].update(scale=0)), "gender evidence: scale is 0"),
        (lambda f: edit(f, lambda m: m["gender"].update(axis=[0.6, 0.8])), "axis has 2 numbers"),
        (
            lambda f: edit(f, lambda m: m["gender"].update(axis=["x"])),
            r"gender\.axis is .x.: give",
        ),
        (lambda f: edit(f, lambda m: m["speech"].update(threshold="x")), "threshold is 'x'"),
        (lambda f: edit(f, lambda m: m.update(speech=None)), "come together"),
        (forget_the_detector, "come together"),
        (lambda f: (f / "speech_detector.onnx").write_bytes(b""), r"speech_detector\.onnx: is dam"),
        (
            lambda f: edit(f, lambda m: m.update(format=1)),
            "gender is unknown; noise_dim is",
        ),
    ],
)
def test_damage_of_what_format_2_has_is_told(noisy_bundle, tmp_path, damage, message):
    copy = shutil.copytree(noisy_bundle, tmp_path / "copy")
    damage(copy)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle(copy)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_format_1_is_still_read(bundle, copy):
    def age(model):
        since = (
            "noise_dim",
            "gender",
            "speech",
            "voice_noise",
            "two_voices",
            "redraw",
            "attention",
        )
        for name in since:
            del model[name]
        del model["front_end"]["band_range_db"]
        model["format"] = 1

    edit(copy, age)
    assert read_description(copy) == read_description(bundle)
    mels = np.random.default_rng(0).normal(size=(1, 50, 64)).astype(np.float32)
    old, new = (Bundle(folder) for folder in (copy, bundle))
    assert old.draw(old.embed(mels)).tobytes() == new.draw(new.embed(mels)).tobytes()
    assert old.speech_logit(mels[0]) is None
    edit(copy, lambda model: model.update(format=True))
    with pytest.raises(BundleError, match="has format True"):
        read_description(copy)


def test_what_a_description_says_comes_back(noisy_bundle):
    about = read_description(noisy_bundle)
    assert json.loads((noisy_bundle / "model.json").read_text()) == json.loads(about.to_json())
    assert (about.format, about.noise_dim) == (6, 5)
    assert about.speech is not None
    assert about.speech.false_acceptance == 0.04
    assert about.gender is not None
    assert np.linalg.norm(about.gender.axis) == pytest.approx(1)


def test_all_problems_of_a_description_are_told_at_once(copy):
    edit(copy, lambda model: (model.pop("jitter"), model.update(colour=1, name=2)))
    with pytest.raises(BundleError, match="colour is unknown; jitter is missing; name is 2"):
        read_description(copy)


def test_names_and_folders(bundle):
    for name, folder in bundled_models().items():
        assert find_bundle(name) == folder
        assert read_description(folder).name == name
        Bundle(folder)
    assert find_bundle(str(bundle)) == bundle
    with pytest.raises(ConfigError, match=r"unknown model 'startr': did you mean 'starter'\?"):
        find_bundle("startr")
