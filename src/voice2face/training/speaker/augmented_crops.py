"""Where the speaker stage's batches come from: stored spectrograms, or augmented waveforms.

A batch depends on the seed and its step alone, whichever thread made it and whenever, so that a run
that was stopped goes on with the very batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

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
from voice2face.training.crops import VoiceCrops, crop_length, random_source, sample_indices

# In the place of a label.
UNKNOWN = -1
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
        labels: Label of each of those; `UNKNOWN` where the data set does not tell who speaks.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    labels: tuple[int, ...]

    @classmethod
    def from_store(cls, store: Store, unlabelled: Collection[str] = ()) -> TrainingSpeakers:
        """Gather the speakers of the training split.

        Args:
            unlabelled: Data sets that do not tell who speaks.

        Returns:
            The speakers, labelled in order of their names.
        """
        rows = tuple(row for row, split in enumerate(store.voices["split"]) if split == "train")
        known = {
            row: store.voices["identity"][row]
            for row in rows
            if store.voices["data_set"][row] not in unlabelled
        }
        names = tuple(sorted(set(known.values())))
        number = {name: index for index, name in enumerate(names)}
        labels = (number[known[row]] if row in known else UNKNOWN for row in rows)
        return cls(names, rows, tuple(labels))


class _Sample(NamedTuple):
    """What a step's batch is to be of.

    Attributes:
        chosen: (batch,) recordings, counted among those that are trained on.
        n_frames: Length of all crops.
        where: (batch,) in [0, 1): where each crop begins.
    """

    chosen: Int[Tensor, " batch"]
    n_frames: int
    where: Float[Tensor, " batch"]


@dataclass(frozen=True)
class CropPlan:
    """Decides what the batch of any step is of.

    Attributes:
        batch_size: Crops a batch, over all processes.
        crop_frames: Shortest and longest crop; all crops of a batch are equally long.
        share: This process's part of the batch.
    """

    speakers: TrainingSpeakers
    batch_size: int
    crop_frames: tuple[int, int]
    seed: int
    share: slice

    def sample(self, step: int) -> _Sample:
        """Draw for a step: the whole batch, so that nothing depends on how it is shared."""
        random = random_source(self.seed, _STAGE, step)
        chosen = sample_indices(len(self.speakers.rows), self.batch_size, random)
        where = torch.rand(self.batch_size, generator=random)
        return _Sample(chosen, crop_length(self.crop_frames, self.seed, _STAGE, step), where)

    def people(self, step: int) -> list[str]:
        """Name the speakers of a step's whole batch."""
        labels, names = self.speakers.labels, self.speakers.names
        chosen = [labels[one] for one in self.sample(step).chosen.tolist()]
        return ["unknown" if label == UNKNOWN else names[label] for label in chosen]


class StoredBatches:
    """Crops of the stored spectrograms."""

    def __init__(self, store: Store, plan: CropPlan, device: torch.device | str = "cpu") -> None:
        self._plan, self._device = plan, device
        self._crops = VoiceCrops(store, device)
        self._rows = torch.tensor(plan.speakers.rows, device=device)
        self._labels = torch.tensor(plan.speakers.labels, device=device)

    def batch(self, step: int) -> Batch:
        """Give this process's share of a step's batch.

        Returns:
            Normalised log-mel spectrograms, and labels.
        """
        sample, share = self._plan.sample(step), self._plan.share
        chosen = sample.chosen[share].to(self._device)
        where = sample.where[share].to(self._device)
        return self._crops.crop(self._rows[chosen], sample.n_frames, where), self._labels[chosen]


