"""Bundles that anybody may have sent: used, or refused in one line; nothing read, run or filled."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from voice2face.errors import BundleError
from voice2face.runtime import network
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, bundled_models, read_description
from voice2face.runtime.onnx_check import OPERATORS, refuse_unsafe

PIXELS = 3 * 64 * 64


@pytest.fixture
def copy(bundle, tmp_path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def constant(name: str, values: Any, dtype: type) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def generator(flat: list, weights: list, last: str = "Reshape") -> onnx.ModelProto:
    """A generator whose face is the (pixels,) tensor "w", whatever the voice."""
    nodes = [
        *flat,
        helper.make_node("ReduceSum", ["speaker_embedding", "axis"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "zero"], ["none"]),
        helper.make_node("Add", ["none", "w"], ["flat"]),
        helper.make_node(last, ["flat", "shape"], ["faces"]),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "generator",
            [helper.make_tensor_value_info("speaker_embedding", 1, ["batch", 64])],
            [helper.make_tensor_value_info("faces", 1, ["batch", 3, 64, 64])],
            [
                constant("axis", [1], np.int64),
                constant("zero", [0], np.float32),
                constant("shape", [-1, 3, 64, 64], np.int64),
                *weights,
            ],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


def put(folder: Path, content: bytes) -> Bundle:
    (folder / "generator.onnx").write_bytes(content)
    about = json.loads((folder / "model.json").read_text())
    about["files"]["generator.onnx"] = hashlib.sha256(content).hexdigest()
    (folder / "model.json").write_text(json.dumps(about))
    return Bundle(folder)


def drawn(folder: Path, value: float, n: int = PIXELS) -> np.ndarray:
    made = generator([], [constant("w", np.full(n, value), np.float32)])
    return put(folder, made.SerializeToString()).draw(np.ones((2, 64), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
def test_numbers_that_are_no_face_are_an_error(copy, value):
    assert drawn(copy, 0.5).shape == (2, 3, 64, 64)
    with pytest.raises(BundleError, match=r"generator\.onnx: gives numbers that are not finite"):
        drawn(copy, value)


def test_another_number_of_faces_is_an_error(copy):
    with pytest.raises(BundleError, match="gives 4 items for 2"):
        drawn(copy, 0.5, 2 * PIXELS)


def test_another_file_is_not_read(copy):
    (copy / "secret").write_bytes(bytes(4 * PIXELS))
    outside = constant("w", np.zeros(PIXELS), np.float32)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="secret")
    in_weights = generator([], [outside])
    in_a_node = generator([helper.make_node("Constant", [], ["w"], value=outside)], [])
    for made in (in_weights, in_a_node):
        with pytest.raises(BundleError, match="lies in another file, which is not read"):
            put(copy, made.SerializeToString())


def test_a_loop_a_function_and_foreign_operators_are_not_run(copy):
    body = helper.make_graph([], "body", [], [])
    loop = generator([helper.make_node("Loop", ["n"], ["w"], body=body)], [])
    foreign = generator([helper.make_node("Conv", ["a"], ["w"], domain="evil")], [])
    unknown = generator([helper.make_node("Loop", ["n"], ["w"])], [])
    for made, reason in (
        (loop, "holds a graph"), (foreign, "operator 'evil.Conv'"), (unknown, "operator 'Loop'")
    ):  # fmt: skip
        with pytest.raises(BundleError, match=reason):
            put(copy, made.SerializeToString())
    made = generator([], [constant("w", np.zeros(PIXELS), np.float32)])
    made.functions.append(helper.make_function("own", "f", [], [], [], []))
    with pytest.raises(BundleError, match="functions of its own"):
        put(copy, made.SerializeToString())


def test_memory_is_bounded(copy):
    huge = TensorProto(name="w", data_type=1, dims=[1 << 40])
    with pytest.raises(BundleError, match="has 1099511627776 elements"):
        put(copy, generator([], [huge]).SerializeToString())
    # Not in the file, but made while it runs: 8 GB.
    nodes = [
        helper.make_node("ConstantOfShape", ["many"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["mean"], keepdims=0),
        helper.make_node("Add", ["zeros", "mean"], ["w"]),
    ]
    weights = [
        constant("many", [1, 2_000_000_000], np.int64),
        constant("zeros", np.zeros(PIXELS), np.float32),
    ]
    bundle = put(copy, generator(nodes, weights).SerializeToString())
    with pytest.raises(BundleError, match=r"cannot be run .*memory"):
        bundle.draw(np.ones((1, 64), np.float32))


def test_a_run_that_takes_too_long_is_stopped(copy, monkeypatch):
    monkeypatch.setattr(network, "MAX_RUN_S", 0.05)
    # Two hundred products of two matrices of 600 x 600 take a second and more.
    names = ["square", *(f"p{n}" for n in range(400))]
    nodes = [
        helper.make_node("ReduceMax", ["speaker_embedding"], ["one"], keepdims=0),
        helper.make_node("Mul", ["one", "weights"], ["square"]),
        *(helper.make_node("MatMul", [a, "square"], [b])
          for a, b in itertools.pairwise(names)),
        helper.make_node("ReduceMean", [names[-1]], ["mean"], keepdims=0),
        helper.make_node("Add", ["zeros", "mean"], ["w"]),
    ]  # fmt: skip
    weights = [
        constant("weights", np.full((600, 600), 1 / 600), np.float32),
        constant("zeros", np.zeros(PIXELS), np.float32),
    ]
    bundle = put(copy, generator(nodes, weights).SerializeToString())
    with pytest.raises(BundleError, match=r"takes longer than 0\.05 s"):
        bundle.draw(np.ones((1, 64), np.float32))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_special_files_are_not_opened(copy):
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
        (copy / "generator.onnx").unlink()
        make(copy / "generator.onnx")
        with pytest.raises(BundleError, match=r"generator\.onnx: (is not a regular file|cannot)"):
            Bundle(copy)
        path = copy / "generator.onnx"
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        path.touch()


def test_cut_and_changed_bytes_never_pass_as_onnx():
    content = (bundled_models()[DEFAULT_MODEL] / "voice_encoder.onnx").read_bytes()
    refuse_unsafe(content)
    for length in (0, 1, 100, len(content) - 1):
        with pytest.raises(ValueError, match=r"not ONNX|0 nodes"):
            refuse_unsafe(content[:length])
    # Every operator that a node of it names is looked at.
    assert b"ReduceSum" in content
    with pytest.raises(ValueError, match="operator 'ReduceSun'"):
        refuse_unsafe(content.replace(b"ReduceSum", b"ReduceSun"))


def test_operators_are_onnx_s_own_and_keep_a_seed_s_meaning():
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    assert known >= OPERATORS
    assert not {name for name in OPERATORS if "Random" in name or name in ("If", "Loop", "Scan")}


FRONT_END = {
    "vad_frame_ms": 25, "vad_mode": True, "n_fft": 64, "frame_length": 0, "hop_length": -160,
    "sample_rate_hz": 16000.0, "vad_padding_frames": 10**30, "f_max_hz": 1, "log_floor": 0,
    "min_frames": 2_000_000_000, "min_speech_s": -1, "preemphasis": "0.97", "n_mels": None,
}  # fmt: skip
WHOLE = {
    "noise_dim": 10**11, "crop_frames": 0, "embedding_dim": 0, "image_size_px": 10**6,
    "jitter": -1, "name": ["x"], "files": {"generator.onnx": 1}, "card": "none",
    "pixel_range": "wide",
}  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [*FRONT_END.items(), *WHOLE.items()])
def test_a_field_that_makes_no_sense_is_named(copy, field, value):
    about = json.loads((copy / "model.json").read_text())
    (about["front_end"] if field in FRONT_END else about)[field] = value
    (copy / "model.json").write_text(json.dumps(about))
    with pytest.raises(BundleError, match=rf"model\.json: .*{field}"):
        read_description(copy)


def damage(field: str, text: str) -> Callable[[str], str]:
    return lambda content: content.replace(field, text, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (damage('"jitter": 0.05', '"jitter": NaN'), "NaN is not a finite number"),
        (damage('"jitter": 0.05', '"jitter": 1e400'), "1e400 is too large"),
        (damage('"jitter": 0.05', f'"jitter": {"9" * 5000}'), "cannot be read as JSON"),
        (lambda _: 100_000 * "[", "nested too deeply"),
        (lambda _: "\x00", "cannot be read as JSON"),
    ],
)
def test_json_is_read_strictly(copy, change, reason):
    content = (copy / "model.json").read_text()
    assert change(content) != content
    (copy / "model.json").write_text(change(content))
    with pytest.raises(BundleError, match=reason):
        read_description(copy)
