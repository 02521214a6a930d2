"""The command `generate --backend`: many recordings, by processes or on a cluster."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from voice2face.cli.arguments import workshop
from voice2face.errors import ConfigError, printable
from voice2face.files import is_standard_output

_MOST_SHOWN = 20


def batch_options(sub: argparse.ArgumentParser) -> None:
    """Add the options that say where many recordings are worked on."""
    sub.add_argument(
        "--backend",
        help="work on many recordings, or a Parquet file of them, by local, dask or ray; "
        "writes pictures and results.parquet, and resumes if interrupted",
    )
    sub.add_argument(
        "--scheduler", metavar="ADDRESS", help="address of a running Dask or Ray cluster"
    )
    sub.add_argument(
        "--jobs", type=int, metavar="N", help="processes of a backend (default: one per core)"
    )


def generate_on_backend(options: argparse.Namespace) -> int:
    """Generate faces for many recordings; the exit status."""
    out: Path = options.out if options.out is not None else Path("faces")
    if is_standard_output(out) or out.suffix.lower() == ".png":
        raise ConfigError(f"{out}: --backend writes many files; give a folder")
    if options.sign:
        raise ConfigError("--sign: is not used with --backend; sign by generate without it")
    if options.json:
        raise ConfigError("--json: is not used with --backend; read results.parquet")
    with workshop():
        from voice2face.batch import BatchSettings, generate_batch
        from voice2face.data.backends import Workers
        from voice2face.runtime.description import DEFAULT_MODEL

        settings = BatchSettings(
            model=options.model or DEFAULT_MODEL,
            samples=options.samples,
            seed=options.seed,
            truncation=options.truncation,
            native=options.native,
            first_s=options.first,
            force=options.force,
            track=options.track,
        )
        jobs = options.jobs if options.jobs is not None else os.cpu_count() or 1
        workers = Workers(jobs, options.backend, options.scheduler)
        n_recordings, failed = generate_batch(options.recordings, out, settings, workers)
    print(printable(f"{out / 'results.parquet'}: {n_recordings} recordings"))
    if failed:
        print(f"voice2face: {len(failed)} of {n_recordings} recordings failed:", file=sys.stderr)
    for message in failed[:_MOST_SHOWN]:
        print(f"voice2face: {printable(message)}", file=sys.stderr)
    if len(failed) > _MOST_SHOWN:
        print("voice2face: ... and more, in the column error", file=sys.stderr)
    return 1 if failed else 0
