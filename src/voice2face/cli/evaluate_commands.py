"""Commands that tell what a model is worth: report, evaluate; and import-weights."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from voice2face.cli.arguments import Command, file_path, model_name, workshop
from voice2face.errors import ConfigError, printable


def add(command: Command) -> None:
    """Add the commands."""
    sub = command(
        "import-weights", _import_weights, "convert the authors' published weights into a bundle"
    )
    sub.add_argument(
        "--voice-embedding", type=file_path, required=True, metavar="voice_embedding.pth"
    )
    sub.add_argument("--generator", type=file_path, required=True, metavar="generator.pth")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="FOLDER")
    _add_report(command)
    _add_evaluate(command)


def _add_report(command: Command) -> None:
    sub = command("report", _report, "make a page about training runs: curves, faces, settings")
    sub.add_argument(
        "runs", nargs="+", type=file_path, metavar="RUN", help="run folder, finished or not"
    )
    sub.add_argument(
        "-o", "--out", type=file_path, default=Path("report.html"), metavar="PAGE.html"
    )
    sub.add_argument(
        "--store",
        type=file_path,
        help="store to take held-out people from (default: the store of each run)",
    )
    sub.add_argument(
        "--sounds",
        type=file_path,
        metavar="FOLDER",
        help="folder of additional sounds that are not speech",
    )


def _add_evaluate(command: Command) -> None:
    sub = command("evaluate", _evaluate, "evaluate models on people they were not trained on")
    sub.add_argument(
        "systems",
        nargs="+",
        type=model_name,
        metavar="SYSTEM",
        help="model, bundle, folder of images, or wen2019:voice_embedding.pth,generator.pth; "
        "several systems are compared on the same trials",
    )
    sub.add_argument("--store", type=file_path, required=True, help="folder that prepare made")
    sub.add_argument("--split", default="test", help="train, val or test (default: test)")
    sub.add_argument("--verify", action="store_true", help="verify the store's checksums first")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="RESULT")
    sub.add_argument(
        "--by",
        default="gender,nationality,age",
        metavar="LIST",
        help="attributes that define subgroups (default: gender,nationality,age)",
    )
    sub.add_argument("--judges", metavar="LIST", help="judges to use (default: all installed)")
    sub.add_argument("--pair-by", metavar="KEY", help="pairing key (default: that of the store)")
    sub.add_argument(
        "--samples", type=int, default=1, metavar="N", help="faces per recording (default: 1)"
    )
    sub.add_argument(
        "--seed", type=int, default=0, metavar="S", help="random seed of the trials (default: 0)"
    )
    sub.add_argument("--trials", type=file_path, metavar="FOLDER", help="reuse these trials")
    sub.add_argument(
        "--out-of-domain",
        type=file_path,
        metavar="FOLDER",
        help="sounds that are not speech, one subfolder per kind (default: synthetic sounds only)",
    )
    sub.add_argument(
        "--identity-classifier",
        type=file_path,
        metavar="FILE",
        help="classifier of an earlier result, for the VGGFace score (default: fit one)",
    )


def _import_weights(options: argparse.Namespace) -> int:
    with workshop():
        from voice2face.published_weights import import_weights

        notes = import_weights(options.voice_embedding, options.generator, options.out)
    for note in notes:
        print(f"voice2face: {printable(note)}", file=sys.stderr)
    print(f"{options.out}: ready; use it with voice2face generate --model {options.out}")
    return 0


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
        print(f"not evaluated: {line}", file=sys.stderr)
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
