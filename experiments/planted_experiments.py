"""What the published algorithm learns in the planted world, and what each proposal buys.

    python experiments/planted_experiments.py -o runs/planted -r docs/results/planted

An experiment is `voice2face planted`, `train speaker` and `train gan` with the preset "planted",
and an evaluation with the planted judges beside all baselines and beside the experiment "wen2019".
All go on where they stopped, and what is finished is not done again, so that the same line goes on
after a break. `--only NAME ...` makes some; `--collect` only gathers what is there into
`figures.json`, `tables.md` and `learning-curve.png`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from voice2face.data.store import Store
from voice2face.evaluation.baselines import RidgeMatcher, make_baselines
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.systems import BundleSystem
from voice2face.files import atomic_path, write_atomically
from voice2face.judges import FACE_RECOGNISERS, IMAGE_FEATURES, load_judge
from voice2face.runtime.pipeline import VoiceToFace

SEED = 1
PEOPLE = 1500
MAIN = "wen2019"
JUDGES = ("planted-network-shared", "planted-closed-form-shared")
WITHIN, AT_LARGE = "matching/gender/1:2", "matching/none/1:2"
FIGURES = (WITHIN, AT_LARGE, "matching/gender/1:10", "consistency/score")


@dataclass(frozen=True)
class Experiment:
    """One run of the preset, with what is changed.

    Attributes:
        says: What it is, for the tables.
        split: Percentages of the world's people to train, validate and test on. The people to
            test on are the same wherever the last is 10.
        voice: Changed settings of the speaker stage.
        face: Changed settings of the adversarial stage.
        preset: Of the adversarial stage.
    """

    says: str
    split: str = "27/63/10"
    voice: tuple[str, ...] = ()
    face: tuple[str, ...] = ()
    preset: str = "planted"

    @property
    def world(self) -> str:
        """Folder of its store."""
        return f"world-{self.split.partition('/')[0]}"

    @property
    def speaker(self) -> str:
        """Folder of its speaker stage, which experiments that change nothing in it share."""
        changed = "".join(f"-{one.rpartition('=')[2]}" for one in self.voice)
        return f"speaker-{self.split.partition('/')[0]}{changed}"


# As long on one core as 300,000 images of the published algorithm take. There are photographs
# enough to need no alterations, and colour is part of who it is.
_MODERN = (
    "gan.images=92000",
    "gan.crop_frames=150,250",
    "gan.group=32",
    "gan.matching_weight=1",
    "gan.augment_probability=0",
)

# As many epochs, whatever the number of people, but no more images than the published algorithm
# gets: with more people than those it learns from at its best, the compute is the limit.
EXPERIMENTS = {
    MAIN: Experiment("the published algorithm"),
    "learn-3": Experiment("fewer people", split="3/87/10", face=("gan.images=33000",)),
    "learn-10": Experiment("fewer people", split="10/80/10", face=("gan.images=110000",)),
    "learn-80": Experiment("more people", split="80/10/10"),
    # What costs more gets fewer images: a step of the deeper generator takes 1.6 times the time of
    # the published game's, one with a ResNet trunk 2.2 times.
    "deeper": Experiment(
        "deeper generator, the same compute",
        face=("gan.generator.extra_layers=1", "gan.images=190000"),
    ),
    "resnet": Experiment(
        "ResNet trunk, the same compute",
        face=(
            "gan.discriminator=resnet",
            "gan.discriminator.channels=8,16,32,64,128",
            "gan.images=136000",
        ),
    ),
    "gender": Experiment("further classifier of gender", face=("gan.classifiers=gender",)),
    "attentive": Experiment("attentive pooling", voice=("speaker.encoder.pooling=attentive",)),
    "modern": Experiment(
        "modern game at one rate, the same compute",
        preset="modern-64",
        face=(*_MODERN, "gan.lr_decay_fraction=0", "gan.noise_scale=1"),
    ),
    # The same run: only what is exported differs.
    "modern-typical": Experiment(
        "the same with half of its noise",
        preset="modern-64",
        face=(*_MODERN, "gan.lr_decay_fraction=0", "gan.noise_scale=0.5"),
    ),
    "modern-cool": Experiment(
        "modern game, whose rate falls, the same compute",
        preset="modern-64",
        face=(*_MODERN, "gan.noise_scale=1"),
    ),
}


class Rival(BundleSystem):
    """A bundle that stands beside another as baselines do."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(VoiceToFace.load(folder))
        self.name = name

    def fit(self, store: Store, pair_by: str) -> None:
        """Learn nothing: it is trained."""


