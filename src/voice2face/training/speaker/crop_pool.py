"""Augmented recordings that are made once and cropped from at every step.

To make a recording worse and hear it anew takes longer than a small network takes to learn from
it. With a pool that is paid for once; each step then cuts other stretches of other lengths.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store
from voice2face.files import atomic_path, content_key
from voice2face.training.speaker.augmented_crops import (
    UNKNOWN,
    Batch,
    CropPlan,
    TrainingSpeakers,
    augmented_crop,
    require_waveforms,
)

_THREADS = 2
_STAGE = "pool"


def balanced(speakers: TrainingSpeakers, each: int, of_unknown: int = 0) -> TrainingSpeakers:
    """Repeat or leave out recordings until each speaker has the same number.

    Args:
        of_unknown: How often each recording is to be there of which nobody tells who speaks.

    Returns:
        The same speakers; the recordings of each come by turns.
    """
    of_speaker: dict[int, list[int]] = defaultdict(list)
    pairs: list[tuple[int, int]] = []
    for row, label in zip(speakers.rows, speakers.labels, strict=True):
        if label == UNKNOWN:
            pairs += of_unknown * [(row, label)]
        else:
            of_speaker[label].append(row)
    pairs += [
        (rows[turn % len(rows)], label)
        for label, rows in sorted(of_speaker.items())
        for turn in range(each)
    ]
    return TrainingSpeakers(
        speakers.names, tuple(row for row, _ in pairs), tuple(label for _, label in pairs)
    )


def make_pool(
    folder: Path,
    store: Store,
    speakers: TrainingSpeakers,
    n_frames: int,
    augmentation: AugmentSettings,
    front_end: FrontEnd,
    seed: int,
) -> Path:
    """Make an augmented crop of each recording, or find the file that they are in.

    Args:
        folder: Where the file is; its name tells what it was made of.
        speakers: Whose recordings; one that is there twice is made worse in two ways.

    Returns:
        The file: (recordings, frames, mels) float16, normalised over each crop.

    Raises:
        DataError: The store holds no waveforms.
        OutputError: The file cannot be written.
    """
    require_waveforms(store, "augmentation needs")
    settings = [dataclasses.asdict(augmentation), dataclasses.asdict(front_end)]
    made_of = [store.card.get("content_sha256"), speakers.rows, n_frames, seed, settings]
    key = content_key(made_of)
    path = folder / f"speaker.crops-{key}.npy"
    if path.exists():
        return path

    def crop(index: int) -> NDArray[np.float16]:
        random = np.random.default_rng([seed, index, *_STAGE.encode()])
        rows = speakers.rows
        made = augmented_crop(store, rows[index], n_frames, augmentation, rows, front_end, random)
        return made.astype(np.float16)

    shape = (len(speakers.rows), n_frames, front_end.n_mels)
    with atomic_path(path) as temporary, ThreadPoolExecutor(_THREADS) as threads:
        pool = np.lib.format.open_memmap(temporary, "w+", np.dtype(np.float16), shape)
        crops = threads.map(crop, range(len(pool)))
        for index, one in enumerate(tqdm(crops, "augmented recordings", len(pool))):
            pool[index] = one
        pool.flush()
    return path


class PooledBatches:
    """Crops of a pool, normalised anew over each.

    Args:
        plan: What batches are of; its recordings are those of the pool.
    """

    def __init__(self, path: Path, plan: CropPlan, device: torch.device | str = "cpu") -> None:
        self._pool = torch.from_numpy(np.load(path))
        self._plan, self._device = plan, device
        self._labels = torch.tensor(plan.speakers.labels)

    def batch(self, step: int) -> Batch:
        """Give this process's share of a step's batch, as `StoredBatches` does."""
        sample, share = self._plan.sample(step), self._plan.share
        chosen, where = sample.chosen[share], sample.where[share]
        room = self._pool.shape[1] - sample.n_frames + 1
        first = (where * room).long()
        bands = self._pool[chosen[:, None], first[:, None] + torch.arange(sample.n_frames)].float()
        deviation, mean = torch.std_mean(bands, dim=1, correction=0, keepdim=True)
        # As `log_mel.normalise_bands` has it; a band that nothing moves in stays at 0.
        bands = (bands - mean) / deviation.clamp(min=1e-5)
        return bands.transpose(1, 2).to(self._device), self._labels[chosen].to(self._device)
