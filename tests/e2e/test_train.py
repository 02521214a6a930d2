"""From data folders to a bundle that generates, through the real command."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from voice2face import VoiceToFace
from voice2face.cli import main
from voice2face.data.store import Store
from voice2face.runtime.reading import read_features
from voice2face.training import presets


@pytest.fixture(scope="module")
def data(shared_data, tmp_path_factory) -> Path:
    """A small real subset: 16 speakers of Duke, 60 faces of FairFace, and some rubbish."""
    folder = tmp_path_factory.mktemp("data")
    names = folder / "duke/audio_data/Names"
    names.mkdir(parents=True)
    duke = shared_data / "voices/duke-alphanumeric"
    shutil.copy(duke / "metadata.csv", folder / "duke")
    for path in sorted((duke / "audio_data/Names").glob("*.flac"))[:17]:
        broken = Path(shutil.copy(path, names))
    broken.write_bytes(b"not sound")
    faces = folder / "fairface"
    for part, count in (("train", 48), ("val", 12)):
        (faces / part).mkdir(parents=True)
        table = (shared_data / f"faces/fairface/fairface_label_{part}.csv").read_text()
        lines = table.splitlines()[: count + 1]
        (faces / f"fairface_label_{part}.csv").write_text("\n".join(lines))
        for line in lines[1:]:
            file = line.split(",")[0]
            shutil.copy(shared_data / "faces/fairface" / file, faces / file)
    first = next((faces / "train").iterdir())
    first.write_bytes(first.read_bytes()[:100])
    return folder


def train(data: Path, run: Path, *more: str) -> int:
    return main(["train", "all", "--preset", "debug", "--voices", f"duke:{data / 'duke'}",
                 "--faces", f"fairface:{data / 'fairface'}", "--pair-by", "gender",
                 "-o", str(run), "--aligned", *more])  # fmt: skip


@pytest.fixture(scope="module")
def run(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert train(data, folder) == 0
    return folder


def test_the_bundle_generates_and_its_card_tells_the_run(run, example, tmp_path):
    bundle = run / "bundle"
    faces = VoiceToFace.load(bundle).generate(example)
    assert faces.faces.shape == (4, 64, 64, 3)
    assert main(["generate", str(example), "--model", str(bundle), "-o", str(tmp_path)]) == 0
    card = json.loads((bundle / "model.json").read_text())["card"]
    assert card["amount"]["recordings"] == 16
    assert card["amount"]["faces"] == 59
    assert card["command"] == (
        "voice2face prepare --voices duke:DATA --faces fairface:DATA --pair-by gender "
        "--image-size 64 --preset wen2019 --aligned -o STORE && "
        "voice2face train speaker STORE --preset debug --seed 0 -o RUN && "
        "voice2face train gan STORE --preset debug --seed 0 -o RUN"
    )
    assert card["licence"].startswith("Apache-2.0 for the weights")
    assert "different people" in card["pairing_key"]
    assert any("CC BY 4.0" in line for line in card["data"])
    assert card["quality"]
    everything = b"".join(path.read_bytes() for path in bundle.iterdir())
    assert str(run.parent).encode() not in everything


@pytest.mark.long
def test_a_run_on_the_clearest_faces_says_so(run, tmp_path):
    """Half of each gender and age, rounded up; those that are kept show their gender."""
    store = Store.open(run / "store")
    assert main(["train", "gan", str(run / "store"), "--preset", "debug", "--speaker", str(run),
                 "--pair-by", "gender", "--set", "gan.confident_fraction=0.5",
                 "-o", str(tmp_path / "run")]) == 0  # fmt: skip
    card = json.loads((tmp_path / "run/bundle/model.json").read_text())["card"]
    kinds = Counter(
        (gender, age)
        for gender, age, split in zip(
            *(store.faces[column] for column in ("gender", "age", "split")), strict=True
        )
        if split == "train"
    )
    assert card["amount"]["faces trained on"] == sum(-(-count // 2) for count in kinds.values())
    assert (
        f"Of {kinds.total()} faces, only those that show gender most clearly" in card["pairing_key"]
    )
    of_all = json.loads((run / "bundle/model.json").read_text())["card"]
    assert of_all["amount"]["faces trained on"] == kinds.total()
    assert "most clearly" not in of_all["pairing_key"]


def test_the_store_holds_what_the_front_end_gives_and_lists_what_it_left_out(run, data):
    store = Store.open(run / "store")
    row = 3
    features = read_features(store.voices["file"][row], presets_front_end())
    start, frames = store.voices["start"][row], store.voices["frames"][row]
    np.testing.assert_allclose(store.log_mels[start : start + frames], features.log_mel, atol=0.01)
    assert store.images.shape == (59, 64, 64, 3)
    rejected = (run / "store" / "rejected.csv").read_text()
    assert ".flac,contains no audio" in rejected
    assert ".jpg,damaged image" in rejected
    assert len(rejected.splitlines()) == 3
    assert set(store.faces["split"]) == {"train", "test"}


def presets_front_end():
    from voice2face.audio.settings import preset

    return preset(presets.preset("debug").store.front_end)


def test_the_encoder_is_frozen_while_the_gan_learns(run):
    """The encoder in the bundle is the one of the speaker stage."""
    from voice2face.export import parity_error
    from voice2face.networks.voice_encoder import VoiceEncoder

    encoder = VoiceEncoder(presets.preset("debug").speaker.encoder)
    tensors = load_file(run / "speaker.safetensors")
    encoder.load_state_dict(
        {k.removeprefix("encoder/"): v for k, v in tensors.items() if k.startswith("encoder/")}
    )
    path = run / "bundle" / "voice_encoder.onnx"
    assert parity_error(encoder, path, torch.randn(1, 64, 500)) < 1e-4


@pytest.mark.long
def test_other_settings_are_refused_and_the_same_go_on(run, data, capsys):
    assert train(data, run, "--seed", "1") == 1
    said = capsys.readouterr().err
    assert "the run began with other settings (speaker.seed was 0, is 1)" in said
    assert train(data, run) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--voices", "duke"], "give SET:PATH"),
        (["--voices", "duk:x"], "unknown data set 'duk': did you mean 'duke'?"),
        (["--voices", "duke:nowhere"], "nowhere: no such folder"),
        (["--preset", "debgu"], "did you mean 'debug'?"),
        (["--pair-by", "shoe size"], "give some of identity, gender, age"),
        (["--pair-by", "identity"], "no identity is common"),
    ],
)
def test_bad_arguments(arguments, message, data, tmp_path, capsys):
    assert train(data, tmp_path / "run", *arguments) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.long
def test_the_report_of_a_real_run(run, data, tmp_path):
    """With the command's own log, sheets, store and bundle, and real sounds."""
    from voice2face.reporting.report import report

    sounds = data / "duke" / "audio_data" / "Names"
    files = report([run, run], tmp_path / "report.html", sounds=sounds)
    text = (tmp_path / "report.html").read_text()
    assert "ended" in text
    assert "All settings are the same." in text
    assert "are of different people (they are paired by gender)" in text
    assert "contains no audio" in text  # the file that is none
    assert str(data) not in text
    made = {path.stem for path in files.iterdir()}
    stages = {"discriminator_loss", "classifier", "generator_loss", "speaker_loss"}
    assert made >= stages | {"faces_over_epochs_1", "latest_faces_2", "out_of_domain_1"}
