"""What a trunk that learnt beforehand is worth to discriminator and classifier, in a planted world.

    python experiments/trunks.py -o runs/trunks -r docs/results/trunks --images 300000

Makes a world, a speaker stage, one run for each trunk of as many images, and scores each model
beside the baselines and beside the plain trunk. All go on where they stopped, and longer when they
are given more images.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from planted_experiments import AT_LARGE, JUDGES, WITHIN, Rival, chosen, voice2face, with_ends
from voice2face.data.store import Store
from voice2face.evaluation.baselines import make_baselines
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.interfaces import Contenders
from voice2face.files import write_atomically
from voice2face.judges import FACE_RECOGNISERS, IMAGE_FEATURES, load_judge
from voice2face.scalar_log import read_log

SEED = 1
PLAIN = "plain"
_LITE0 = (
    "gan.discriminator=pretrained",
    "gan.discriminator.stride=16",
    "gan.discriminator.size_px=64",
)
# Name -> what it is, what is changed.
TRUNKS: dict[str, tuple[str, tuple[str, ...]]] = {
    PLAIN: ("plain, from noise", ()),
    "fine-tuned": (
        "EfficientNet-Lite0, frozen for the first half, then fine-tuned",
        (*_LITE0, "gan.discriminator.frozen_images=HALF"),
    ),
    "resnet": (
        "ResNet, from noise",
        ("gan.discriminator=resnet", "gan.discriminator.channels=8,16,32,64,128"),
    ),
    "frozen": ("EfficientNet-Lite0, frozen throughout", _LITE0),
}


def make(name: str, folder: Path, images: int) -> None:
    """Go on with a run to its end, and score it."""
    world, speaker, run = folder / "world", folder / "speaker", folder / name
    done = run / f"result-{images}" / "result.json"
    if done.exists():
        return
    voice2face("planted", "-o", world, "--identities", 600, "--seed", SEED,
               "--split", "67/8/25", "--jobs", 1)  # fmt: skip
    voice2face("train", "speaker", world, "--preset", "planted",
               "--set", "speaker.steps=1500", "-o", speaker)  # fmt: skip
    changed = [one.replace("HALF", str(images // 2)) for one in TRUNKS[name][1]]
    if "fine-tuned" in name and (run / "bundle").exists():
        shutil.rmtree(run)  # half of another number
    changed += [f"gan.images={images}", f"gan.checkpoint_images={min(20_000, images // 2)}"]
    voice2face("train", "gan", world, "--preset", "planted", "--speaker", speaker,
               *[word for one in changed for word in ("--set", one)], "-o", run)  # fmt: skip
    others = [*make_baselines()]
    if name != PLAIN:
        others.append(Rival(folder / PLAIN / "bundle", PLAIN))
    evaluate(
        Contenders([Rival(run / "bundle", name)], others),
        Store.open(world),
        "test",
        Judges(
            recognisers=[load_judge(FACE_RECOGNISERS, one) for one in JUDGES],
            features=[load_judge(IMAGE_FEATURES, "random-convolutions")],
        ),
        EvaluationConfig(by=("gender",), pair_by="identity"),
        done.parent,
    )


def collect(folder: Path, images: int, results: Path) -> None:
    """Gather what is finished into `figures.json` and `tables.md`."""
    told = {}
    for name, (says, _) in TRUNKS.items():
        path = folder / name / f"result-{images}" / "result.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        told[name] = {
            "says": says,
            "images": images,
            "minutes": round(read_log(folder / name / "gan.jsonl").seconds() / 60, 1),
            "last_losses": last_losses(folder / name / "gan.jsonl"),
            "people_tested_on": result["trials"]["n_people"],
            "ceiling": result["ceilings"].get(WITHIN),
            "kernel_distance": chosen(
                result["quality"]["random-convolutions"]["contenders"][name]["figures"],
                ("kernel distance",),
            ),
            "judges": {
                judge: {
                    "figures": {
                        who: chosen(of["figures"], (WITHIN, AT_LARGE))
                        for who, of in section["contenders"].items()
                    },
                    "more_than": {
                        other: chosen(of, (WITHIN, AT_LARGE))
                        for other, of in section["differences"].items()
                    },
                }
                for judge, section in result["identity"].items()
            },
        }
    write_atomically(results / "figures.json", (json.dumps(told, indent=1) + "\n").encode())
    write_atomically(results / "tables.md", table(told).encode())


def last_losses(log: Path) -> dict[str, float]:
    """Mean over the last tenth of a run of what the classifier makes of real and drawn faces."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines = [line for line in lines if "generator/class_loss" in line]
    last = [line for line in lines if line["step"] > 0.9 * lines[-1]["step"]]
    names = ("classifier/loss", "classifier/accuracy", "generator/class_loss")
    return {name: round(sum(line[name] for line in last) / len(last), 3) for name in names}


def table(told: dict) -> str:
    """The figures as Markdown."""
    judged = " | ".join(f"{judge} | more than the plain trunk" for judge in JUDGES)
    head = "class loss: real | drawn | kernel distance"
    lines = [f"| trunk | minutes | {head} | {judged} |", "|---" * (5 + 2 * len(JUDGES)) + "|"]
    for name, of in told.items():
        cells = []
        for judge in JUDGES:
            found = of["judges"][judge]
            cells.append(with_ends(found["figures"][name].get(WITHIN)))
            cells.append(with_ends(found["more_than"].get(PLAIN, {}).get(WITHIN), sign=True))
        losses = (of["last_losses"][one] for one in ("classifier/loss", "generator/class_loss"))
        about = [f"{of['minutes']:g}", *(f"{loss:.2f}" for loss in losses)]
        about.append(f"{of['kernel_distance']['kernel distance'][0]:g}")
        lines.append(f"| {of['says']} | {' | '.join([*about, *cells])} |")
    for other in ("mean face of the gender", "faces of the nearest voices"):
        if PLAIN in told:
            judges = told[PLAIN]["judges"]
            cells = [with_ends(judges[one]["figures"][other].get(WITHIN)) for one in JUDGES]
            lines.append(f"| (baseline) {other} | | | | | {' | | '.join(cells)} | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of world and runs")
    parser.add_argument("-r", "--results", type=Path, required=True)
    parser.add_argument("--images", type=int, default=300_000)
    options = parser.parse_args()
    for name in TRUNKS:
        make(name, options.out, options.images)
        collect(options.out, options.images, options.results)


if __name__ == "__main__":
    main()
