"""The command `voice2face`. Every import that costs time is late, inside the command it serves."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from voice2face import __version__
from voice2face.errors import ConfigError, MissingDependencyError, Voice2FaceError

if TYPE_CHECKING:
    from voice2face.runtime.pipeline import ImaginedFaces

__all__ = ["build_parser", "main"]

_EPILOG = "Faces are imagined: typical of such voices, never a likeness of the speaker."


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command line without the program's name; None takes that of the process.

    Returns:
        Exit status: 0 all done, 1 something could not be done, 130 interrupted. A command line
        that cannot be understood exits with 2.
    """
    options = build_parser().parse_args(arguments)
    # NumPy's matrix products here are small; threads for them only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return options.run(options)
    except Voice2FaceError as error:
        print(f"voice2face: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("voice2face: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (such as `| head`); nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="voice2face", description="Imagine faces for a voice.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        sub.set_defaults(run=run)
        return sub

    def recording_options(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--first", type=float, metavar="SECONDS", help="use only the first SECONDS of each"
        )

    def data_options(sub: argparse.ArgumentParser) -> None:
        for side in ("--voices", "--faces"):
            sub.add_argument(side, action="append", required=True, metavar="SET:PATH")
        sub.add_argument("--pair-by", required=True, metavar="KEY", help="identity, gender, ...")

    model_help = "name of a shipped model, or folder of a bundle (default: the shipped one)"

    sub = command("generate", _generate, "draw faces for recordings")
    sub.add_argument(
        "recordings",
        nargs="+",
        metavar="RECORDING",
        help="audio or video file, folder, glob, or - for standard input",
    )
    sub.add_argument("-o", "--out", type=Path, help="folder, or PNG file for one (default: faces)")
    sub.add_argument("--samples", type=int, default=4, metavar="N", help="faces each (default: 4)")
    sub.add_argument("--seed", type=int, default=0, metavar="S", help="same seed, same faces")
    sub.add_argument("--model", metavar="NAME|FOLDER", help=model_help)
    sub.add_argument("--native", action="store_true", help="the model's own pixels, no caption")
    sub.add_argument("--json", action="store_true", help="print a JSON line for each recording")
    recording_options(sub)

    sub = command("features", _features, "write the log-mel spectrogram of a recording")
    sub.add_argument("recording", metavar="RECORDING", help="audio or video file, or -")
    sub.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.npy")
    sub.add_argument("--preset", default="wen2019", help="front-end preset (default: wen2019)")
    recording_options(sub)

    sub = command("info", _info, "tell what a model is, what it was trained on, and its limits")
    sub.add_argument("--model", metavar="NAME|FOLDER", help=model_help)
    sub.add_argument("--json", action="store_true", help="print model.json")

    sub = command("import-weights", _import_weights, "make a bundle of the authors' weights")
    sub.add_argument("--voice-embedding", type=Path, required=True, metavar="voice_embedding.pth")
    sub.add_argument("--generator", type=Path, required=True, metavar="generator.pth")
    sub.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER")

    sub = command("prepare", _prepare, "turn data sets into a store to train from; goes on")
    data_options(sub)
    sub.add_argument("-o", "--out", type=Path, required=True, metavar="STORE")
    sub.add_argument(
        "--split",
        metavar="SCHEME",
        help="fz, hash:80/10/10 or column (default: column, else a tenth of the people is test)",
    )
    sub.add_argument(
        "--variants", type=Path, metavar="CSV", help="spellings of names: columns name, variant"
    )
    sub.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    sub.add_argument("--backend", default="local", help="local, dask or ray (default: local)")
    sub.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask or Ray cluster")
    sub.add_argument("--image-size", type=int, choices=(64, 128), default=64, metavar="64|128")
    sub.add_argument("--aligned", action="store_true", help="faces are cut and aligned already")
    sub.add_argument("--preset", default="wen2019", help="front-end preset (default: wen2019)")

    sub = command("train", _train, "train a model from data folders, and export it as a bundle")
    data_options(sub)
    sub.add_argument("--preset", default="starter", help="training preset (default: starter)")
    sub.add_argument("--seed", type=int, default=0, metavar="S")
    sub.add_argument(
        "-o", "--out", type=Path, required=True, metavar="RUN", help="run folder; gone on from"
    )
    return parser


def _generate(options: argparse.Namespace) -> int:
    from concurrent.futures import ThreadPoolExecutor

    from voice2face.recordings import expand, targets
    from voice2face.runtime.bundle import DEFAULT_MODEL, Bundle, find_bundle

    recordings = expand(options.recordings)
    paths = targets(recordings, options.out, ".png")
    folder = find_bundle(options.model or DEFAULT_MODEL)
    with ThreadPoolExecutor(max_workers=1) as loader:
        bundle = loader.submit(Bundle, folder)
        # What decodes and draws is imported while the networks load.
        from voice2face.images.sheet import save_png
        from voice2face.runtime.pipeline import VoiceToFace

        model = VoiceToFace(bundle.result())
    failed: list[str] = []
    say, done = _progress(len(recordings))

    def draw(name: str, path: Path) -> tuple[str, str]:
        """Draw one recording's faces: what to print of it, and what went wrong."""
        try:
            faces = model.generate(name, options.samples, options.seed, options.first)
            save_png(faces.native_image if options.native else faces.image, path)
        except ConfigError:
            raise
        except Voice2FaceError as error:
            line = json.dumps({"recording": name, "error": str(error)}) if options.json else ""
            return line, str(error)
        return _told(faces, path) if options.json else f"{name} -> {path}", ""

    # Recordings are drawn several at once.
    workers = min(len(recordings), os.cpu_count() or 1, 4)
    with ThreadPoolExecutor(max_workers=workers) as executor:
        names = [name for name, _ in recordings]
        for line, error in executor.map(draw, names, paths):
            if error:
                failed.append(error)
            if line:
                say(line)
            done()
    if len(failed) > 1 or (failed and len(recordings) > 1):
        print(f"voice2face: {len(failed)} of {len(recordings)} recordings failed:", file=sys.stderr)
    for message in failed:
        print(f"voice2face: {message}", file=sys.stderr)
    return 1 if failed else 0


def _told(faces: ImaginedFaces, path: Path) -> str:
    """What --json prints of a recording."""
    return json.dumps(
        {
            "recording": faces.recording,
            "duration_s": round(faces.duration_s, 3),
            "speech_s": round(faces.speech_s, 3),
            "embedding": [round(float(value), 6) for value in faces.embedding],
            "files": [str(path)],
            "timings_ms": faces.timings_ms,
        }
    )


def _progress(total: int) -> tuple[Callable[[str], object], Callable[[], object]]:
    """Make a way to print a line and one to count a recording as done.

    With several recordings on a terminal there is a progress bar, which lines are printed above.
    """
    if total == 1 or not sys.stderr.isatty():
        return print, lambda: None
    from tqdm import tqdm

    bar = tqdm(total=total, unit="recording")
    return lambda line: tqdm.write(line, file=sys.stdout), bar.update


def _features(options: argparse.Namespace) -> int:
    import numpy as np

    from voice2face.audio.log_mel import repeat_to_length
    from voice2face.audio.settings import preset
    from voice2face.files import atomic_path
    from voice2face.runtime.pipeline import read_features

    settings = preset(options.preset)
    features = read_features(options.recording, settings, options.first)
    log_mel = repeat_to_length(features.log_mel, settings.min_frames)
    with atomic_path(options.out) as path, path.open("wb") as file:
        np.save(file, log_mel)
    frames, mels = log_mel.shape
    print(f"{options.recording} -> {options.out} ({frames} frames x {mels} mel bands, float32)")
    return 0


def _info(options: argparse.Namespace) -> int:
    from voice2face.runtime.bundle import DEFAULT_MODEL, find_bundle, read_description
    from voice2face.runtime.card import card_text

    description = read_description(find_bundle(options.model or DEFAULT_MODEL))
    print(description.to_json() if options.json else card_text(description), end="")
    return 0


def _import_weights(options: argparse.Namespace) -> int:
    with _workshop():
        from voice2face.published_weights import import_weights

        import_weights(options.voice_embedding, options.generator, options.out)
    print(f"{options.out}: ready; use it with voice2face generate --model {options.out}")
    return 0


def _prepare(options: argparse.Namespace) -> int:
    with _workshop():
        from voice2face.data.importers import FACES, VOICES, import_rows
        from voice2face.data.names import read_variants
        from voice2face.data.prepare import prepare
        from voice2face.data.store import StoreSettings
        from voice2face.data.store_card import report

        detector = None
        if not options.aligned:
            from voice2face.data.detectors import DEFAULT

            detector = DEFAULT
        store = prepare(
            voices=[import_rows(spec, VOICES) for spec in options.voices],
            faces=[import_rows(spec, FACES) for spec in options.faces],
            settings=StoreSettings(
                front_end=options.preset,
                image_size_px=options.image_size,
                face_crop=1.0,
                detector=detector,
            ),
            folder=options.out,
            pair_by=options.pair_by,
            split=options.split,
            variants=read_variants(options.variants) if options.variants else {},
            jobs=options.jobs,
            backend=options.backend,
            scheduler=options.scheduler,
        )
    print(report(store.card))
    print(f"{options.out}: ready")
    return 0


def _train(options: argparse.Namespace) -> int:
    with _workshop():
        from voice2face.training.run import train

        bundle = train(
            voices=options.voices,
            faces=options.faces,
            pair_by=options.pair_by,
            preset_name=options.preset,
            seed=options.seed,
            run=options.out,
        )
    print(f"{bundle}: ready; use it with voice2face generate --model {bundle}")
    return 0


class _workshop:  # noqa: N801 - a context manager, used like a function
    """Turn a missing package of the workshop half into a message that says what to install."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise MissingDependencyError(
                f"this command needs the package {error.name!r}, which is part of the training "
                "extra; install it with: pip install '.[train]' in the project's folder"
            ) from None


if __name__ == "__main__":
    sys.exit(main())
