"""Commands that make what is trained on: prepare and planted."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voice2face.cli.arguments import Command, file_path, workshop

if TYPE_CHECKING:
    from voice2face.data.store import Store, StoreSettings


def add(command: Command) -> None:
    """Add the commands."""
    _add_prepare(command)
    _add_planted(command)


def _jobs_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="parallel processes (default: one per core)",
    )


def data_options(sub: argparse.ArgumentParser) -> None:
    """Add the options that name data sets."""
    for side in ("--voices", "--faces"):
        sub.add_argument(
            side,
            action="append",
            required=True,
            metavar="SET:PATH",
            help="data set, such as folder:data/people; may be repeated",
        )
    sub.add_argument(
        "--pair-by",
        required=True,
        metavar="KEY",
        help="identity, gender, age or nationality, or several, such as gender,age",
    )
    sub.add_argument(
        "--split",
        metavar="SCHEME",
        help="fz, hash:80/10/10 or column (default: column, else a tenth of the people for test)",
    )
    sub.add_argument(
        "--variants",
        type=file_path,
        metavar="CSV",
        help="table of alternative spellings of names, with the columns name and variant",
    )
    _jobs_option(sub)
    sub.add_argument("--backend", default="local", help="local, dask or ray (default: local)")
    sub.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of a running Dask or Ray cluster"
    )
    sub.add_argument(
        "--aligned", action="store_true", help="the faces are cropped and aligned already"
    )


def _add_prepare(command: Command) -> None:
    sub = command(
        "prepare", _prepare, "convert data sets into a store for training; resumes if interrupted"
    )
    data_options(sub)
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="STORE")
    sub.add_argument(
        "--image-size",
        type=int,
        choices=(64, 128),
        default=64,
        metavar="64|128",
        help="side of the faces in pixels (default: 64)",
    )
    sub.add_argument(
        "--waveforms", action="store_true", help="keep the waveforms too: augmentation needs them"
    )
    sub.add_argument("--preset", default="wen2019", help="front-end preset (default: wen2019)")


def _add_planted(command: Command) -> None:
    sub = command(
        "planted", _planted, "make a store of synthetic people for which the truth is known"
    )
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="STORE")
    sub.add_argument(
        "--identities", type=int, default=1000, metavar="N", help="people (default: 1000)"
    )
    for what in ("recordings", "faces"):
        sub.add_argument(
            f"--{what}",
            type=int,
            default=10,
            metavar="N",
            help=f"{what} per identity (default: 10)",
        )
    sub.add_argument(
        "--shared",
        type=int,
        default=6,
        metavar="N",
        help="number of factors that voice and face share, 0 to 6 (default: 6)",
    )
    sub.add_argument(
        "--correlation",
        type=float,
        default=0.8,
        metavar="R",
        help="correlation of a shared factor between voice and face, 0 to 1 (default: 0.8)",
    )
    sub.add_argument(
        "--split",
        default="80/10/10",
        metavar="PERCENT",
        help="percentages of people for train/val/test (default: 80/10/10)",
    )
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="random seed (default: 0)")
    _jobs_option(sub)
    sub.add_argument(
        "--waveforms", action="store_true", help="keep the waveforms too: augmentation needs them"
    )


def _prepare(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.store import StoreSettings
        from voice2face.data.store_card import report

        settings = StoreSettings(
            front_end=options.preset,
            image_size_px=options.image_size,
            waveforms=options.waveforms,
        )
        store = make_store(options, settings, options.out)
    print(report(store.card))
    print(f"{options.out}: ready")
    return 0


def make_store(options: argparse.Namespace, settings: StoreSettings, folder: Path) -> Store:
    """Prepare a store from data sets, faces found by the detector and cut as it says."""
    from voice2face.data.backends import Workers
    from voice2face.data.importers import FACES, VOICES, import_rows
    from voice2face.data.names import read_variants
    from voice2face.data.prepare import PairingSettings, prepare
    from voice2face.pretrained.detectors import DEFAULT

    detector = None if options.aligned else settings.detector or DEFAULT
    variants = read_variants(options.variants) if options.variants else {}
    return prepare(
        [import_rows(spec, VOICES) for spec in options.voices],
        [import_rows(spec, FACES) for spec in options.faces],
        dataclasses.replace(settings, detector=detector),
        folder,
        PairingSettings(options.pair_by, options.split, variants),
        Workers(options.jobs, options.backend, options.scheduler),
    )


def _planted(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.data.backends import Workers
        from voice2face.data.store_card import report
        from voice2face.synthetic.latents import WorldSettings
        from voice2face.synthetic.world import World, make_world

        world = World(
            options.identities,
            options.seed,
            WorldSettings(n_shared=options.shared, correlation=options.correlation),
            recordings_each=options.recordings,
            faces_each=options.faces,
            split=options.split.removeprefix("hash:"),  # as prepare has it
            keep_waveforms=options.waveforms,
        )
        store = make_world(options.out, world, Workers(options.jobs))
    print(report(store.card))
    print(f"{options.out}: ready")
    return 0
