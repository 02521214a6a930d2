"""Trial lists: the questions that every system is asked, written down.

A list is made of **groups**: N people, with a recording and a face of each. Every recording of a
group is asked against all its N faces. So each face is the right answer once and a wrong one N - 1
times, and a system that answers the same whatever it hears gets exactly 1/N. Groups of one
stratum share an attribute, so that it cannot help.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store, rows_by_identity
from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.keys import row_keys

ATTRIBUTES = ("gender", "nationality", "age")


@dataclass(frozen=True)
class TrialSettings:
    """How many questions are asked.

    Attributes:
        recordings: Recordings of a person that are used, at most.
        faces: Faces of a person that are used, at most.
        rounds: How often each person is asked about, in each list.
        sizes: Line-ups of matching, from 2.
        gallery: People in a gallery of retrieval; besides it there is one of all people.
    """

    seed: int = 0
    recordings: int = 20
    faces: int = 20
    rounds: int = 20
    sizes: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8, 9, 10)
    gallery: int = 100

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}; give {least} or more"
            for name, value, least in (
                ("seed", self.seed, 0),
                ("recordings", self.recordings, 1),
                ("faces", self.faces, 1),
                ("rounds", self.rounds, 1),
                ("gallery", self.gallery, 2),
                ("the least of sizes", min(self.sizes, default=0), 2),
            )
            if value < least
        ]
        if problems:
            raise ConfigError("trials: " + "; ".join(problems))


@dataclass(frozen=True)
class GroupList:
    """The groups of one protocol, stratum and size, as positions in the tables of a `TrialSet`.

    Attributes:
        protocol: "matching", "verification" or "retrieval".
        stratum: "none", an attribute, or "all": what the people of a group share.
        size: People a group.
        person: (groups, size).
        recording: (groups, size) a recording of each person.
        face: (groups, size) a face of each person.
    """

    protocol: str
    stratum: str
    size: int
    person: NDArray[np.int32]
    recording: NDArray[np.int32]
    face: NDArray[np.int32]


@dataclass(frozen=True)
class TrialSet:
    """All trial lists on one split of one store.

    Attributes:
        header: Format, hash and split of the store, and settings.
        people: Identities of the split.
        attributes: (people) value of each attribute, or None; the commonest over both sides.
        recording_rows: (recordings,) row of the voice manifest.
        recording_keys: Name of each recording, unique, fit for a file's name.
        recording_person: (recordings,) position in `people`.
        face_rows: (faces,) row of the face manifest.
        face_person: (faces,) position in `people`.
    """

    header: dict
    people: list[str]
    attributes: dict[str, list[str | None]]
    recording_rows: NDArray[np.int64]
    recording_keys: list[str]
    recording_person: NDArray[np.int64]
    face_rows: NDArray[np.int64]
    face_keys: list[str]
    face_person: NDArray[np.int64]
    lists: tuple[GroupList, ...]

    @cached_property
    def paired(self) -> NDArray[np.bool_]:
        """(people,) who has both a recording and a face."""
        return np.isin(np.arange(len(self.people)), self.recording_person) & np.isin(
            np.arange(len(self.people)), self.face_person
        )

    def factorize(self, attribute: str) -> tuple[list[str], NDArray[np.int64]]:
        """Number the values of an attribute.

        Args:
            attribute: One of `ATTRIBUTES`; "all" joins those that are told; "none" is one value.

        Returns:
            The values, and of each person which it has, -1 where it is not told.
        """
        if attribute == "none":
            return ["everybody"], np.zeros(len(self.people), dtype=np.int64)
        columns = [self.attributes[attribute]] if attribute != "all" else self._known
        values = [
            None if None in row or not row else " / ".join(str(part) for part in row)
            for row in zip(*columns, strict=True)
        ] or [None] * len(self.people)
        names = sorted({value for value in values if value is not None})
        number = {name: index for index, name in enumerate(names)}
        return names, np.array([-1 if v is None else number[v] for v in values], dtype=np.int64)

    @property
    def _known(self) -> list[list[str | None]]:
        """Attributes that the store tells of anybody who has both sides."""
        return [
            column
            for column in self.attributes.values()
            if any(v is not None for v, both in zip(column, self.paired, strict=True) if both)
        ]


def make_trials(store: Store, split: str, settings: TrialSettings | None = None) -> TrialSet:
    """Draw the trial lists of a split. The same arguments give the same lists.

    Returns:
        The lists. Those of identity are empty where nobody has both a voice and a face; a stratum
        is left out where the store does not tell its attribute, and people with too few others
        alike to fill a group are in none.

    Raises:
        DataError: The split has no recording.
    """
    settings = settings or TrialSettings()
    voices = rows_by_identity(store.voices, split)
    faces = rows_by_identity(store.faces, split)
    if not voices:
        raise DataError(
            f"{store.folder}: no recording is in the split {split!r}; give another --split"
        )
    people = sorted(voices.keys() | faces.keys())
    random = _random(settings.seed, "rows")
    recording_rows, recording_person = _choose(people, voices, settings.recordings, random)
    face_rows, face_person = _choose(people, faces, settings.faces, random)
    voice_keys, face_keys = row_keys(store.voices), row_keys(store.faces)
    trials = TrialSet(
        header={
            "store_content_sha256": store.card.get("content_sha256"),
            "split": split,
            "settings": {**dataclasses.asdict(settings), "sizes": list(settings.sizes)},
        },
        people=people,
        attributes={
            name: _commonest(name, people, ((store.voices, voices), (store.faces, faces)))
            for name in ATTRIBUTES
        },
        recording_rows=recording_rows,
        recording_keys=[voice_keys[row] for row in recording_rows],
        recording_person=recording_person,
        face_rows=face_rows,
        face_keys=[face_keys[row] for row in face_rows],
        face_person=face_person,
        lists=(),
    )
    return dataclasses.replace(trials, lists=tuple(_all_lists(trials, settings)))


def _all_lists(trials: TrialSet, settings: TrialSettings) -> list[GroupList]:
    lists = []
    for stratum in ("none", *ATTRIBUTES, "all"):
        _, cell = trials.factorize(stratum)
        cell = np.where(trials.paired, cell, -1)
        wanted = [("matching", size, settings.rounds) for size in settings.sizes]
        wanted.append(("verification", 2, 2 * settings.rounds))
        wanted += [
            ("retrieval", size, settings.rounds) for size in _galleries(stratum, cell, settings)
        ]
        for protocol, size, rounds in wanted:
            random = _random(settings.seed, f"{protocol}/{stratum}/{size}")
            person = _groups(cell, size, rounds, random)
            if len(person):
                round_of = np.repeat(np.arange(rounds), len(person) // rounds)[:, None]
                recording = _deal(trials.recording_person, person, round_of, random)
                face = _deal(trials.face_person, person, round_of, random)
                lists.append(
                    GroupList(
                        protocol,
                        stratum,
                        size,
                        *(part.astype(np.int32) for part in (person, recording, face)),
                    )
                )
    return lists


def _galleries(stratum: str, cell: NDArray[np.int64], settings: TrialSettings) -> list[int]:
    """Sizes of the galleries; both genders get one of a size, so that they can be compared."""
    _, counts = np.unique(cell[cell >= 0], return_counts=True)
    smallest = int(counts.min()) if len(counts) else 0
    if stratum == "none":
        return sorted({size for size in (settings.gallery, smallest) if size > 1})
    if stratum == "gender" and smallest > 1:
        return [min(settings.gallery, smallest)]
    return [settings.gallery]


def _groups(
    cell: NDArray[np.int64], size: int, rounds: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Divide people into groups of one cell, anew in each round; who is left over sits it out.

    Args:
        cell: (people,) cell of each; negative takes no part.

    Returns:
        (rounds * groups a round, size) people.
    """
    people = np.flatnonzero(cell >= 0)
    cells, number, count = np.unique(cell[people], return_inverse=True, return_counts=True)
    # Sorting by cell plus a number below one shuffles within the cell.
    order = np.argsort(number + random.random((rounds, len(people))), axis=1)
    start = np.repeat(np.cumsum(count) - count, count)
    room = np.repeat(count // size * size, count)
    full = np.arange(len(people)) - start < room
    return people[order[:, full]].reshape(-1, size) if len(cells) else np.zeros((0, size), int)


def _deal(
    owner: NDArray[np.int64],
    person: NDArray[np.int64],
    round_of: NDArray[np.int64],
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Give each place of a group one of its person's items, going round them in random order.

    Args:
        owner: (items,) person of each item.
        person: (groups, size).
        round_of: (groups, 1) round of each group.

    Returns:
        (groups, size) items.
    """
    shuffled = np.argsort(owner + random.random(len(owner)))
    count = np.bincount(owner, minlength=int(person.max()) + 1)
    start = np.cumsum(count) - count
    return shuffled[start[person] + round_of % count[person]]


def _random(seed: int, name: str) -> np.random.Generator:
    """A source for one list, so that a list does not depend on which others are drawn."""
    return np.random.default_rng([seed, *name.encode()])


def _choose(
    people: list[str], rows: dict[str, list[int]], most: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep at most so many rows of each person: the rows, and the person of each."""
    kept: list[int] = []
    owner: list[int] = []
    for number, identity in enumerate(people):
        own = rows.get(identity, [])
        if len(own) > most:
            own = np.sort(random.choice(own, most, replace=False)).tolist()
        kept += own
        owner += [number] * len(own)
    return np.array(kept, dtype=np.int64), np.array(owner, dtype=np.int64)


def _commonest(
    attribute: str,
    people: list[str],
    sides: tuple[tuple[dict[str, list], dict[str, list[int]]], ...],
) -> list[str | None]:
    """The value of an attribute that most rows of a person have; among equals the first by name."""
    values = []
    for identity in people:
        count = Counter(
            columns[attribute][row]
            for columns, rows in sides
            if attribute in columns
            for row in rows.get(identity, [])
        )
        count.pop(None, None)
        values.append(min(count, key=lambda value: (-count[value], value)) if count else None)
    return values
