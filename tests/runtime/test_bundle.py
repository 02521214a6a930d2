"""A bundle is verified on loading: whatever is wrong with it is said in one line."""

from __future__ import annotations

import json
import shutil

import pytest

from voice2face.errors import BundleError, ConfigError
from voice2face.runtime.bundle import Bundle, bundled_models, find_bundle, read_description


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
    import hashlib

    (folder / "generator.onnx").write_bytes(b"no network")
    digest = hashlib.sha256(b"no network").hexdigest()
    edit(folder, lambda model: model["files"].update({"generator.onnx": digest}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.json").unlink(), "is not a model bundle"),
        (lambda f: (f / "model.json").write_text("{"), "cannot be read as JSON"),
        (lambda f: (f / "model.json").write_text("[]"), "reads formats 1 and 2"),
        (lambda f: edit(f, lambda m: m.update(format=99)), "is of format 99"),
        (lambda f: edit(f, lambda m: m.pop("jitter")), "jitter is missing"),
        (lambda f: edit(f, lambda m: m.update(colour="red")), "colour is unknown"),
        (lambda f: edit(f, lambda m: m.update(name=3)), "name is 3, not str"),
        (lambda f: edit(f, lambda m: m.update(pixel_range="x")), "pixel_range is 'x'"),
        (lambda f: edit(f, lambda m: m["front_end"].pop("n_fft")), "n_fft is missing"),
        (lambda f: edit(f, lambda m: m.update(front_end=1)), "front_end is|not an object"),
        (lambda f: edit(f, lambda m: m["front_end"].update(n_mels=32)), "input has shape"),
        (lambda f: edit(f, lambda m: m.update(image_size_px=128)), "output has shape"),
        (flip_a_byte, r"generator\.onnx: is damaged or was changed"),
        (lambda f: (f / "voice_encoder.onnx").unlink(), r"voice_encoder\.onnx: cannot be read"),
        (swap_networks, "has shape"),
        (replace_by_text, "ONNX Runtime cannot load it"),
    ],
)
def test_damage_is_told(copy, damage, message):
    damage(copy)
    with pytest.raises(BundleError, match=message) as caught:
        Bundle(copy)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_problems_of_a_description_are_told_at_once(copy):
    edit(copy, lambda model: (model.pop("jitter"), model.update(colour=1, name=2)))
    with pytest.raises(BundleError, match="jitter is missing; colour is unknown; name is 2"):
        read_description(copy)


def test_names_and_folders(bundle):
    for name, folder in bundled_models().items():
        assert find_bundle(name) == folder
        assert read_description(folder).name == name
        Bundle(folder)
    assert find_bundle(str(bundle)) == bundle
    with pytest.raises(ConfigError, match=r"unknown model 'startr': did you mean 'starter'\?"):
        find_bundle("startr")
