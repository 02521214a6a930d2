"""The clips that the speech stage learns from, heard once and kept in the run's folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.settings import FrontEnd
from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.audio.variants import variants_of
from voice2face.data.store import Store, hash_split
from voice2face.errors import DataError, RecordingError
from voice2face.files import atomic_path, content_key
from voice2face.records import Recording
from voice2face.synthetic.sounds import TRAINING_SOUNDS, training_sound
from voice2face.training.speaker.augmented_crops import other_speakers, require_waveforms
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speech.settings import SpeechSettings

SPEECH, SYNTHETIC = "speech", "synthetic"
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Clip:
    """A stretch of sound as the front end hears it.

    Attributes:
        kind: "speech", "synthetic", or the name of a subfolder of sounds.
        set: What it is from, within the kind: crops are drawn from sets by the root of their size.
        is_held_out: Whether it is not learned from.
        log_mel: (frames, mels) float16, normalised; None where too little passed for speech.
    """

    kind: str
    set: str
    is_held_out: bool
    log_mel: NDArray[np.float16] | None

    @property
    def is_speech(self) -> bool:
        """Whether a person speaks in it."""
        return self.kind == SPEECH


def make_clip(
    waveform: NDArray[np.int16], kind: str, name: str, is_held_out: bool, front_end: FrontEnd
) -> Clip:
    """Hear a stretch of sound, (samples,) at the rate of the front end."""
    try:
        features = extract(Recording(name, waveform, front_end.sample_rate_hz), front_end)
    except RecordingError:
        return Clip(kind, name, is_held_out, None)
    return Clip(kind, name, is_held_out, features.log_mel.astype(np.float16))


@dataclass(frozen=True)
class Sources:
    """Where the clips come from.

    Attributes:
        stores: Prepared stores with waveforms: speech. Their test speakers take no part.
        speech: Folders of recordings of people speaking.
        sounds: Folders of other sounds, with a subfolder for each kind.
    """

    stores: tuple[Store, ...]
    speech: tuple[Path, ...]
    sounds: tuple[Path, ...]

    @classmethod
    def open(cls, speech: Sequence[Path], sounds: Sequence[Path]) -> Sources:
        """Open them: of `speech`, a folder with a `store.json` is a store.

        Raises:
            DataError: A folder is none, or holds no recording, or a store holds no waveforms.
        """
        stores = tuple(Store.open(one) for one in speech if (one / "store.json").exists())
        folders = tuple(one for one in speech if not (one / "store.json").exists())
        for store in stores:
            require_waveforms(store, "the speech stage needs")
        found = cls(stores, folders, tuple(sounds))
        for folder in (*folders, *sounds):
            if not folder.is_dir():
                raise DataError(f"{folder}: no such folder")
            if not found.files[folder]:
                raise DataError(f"{folder}: holds no recording")
        return found

    @cached_property
    def files(self) -> dict[Path, list[Path]]:
        """The recordings of each folder, in order of their names."""
        return {
            folder: [
                path
                for path in sorted(folder.rglob("*"))
                if path.suffix.lower() in MEDIA_SUFFIXES and path.is_file()
            ]
            for folder in (*self.speech, *self.sounds)
        }

    def facts(self) -> dict[str, Any]:
        """What a run depends on: the stores' content, and of files their names and sizes."""
        listed = [
            [str(path.relative_to(folder)), path.stat().st_size]
            for folder, paths in self.files.items()
            for path in paths
        ]
        return {
            "stores": [store.card.get("content_sha256") for store in self.stores],
            "n_files": len(listed),
            "files_sha256": hashlib.sha256(json.dumps(listed).encode()).hexdigest(),
        }


def make_clips(
    run: Path, sources: Sources, settings: SpeechSettings, front_end: FrontEnd, seed: int
) -> Path:
    """Hear all clips, or find the file that they are in.

    Returns:
        A file in the run's folder, for `ClipPool`; its name tells what it was made of.

    Raises:
        MissingDependencyError: There are variants, and `pyworld-prebuilt` is not installed.
        OutputError: The file cannot be written.
    """
    named = (
        "clip_s", "clips_a_file", "worse_each", "augment", "sound_speeds", "variants",
        "variant_share", "synthetic_each", "held_out_percent",
    )  # fmt: skip
    asked = {name: value for name, value in dataclasses.asdict(settings).items() if name in named}
    made_of = [sources.facts(), asked, dataclasses.asdict(front_end), seed]
    key = content_key(made_of)
    path = run / f"speech.clips-{key}.npz"
    if not path.exists():
        clips = list(_Maker(sources, settings, front_end, seed).clips())
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            _write(file, clips)
    return path


def _write(file: Any, clips: list[Clip]) -> None:
    heard = [clip.log_mel for clip in clips if clip.log_mel is not None]
    n_mels = heard[0].shape[1] if heard else 0
    labels = [(clip.kind, clip.set, clip.is_held_out) for clip in clips]
    np.savez(
        file,
        bands=np.concatenate([np.zeros((0, n_mels), np.float16), *heard]),
        frames=np.array([0 if one.log_mel is None else len(one.log_mel) for one in clips]),
        about=np.frombuffer(json.dumps(labels).encode(), np.uint8),
    )


