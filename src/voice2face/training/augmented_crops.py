"""Where the speaker stage's batches come from: stored spectrograms, or augmented waveforms.

A batch depends on the seed and its step alone, whichever thread made it and whenever, so that a run
that was stopped goes on with the very batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.front_end import extract
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store
from voice2face.errors import DataError, RecordingError
from voice2face.records import Recording
from voice2face.training.batches import VoiceCrops, crop_length, draw, random_source

__all__ = [
    "AugmentedBatches",
    "SpeakerBatches",
    "StoredBatches",
    "TrainingSpeakers",
    "augmented_crop",
    "other_speakers",
]

_STAGE = "speaker"
# Of a crop's length, so that there is enough left when the detector has cut the pauses out.
_MARGIN = 1.5
_THREADS = 2

Batch = tuple[Float[Tensor, "batch mels frames"], Int[Tensor, " batch"]]


@dataclass(frozen=True)
class TrainingSpeakers:
    """Who is trained on.

    Attributes:
        names: The speakers, in order of their label.
        rows: Their recordings: rows of the voice manifest.
        labels: Label of each of those.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    labels: tuple[int, ...]

    @classmethod
    def of(cls, store: Store) -> TrainingSpeakers:
        """Gather the speakers of the training split.

        Args:
            store: A prepared store.

        Returns:
            The speakers, labelled in order of their names.
        """
        rows = tuple(row for row, split in enumerate(store.voices["split"]) if split == "train")
        names = tuple(sorted({store.voices["identity"][row] for row in rows}))
        number = {name: index for index, name in enumerate(names)}
        return cls(names, rows, tuple(number[store.voices["identity"][row]] for row in rows))


class StoredBatches:
    """Crops of the stored spectrograms.

    Args:
        store: A prepared store.
        speakers: Who is trained on.
        batch_size: Crops a batch.
        crop_frames: Shortest and longest crop; all crops of a batch are equally long.
        seed: The run's.
    """

    def __init__(
        self,
        store: Store,
        speakers: TrainingSpeakers,
        batch_size: int,
        crop_frames: tuple[int, int],
        seed: int,
    ) -> None:
        self._crops = VoiceCrops(store)
        self._rows, self._labels = torch.tensor(speakers.rows), torch.tensor(speakers.labels)
        self._batch_size, self._crop_frames, self._seed = batch_size, crop_frames, seed

    def __enter__(self) -> StoredBatches:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def batch(self, step: int) -> Batch:
        """Give the batch of a step.

        Args:
            step: From 0.

        Returns:
            Normalised log-mel spectrograms, and labels.
        """
        random = random_source(self._seed, _STAGE, step)
        chosen = draw(len(self._rows), self._batch_size, random)
        length = crop_length(self._crop_frames, self._seed, _STAGE, step)
        where = torch.rand(self._batch_size, generator=random)
        log_mel = self._crops.crop(self._rows[chosen], length, where)
        return log_mel, self._labels[chosen]


