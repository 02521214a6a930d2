"""Commands of the workshop half, from import-weights and prepare to report and evaluate."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voice2face.cli.arguments import file_path
from voice2face.errors import ConfigError, MissingDependencyError, printable

if TYPE_CHECKING:
    from voice2face.data.store import Store, StoreSettings
    from voice2face.training.presets import TrainSettings

__all__ = ["add", "workshop"]

Command = Callable[[str, object, str], argparse.ArgumentParser]


def add(command: Command) -> None:
    """Add the commands."""
    sub = command("import-weights", _import_weights, "make a bundle of the authors' weights")
    sub.add_argument(
        "--voice-embedding", type=file_path, required=True, metavar="voice_embedding.pth"
    )
    sub.add_argument("--generator", type=file_path, required=True, metavar="generator.pth")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="FOLDER")
    _add_prepare(command)
    _add_planted(command)
    _add_train(command)
    _add_report(command)
    _add_evaluate(command)


def _data_options(sub: argparse.ArgumentParser) -> None:
    for side in ("--voices", "--faces"):
        sub.add_argument(side, action="append", required=True, metavar="SET:PATH")
    sub.add_argument("--pair-by", required=True, metavar="KEY", help="identity, gender, ...")
    sub.add_argument(
        "--split",
        metavar="SCHEME",
        help="fz, hash:80/10/10 or column (default: column, else a tenth of the people is test)",
    )
    sub.add_argument(
        "--variants",
        type=file_path,
        metavar="CSV",
        help="spellings of names: columns name, variant",
    )
    sub.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    sub.add_argument("--backend", default="local", help="local, dask or ray (default: local)")
    sub.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask or Ray cluster")
    sub.add_argument("--aligned", action="store_true", help="faces are cut and aligned already")


def _add_prepare(command: Command) -> None:
    sub = command("prepare", _prepare, "turn data sets into a store to train from; goes on")
    _data_options(sub)
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="STORE")
    sub.add_argument("--image-size", type=int, choices=(64, 128), default=64, metavar="64|128")
    sub.add_argument(
        "--waveforms", action="store_true", help="keep the waveforms too: augmentation needs them"
    )
    sub.add_argument("--preset", default="wen2019", help="front-end preset (default: wen2019)")


def _add_planted(command: Command) -> None:
    sub = command("planted", _planted, "make a world of synthetic people whose truth is known")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="STORE")
    sub.add_argument("--identities", type=int, default=1000, metavar="N", help="(default: 1000)")
    for what in ("recordings", "faces"):
        sub.add_argument(
            f"--{what}", type=int, default=10, metavar="N", help="of each identity (default: 10)"
        )
    sub.add_argument(
        "--shared",
        type=int,
        default=6,
        metavar="N",
        help="how many factors voice and face have in common, 0 to 6 (default: 6)",
    )
    sub.add_argument(
        "--correlation",
        type=float,
        default=0.8,
        metavar="R",
        help="of a shared factor in the voice with that in the face, 0 to 1 (default: 0.8)",
    )
    sub.add_argument(
        "--split",
        default="80/10/10",
        metavar="PERCENT",
        help="people to train, validate and test on, by a hash (default: 80/10/10)",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same people")
    sub.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    sub.add_argument(
        "--waveforms", action="store_true", help="keep the waveforms too: augmentation needs them"
    )


def _add_train(command: Command) -> None:
    train = command("train", None, "train a model, whole or a stage of it; goes on")
    stages = train.add_subparsers(metavar="STAGE", required=True)

    def stage(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = stages.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--preset", default="starter", help="training preset (default: starter)")
        sub.add_argument("--seed", type=int, default=0, metavar="S")
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
            help="run folder; gone on from",
        )
        return sub

    sub = stage("speaker", _train_speaker, "train the voice encoder on a store's speakers")
    sub.add_argument("store", type=file_path, metavar="STORE", help="folder that prepare made")
    sub = stage("gan", _train_gan, "train the generator on a store, and export a bundle")
    sub.add_argument("store", type=file_path, metavar="STORE", help="folder that prepare made")
    sub.add_argument(
        "--speaker",
        type=file_path,
        metavar="RUN",
        help="run with the voice encoder (default: this one)",
    )
    sub.add_argument("--pair-by", metavar="KEY", help="(default: as the store was prepared)")
    sub = stage("all", _train_all, "prepare, train both stages and export, from data folders")
    _data_options(sub)


def _add_report(command: Command) -> None:
    sub = command("report", _report, "make a page about runs: curves, faces, settings")
    sub.add_argument(
        "runs", nargs="+", type=file_path, metavar="RUN", help="folder of a run, ended or going on"
    )
    sub.add_argument(
        "-o", "--out", type=file_path, default=Path("report.html"), metavar="PAGE.html"
    )
    sub.add_argument(
        "--store",
        type=file_path,
        help="take held-out people from this store (default: each run's own)",
    )
    sub.add_argument(
        "--sounds", type=file_path, metavar="FOLDER", help="further sounds that are no voice"
    )


def _add_evaluate(command: Command) -> None:
    sub = command("evaluate", _evaluate, "score models on people they were not trained on")
    sub.add_argument(
        "systems",
        nargs="+",
        metavar="SYSTEM",
        help="model, bundle, folder of images, or wen2019:voice_embedding.pth,generator.pth; of "
        "several, each is compared with all others on the same trials",
    )
    sub.add_argument("--store", type=file_path, required=True, help="folder that prepare made")
    sub.add_argument("--split", default="test", help="train, val or test (default: test)")
    sub.add_argument("--verify", action="store_true", help="check the store's files whole first")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="RESULT")
    sub.add_argument(
        "--by",
        default="gender,nationality,age",
        metavar="LIST",
        help="attributes to tell figures by (default: gender,nationality,age)",
    )
    sub.add_argument("--judges", metavar="LIST", help="judges to ask (default: all installed)")
    sub.add_argument("--pair-by", metavar="KEY", help="(default: as the store was prepared)")
    sub.add_argument("--samples", type=int, default=1, metavar="N", help="faces each (default: 1)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same trials")
    sub.add_argument("--trials", type=file_path, metavar="FOLDER", help="ask these trials again")
    sub.add_argument(
        "--out-of-domain",
        type=file_path,
        metavar="FOLDER",
        help="sounds that are no speech, a subfolder a kind (default: synthesised ones only)",
    )
    sub.add_argument(
        "--identity-classifier",
        type=file_path,
        metavar="FILE",
        help="of an earlier result, for the VGGFace score (default: fitted to the store)",
    )


def _import_weights(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.published_weights import import_weights

        notes = import_weights(options.voice_embedding, options.generator, options.out)
    for note in notes:
        print(f"voice2face: {printable(note)}", file=sys.stderr)
    print(f"{options.out}: ready; use it with voice2face generate --model {options.out}")
    return 0


def _prepare(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import StoreSettings
        from voice2face.data.store_card import report

        settings = StoreSettings(
            front_end=options.preset,
            image_size_px=options.image_size,
            waveforms=options.waveforms,
        )
        store = _make_store(options, settings, options.out)
    print(report(store.card))
    print(f"{options.out}: ready")
    return 0


def _make_store(options: argparse.Namespace, settings: StoreSettings, folder: Path) -> Store:
    """Prepare a store from data sets, faces found by the detector and cut as it says."""
    from voice2face.data.importers import FACES, VOICES, import_rows
    from voice2face.data.names import read_variants
    from voice2face.data.prepare import prepare
    from voice2face.pretrained.detectors import DEFAULT

    detector = None if options.aligned else settings.detector or DEFAULT
    return prepare(
        voices=[import_rows(spec, VOICES) for spec in options.voices],
        faces=[import_rows(spec, FACES) for spec in options.faces],
        settings=dataclasses.replace(settings, detector=detector),
        folder=folder,
        pair_by=options.pair_by,
        split=options.split,
        variants=read_variants(options.variants) if options.variants else {},
        jobs=options.jobs,
        backend=options.backend,
        scheduler=options.scheduler,
    )


def _planted(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store_card import report
        from voice2face.synthetic.latents import WorldSettings
        from voice2face.synthetic.world import make_world

        store = make_world(
            options.out,
            n_identities=options.identities,
            seed=options.seed,
            settings=WorldSettings(n_shared=options.shared, correlation=options.correlation),
            recordings_each=options.recordings,
            faces_each=options.faces,
            jobs=options.jobs,
            split=options.split.removeprefix("hash:"),  # as prepare has it
            keep_waveforms=options.waveforms,
        )
    print(report(store.card))
    print(f"{options.out}: ready")
    return 0


def _train_speaker(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.training.run import run_speaker

        run_speaker(
            Store.open(options.store), _settings(options), options.out, _command_line(options)
        )
    _say_once(f"{options.out}: the voice encoder is trained; voice2face train gan goes on from it")
    return 0


def _train_gan(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.training.run import run_gan

        store, settings = Store.open(options.store), _settings(options)
        bundle = run_gan(
            store, settings, options.out, _command_line(options), options.speaker, options.pair_by
        )
    return _bundle_is_ready(bundle)


def _train_all(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.training.run import run_all

        bundle = run_all(
            partial(_make_store, options), _settings(options), options.out, _command_line(options)
        )
    return _bundle_is_ready(bundle)


def _command_line(options: argparse.Namespace) -> str:
    """The command that was given, with names in place of folders."""
    names = {str(options.out): "RUN", str(getattr(options, "store", None)): "STORE"}
    names |= {str(getattr(options, "speaker", None)): "SPEAKER_RUN"}
    names |= {str(getattr(options, "variants", None)): "CSV"}
    for spec in (*getattr(options, "voices", ()), *getattr(options, "faces", ())):
        names[spec] = f"{spec.partition(':')[0]}:DATA"
    words = []
    for given in options.command_line:
        before, equals, file = given.rpartition("=")
        is_file = before.endswith(".weights")  # of which the name is told
        word = f"{before}{equals}{Path(file).name}" if is_file else given
        option, equals, value = word.partition("=")
        whole = names.get(word.rstrip("/") or word, names.get(word, word))
        is_set = option.startswith("--") and equals
        words.append(f"{option}={names.get(value, value)}" if is_set else whole)
    return shlex.join(["voice2face", *words])


def _settings(options: argparse.Namespace) -> TrainSettings:
    from voice2face.training.run import settings_of

    return settings_of(options.preset, options.seed, options.set)


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


def _report(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.reporting.report import report

        files = report(options.runs, options.out, options.store, options.sounds)
    print(f"{options.out}: ready; its pictures are in {files}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import Store
        from voice2face.evaluation.evaluate import EvaluationConfig
        from voice2face.evaluation.with_judges import evaluate_with_judges

        store = Store.open(options.store)
        if options.verify:
            store.verify()
        config = EvaluationConfig(
            by=[name for name in options.by.split(",") if name],
            seed=options.seed,
            pair_by=options.pair_by or store.card["settings"].get("pair_by") or "identity",
            samples=options.samples,
            trials_from=options.trials,
            sounds=options.out_of_domain,
        )
        with _with_published(options.systems) as systems:
            verdicts, missing = evaluate_with_judges(
                systems,
                store,
                options.split,
                options.out,
                config,
                judges=None if options.judges is None else options.judges.split(","),
                identity_classifier=options.identity_classifier,
            )
        from voice2face.reporting.evaluation_page import write_result_page

        page = write_result_page(options.out)
    for line in missing:
        print(f"not asked: {line}", file=sys.stderr)
    print("\n".join(verdicts))
    print(f"{options.out}: ready; open {page}")
    return 0


@contextlib.contextmanager
def _with_published(systems: list[str]) -> Iterator[list[str]]:
    """Systems, with a bundle for the time being in place of each pair of the authors' files."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for number, system in enumerate(systems):
            start, colon, files = system.partition(":")
            if start != "wen2019" or not colon:
                found.append(system)
                continue
            from voice2face.published_weights import import_weights

            paths = files.split(",")
            if len(paths) != 2:
                raise ConfigError(
                    f"{system}: names {len(paths)} files; give "
                    "wen2019:voice_embedding.pth,generator.pth"
                )
            bundle = Path(folder) / str(number) / "wen2019"
            import_weights(Path(paths[0]), Path(paths[1]), bundle)
            found.append(str(bundle))
        yield found


@contextlib.contextmanager
def workshop() -> Iterator[None]:
    """Turn a missing package of the workshop half into a message that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"this command needs the package {error.name!r}, which is part of the training "
            "extra; install it with: pip install '.[train]' in the project's folder"
        ) from None
