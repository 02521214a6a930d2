"""Commands of the runtime half: generate, morph, features, info."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from voice2face.cli.arguments import Command, file_path, model_option
from voice2face.cli.batch import batch_options, generate_on_backend
from voice2face.cli.marks_commands import signer, signing_options, suffix_of
from voice2face.errors import ConfigError, Voice2FaceError, printable
from voice2face.files import is_standard_output, output_file

if TYPE_CHECKING:
    from voice2face.runtime.imagined import ImaginedFaces
    from voice2face.runtime.pipeline import VoiceToFace


def add(command: Command) -> None:
    """Add the commands."""
    _add_generate(command)
    _add_morph(command)
    _add_features(command)
    _add_info(command)


def _recording_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--first", type=float, metavar="SECONDS", help="use only the first SECONDS of a recording"
    )
    sub.add_argument(
        "--track",
        type=int,
        metavar="N",
        help="audio track, from 1 (default: the default track, or else the first with speech)",
    )


def _sampling_options(sub: argparse.ArgumentParser, samples: int) -> None:
    sub.add_argument(
        "--samples",
        type=int,
        default=samples,
        metavar="N",
        help=f"faces per recording (default: {samples})",
    )
    sub.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="random seed: the same seed gives the same faces (default: 0)",
    )
    sub.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        metavar="T",
        help="scale of the noise, 0 to 1.5: lower is more typical and less varied (default: 1)",
    )
    sub.add_argument(
        "--force",
        action="store_true",
        help="generate faces even if nobody seems to speak",
    )
    model_option(sub)
    signing_options(sub)
    _recording_options(sub)


def _add_generate(command: Command) -> None:
    sub = command("generate", _generate, "generate faces from recordings")
    sub.add_argument(
        "recordings",
        nargs="+",
        metavar="RECORDING",
        help="audio or video file, folder, glob, or - for standard input",
    )
    sub.add_argument(
        "-o",
        "--out",
        type=file_path,
        help="folder; for one recording also a .png, .jpg, .webp or .gif, or - (default: faces)",
    )
    sub.add_argument(
        "--native", action="store_true", help="original pixels edge to edge, no caption"
    )
    sub.add_argument("--json", action="store_true", help="print a JSON line for each recording")
    batch_options(sub)
    sub.add_argument(
        "--speakers",
        type=int,
        metavar="N",
        help="people who speak, 1 to 8: faces for each (default: the main one, if two are heard)",
    )
    sub.add_argument(
        "--explain",
        type=file_path,
        metavar="PNG",
        help="also draw the spectrogram with what of it counted; for several recordings, a folder",
    )
    _sampling_options(sub, samples=4)


def _add_morph(command: Command) -> None:
    sub = command("morph", _morph, "generate faces along the path from one voice to another")
    sub.add_argument("first_recording", metavar="A", help="audio or video file, or -")
    sub.add_argument("last_recording", metavar="B", help="audio or video file, or -")
    sub.add_argument(
        "-o",
        "--out",
        type=file_path,
        required=True,
        metavar="OUT.png|OUT.gif",
        help="GIF: an animation there and back; PNG, JPEG or WebP: the steps side by side",
    )
    sub.add_argument(
        "--steps", type=int, default=9, metavar="N", help="steps along the path (default: 9)"
    )
    _sampling_options(sub, samples=1)


def _add_features(command: Command) -> None:
    sub = command("features", _features, "write the log-mel spectrogram of a recording")
    sub.add_argument("recording", metavar="RECORDING", help="audio or video file, or -")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="OUT.npy")
    sub.add_argument("--preset", default="wen2019", help="front-end preset (default: wen2019)")
    _recording_options(sub)


def _add_info(command: Command) -> None:
    sub = command(
        "info", _info, "show a model's card: what it is, its training data and its limits"
    )
    model_option(sub)
    sub.add_argument("--json", action="store_true", help="print model.json instead")


def _load(model: str | None) -> VoiceToFace:
    """Load a model; what decodes, and what sets sheets, is imported while its networks load."""
    from concurrent.futures import ThreadPoolExecutor

    from voice2face.runtime.bundle import Bundle
    from voice2face.runtime.description import DEFAULT_MODEL, find_bundle

    folder = find_bundle(model or DEFAULT_MODEL)
    with ThreadPoolExecutor(max_workers=1) as loader:
        bundle = loader.submit(Bundle, folder)
        import voice2face.images.sheet  # noqa: F401
        from voice2face.runtime.pipeline import VoiceToFace

        return VoiceToFace(bundle.result())


def _generate(options: argparse.Namespace) -> int:
    if options.backend is not None:
        return generate_on_backend(options)
    from concurrent.futures import ThreadPoolExecutor

    from voice2face.recordings import expand, refuse_overwriting, targets

    recordings, notes = expand(options.recordings)
    paths = targets(recordings, options.out, suffix_of(options.out))
    explained = targets(recordings, options.explain, ".png") if options.explain else []
    if same := set(paths) & set(explained):
        raise ConfigError(f"{min(same)}: faces and explanation; give --explain another name")
    out = _told_to(paths[0])
    for note in notes:
        print(f"voice2face: skipped: {printable(note)}", file=sys.stderr)
    sign = signer(options)
    model = _load(options.model)
    from voice2face.images.sheet import save_png

    failed: list[str] = []
    say, done = _progress(len(recordings), out)

    def draw(name: str, path: Path, explanation: Path | None) -> tuple[str, str]:
        """Draw one recording's faces: what to print of it, and what went wrong."""
        try:
            how = _reading(options, speakers=options.speakers)
            heard, how = (model.read(name, **how), {}) if explanation else (name, how)
            faces = model.generate(heard, options.samples, options.seed, options.truncation, **how)
            refuse_overwriting(path, [name])
            faces.save(path, options.native, sign)
            if explanation and not isinstance(heard, str):
                refuse_overwriting(explanation, [name])
                save_png(model.explain(heard), explanation)
        except ConfigError:
            raise
        except Voice2FaceError as error:
            line = json.dumps({"recording": name, "error": str(error)}) if options.json else ""
            return line, str(error)
        if options.json:
            return _told(faces, path), ""
        remarks = _remarks(*faces.heard.splitlines(), *faces.notes)
        return printable(f"{name} -> {path}{remarks}"), ""

    # Recordings are drawn several at once.
    workers = min(len(recordings), os.cpu_count() or 1, 4)
    with ThreadPoolExecutor(max_workers=workers) as executor:
        names = [name for name, _ in recordings]
        for line, error in executor.map(draw, names, paths, explained or len(names) * [None]):
            if error:
                failed.append(error)
            if line:
                say(line)
            done()
    if len(failed) > 1 or (failed and len(recordings) > 1):
        print(f"voice2face: {len(failed)} of {len(recordings)} recordings failed:", file=sys.stderr)
    for message in failed:
        print(f"voice2face: {printable(message)}", file=sys.stderr)
    return 1 if failed else 0


