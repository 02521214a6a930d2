"""Tables and a reliability diagram of what the voice benchmarks measured, side by side.

    python benchmarks/voice_results.py --gender before.json after.json --verification FILE
        -r docs/results/modern-voice

`--gender` takes lines of `voice_gender.py`, `--verification` one of `speaker_verification.py`.
Leaves `gender.md`, `verification.md` and `reliability.png`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from voice2face.files import write_atomically

# In the diagram conditions of one kind are joined.
_KINDS = {
    "as recorded": ("clean",),
    "worse lines": ("telephone", "codec", "gate", "8 bits", "clipping", "noise", "babble", "room"),
    "other moods": ("lively", "beyond", "disfluent"),
    "acted emotions": ("RAVDESS",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gender", nargs="+", type=Path, required=True)
    parser.add_argument("--verification", type=Path)
    parser.add_argument("-r", "--result", type=Path, required=True)
    options = parser.parse_args()
    systems: dict[str, Any] = {}
    for path in options.gender:
        systems |= json.loads(path.read_text())["systems"]
    write_atomically(options.result / "gender.md", gender_table(systems).encode())
    draw(systems, options.result / "reliability.png")
    if options.verification:
        told = json.loads(options.verification.read_text())["systems"]
        write_atomically(options.result / "verification.md", verification_table(told).encode())


def gender_table(systems: dict[str, Any]) -> str:
    """Each condition in a row, each system with its columns."""
    titles = ["heard", "n"]
    for name in systems:
        titles += [f"{name}: right", "women", "men", "sure and wrong", "ECE"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for condition in next(iter(systems.values())):
        cells = [condition, str(next(iter(systems.values()))[condition]["all"]["n"])]
        for of in systems.values():
            told = of[condition]
            low, high = told["all"]["interval"]
            cells += [
                f"{100 * told['all']['right']:.1f} ({100 * low:.0f} to {100 * high:.0f})",
                *(_percent(told.get(group, {}).get("right")) for group in ("women", "men")),
                _percent(told["sure_and_wrong"]),
                _percent(told["calibration_error"]),
            ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def verification_table(systems: dict[str, Any]) -> str:
    """Each condition in a row, the error rate of each system with its interval."""
    titles = ["heard", "speakers", "stretches", *systems]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for condition, first in next(iter(systems.values())).items():
        cells = [condition, str(first["speakers"]), str(first["stretches"])]
        for of in systems.values():
            low, high = of[condition]["interval"]
            rate = 100 * of[condition]["eer"]
            cells.append(f"{rate:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(systems: dict[str, Any], path: Path) -> None:
    """Draw how often a woman speaks where that is said with a probability, a panel a kind."""
    figure, panels = plt.subplots(1, len(_KINDS), figsize=(12, 3.4), sharey=True, dpi=110)
    for panel, (kind, begins) in zip(panels, _KINDS.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for name, of in systems.items():
            bins: dict[int, list[float]] = {}
            for condition, told in of.items():
                # Single emotions are in "RAVDESS" already.
                if not condition.startswith(begins) or condition.startswith("RAVDESS,"):
                    continue
                for mean, share, count in told["reliability"]:
                    found = bins.setdefault(min(int(10 * mean), 9), [0.0, 0.0, 0.0])
                    for place, value in enumerate((mean * count, share * count, count)):
                        found[place] += value
            points = [(m / n, s / n, n) for _, (m, s, n) in sorted(bins.items())]
            if points:
                x, y, n = zip(*points, strict=True)
                panel.plot(x, y, marker="", linewidth=1.2, label=name)
                panel.scatter(x, y, s=[6 + 80 * one / sum(n) for one in n])
        panel.set(title=kind, xlabel="said: a woman", xlim=(0, 1), ylim=(0, 1))
    panels[0].set_ylabel("share of women")
    panels[0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