class AugmentedBatches:
    """Crops of the stored waveforms, made worse and put through the front end by a few threads.

    The next batch is made while the network learns from the one before. `close` ends the threads.

    Raises:
        DataError: The store holds no waveforms.
    """

    def __init__(
        self,
        store: Store,
        plan: CropPlan,
        augmentation: AugmentSettings,
        front_end: FrontEnd,
        threads: int = _THREADS,
        device: torch.device | str = "cpu",
    ) -> None:
        require_waveforms(store, "augmentation needs")
        self._store, self._plan, self._device = store, plan, device
        self._augmentation, self._front_end = augmentation, front_end
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="augment")
        self._coming: dict[int, _Coming] = {}

    def close(self) -> None:
        """End the threads; crops that nobody waits for are left unmade."""
        self._threads.shutdown(cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """Give this process's share of a step's batch, and begin to make the next.

        Returns:
            Normalised log-mel spectrograms, and labels.
        """
        labels, crops = self._coming.pop(step, None) or self._begin(step)
        self._coming = {step + 1: self._coming.get(step + 1) or self._begin(step + 1)}
        log_mels = torch.from_numpy(np.stack([crop.result() for crop in crops]))
        return log_mels.transpose(1, 2).to(self._device), labels.to(self._device)

    def _begin(self, step: int) -> _Coming:
        speakers, sample = self._plan.speakers, self._plan.sample(step)
        places = list(enumerate(sample.chosen.tolist()))[self._plan.share]
        crops = [
            self._threads.submit(self._crop, step, place, speakers.rows[one], sample.n_frames)
            for place, one in places
        ]
        return torch.tensor([speakers.labels[one] for _, one in places]), crops

    def _crop(self, step: int, place: int, row: int, n_frames: int) -> NDArray[np.float32]:
        random = np.random.default_rng([self._plan.seed, step, place, *_STAGE.encode()])
        rows = self._plan.speakers.rows
        return augmented_crop(
            self._store, row, n_frames, self._augmentation, rows, self._front_end, random
        )


# Labels, and the crops that threads are at work on.
_Coming = tuple[Tensor, list[Future[NDArray[np.float32]]]]
SpeakerBatches = StoredBatches | AugmentedBatches


def augmented_crop(
    store: Store,
    row: int,
    n_frames: int,
    augmentation: AugmentSettings,
    rows: Sequence[int],
    front_end: FrontEnd,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Cut a crop from a waveform, make it worse, and compute what the voice encoder hears of it.

    The bands are normalised over the crop. Where the detector finds too little speech in it, the
    crop is cut from the stored spectrogram, as it is without augmentation.

    Args:
        n_frames: Length of the crop; speech that is shorter is repeated cyclically.

    Returns:
        (n_frames, mels) normalised log-mel spectrogram.
    """
    others = other_speakers(store, rows, row, augmentation.babble_speakers[1], random)
    waveform = store.waveform(row)
    n_samples = int(_MARGIN * n_frames * front_end.hop_length)
    start = int(random.integers(max(1, len(waveform) - n_samples + 1)))
    rate_hz = front_end.sample_rate_hz
    worse = augment(waveform[start : start + n_samples], augmentation, others, random, rate_hz)
    try:
        bands = extract(Recording(str(row), worse, rate_hz), front_end).log_mel
    except RecordingError:
        bands = store.log_mel(row)
    # A short one may start anywhere, since it is repeated.
    room = len(bands) - n_frames + 1 if len(bands) >= n_frames else len(bands)
    first = int(random.integers(room))
    return np.take(bands, np.arange(first, first + n_frames), axis=0, mode="wrap").astype(
        np.float32
    )


def require_waveforms(store: Store, why: str) -> None:
    """Refuse a store without waveforms.

    Args:
        why: What they are for: "augmentation needs".

    Raises:
        DataError: The store holds no waveforms.
    """
    if store.waveforms is None:
        raise DataError(
            f"{store.folder}: holds no waveforms, which {why}; prepare the store with --waveforms"
        )


def other_speakers(
    store: Store, rows: Sequence[int], row: int, count: int, random: np.random.Generator
) -> list[NDArray[np.int16]]:
    """Draw recordings of other speakers, for babble.

    Args:
        count: How many at the most; fewer where most recordings are of one speaker.
    """
    identity = store.voices["identity"]
    sample = [rows[index] for index in random.integers(len(rows), size=3 * count)]
    return [store.waveform(one) for one in sample if identity[one] != identity[row]][:count]