class AugmentedBatches:
    """Crops of the stored waveforms, made worse and put through the front end by a few threads.

    The next batch is made while the network learns from the one before.

    Args:
        store: A prepared store with waveforms.
        speakers: Who is trained on.
        batch_size: Crops a batch.
        crop_frames: Shortest and longest crop; all crops of a batch are equally long.
        seed: The run's.
        augmentation: How waveforms are made worse.
        front_end: Settings of the front end.
        threads: How many.

    Raises:
        DataError: The store holds no waveforms.
    """

    def __init__(
        self,
        store: Store,
        speakers: TrainingSpeakers,
        batch_size: int,
        crop_frames: tuple[int, int],
        seed: int,
        augmentation: AugmentSettings,
        front_end: FrontEnd,
        threads: int = _THREADS,
    ) -> None:
        if store.waveforms is None:
            raise DataError(
                f"{store.folder}: holds no waveforms, which augmentation needs; "
                "prepare the store with --waveforms"
            )
        self._store, self._speakers = store, speakers
        self._batch_size, self._crop_frames, self._seed = batch_size, crop_frames, seed
        self._augmentation, self._front_end = augmentation, front_end
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="augment")
        self._coming: dict[int, list[Future[NDArray[np.float32]]]] = {}

    def __enter__(self) -> AugmentedBatches:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """Give the batch of a step, and begin to make the next.

        Args:
            step: From 0.

        Returns:
            Normalised log-mel spectrograms, and labels.
        """
        crops = self._coming.pop(step, None) or self._begin(step)
        self._coming = {step + 1: self._coming.get(step + 1) or self._begin(step + 1)}
        chosen, _ = self._plan(step)
        log_mels = np.stack([crop.result() for crop in crops])
        labels = torch.tensor([self._speakers.labels[index] for index in chosen])
        return torch.from_numpy(log_mels).transpose(1, 2), labels

    def _plan(self, step: int) -> tuple[list[int], int]:
        """Which recordings of those trained on, and the length of their crops in frames."""
        random = random_source(self._seed, _STAGE, step)
        chosen = draw(len(self._speakers.rows), self._batch_size, random).tolist()
        return chosen, crop_length(self._crop_frames, self._seed, _STAGE, step)

    def _begin(self, step: int) -> list[Future[NDArray[np.float32]]]:
        chosen, n_frames = self._plan(step)
        return [
            self._threads.submit(self._crop, step, index, which, n_frames)
            for index, which in enumerate(chosen)
        ]

    def _crop(self, step: int, index: int, which: int, n_frames: int) -> NDArray[np.float32]:
        random = np.random.default_rng([self._seed, step, index, *_STAGE.encode()])
        row = self._speakers.rows[which]
        others = other_speakers(
            self._store, self._speakers.rows, row, self._augmentation.babble_speakers[1], random
        )
        return augmented_crop(
            self._store, row, n_frames, self._augmentation, others, self._front_end, random
        )


SpeakerBatches = StoredBatches | AugmentedBatches


def augmented_crop(
    store: Store,
    row: int,
    n_frames: int,
    augmentation: AugmentSettings,
    others: Sequence[NDArray[np.int16]],
    front_end: FrontEnd,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Cut a crop from a waveform, make it worse, and compute what the voice encoder hears of it.

    The bands are normalised over the crop. Where the detector finds too little speech in it, the
    crop is cut from the stored spectrogram, as it is without augmentation.

    Args:
        store: A prepared store with waveforms.
        row: Row of the voice manifest.
        n_frames: Length of the crop; speech that is shorter is repeated cyclically.
        augmentation: How the waveform is made worse.
        others: Recordings of others, for babble.
        front_end: Settings of the front end.
        random: Source of randomness.

    Returns:
        (n_frames, mels) normalised log-mel spectrogram.
    """
    waveform = store.waveform(row)
    n_samples = int(_MARGIN * n_frames * front_end.hop_length)
    start = int(random.integers(max(1, len(waveform) - n_samples + 1)))
    rate_hz = front_end.sample_rate_hz
    worse = augment(waveform[start : start + n_samples], augmentation, others, random, rate_hz)
    try:
        bands = extract(Recording(str(row), worse, rate_hz), front_end).log_mel
    except RecordingError:
        start = store.voices["start"][row]
        bands = store.log_mels[start : start + store.voices["frames"][row]]
    # A short one may start anywhere, since it is repeated.
    room = len(bands) - n_frames + 1 if len(bands) >= n_frames else len(bands)
    first = int(random.integers(room))
    return np.take(bands, np.arange(first, first + n_frames), axis=0, mode="wrap").astype(
        np.float32
    )


def other_speakers(
    store: Store, rows: Sequence[int], row: int, count: int, random: np.random.Generator
) -> list[NDArray[np.int16]]:
    """Draw recordings of other speakers, for babble.

    Args:
        store: A prepared store with waveforms.
        rows: Rows of the voice manifest to draw from.
        row: Whose identity is left out.
        count: How many at the most; fewer where most recordings are of one speaker.
        random: Source of randomness.

    Returns:
        Waveforms.
    """
    identity = store.voices["identity"]
    drawn = [rows[index] for index in random.integers(len(rows), size=3 * count)]
    return [store.waveform(one) for one in drawn if identity[one] != identity[row]][:count]
