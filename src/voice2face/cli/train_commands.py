"""The command train: a voice encoder, a generator, or all."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice2face.cli.arguments import Command, file_path, workshop
from voice2face.cli.data_commands import data_options, make_store

if TYPE_CHECKING:
    from voice2face.training.presets import TrainSettings


def add(command: Command) -> None:
    """Add the command."""
    train = command("train", None, "train a model, or one stage of it; resumes if interrupted")
    stages = train.add_subparsers(metavar="STAGE", required=True)
    stage = partial(_stage, stages)

    sub = stage("speaker", _train_speaker, "train the voice encoder on a store's speakers")
    sub.add_argument("store", type=file_path, metavar="STORE", help="folder that prepare made")
    sub = stage("gan", _train_gan, "train the generator on a store and export a bundle")
    sub.add_argument("store", type=file_path, metavar="STORE", help="folder that prepare made")
    sub.add_argument(
        "--speaker",
        type=file_path,
        metavar="RUN",
        help="run folder that holds the voice encoder (default: the folder of -o)",
    )
    sub.add_argument(
        "--speech",
        type=file_path,
        metavar="RUN",
        help="run folder that holds the speech detector (default: the folder of -o, or as shipped)",
    )
    sub.add_argument(
        "--init",
        type=file_path,
        metavar="RUN",
        help="run folder whose networks to begin with (default: random weights)",
    )
    sub.add_argument("--pair-by", metavar="KEY", help="pairing key (default: that of the store)")
    sub = stage("speech", _train_speech, "train the detector of speech")
    sub.add_argument(
        "speech",
        type=file_path,
        nargs="+",
        metavar="SPEECH",
        help="stores made by prepare --waveforms, or folders of recordings of speech",
    )
    sub.add_argument(
        "--sounds",
        type=file_path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="recordings of other sounds, a subfolder for each kind; synthetic ones are added",
    )
    sub = stage("all", _train_all, "prepare data sets, train both stages and export a bundle")
    data_options(sub)


def _stage(stages: Any, name: str, run: object, text: str) -> argparse.ArgumentParser:
    """Add a stage with the options that all have."""
    sub = stages.add_parser(name, help=text, description=text)
    sub.set_defaults(run=run)
    sub.add_argument("--preset", help="training preset (default: that of RUN, or starter)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a setting, such as gan.batch_size=64 or gan.discriminator=resnet",
    )
    sub.add_argument(
        "-o",
        "--out",
        type=file_path,
        required=True,
        metavar="RUN",
        help="run folder; if it holds a run, training resumes",
    )
    return sub


def _train_speaker(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.training.run import run_speaker

        run_speaker(Store.open(options.store), _settings(options), options.out)
    _say_once(f"{options.out}: the voice encoder is trained; next: voice2face train gan")
    return 0


def _train_gan(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.training.run import OtherRuns, run_gan

        store, settings = Store.open(options.store), _settings(options)
        bundle = run_gan(
            store,
            settings,
            options.out,
            OtherRuns(options.speaker, options.speech, options.init),
            options.pair_by,
        )
    return _bundle_is_ready(bundle)


def _train_speech(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.training.run import run_speech
        from voice2face.training.speech.clips import Sources

        sources = Sources.open(options.speech, options.sounds)
        folder = run_speech(sources, _settings(options), options.out)
    _say_once(
        f"{folder}: the speech detector is trained; voice2face train gan --speech {options.out} "
        "puts it into a bundle"
    )
    return 0


def _train_all(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.training.run import run_all

        bundle = run_all(partial(make_store, options), _settings(options), options.out)
    return _bundle_is_ready(bundle)


def _settings(options: argparse.Namespace) -> TrainSettings:
    from voice2face.training.run import settings_of
    from voice2face.training.run_folder import preset_of

    preset = options.preset or preset_of(options.out) or "starter"
    return settings_of(preset, options.seed, options.set)


def _bundle_is_ready(bundle: Path) -> int:
    from voice2face.training.run_folder import ending

    if why := ending(bundle.parent):
        _say_once(f"{bundle.parent}: {why}")
    _say_once(f"{bundle}: ready; use it with voice2face generate --model {bundle}")
    return 0


def _say_once(line: str) -> None:
    """Print a line; of the processes of `torchrun`, in the first."""
    from voice2face.training.engine import is_first_process

    if is_first_process():
        print(line)
