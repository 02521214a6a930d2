"""What may be set to what, of every settings class."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Any, Literal

import pytest

from voice2face.errors import ConfigError
from voice2face.networks import DISCRIMINATORS, GENERATORS, VOICE_ENCODERS
from voice2face.networks.base_configs import BaseNoiseGeneratorConfig
from voice2face.ranges import Range, problems
from voice2face.training.gan.settings import GanSettings
from voice2face.training.presets import PRESETS, TrainSettings, preset
from voice2face.training.run import settings_of

# dB may be any finite number.
FREE = ("direct_to_reverberant_db", "babble_snr_db", "noise_snr_db", "effort_db")


def classes() -> list[type]:
    """Every settings class: those inside a run's, and those of every network."""
    found = [pair[1] for networks in (GENERATORS, DISCRIMINATORS, VOICE_ENCODERS)
             for pair in networks.values()]  # fmt: skip
    todo: list[Any] = [TrainSettings, *GanSettings.__subclasses__()]
    while todo:
        kind = todo.pop()
        if dataclasses.is_dataclass(kind):
            found.append(kind)
            todo += typing.get_type_hints(kind).values()
        todo += typing.get_args(kind)
    return sorted(set(found), key=lambda kind: kind.__name__)


def is_bounded(hint: Any) -> bool:
    """Whether a type that has a number in it says which numbers."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) is Annotated:
        return any(isinstance(rule, Range) for rule in hint.__metadata__) or is_bounded(parts[0])
    if typing.get_origin(hint) is Literal:
        return True
    return hint not in (int, float) and all(map(is_bounded, parts))


@pytest.mark.parametrize("kind", classes())
def test_every_number_has_a_range(kind):
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        assert is_bounded(hint) or name == "n_classes", f"{kind.__name__}.{name}"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_no_problem(name):
    assert problems(PRESETS[name]()) == []


@pytest.mark.parametrize("name", ["debug", "modern-64"])
def test_no_number_may_be_nan_infinite_or_below_nothing(name):
    """Each number in a preset that is no decibel, put in as nan, inf and -1, is told by name."""
    seen = 0

    def bad(part: Any, path: str, rebuild) -> None:
        nonlocal seen
        for field in dataclasses.fields(part):
            value, place = getattr(part, field.name), f"{path}{field.name}"
            renew = lambda new, f=field.name: rebuild(dataclasses.replace(part, **{f: new}))  # noqa: E731
            if dataclasses.is_dataclass(value):
                bad(value, f"{place}.", renew)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            is_list = isinstance(value, tuple) and value and not isinstance(value[0], str)
            if field.name in (*FREE, "n_classes") or not (is_number or is_list):
                continue
            is_whole = isinstance(value[0] if is_list else value, int)
            for wrong in (-1,) if is_whole else (float("nan"), float("inf"), -1.0):
                told = problems(renew(wrong if is_number else (wrong, *value[1:])))
                assert any(line.startswith(f"{place} is") for line in told), (place, wrong, told)
                seen += 1

    bad(preset(name), "", lambda whole: whole)
    assert seen > 70


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        (
            "debug",
            ["gan.batch_size=-5", "speaker.learning_rate=nan", "gan.crop_frames=8,3", "gan.shoe=1"],
            [
                "unknown setting 'gan.shoe'",
                "speaker.learning_rate is nan: give a number above 0",
                "gan.batch_size is -5: give a number of at least 1",
                "gan.crop_frames is 8,3: give the lower value, then the higher",
            ],
        ),
        ("debug", ["gan.betas=0.5"], ["gan.betas is 0.5: give 2 values"]),
        ("debug", ["gan.generator.channels="], ["gan.generator.channels is empty"]),
        ("debug", ["gan.batch_size="], ["gan.batch_size is '': give a whole number"]),
        ("debug", ["precision=16"], ["precision is '16': give '32' or 'bf16'"]),
        ("debug", [""], ["--set '': give NAME=VALUE"]),
        ("debug", ["speaker.loss=amm"], ["speaker.loss is 'amm': did you mean 'aam'?"]),
        ("debug", ["speaker.margin=0.2"], ["margin is used only if loss is 'aam'"]),
        ("debug", ["speaker.augment.rt60_s=0.1,0.2"], ["used only if reverberation is set"]),
        (
            "debug",
            ["gan.group=4"],
            ["is a setting of the objective 'relativistic'"],
        ),
        ("debug", ["gan.discriminator.n_classes=3"], ["follow from the data"]),
        (
            "debug",
            ["gan.generator=residual"],
            ["is not a network of this preset's objective: give wen2019"],
        ),
        ("modern-64", ["gan.initialisation=torch"], ["is a setting of the objective 'wen2019'"]),
        ("modern-64", ["gan.batch_size=40"], ["give a multiple of gan.group, 16"]),
        ("modern-64", ["gan.generator.noise_dim=0"], ["gan.generator.noise_dim is 0"]),
        ("modern-64", ["gan.generator.shuffle=4"], ["draws 128 pixels"]),
    ],
)
def test_what_cannot_be_used_or_is_not_read_is_told_at_once(name, changes, told):
    with pytest.raises(ConfigError) as caught:
        settings_of(name, 0, changes)
    lines = str(caught.value).split("; ")
    assert all(any(wanted in line for line in lines) for wanted in told), lines


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_torch_does_not_take(seed):
    with pytest.raises(ConfigError, match="seed is"):
        settings_of("debug", seed, [])


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("gan.batch_size=16", 16),
        ("gan.learning_rate=1", 1.0),
        ("gan.flip=False", False),
        ("gan.crop_frames=100,200", (100, 200)),
        ("speaker.steps_per_epoch=30", 30),
        ("speaker.steps_per_epoch=None", None),
        ("gan.initialisation=torch", "torch"),
        ("gan.classifiers=identity,gender", ("identity", "gender")),
    ],
)
def test_a_value_is_read_by_the_type_of_its_setting(change, value):
    part, _, field = change.partition("=")[0].partition(".")
    read = getattr(getattr(settings_of("debug", 0, [change]), part), field)
    assert read == value
    assert type(read) is type(value)


def test_what_is_read_is_taken():
    changes = ["speaker.loss=aam", "speaker.margin=0.3", "gan.generator_loss=minimax"]
    assert settings_of("debug", 0, changes).speaker.margin == 0.3


def test_a_registered_network_is_taken_by_the_objectives_that_its_settings_suit(monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class FlatConfig(BaseNoiseGeneratorConfig):
        """Faces of 64 pixels without a size of their own."""

        @property
        def image_size_px(self) -> int:
            return 64

    monkeypatch.setitem(GENERATORS, "flat", (object, FlatConfig))
    assert settings_of("modern-64", 0, ["gan.generator=flat"]).gan.generator == FlatConfig()
    with pytest.raises(ConfigError, match="not a network of this preset's objective: give wen2019"):
        settings_of("debug", 0, ["gan.generator=flat"])
    with pytest.raises(ConfigError, match="did you mean 'flat'"):
        settings_of("modern-64", 0, ["gan.generator=flatt"])


def test_the_ends_of_a_range_belong_to_it_unless_it_says_otherwise():
    for value, closed, opened in ((0, True, False), (0.5, True, True), (1, True, False)):
        assert (Range(0, 1).problem(value) is None) == closed
        assert (Range(0, 1, above=True, below=True).problem(value) is None) == opened
    assert Range(0, 1, above=True).problem(0) == "give a number above 0 and at most 1"
