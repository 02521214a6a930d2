"""A planted world made and written as a store, without a file a recording."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset
from voice2face.data.backends import Workers, run_tasks
from voice2face.data.people import People
from voice2face.data.splits import assign_splits
from voice2face.data.store import Store, StoreSettings
from voice2face.data.store_card import store_card
from voice2face.data.store_files import content_hash, finished_store, json_bytes
from voice2face.errors import ConfigError, DataError, RecordingError
from voice2face.files import write_atomically
from voice2face.records import Recording
from voice2face.synthetic.faces import photograph
from voice2face.synthetic.latents import WorldSettings, person_name, sample_person
from voice2face.synthetic.voices import SAMPLE_RATE_HZ, record
from voice2face.synthetic.write import SOURCE, Block, file_name, write_world

_PEOPLE_A_TASK = 8
_FILE = re.compile(r"planted:(\d+)/(\d{6})/(voice|face)-(\d+)")


@dataclass(frozen=True)
class World:
    """A planted world: who is in it, and what the store holds of them.

    Attributes:
        n_identities: People, 1 to 1,000,000.
        seed: At least 0. A person of a seed is the same in a world of any size.
        settings: How people, voices and faces vary.
        recordings_each: Recordings a person, at least 1.
        faces_each: Images a person, at least 1.
        split: Percentages of identities in training, validation and test, by a hash of the name.
        keep_waveforms: Whether to write `waveforms.npy` too: all samples as int16, with the
            columns `sample_start` and `samples` of the voice manifest.

    Raises:
        ConfigError: A value is out of range.
    """

    n_identities: int
    seed: int
    settings: WorldSettings = field(default_factory=WorldSettings)
    recordings_each: int = 10
    faces_each: int = 10
    split: str = "80/10/10"
    keep_waveforms: bool = False

    def __post_init__(self) -> None:
        for name, value in (
            ("identities", self.n_identities),
            ("recordings each", self.recordings_each),
            ("faces each", self.faces_each),
        ):
            if not 1 <= value <= 1_000_000:
                raise ConfigError(f"planted world: {name} is {value}; 1 to 1,000,000 is needed")
        sample_person(
            self.seed, self.n_identities - 1, self.settings
        )  # refuses a seed out of range

    def card_settings(self) -> dict:
        """The settings of the store, as its card has them."""
        return {
            **dataclasses.asdict(StoreSettings()),
            "pair_by": "identity",
            "split": f"hash:{self.split}",
            "waveforms": self.keep_waveforms,
            "world": {
                "seed": self.seed,
                "identities": self.n_identities,
                "recordings_each": self.recordings_each,
                "faces_each": self.faces_each,
                **dataclasses.asdict(self.settings),
            },
        }

    def people(self) -> People:
        """Who is who, and in which split."""
        names = [person_name(number) for number in range(self.n_identities)]
        splits = assign_splits(names, f"hash:{self.split}", {})
        return People({(SOURCE.name, name): name for name in names}, {}, splits)

    def tasks(self) -> Iterator[tuple[World, range]]:
        """Numbers of some people a task."""
        everybody = range(self.n_identities)
        for first in range(0, self.n_identities, _PEOPLE_A_TASK):
            yield self, everybody[first : first + _PEOPLE_A_TASK]


def make_world(
    folder: Path,
    world: World,
    workers: Workers = Workers(),  # noqa: B008 - frozen
) -> Store:
    """Make a planted world and write it as a store, with the truth in `latents.parquet`.

    The same world gives the same bytes, whatever the number of jobs, on one kind of machine and
    version of NumPy. Where the folder holds this very world already, nothing is done.

    Raises:
        ConfigError: The folder holds a finished store of others.
        DataError: A worker died, or no recording has speech.
        OutputError: The folder cannot be written.
    """
    people, asked = world.people(), world.card_settings()
    made_from = hashlib.sha256(json_bytes(asked)).hexdigest()
    if (store := finished_store(folder, made_from)) is not None:
        return store
    done = run_tasks(_make_block, world.tasks(), workers)
    blocks = _in_order(done, world.n_identities)
    written = write_world(folder, blocks, people.splits, world.keep_waveforms)
    card = {
        "settings": asked,
        "sources": [{**dataclasses.asdict(SOURCE), "kind": kind} for kind in ("voices", "faces")],
        **store_card(written.counts, people, written.hashes, content_hash(folder, written.hashes)),
        "made_from": made_from,
    }
    write_atomically(folder / "store.json", json_bytes(card))
    return Store.open(folder)


def regenerate(file: str, settings: WorldSettings) -> NDArray:
    """Make a recording or an image of a planted world again, from its name in a manifest.

    Args:
        file: As in the column `file`, such as "planted:7/000123/voice-2".

    Returns:
        (samples,) int16 at 16 kHz, or (64, 64, 3) uint8 RGB.

    Raises:
        DataError: It is no such name.
    """
    match = _FILE.fullmatch(file)
    if match is None:
        raise DataError(
            f"{file}: is not a file of a planted world, such as planted:7/000123/voice-2"
        )
    seed, number, kind, index = match.groups()
    person = sample_person(int(seed), int(number), settings)
    if kind == "voice":
        return record(person, int(index), settings)
    return photograph([person], [int(index)], settings)[0]


def is_planted(store: Store) -> bool:
    """Tell whether a store holds a planted world."""
    return isinstance(store.card.get("settings", {}).get("world"), dict)


def world_settings(store: Store) -> WorldSettings:
    """Read the settings of the planted world that a store holds.

    Raises:
        DataError: The store is not of a planted world.
    """
    if not is_planted(store):
        raise DataError(f"{store.folder}: is not a planted world; make one with voice2face planted")
    world = store.card["settings"]["world"]
    fields = {field.name for field in dataclasses.fields(WorldSettings)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in world.items()
        if name in fields
    }
    return WorldSettings(**values)


@threadpool_limits.wrap(limits=1)
def _make_block(world: World, numbers: range) -> tuple[int, Block]:
    """Draw, record and photograph the people of some numbers.

    On one thread: the last bits of a matrix product depend on how many share it.
    """
    settings = world.settings
    people = [sample_person(world.seed, number, settings) for number in numbers]
    front_end = preset(StoreSettings().front_end)
    block = Block(people)
    for place, person in enumerate(people):
        for index in range(world.recordings_each):
            waveform = record(person, index, settings)
            file = file_name(person, "voice", index)
            try:
                features = extract(Recording(file, waveform, SAMPLE_RATE_HZ), front_end)
            except RecordingError as error:
                block.rejected.append((file, str(error).removeprefix(f"{file}: ")))
                continue
            block.log_mels.append(features.log_mel.astype(np.float16))
            block.speech_s.append(features.speech_s)
            block.voices.append((place, index))
            if world.keep_waveforms:
                block.waveforms.append(waveform)
    sitters = [person for person in people for _ in range(world.faces_each)]
    indexes = [*range(world.faces_each)] * len(people)
    block.images = photograph(sitters, indexes, settings)
    return numbers.start, block


def _in_order(results: Iterator[tuple[int, Block]], n_identities: int) -> Iterator[Block]:
    """Hold back what comes before its turn, under a progress bar."""
    waiting: dict[int, Block] = {}
    turn = 0
    with tqdm(desc="people", total=n_identities, unit="person", mininterval=1.0) as bar:
        for first, block in results:
            waiting[first] = block
            while turn in waiting:
                ready = waiting.pop(turn)
                turn += len(ready.people)
                yield ready
                bar.update(len(ready.people))
