"""From data folders to faces, by the command as a person gives it, with a run killed on the way.

    python .ci/end_to_end.py ../shared/data

Prepares a small store of real recordings and photographs, trains both stages, and beside it the
second stage again with SIGKILL twice on the way, and compares: weights and exported networks must
be the same bytes. Then the report, with every figure, and a face from the new bundle.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from PIL import Image

SPEAKERS, TRAIN_FACES, VAL_FACES = 16, 110, 30
IMAGES, CHECKPOINT_IMAGES = 960, 240
SHORT = ("--preset", "debug", "--set", f"gan.images={IMAGES}",
         "--set", f"gan.checkpoint_images={CHECKPOINT_IMAGES}")  # fmt: skip
# The report's results, and what was asked for beside them. "_1" is the first run's.
FIGURES = (
    "discriminator_loss", "discriminator_accuracy", "discriminator_probability", "classifier",
    "generator_loss", "kernel_distance", "parameter_change", "throughput",
    "faces_over_epochs_1", "latest_faces_1", "beside_true_faces_1", "consistency_1",
    "out_of_domain_1", "speaker_loss", "speaker_eer", "speaker_min_dcf",
)  # fmt: skip


def main() -> None:
    """Do everything; end at the first thing that is not as it must be."""
    data = Path(sys.argv[1]).resolve()
    example = Path(__file__).resolve().parents[1] / "examples" / "librispeech-4340.flac"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, straight, killed = folder / "store", folder / "straight", folder / "killed"
        cut(data, folder / "data")
        voice2face("prepare", "--voices", f"duke:{folder}/data/duke", "--voices",
                   f"grid:{data}/pairs/grid", "--faces", f"fairface:{folder}/data/fairface",
                   "--faces", f"grid:{data}/pairs/grid", "--pair-by", "gender",
                   "--split", "hash:60/20/20", "--waveforms", "-o", store)  # fmt: skip
        card = json.loads((store / "store.json").read_text())
        ok(card["n_faces"] > TRAIN_FACES, f"a store of {card['n_recordings']} recordings and "
           f"{card['n_faces']} faces")  # fmt: skip
        voice2face("train", "speaker", store, *SHORT, "-o", straight)
        never_stopped = start("train", "gan", store, *SHORT, "-o", straight)
        again = ("train", "gan", store, *SHORT, "--speaker", straight, "-o", killed)
        for n_checkpoints in (1, 2):
            status = kill(again, killed, n_checkpoints * CHECKPOINT_IMAGES)
            dead = status == -signal.SIGKILL and not (killed / "bundle").exists()
            ok(dead, f"died of SIGKILL at {last_step(killed)} of {IMAGES} images")
        voice2face(*again)
        ok(last_step(killed) == IMAGES, "the same command went on to the end")
        finish(*never_stopped)
        ok(last_step(straight) == IMAGES, f"another run was never stopped, {IMAGES} images too")
        for file in ("gan.safetensors", "gan.best.safetensors", "bundle/generator.onnx",
                     "bundle/voice_encoder.onnx"):  # fmt: skip
            same = (straight / file).read_bytes() == (killed / file).read_bytes()
            ok(same, f"{file} has the same bytes as that of the run never stopped")
        ok(scalars(straight) == scalars(killed), "so have all scalars in the log but the times")

        voice2face("report", straight, killed, "-o", folder / "report.html")
        made = {path.stem for path in (folder / "report_files").glob("*.png") if opens(path)}
        missing = sorted(set(FIGURES) - made)
        ok(not missing, f"the report has all {len(FIGURES)} figures {missing or ''}".strip())
        ok("data:image/png" in (folder / "report.html").read_text(), "its page holds them itself")
        voice2face("generate", example, "--model", killed / "bundle", "-o", folder / "face.png")
        with Image.open(folder / "face.png") as face:
            colours = len(face.convert("RGB").getcolors(face.width * face.height) or ())
            ok(colours > 99, f"the bundle drew a picture of {face.width} x {face.height} pixels")


def cut(data: Path, folder: Path) -> None:
    """Copy the first speakers of Duke, and the first faces of FairFace, as published."""
    duke, fairface = data / "voices/duke-alphanumeric", data / "faces/fairface"
    files = ["metadata.csv"]
    for kind in ("Names", "Numbers", "Addresses"):
        flacs = sorted((duke / "audio_data" / kind).glob("*.flac"))[:SPEAKERS]
        files += [str(path.relative_to(duke)) for path in flacs]
    copy(files, duke, folder / "duke")
    for part, count in (("train", TRAIN_FACES), ("val", VAL_FACES)):
        table = f"fairface_label_{part}.csv"
        lines = (fairface / table).read_text().splitlines()[: count + 1]
        copy([line.partition(",")[0] for line in lines[1:]], fairface, folder / "fairface")
        (folder / "fairface" / table).write_text("\n".join(lines))


def copy(files: list[str], source: Path, target: Path) -> None:
    """Copy files, with the folders that they lie in."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / file, target / file)


def start(*arguments: str | Path) -> tuple[subprocess.Popen, IO[str]]:
    """Start the command as a process of its own, on one thread: two run at a time.

    Returns:
        The process, and a file that it writes what it says to.
    """
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process
    process = subprocess.Popen(
        [sys.executable, "-m", "voice2face", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=said, stderr=subprocess.STDOUT,
    )  # fmt: skip
    atexit.register(process.kill)
    return process, said


def finish(process: subprocess.Popen, said: IO[str]) -> None:
    """Wait for a process to end well."""
    if process.wait():
        said.seek(0)
        sys.exit(f"FAILED: {process.args}\n{said.read()[-2000:]}")


def voice2face(*arguments: str | Path) -> None:
    """Run the command to its end."""
    finish(*start(*arguments))


def kill(arguments: tuple[str | Path, ...], run: Path, images: int) -> int:
    """Kill the command, without a chance to tidy up, when it is some steps past a checkpoint.

    Returns:
        The process's exit status.
    """
    process, _ = start(*arguments)
    while last_step(run) <= images and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def log(run: Path) -> list[dict]:
    """The whole lines of a run's log."""
    path = run / "gan.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def last_step(run: Path) -> int:
    """Images seen by a run, as it logs them."""
    return max((line["step"] for line in log(run)), default=0)


def scalars(run: Path) -> list[dict]:
    """A run's log without what depends on the clock."""
    timed = ("time", "throughput/images_per_s")
    return [{name: value for name, value in line.items() if name not in timed} for line in log(run)]


def opens(path: Path) -> bool:
    """Whether a file is a whole picture."""
    with Image.open(path) as picture:
        picture.load()
    return True


def ok(holds: bool, what: str) -> None:
    """Tell what holds; end where it does not."""
    if not holds:
        sys.exit(f"FAILED: {what}")
    print(f"  {what}", flush=True)


if __name__ == "__main__":
    main()
