"""For whom a voice encoder tells gender least well: groups from the results of `voice_gender`.

    python benchmarks/groups.py modern-voice
    python benchmarks/groups.py modern-voice --card FOLDER

prints a table, the worst group first, or puts the worst into the card of a bundle.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

RESULTS = Path(__file__).parent / "results"
# A group of fewer says too little.
LEAST_SPEAKERS = 10
# How the conditions of `voice_gender` are called in a sentence; the others are named as they are.
WORDS = {
    "RAVDESS": "all acted moods",
    "lively": "voices changed as in training",
    "lively, telephone": "voices changed as in training, by telephone",
    "beyond": "voices changed more than in training",
}


class Group(NamedTuple):
    """How often the gender of a group's voices was told rightly, with its 95 % interval."""

    who: str
    condition: str
    right: float
    low: float
    high: float
    speakers: int


def groups(encoder: str) -> list[Group]:
    """Read the groups, the worst first."""
    found = []
    for line in (RESULTS / f"voice_gender_{encoder}.json").read_text().splitlines():
        for condition, measured in json.loads(line)["systems"][encoder].items():
            for who in ("women", "men"):
                one = measured[who]
                called = WORDS.get(condition, condition.replace("RAVDESS, ", "acted: "))
                low, high = one["interval"]
                group = Group(who, called, one["right"], low, high, one["speakers"])
                if group.speakers >= LEAST_SPEAKERS:
                    found.append(group)
    return sorted(found, key=lambda group: (group.right, group.condition, group.who))


def told(group: Group) -> str:
    """Say a group's result in a line of a card."""
    return (
        f"{group.who}, {group.condition}: {group.right:.0%} (95 %: {group.low:.0%} to "
        f"{group.high:.0%}; {group.speakers} speakers)"
    )


def card_lines(encoder: str, n_worst: int = 5) -> list[str]:
    """Write the lines of a card: the worst groups, and what was not measured."""
    worst, *others = groups(encoder)[:n_worst]
    return [
        "share of voices whose gender is told rightly, on people who were not trained on; the "
        f"worst group: {told(worst)}",
        *(f"next: {told(group)}" for group in others),
        "not measured: by age, accent, language, illness, or for people who are neither women nor "
        "men; children's voices are taken for adults'",
    ]


def main() -> None:
    """Print the table, or write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder")
    parser.add_argument("--card", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.card:
        from voice2face.export import write_card
        from voice2face.runtime.description import read_description

        card = dict(read_description(options.card).card)
        limits = card.pop("limits", [])
        write_card(options.card, {**card, "groups": card_lines(options.encoder), "limits": limits})
        return
    print("| who | recordings | right, % | 95 % interval | speakers |\n|---|---|---|---|---|")
    for group in groups(options.encoder):
        print(
            f"| {group.who} | {group.condition} | {100 * group.right:.0f} | "
            f"{100 * group.low:.0f} to {100 * group.high:.0f} | {group.speakers} |"
        )


if __name__ == "__main__":
    main()
