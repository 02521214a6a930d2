"""Runs of earlier versions are gone on with, and only under the settings that they began with."""

from __future__ import annotations

import json

import pytest

from voice2face.cli import main
from voice2face.data.store import Store
from voice2face.errors import ConfigError
from voice2face.synthetic.world import World, make_world
from voice2face.training.run import settings_of
from voice2face.training.run_folder import command_of, earlier_settings, open_run, preset_of


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("world") / "store"
    make_world(folder, World(n_identities=6, seed=0, recordings_each=1, faces_each=1))
    return Store.open(folder)


@pytest.mark.parametrize(
    ("preset", "part", "change"),
    [
        ("modern-64", "relativistic", "gan.penalty=2"),
        ("projected-64", "projected", "gan.class_weight=2"),
        ("debug", None, "gan.generator_loss=minimax"),
    ],
)
def test_a_run_whose_settings_were_in_parts_goes_on(store, preset, part, change, tmp_path):
    """An objective's own settings stood in a part, and those of the published one in every run."""
    open_run(tmp_path, "gan", store, "gender", settings_of(preset, 0, []))
    config = json.loads((tmp_path / "config.json").read_text())
    published = {"classifiers": [], "classifier_first_images": 0, "initialisation": "torch",
                 "generator_loss": "non_saturating", "noise_scale": 1.0}  # fmt: skip
    gan = published | config["gan"] | {"relativistic": None, "projected": None}
    if part is not None:
        names = {"penalty", "group", "matcher"} if part == "relativistic" else {"class_weight"}
        gan[part] = {name: gan.pop(name) for name in names}
    (tmp_path / "config.json").write_text(json.dumps(config | {"gan": gan}))
    (tmp_path / "gan.safetensors").touch()
    open_run(tmp_path, "gan", store, "gender", settings_of(preset, 0, []))
    assert json.loads((tmp_path / "config.json").read_text())["gan"] == config["gan"]
    with pytest.raises(ConfigError, match=f"began with other settings .{change.split('=')[0]} was"):
        open_run(tmp_path, "gan", store, "gender", settings_of(preset, 0, [change]))


def test_without_a_preset_a_stage_takes_that_of_its_run(store, tmp_path, capsys):
    assert preset_of(tmp_path) is None
    open_run(tmp_path, "speaker", store, None, settings_of("projected-64", 0, []))
    assert preset_of(tmp_path) == "projected-64"
    # Refused at once: the preset of the run has this setting, and another one has not.
    command = ["train", "gan", str(store.folder), "-o", str(tmp_path), "--set"]
    assert main([*command, "gan.code_length=9999"]) == 1
    assert main([*command, "gan.code_length=9999", "--preset", "wen2019"]) == 1
    ours, other = capsys.readouterr().err.splitlines()
    assert "give at most gan.generator.noise_dim" in ours
    assert "give at most" not in other


def test_a_run_whose_settings_had_other_names_goes_on(store, tmp_path):
    open_run(tmp_path, "gan", store, "gender", settings_of("modern-64", 0, []))
    config = json.loads((tmp_path / "config.json").read_text())
    gan = dict(config["gan"])
    gan |= {"cool_down": gan.pop("lr_decay_fraction"), "clear_share": 1.0}
    gan["alteration"] = gan.pop("augment_probability")
    del gan["confident_fraction"]
    earlier = [{"gan.cool_down": 0.0, "gan.images": 7}]
    old = config | {"gan": gan, "gan_earlier": earlier}
    open_run(tmp_path, "speaker", store, None, settings_of("modern-64", 0, []))
    both = json.loads((tmp_path / "config.json").read_text())
    speaker = both["speaker"]
    old["speaker"] = {**speaker, "steps_an_epoch": 7}
    del old["speaker"]["steps_per_epoch"]
    (tmp_path / "config.json").write_text(json.dumps(both | old))
    (tmp_path / "gan.safetensors").touch()
    (tmp_path / "speaker.safetensors").touch()
    changed = settings_of("modern-64", 0, ["speaker.steps_per_epoch=7"])
    open_run(tmp_path, "speaker", store, None, changed)
    open_run(tmp_path, "gan", store, "gender", settings_of("modern-64", 0, []))
    now = json.loads((tmp_path / "config.json").read_text())
    assert (now["gan"], now["speaker"]) == (config["gan"], {**speaker, "steps_per_epoch": 7})
    assert earlier_settings(tmp_path) == [
        {"gan.lr_decay_fraction": 0.0, "gan.images": 7},
        {"gan.confident_fraction": 1.0},
    ]


@pytest.mark.parametrize(
    ("preset", "changed"),
    [
        ("debug", ["gan.discriminator=resnet", "gan.classifiers=gender,age", "precision=bf16"]),
        ("modern-64", ["gan.crop_frames=150,160", "gan.flip=false", "gan.penalty=0.25"]),
        ("modern-voice", ["speaker.steps_per_epoch=None", "speaker.augment.noise=0.9"]),
        ("projected-64", ["gan.augment_probability=0"]),
        ("starter", []),
    ],
)
def test_the_command_that_is_written_gives_the_same_settings(store, preset, changed, tmp_path):
    settings = settings_of(preset, 3, changed)
    open_run(tmp_path, "speaker", store, None, settings)
    open_run(tmp_path, "gan", store, "gender", settings)
    written = []
    for stage in ("speaker", "gan"):
        start, words = "voice2face train", command_of(tmp_path, stage, settings)
        assert words[:8] == [*start.split(), stage, "STORE", "--preset", preset, "--seed", "3"]
        assert words[8::2] == ["--set"] * len(words[9::2])
        written += words[9::2]
    assert settings_of(preset, 3, list(dict.fromkeys(written))) == settings
