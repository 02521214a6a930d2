"""Variants of a store's recordings, made once: the same speakers in other moods."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from voice2face.audio.variants import VariantSettings, variants_of
from voice2face.data.store import Store
from voice2face.files import atomic_path, content_key
from voice2face.training.speaker.augmented_crops import require_waveforms

_STAGE = "variant"
_LONGEST_S = 5.0
# Of a speaker; a variant of each of many words would teach little more.
_RECORDINGS_A_SPEAKER = 3
# Recordings whose variants are in one file; what was made is kept where the process is stopped.
_TOGETHER = 32

# Livelier than anything that the presets train on: to choose by, of speakers held back.
BEYOND = VariantSettings(
    each=3,
    f0_factors=(2.2, 3.0),
    highest_f0_hz=480.0,
    f0_ranges=(1.8, 2.3),
    effort_db=(6.0, 9.0),
    formants=(0.94, 1.08),
    speeds=(1.35, 1.6),
    shout=0.4,
    whisper=0.15,
    creak=0.15,
    tremor=0.3,
)


@dataclass(frozen=True)
class _VariedStore(Store):
    """A store in which each recording is followed by its variants, as rows of their own.

    A variant has the columns of its recording, and also its spectrogram: there is no other.

    Attributes:
        base: The store without them.
        originals: For each row, the row of its recording in `base`.
        numbers: For each row, which variant it is, from 1; 0 is the recording.
        parts: For each row, the file that its variant is in.
    """

    base: Store | None = None
    originals: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    parts: tuple[Path | None, ...] = field(default=(), repr=False)

    def waveform(self, row: int) -> NDArray[np.int16]:
        """Copy a waveform, (samples,), by its row."""
        path, original = self.parts[row], self.originals[row]
        if path is None:
            assert self.base is not None
            return self.base.waveform(original)
        with safe_open(path, framework="numpy") as file:
            return file.get_tensor(_name(original, self.numbers[row]))

    def variants_alone(self, split: str) -> _VariedStore:
        """Leave the recordings of a split out of it, so that it holds their variants alone."""
        kept = [
            "" if of == split and not number else of
            for of, number in zip(self.voices["split"], self.numbers, strict=True)
        ]
        return dataclasses.replace(self, voices={**self.voices, "split": kept})


def with_variants(store: Store, settings: VariantSettings, split: str) -> _VariedStore:
    """Give a store with variants of a split's recordings, making those that are not there yet.

    They lie in a folder of the store whose name tells what they were made of. Of each speaker the
    first three recordings have variants, of their first five seconds of a random stretch.

    Raises:
        DataError: The store holds no waveforms.
        MissingDependencyError: `pyworld-prebuilt` is not installed.
        OutputError: A file cannot be written; those before it are whole.
    """
    if not settings.each:
        return _varied(store, {}, 0, store.card)
    require_waveforms(store, "variants are made of")
    chosen = _chosen(store, split)
    content = store.card.get("content_sha256")
    described = [content, dataclasses.asdict(settings), _LONGEST_S, chosen]
    key = content_key(described)
    folder = store.folder / f"variants-{key}"
    part_of: dict[int, Path] = {}
    shares = [chosen[at : at + _TOGETHER] for at in range(0, len(chosen), _TOGETHER)]
    for number, rows in enumerate(tqdm(shares, "variants of recordings", disable=folder.exists())):
        path = folder / f"part-{number:05d}.safetensors"
        part_of |= dict.fromkeys(rows, path)
        if not path.exists():
            made = {
                _name(row, index): torch.from_numpy(wave)
                for row in rows
                for index, wave in enumerate(_variants(store, row, settings), 1)
            }
            with atomic_path(path) as temporary:
                save_file(made, temporary)
    card = {**store.card, "content_sha256": f"{content}-{key}"}
    return _varied(store, part_of, settings.each, card)


def original_recordings(store: Store, rows: Sequence[int]) -> tuple[Store, list[int]]:
    """Tell the recordings that rows are, or are variants of.

    Returns:
        The store without variants, and rows of it.
    """
    if isinstance(store, _VariedStore) and store.base is not None:
        return store.base, [store.originals[row] for row in rows]
    return store, list(rows)


def _chosen(store: Store, split: str) -> list[int]:
    seen: Counter[str] = Counter()
    chosen = []
    for row, name in enumerate(store.voices["identity"]):
        if store.voices["split"][row] == split and seen[name] < _RECORDINGS_A_SPEAKER:
            seen[name] += 1
            chosen.append(row)
    return chosen


def _variants(store: Store, row: int, settings: VariantSettings) -> list[NDArray[np.int16]]:
    random = np.random.default_rng([settings.seed, row, *_STAGE.encode()])
    waveform = store.waveform(row)
    most = int(_LONGEST_S * 16000)
    start = int(random.integers(max(1, len(waveform) - most + 1)))
    return list(variants_of(waveform[start : start + most], settings, random))


def _varied(store: Store, part_of: dict[int, Path], each: int, card: dict) -> _VariedStore:
    rows = [
        (row, number)
        for row in range(len(store.voices["identity"]))
        for number in range(each + 1 if row in part_of else 1)
    ]
    originals, numbers = zip(*rows, strict=True)
    voices = {name: [column[row] for row in originals] for name, column in store.voices.items()}
    fields = {one.name: getattr(store, one.name) for one in dataclasses.fields(Store)}
    return _VariedStore(
        **{**fields, "voices": voices, "card": card},
        base=store,
        originals=originals,
        numbers=numbers,
        parts=tuple(part_of[row] if number else None for row, number in rows),
    )


def _name(row: int, number: int) -> str:
    return f"{row}.{number}"
