"""The card of a store: what is in it, and what is not and why; and the same for people to read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from voice2face.data.manifest import SPLITS
from voice2face.data.people import People
from voice2face.data.shards import ShardIndex, Side

# Rarer kinds of reasons are counted as one.
_MAX_REASONS = 30
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass
class SideCounts:
    """What became of the files of one side.

    Attributes:
        seen: Files listed.
        kept: Files of which something is in the store.
        rejected: Files of which nothing is.
        reasons: Rows of `rejected.csv` by kind of reason: numbers are "#", advice is left out.
        n_rows: Rows of the array.
        n_items: Recordings or faces.
        seconds: Sum of the seconds: speech, of voices.
        splits: Split by identity, of those of whom something is in the store.
    """

    seen: int
    kept: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    n_rows: int = 0
    n_items: int = 0
    seconds: float = 0.0
    splits: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_shards(
        cls,
        indexes: Iterable[ShardIndex],
        manifest_row: Callable[[int], list[str | None]],
        seen: int,
    ) -> SideCounts:
        """Count over shards.

        Args:
            told: The manifest's columns of a file by position, identity first, split last.
        """
        counts = cls(seen)
        for index in indexes:
            kept = {position for position, _, _ in index.rows}
            counts.kept += len(kept)
            counts.rejected += len({position for position, _ in index.rejected} - kept)
            counts.reasons.update(kind_of_reason(reason) for _, reason in index.rejected)
            for position, n_rows, seconds in index.rows:
                counts.n_rows += n_rows
                counts.n_items += 1
                counts.seconds += seconds or 0.0
                row = manifest_row(position)
                counts.splits[str(row[0])] = str(row[-1])
        return counts

    def summary(self) -> dict:
        """The counts as the card gives them."""
        ordered = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        reasons = dict(ordered[:_MAX_REASONS])
        if rest := sum(count for _, count in ordered[_MAX_REASONS:]):
            reasons["other reasons"] = rest
        return {
            "files_seen": self.seen,
            "files_kept": self.kept,
            "files_rejected": self.rejected,
            "reasons": reasons,
            "identities": len(self.splits),
        }


def kind_of_reason(reason: str) -> str:
    """Bring reasons that differ only in what was measured together.

    Args:
        reason: As in `rejected.csv`.

    Returns:
        The reason up to its first semicolon, after which comes advice, with "#" for every number.

    >>> kind_of_reason("0.12 s of speech found in 3.00 s of sound; at least 0.4 s is needed")
    '# s of speech found in # s of sound'
    """
    return _NUMBER.sub("#", reason.partition("; ")[0])


def store_card(
    counts: Mapping[Side, SideCounts], people: People, hashes: Mapping[str, str], content: str
) -> dict:
    """Gather counts and hashes for `store.json`.

    Args:
        hashes: SHA-256 by file of the store.

    Returns:
        The card, less settings and sources.
    """
    voices, faces = counts["voices"], counts["faces"]
    both = voices.splits.keys() & faces.splits.keys()
    return {
        "n_recordings": voices.n_items,
        "n_speakers": len(voices.splits),
        "speech_hours": round(voices.seconds / 3600, 3),
        "n_faces": faces.n_items,
        "n_rejected": voices.rejected + faces.rejected,
        "voices": voices.summary(),
        "faces": faces.summary(),
        "identities": {
            "both_sides": len(both),
            "only_voices": len(voices.splits.keys() - both),
            "only_faces": len(faces.splits.keys() - both),
        },
        "splits": {
            split: {
                "voices": _count(voices.splits.values(), split),
                "faces": _count(faces.splits.values(), split),
                "both_sides": _count((voices.splits[identity] for identity in both), split),
            }
            for split in SPLITS
        },
        "n_near_misses": len(people.near_misses),
        "sha256": dict(hashes),
        "content_sha256": content,
    }


def report(card: dict) -> str:
    """Say what a store holds."""
    lines = []
    for side, unit in (("voices", "recordings"), ("faces", "faces")):
        of_side = card[side]
        n_items = card["n_recordings" if side == "voices" else "n_faces"]
        hours = f", {card['speech_hours']} h of speech" if side == "voices" else ""
        lines.append(
            f"{side}: {of_side['files_seen']} files seen, {of_side['files_kept']} kept "
            f"({n_items} {unit}{hours}, {of_side['identities']} people), "
            f"{of_side['files_rejected']} rejected"
        )
        lines += [f"  {count} x {reason}" for reason, count in of_side["reasons"].items()]
    people = card["identities"]
    lines.append(
        f"people: {people['both_sides']} with voice and face, {people['only_voices']} with voice "
        f"only, {people['only_faces']} with face only"
    )
    for split, of_split in card["splits"].items():
        lines.append(
            f"  {split}: {of_split['voices']} with voice, {of_split['faces']} with face, "
            f"{of_split['both_sides']} with both"
        )
    if card["n_near_misses"]:
        lines.append(
            f"  {card['n_near_misses']} pairs of names may be of one person; they are listed "
            "in near_misses.csv, and not merged"
        )
    return "\n".join(lines)


def _count(splits: Iterable[str], split: str) -> int:
    return sum(one == split for one in splits)