def make(name: str, folder: Path) -> None:
    """Go on with an experiment to its end."""
    one = EXPERIMENTS[name]
    world, speaker, run = folder / one.world, folder / one.speaker, folder / name
    voice2face("planted", "-o", world, "--identities", PEOPLE, "--seed", SEED,
               "--split", one.split, "--jobs", os.cpu_count())  # fmt: skip
    preset = ("--preset", "planted")
    if not (run / "bundle").exists():
        voice2face("train", "speaker", world, *preset, *changed(one.voice), "-o", speaker)
        voice2face("train", "gan", world, "--preset", one.preset, *changed(one.face),
                   "--speaker", speaker, "-o", run)  # fmt: skip
    if not (run / "result" / "result.json").exists():
        judge(name, folder)


def judge(name: str, folder: Path) -> None:
    """Score an experiment's model."""
    store = Store.open(folder / EXPERIMENTS[name].world)
    others = [*make_baselines()]
    if name != MAIN:
        others.append(Rival(folder / MAIN / "bundle", MAIN))
    evaluate(
        Contenders([Rival(folder / name / "bundle", name)], others, [RidgeMatcher()]),
        store,
        "test",
        Judges(
            recognisers=[load_judge(FACE_RECOGNISERS, one) for one in JUDGES],
            features=[load_judge(IMAGE_FEATURES, "random-convolutions")],
        ),
        EvaluationConfig(by=("gender",), pair_by="identity"),
        folder / name / "result",
    )


def changed(settings: tuple[str, ...]) -> list[str]:
    """Options that change settings."""
    return [word for one in settings for word in ("--set", one)]


def voice2face(*arguments: object) -> None:
    """Run the command; its failure ends this one."""
    command = [sys.executable, "-m", "voice2face", *map(str, arguments)]
    print("voice2face", *arguments, flush=True)
    if status := subprocess.run(command, check=False).returncode:
        sys.exit(status)


def collect(folder: Path, results: Path) -> None:
    """Gather what is finished."""
    told = {name: figures_of(name, folder) for name in EXPERIMENTS if finished(name, folder)}
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    write_atomically(results / "figures.json", text.encode())
    write_atomically(results / "tables.md", tables(told).encode())
    draw_curve(told, results / "learning-curve.png")


def finished(name: str, folder: Path) -> bool:
    """Whether an experiment was judged."""
    return (folder / name / "result" / "result.json").exists()


def figures_of(name: str, folder: Path) -> dict:
    """Figures of all contenders of an experiment, differences, and the speakers' EER."""
    one = EXPERIMENTS[name]
    result = json.loads((folder / name / "result" / "result.json").read_text())
    splits = Store.open(folder / one.world).voices
    people = {who for who, split in zip(splits["identity"], splits["split"], strict=True)
              if split == "train"}  # fmt: skip
    log = (folder / one.speaker / "speaker.jsonl").read_text().splitlines()
    eers = [json.loads(line).get("verification/clean_eer") for line in log]
    return {
        "says": one.says,
        "changed": [*one.voice, *one.face],
        "people_trained_on": len(people),
        "people_tested_on": result["trials"]["n_people"],
        "speaker_eer_percent": round(100 * min(eer for eer in eers if eer is not None), 2),
        "ceiling": result["ceilings"].get(WITHIN),
        "judges": {
            judge: {
                "figures": {
                    contender: chosen(of["figures"])
                    for contender, of in section["contenders"].items()
                },
                "more_than": {other: chosen(of) for other, of in section["differences"].items()},
            }
            for judge, section in result["identity"].items()
        },
        "kernel_distance": chosen(
            result["quality"]["random-convolutions"]["contenders"][name]["figures"],
            ("kernel distance",),
        ),
    }


