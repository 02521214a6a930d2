"""What each part of the modern game buys in its first ten thousand images.

    python experiments/modern_ablation.py STORE SPEAKER_RUN -o runs/ablation -r docs/ablation

Trains the preset "modern-64" with one setting changed at a time, on a store with a validation
split, and tells the kernel distance of the averaged generator to real faces of people it was not
trained on, in the features of fixed random convolutions. A run that is there already is not made
again; one that was stopped goes on. One run each, whose figures swing: only large differences mean
anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from voice2face.files import write_atomically

# At one rate: what cools down over so few images looks better than it is. On all faces: those that
# are judged are not chosen either.
BASE = (
    "gan.images=10000",
    "gan.checkpoint_images=5000",
    "gan.lr_decay_fraction=0",
    "gan.confident_fraction=1",
)
CHANGES = {
    "modern-64": ("as it is, but at one rate", ()),
    "cool-down": ("the rate falls as in the preset", ("gan.lr_decay_fraction=0.75",)),
    "half-rate": ("half the learning rate", ("gan.learning_rate=5e-4",)),
    "double-rate": ("twice the learning rate", ("gan.learning_rate=2e-3",)),
    "weak-penalty": ("R1 and R2 a fifth as strong", ("gan.penalty=0.1",)),
    "strong-penalty": ("R1 and R2 four times as strong", ("gan.penalty=2",)),
    "no-matcher": ("generator not guided by the matcher", ("gan.matching_weight=0",)),
    "no-mismatched": ("no mismatched pairs", ("gan.mismatched_weight=0",)),
    "no-alteration": ("faces not altered", ("gan.augment_probability=0",)),
    "small-batches": ("batches of 16", ("gan.batch_size=16", "gan.learning_rate=7e-4")),
    "clear-faces": ("on the clearest 60 % of the faces alone", ("gan.confident_fraction=0.6",)),
    "published": ("the published game, preset starter", ()),
}


def main() -> None:
    """Make what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("speaker", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-r", "--result", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--collect", action="store_true", help="train nothing")
    options = parser.parse_args()
    if not options.collect:
        for name in options.only:
            train(name, options)
    figures = {
        name: {"says": says, **found(options.out / name)}
        for name, (says, _) in CHANGES.items()
        if (options.out / name / "gan.jsonl").exists()
    }
    text = json.dumps(figures, indent=2) + "\n"
    write_atomically(options.result / "figures.json", text.encode())
    write_atomically(options.result / "table.md", table(figures).encode())


def train(name: str, options: argparse.Namespace) -> None:
    """Go on with one run to its end."""
    run = options.out / name
    if (run / "bundle").exists():
        return
    preset = "starter" if name == "published" else "modern-64"
    changed = [word for one in (*BASE, *CHANGES[name][1]) for word in ("--set", one)]
    subprocess.run(
        [sys.executable, "-m", "voice2face", "train", "gan", str(options.store), "--preset", preset,
         "--pair-by", "gender", "--speaker", str(options.speaker), *changed, "-o", str(run)],
        check=True,
    )  # fmt: skip


def found(run: Path) -> dict[str, object]:
    """Kernel distance at each checkpoint, and images a second between lines of the log."""
    lines = [json.loads(line) for line in (run / "gan.jsonl").read_text().splitlines()]
    distances = {
        str(line["step"]): round(line["validation/kernel_distance"], 4)
        for line in lines
        if "validation/kernel_distance" in line
    }
    speeds = sorted(line["throughput/images_per_s"] for line in lines[1:] if len(line) > 5)
    return {
        "kernel_distance": distances,
        "images_per_s": round(speeds[len(speeds) // 2], 1) if speeds else None,
    }


def table(figures: dict) -> str:
    """The figures as Markdown."""
    lines = [
        "| run | change | kernel distance after 5,000 | after 10,000 images | images/s |",
        "|---|---|---|---|---|",
    ]
    for name, one in figures.items():
        early, late = (*one["kernel_distance"].values(), None, None)[:2]
        lines.append(f"| {name} | {one['says']} | {early} | {late} | {one['images_per_s']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