@dataclass(frozen=True)
class ClipPool:
    """The clips of a run."""

    clips: tuple[Clip, ...]

    @classmethod
    def read(cls, path: Path) -> ClipPool:
        """Read a file of `make_clips`.

        Raises:
            DataError: It is damaged.
        """
        try:
            with np.load(path) as file:
                bands, frames = file["bands"], file["frames"]
                labels = json.loads(file["about"].tobytes())
            ends = np.cumsum(frames)
            parts = [bands[end - count : end] for end, count in zip(ends, frames, strict=True)]
            return cls(
                tuple(
                    Clip(kind, name, is_held_out, part if len(part) else None)
                    for (kind, name, is_held_out), part in zip(labels, parts, strict=True)
                )
            )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise DataError(f"{path}: is damaged ({error}); delete it") from None

    def part(self, is_held_out: bool) -> list[Clip]:
        """The clips that are learned from, or those held out."""
        return [clip for clip in self.clips if clip.is_held_out == is_held_out]


def _bar(items: list[_Item], what: str) -> Iterable[_Item]:
    return tqdm(items, f"clips of {what}", dynamic_ncols=True, mininterval=1.0)


class _Maker:
    """Makes the clips of a run, in order, each with random numbers of its own."""

    def __init__(
        self, sources: Sources, settings: SpeechSettings, front_end: FrontEnd, seed: int
    ) -> None:
        self._sources, self._settings, self._seed = sources, settings, seed
        self._front_end, self._rate_hz = front_end, front_end.sample_rate_hz
        other = settings.augment
        self._of_sounds = dataclasses.replace(
            other, speed=1.0, speed_factors=settings.sound_speeds, babble=0.0
        )

    def clips(self) -> Iterator[Clip]:
        """All clips."""
        for store in self._sources.stores:
            yield from self._of_store(store)
        for folder in self._sources.speech:
            for path in _bar(self._sources.files[folder], folder.name):
                yield from self._of_file(folder, path, SPEECH, path.parent.name)
        for folder in self._sources.sounds:
            for path in _bar(self._sources.files[folder], folder.name):
                first = path.relative_to(folder).parts[0]
                kind = folder.name if first == path.name else first
                yield from self._of_file(folder, path, kind, path.parent.name)
        for kind in _bar(list(TRAINING_SOUNDS), "synthetic sounds"):
            for index in range(self._settings.synthetic_each):
                random = self._random(f"{SYNTHETIC} {kind} {index}")
                made = training_sound(kind, self._settings.clip_s, self._seed, index, self._rate_hz)
                is_held_out = self._is_held_out(f"{kind} {index}")
                yield from self._versions(made, SYNTHETIC, kind, is_held_out, random)

    def _of_store(self, store: Store) -> Iterator[Clip]:
        voices = hold_out(store, self._settings.held_out_percent).voices
        train = [row for row, split in enumerate(voices["split"]) if split == "train"]
        for row, split in enumerate(_bar(voices["split"], store.folder.name)):
            if split == "test":
                continue
            name = str(voices["data_set"][row])
            random = self._random(f"{name} {row}")
            n_others = self._settings.augment.babble_speakers[1]
            others = other_speakers(store, train, row, n_others, random) if train else []
            waveform, length = store.waveform(row), self._length
            start = int(random.integers(max(1, len(waveform) - length + 1)))
            stretch = waveform[start : start + length]
            yield from self._versions(stretch, SPEECH, name, split != "train", random, others)

    def _of_file(self, folder: Path, path: Path, kind: str, name: str) -> Iterator[Clip]:
        """Stretches of a file, evenly spread over it; none of a file that cannot be read."""
        of_run = str(path.relative_to(folder))
        random = self._random(of_run)
        most, seconds = self._settings.clips_a_file, self._settings.clip_s
        try:
            first_s = seconds * 2 * most
            waveform = decode(path, path.name, self._rate_hz, first_s=first_s).waveform
        except RecordingError:
            return
        count = min(most, max(1, len(waveform) // self._length))
        for start in np.linspace(0, max(0, len(waveform) - self._length), count).astype(int):
            stretch = waveform[start : start + self._length]
            is_held_out = self._is_held_out(of_run)
            yield from self._versions(stretch, kind, name, is_held_out, random)

    def _versions(
        self,
        waveform: NDArray[np.int16],
        kind: str,
        name: str,
        is_held_out: bool,
        random: np.random.Generator,
        others: Sequence[NDArray[np.int16]] = (),
    ) -> Iterator[Clip]:
        """A clip as it is, made worse, and in other moods."""

        def heard(version: NDArray[np.int16], set_name: str) -> Clip:
            return make_clip(version, kind, set_name, is_held_out, self._front_end)

        yield heard(waveform, name)
        how: AugmentSettings = self._settings.augment if kind == SPEECH else self._of_sounds
        for _ in range(self._settings.worse_each):
            yield heard(augment(waveform, how, others, random, self._rate_hz), name)
        if kind == SPEECH and self._has_variants(waveform, random):
            for lively in variants_of(waveform, self._settings.variants, random, self._rate_hz):
                yield heard(
                    augment(lively, how, others, random, self._rate_hz), f"{name}, variants"
                )

    def _has_variants(self, waveform: NDArray[np.int16], random: np.random.Generator) -> bool:
        # WORLD needs a few periods of the lowest pitch.
        is_long = len(waveform) > self._rate_hz / 5
        has_any = self._settings.variants.each > 0
        return has_any and is_long and random.random() < self._settings.variant_share

    @property
    def _length(self) -> int:
        return round(self._settings.clip_s * self._rate_hz)

    def _random(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, *name.encode()])

    def _is_held_out(self, name: str) -> bool:
        return hash_split(f"speech stage: {name}", self._settings.held_out_percent) == "test"
