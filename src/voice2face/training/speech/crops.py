"""Batches of the speech stage: random crops of clips, half of them speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from voice2face.audio.log_mel import normalise_bands, repeat_to_length
from voice2face.errors import ConfigError
from voice2face.training.speech.clips import Clip
from voice2face.training.speech.settings import LEAST_FRAMES, SpeechSettings

_SHORTEST_CROP = 30
# Shares of batches and of crops that are changed, and by how many deviations of a band the sound
# lies below that is mixed in.
_SHORT = 0.4
_WARPED = 0.6
_MIXED = 0.3
_MASKED = 0.5
_MIXED_BELOW_SPEECH = (1.0, 3.0)
_MIXED_BELOW_OTHER = (0.0, 1.5)


class Batch(NamedTuple):
    """A step's batch.

    Attributes:
        log_mel: (crops, mels, frames), normalised over each crop.
        is_speech: (crops,) 1 or 0.
        names: What each crop is from.
    """

    log_mel: Float[Tensor, "crops mels frames"]
    is_speech: Float[Tensor, " crops"]
    names: list[str]


class Crops:
    """Cuts the crops of any step: a batch depends on the seed and its step alone.

    Half of each batch is speech. Other sounds are drawn from each kind alike; within a kind every
    set weighs as the root of its size, so that no large set drowns the others. Crops are warped in
    time and along the mel axis, speech as much as what is none; into some, speech too, a sound that
    is none is mixed.

    Raises:
        ConfigError: There is no speech among the clips, or nothing else.
    """

    def __init__(self, clips: Sequence[Clip], settings: SpeechSettings, seed: int) -> None:
        self._speech, self._other = _Side(clips, True), _Side(clips, False)
        self._settings, self._seed = settings, seed

    def batch(self, step: int, share: slice) -> Batch:
        """Cut the crops of a process's share of a step's batch."""
        random = np.random.default_rng([self._seed, step])
        # A short sound is repeated, so there are batches of short ones.
        is_short = random.random() < _SHORT
        least, most = self._settings.crop_frames
        n_frames = LEAST_FRAMES if is_short else int(random.integers(least, most + 1))
        places = range(self._settings.batch_size)[share]
        cut = [self._one(step, place, n_frames, is_short) for place in places]
        log_mel = torch.from_numpy(np.stack([crop for crop, _ in cut])).transpose(1, 2)
        wanted = torch.tensor([float(self._is_speech(place)) for place in places])
        return Batch(log_mel, wanted, [name for _, name in cut])

    def names(self, step: int) -> list[str]:
        """What the crops of a step's whole batch are from."""
        return self.batch(step, slice(None)).names

    def _is_speech(self, place: int) -> bool:
        return place % 2 == 0

    def _one(
        self, step: int, place: int, n_frames: int, is_short: bool
    ) -> tuple[NDArray[np.float32], str]:
        random = np.random.default_rng([self._seed, step, place])
        is_speech = self._is_speech(place)
        clip = (self._speech if is_speech else self._other).sample(random)
        crop = _crop(clip, n_frames, is_short, random)
        if random.random() < _MIXED:
            below = random.uniform(*_MIXED_BELOW_SPEECH if is_speech else _MIXED_BELOW_OTHER)
            mixed = _crop(self._other.sample(random), n_frames, False, random)
            crop = np.maximum(crop, mixed - below)
        crop = normalise_bands(crop)
        if random.random() < _MASKED:
            n_bands = crop.shape[1] // 4
            first = random.integers(crop.shape[1] - n_bands + 1)
            crop[:, first : first + random.integers(1, n_bands + 1)] = 0
        return crop, f"{clip.kind}: {clip.set}"


class _Side:
    """Speech, or what is none, drawn from by kind and set."""

    def __init__(self, clips: Sequence[Clip], is_speech: bool) -> None:
        self._clips = [
            one for one in clips if one.is_speech == is_speech and one.log_mel is not None
        ]
        if not self._clips:
            what = "speech" if is_speech else "sounds other than speech"
            raise ConfigError(f"the speech detector: no {what} to learn from")
        sizes = Counter((one.kind, one.set) for one in self._clips)
        weights = np.array([sizes[one.kind, one.set] ** -0.5 for one in self._clips])
        kinds = np.array([one.kind for one in self._clips])
        for kind in set(kinds.tolist()):
            weights[kinds == kind] /= weights[kinds == kind].sum()
        self._below = np.cumsum(weights / weights.sum())

    def sample(self, random: np.random.Generator) -> Clip:
        place = int(np.searchsorted(self._below, random.random(), side="right"))
        return self._clips[min(place, len(self._clips) - 1)]


def _crop(
    clip: Clip, n_frames: int, is_short: bool, random: np.random.Generator
) -> NDArray[np.float32]:
    """Some frames, often at another tempo and pitch, a short stretch of them repeated."""
    assert clip.log_mel is not None
    frames = clip.log_mel.astype(np.float32)
    if random.random() < _WARPED:
        frames = _warp(frames, random)
    if is_short:
        length = int(random.integers(_SHORTEST_CROP, LEAST_FRAMES))
        start = int(random.integers(max(1, len(frames) - length + 1)))
        frames = frames[start : start + length]
    whole = repeat_to_length(frames, n_frames)
    start = int(random.integers(len(whole) - n_frames + 1))
    return whole[start : start + n_frames]


def _warp(frames: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Stretch time by up to a third, and move and stretch the mel axis by a few bands."""
    tempo, width = np.exp(random.uniform(-0.3, 0.3)), np.exp(random.uniform(-0.08, 0.08))
    n_frames, n_bands = frames.shape
    times = np.arange(0, max(1, n_frames - 1), tempo)
    bands = np.arange(n_bands) * width + random.uniform(-3, 3)
    return _between(_between(frames, times).T, bands).T


def _between(rows: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows at places between them; beyond the ends, the ends."""
    places = np.clip(places, 0, len(rows) - 1)
    below = places.astype(int)
    share = (places - below).astype(np.float32)[:, None]
    above = rows[np.minimum(below + 1, len(rows) - 1)]
    return (rows[below] * (1 - share) + above * share).astype(np.float32, copy=False)