def _reading(options: argparse.Namespace, **further: Any) -> dict[str, Any]:
    """Options of `VoiceToFace.read`."""
    return {
        "first_s": options.first,
        "force": options.force,
        "track": options.track,
        **further,
    }


def _remarks(*remarks: str) -> str:
    """What stands behind a result, in brackets; nothing where nothing is to be said."""
    said = "; ".join(remark for remark in remarks if remark)
    return f" ({said})" if said else ""


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 4)


def _told(faces: ImaginedFaces, path: Path) -> str:
    """What --json prints of a recording."""
    return json.dumps(
        {
            "recording": faces.recording,
            "duration_s": round(faces.duration_s, 3),
            "speech_s": round(faces.speech_s, 3),
            "woman_probability": _rounded(faces.woman_probability),
            "confidence": _rounded(faces.confidence),
            "speech_probability": _rounded(faces.speech_probability),
            "voices": [
                {
                    "share": round(voice.share, 4),
                    "woman_probability": _rounded(voice.woman_probability),
                    "faces": len(voice.faces),
                }
                for voice in faces.voices
            ],
            "stretches_s": faces.stretches_s,
            "redrawn": faces.redrawn,
            "notes": list(faces.notes),
            "embedding": [round(float(value), 6) for value in faces.embedding],
            "files": [str(path)],
            "timings_ms": faces.timings_ms,
        }
    )


def _morph(options: argparse.Namespace) -> int:
    from voice2face.recordings import refuse_overwriting
    from voice2face.runtime.imagined import picture_suffix

    picture_suffix(options.out)  # refused before anything is computed
    first, last = options.first_recording, options.last_recording
    if first == last == "-":
        raise ConfigError("standard input (-) can be read only once")
    sign = signer(options)
    model = _load(options.model)
    start, end = (model.listen(name, **_reading(options)) for name in (first, last))
    faces = model.morph(
        start, end, options.steps, options.samples, options.seed, options.truncation
    )
    refuse_overwriting(options.out, [first, last])
    faces.save(options.out, sign)
    _say_written(f"{first} to {last}", options.out)
    return 0


def _told_to(path: Path) -> TextIO:
    """Where a result is told of: not amidst one that is on standard output itself."""
    return sys.stderr if is_standard_output(path) else sys.stdout


def _say_written(made_of: str, path: Path, *remarks: str) -> None:
    """Tell of a result."""
    print(printable(f"{made_of} -> {path}" + _remarks(*remarks)), file=_told_to(path))


def _progress(
    total: int, out: TextIO | None
) -> tuple[Callable[[str], object], Callable[[], object]]:
    """Make a way to print a line and one to count a recording as done.

    With several recordings on a terminal there is a progress bar, which lines are printed above.
    """
    if total == 1 or out is None or not sys.stderr.isatty():
        return partial(print, file=out), lambda: None
    from tqdm import tqdm

    bar = tqdm(total=total, unit="recording")

    def done() -> None:
        bar.update()
        if bar.n == total:
            bar.close()

    return lambda line: tqdm.write(line, file=out), done


def _features(options: argparse.Namespace) -> int:
    import numpy as np

    from voice2face.audio.log_mel import repeat_to_length
    from voice2face.audio.settings import preset
    from voice2face.recordings import refuse_overwriting
    from voice2face.runtime.reading import read_features

    settings = preset(options.preset)
    features = read_features(options.recording, settings, options.first, options.track)
    refuse_overwriting(options.out, [options.recording])
    log_mel = repeat_to_length(features.log_mel, settings.min_frames)
    with output_file(options.out) as file:
        np.save(file, log_mel)
    frames, mels = log_mel.shape
    size = f"{frames} frames x {mels} mel bands, float32"
    _say_written(options.recording, options.out, size, *features.notes)
    return 0


def _info(options: argparse.Namespace) -> int:
    from voice2face.runtime.card import card_text
    from voice2face.runtime.description import DEFAULT_MODEL, find_bundle, read_description

    description = read_description(find_bundle(options.model or DEFAULT_MODEL))
    if options.json:
        print(description.to_json(), end="")
    else:
        print("\n".join(map(printable, card_text(description).splitlines())))
    return 0
