"""Who is who in a store: the identities of all data sets, and the split that each belongs to."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice2face.data.manifest import ManifestRow, Source
from voice2face.data.names import KNOWN_VARIANTS, match_names, normalise_name
from voice2face.data.splits import assign_splits, published_splits
from voice2face.data.store import hash_split
from voice2face.errors import DataError

DataSet = tuple[Source, list[ManifestRow]]
# Gender and nationality, each None where nothing tells.
Labels = tuple[str | None, str | None]


@dataclass(frozen=True)
class People:
    """The identities of a store.

    Attributes:
        voices: Identity by data set and by the data set's own name, of the voice side.
        faces: The same of the face side.
        labels: Gender and nationality of each person by data set and by the data set's own name:
            what any row of the person tells, in whatever data set of the same people.
        near_misses: Names of the voice and of the face side that may be of one person, and how
            alike they are, 0 to 1; they are not merged. Empty where people are not matched.
    """

    voices: dict[tuple[str, str], str]
    faces: dict[tuple[str, str], str]
    splits: dict[str, str]
    labels: dict[tuple[str, str], Labels] = field(default_factory=dict)
    near_misses: tuple[tuple[str, str, float], ...] = ()


def name_people(
    voices: list[DataSet],
    faces: list[DataSet],
    by_name: bool,
    split: str | None,
    variants: Mapping[str, str] = KNOWN_VARIANTS,
) -> People:
    """Give every person one identity and one split.

    Args:
        by_name: Whether people of the same name, see `data.names`, are the same person, in
            whatever data set; both then have the name of the voice side. Otherwise people are
            told apart by data set: the identity is SET/NAME.
        split: A scheme of `data.splits.assign_splits`; None takes the publisher's split, and puts
            a tenth of the people without one into "test" by a hash of their identity.
        variants: Spelling variants of names; see `data.names.read_variants`.

    Raises:
        ConfigError: The scheme is unknown.
        DataError: Names of one side collide, an identity is in two splits or has none, or a
            person has two genders or nationalities.
    """
    sides = (voices, faces)
    names = [
        {(source.name, row.identity) for source, rows in side for row in rows} for side in sides
    ]
    near_misses: tuple[tuple[str, str, float], ...] = ()
    identities: list[dict[tuple[str, str], str]]
    if by_name:
        matching = match_names(
            {name for _, name in names[0]}, {name for _, name in names[1]}, variants
        )
        near_misses = matching.near_misses
        renamed = {face: voice for voice, face in matching.pairs}
        identities = [
            {key: key[1] for key in names[0]},
            {key: renamed.get(key[1], key[1]) for key in names[1]},
        ]
    else:
        identities = [{key: "/".join(key) for key in keys} for keys in names]

    # Where people are told apart by data set, so are their splits.
    groups: dict[str, list[tuple[DataSet, dict[tuple[str, str], str]]]] = defaultdict(list)
    for side, of_side in zip(sides, identities, strict=True):
        for data_set in side:
            groups["" if by_name else data_set[0].name].append((data_set, of_side))
    splits: dict[str, str] = {}
    for prefix, group in groups.items():
        splits.update(_splits(prefix, group, split))
    labels = _labels(sides, identities, by_name)
    return People(identities[0], identities[1], splits, labels, near_misses)


def _labels(
    sides: tuple[list[DataSet], list[DataSet]],
    identities: list[dict[tuple[str, str], str]],
    by_name: bool,
) -> dict[tuple[str, str], Labels]:
    """Gather what all rows of a person tell of them; a photograph's age is its own."""

    def person(source: Source, name: str, identity: str) -> str:
        shared = source.names and not by_name
        return f"{source.names}:{normalise_name(name)}" if shared else identity

    known: dict[tuple[str, str], tuple[str, Path]] = {}
    who: dict[tuple[str, str], str] = {}
    for side, of_side in zip(sides, identities, strict=True):
        for source, rows in side:
            for row in rows:
                key = (source.name, row.identity)
                who[key] = person(source, row.identity, of_side[key])
                for field_name in ("gender", "nationality"):
                    value = getattr(row, field_name)
                    if value is None:
                        continue
                    first, path = known.setdefault((who[key], field_name), (value, row.path))
                    if first != value:
                        raise DataError(
                            f"{row.path}: {field_name} of {row.identity!r} is {value!r}, but by "
                            f"{path} it is {first!r}; correct one of them"
                        )
    return {
        key: (_value(known, name, "gender"), _value(known, name, "nationality"))
        for key, name in who.items()
    }


def _value(known: Mapping[tuple[str, str], tuple[str, Path]], name: str, what: str) -> str | None:
    found = known.get((name, what))
    return None if found is None else found[0]


def _splits(
    prefix: str, group: list[tuple[DataSet, dict[tuple[str, str], str]]], scheme: str | None
) -> dict[str, str]:
    """Split by identity, of people whose names are told apart from those of other groups."""
    start = f"{prefix}/" if prefix else ""

    def rows() -> Iterator[ManifestRow]:
        for (source, listed), identities in group:
            for row in listed:
                name = identities[source.name, row.identity].removeprefix(start)
                yield dataclasses.replace(row, identity=name)

    published = published_splits(rows())
    if scheme is None:
        return {
            start + name: known or hash_split(start + name) for name, known in published.items()
        }
    assigned = assign_splits(published.keys(), scheme, published)
    return {start + name: split for name, split in assigned.items()}