def chosen(figures: list[dict], names: tuple[str, ...] = FIGURES) -> dict[str, list[float | None]]:
    """Value and ends of the interval of some figures about everybody."""
    return {
        one["name"]: [None if one[part] is None else round(one[part], 2)
                      for part in ("value", "low", "high")]
        for one in figures
        if one["group"] == "everybody" and one["name"] in names
    }  # fmt: skip


def tables(told: dict) -> str:
    """The figures as Markdown."""
    lines = []
    if main := told.get(MAIN):
        lines += ["**Beside the baselines**, matching in % (95 % over people):", "",
                  "| | judge | 1:2 within gender | 1:2 at large | 1:10 within gender |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for name, of in main["judges"].items():
            for contender, figures in of["figures"].items():
                cells = [with_ends(figures.get(figure)) for figure in FIGURES[:3]]
                lines.append(f"| {contender} | {name} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["**Changes**, 1:2 within gender in %, and the gain over the published algorithm "
              "on the same trials:", "",
              "| | people trained on | speaker EER, % | "
              + " | ".join(f"{judge} | gain" for judge in JUDGES) + " |",
              "|---" * (3 + 2 * len(JUDGES)) + "|"]  # fmt: skip
    for name, of in told.items():
        cells = []
        for judge in JUDGES:
            found = of["judges"][judge]
            cells.append(with_ends(found["figures"][name].get(WITHIN)))
            cells.append(with_ends(found["more_than"].get(MAIN, {}).get(WITHIN), sign=True))
        lines.append(f"| {name}: {of['says']} | {of['people_trained_on']} | "
                     f"{of['speaker_eer_percent']} | {' | '.join(cells)} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def with_ends(figure: list[float | None] | None, sign: bool = False) -> str:
    """A value with its interval."""
    if figure is None or figure[0] is None:
        return ""
    form = "{:+.1f}" if sign else "{:.1f}"
    value, *ends = [form.format(one) for one in figure if one is not None]
    return f"{value} ({' to '.join(ends)})" if ends else value


def draw_curve(told: dict, path: Path) -> None:
    """Matching within gender against the number of people trained on."""
    names = [name for name in told if name == MAIN or name.startswith("learn")]
    names.sort(key=lambda name: told[name]["people_trained_on"])
    people = [told[name]["people_trained_on"] for name in names]
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    lines = {"generated faces": names, "faces of the nearest voices": None,
             "ridge onto eigenfaces": None, "direct matcher (no face)": None}  # fmt: skip
    for line, own in lines.items():
        points = [told[name]["judges"][JUDGES[0]]["figures"][name if own else line][WITHIN]
                  for name in names]  # fmt: skip
        values, low, high = zip(*points, strict=True)
        below = [value - end for value, end in zip(values, low, strict=True)]
        above = [end - value for value, end in zip(values, high, strict=True)]
        axis.errorbar(people, values, yerr=(below, above), marker="o", capsize=3, label=line,
                      linewidth=2.5 if own else 1)  # fmt: skip
    if names and (ceiling := told[names[0]]["ceiling"]):
        axis.axhline(ceiling, color="black", linestyle=":", label="ceiling")
    axis.axhline(50, color="grey", linestyle="--", label="chance")
    axis.set(xscale="log", xlabel="people trained on", ylim=(40, 100),
             ylabel="right of two faces of one gender, %")  # fmt: skip
    axis.set_xticks(people, [str(count) for count in people])
    axis.minorticks_off()
    axis.legend(fontsize="small")
    with atomic_path(path) as part:
        figure.savefig(part, format="png", dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of worlds and runs")
    parser.add_argument("-r", "--results", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--collect", action="store_true", help="make nothing")
    options = parser.parse_args()
    for name in () if options.collect else options.only:
        make(name, options.out)
        collect(options.out, options.results)
    collect(options.out, options.results)


if __name__ == "__main__":
    main()
