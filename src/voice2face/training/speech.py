"""Learn to tell a person speaking from animals, music, machines and noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import normalise_bands, repeat_to_length
from voice2face.audio.settings import FrontEnd
from voice2face.errors import ConfigError, RecordingError
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.records import Recording

__all__ = [
    "LEAST_FRAMES",
    "Clip",
    "clip_of",
    "clips_of_file",
    "logits_of",
    "set_threshold",
    "train_detector",
]

# Less is repeated to this many, in training as in use: one second.
LEAST_FRAMES = 100
_LONGEST_CROP = 300
_SHORTEST_CROP = 30
# Of logits: keeps what is at the threshold from passing it by a rounding error.
_MARGIN = 1e-3
_WEIGHT_DECAY = 1e-2
# Shares of batches and of crops that are changed, and by how many deviations of a band the sound
# lies below that is mixed in.
_SHORT = 0.4
_WARPED = 0.6
_MIXED = 0.3
_MASKED = 0.5
_MIXED_BELOW_SPEECH = (1.0, 3.0)
_MIXED_BELOW_OTHER = (0.0, 1.5)


@dataclass(frozen=True)
class Clip:
    """A stretch of sound as the front end hears it.

    Attributes:
        set: What it is from.
        is_speech: Whether a person speaks in it.
        log_mel: (frames, mels) float16, normalised; None where too little passed for speech.
    """

    set: str
    is_speech: bool
    log_mel: NDArray[np.float16] | None


def clip_of(
    waveform: NDArray[np.int16], set_name: str, is_speech: bool, front_end: FrontEnd
) -> Clip:
    """Hear a stretch of sound.

    Args:
        waveform: (samples,) int16, at the rate of the front end.
    """
    try:
        features = extract(Recording(set_name, waveform, front_end.sample_rate_hz), front_end)
    except RecordingError:
        return Clip(set_name, is_speech, None)
    return Clip(set_name, is_speech, features.log_mel.astype(np.float16))


def clips_of_file(
    path: Path,
    set_name: str,
    is_speech: bool,
    front_end: FrontEnd,
    seconds: float = 4.0,
    most: int = 1,
    augmentations: Sequence[AugmentSettings] = (),
    seed: int = 0,
) -> list[Clip]:
    """Hear stretches of a file, evenly spread over it.

    Args:
        seconds: Length of each stretch; a shorter file is one.
        most: Stretches at the most.
        augmentations: Each gives each stretch once more, changed.

    Returns:
        The clips; none of a file that cannot be read.
    """
    rate_hz = front_end.sample_rate_hz
    try:
        waveform = decode(path, path.name, rate_hz, first_s=seconds * 2 * most).waveform
    except RecordingError:
        return []
    length = round(seconds * rate_hz)
    count = min(most, max(1, len(waveform) // length))
    starts = np.linspace(0, max(0, len(waveform) - length), count).astype(int)
    clips = []
    for index, start in enumerate(starts):
        stretch = waveform[start : start + length]
        clips.append(clip_of(stretch, set_name, is_speech, front_end))
        for number, augmentation in enumerate(augmentations):
            random = np.random.default_rng([seed + number, index, *path.name.encode()])
            changed = augment(stretch, augmentation, [], random, rate_hz)
            clips.append(clip_of(changed, set_name, is_speech, front_end))
    return clips


def train_detector(
    clips: Sequence[Clip],
    steps: int = 4500,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> SpeechDetector:
    """Train the detector on random crops of up to three seconds.

    Half of each batch is speech; within each half every set weighs as the root of its size, so
    that no large set drowns the others. Crops are made other than they were (`_crop`), speech as
    much as what is none; into some, speech too, a sound that is none is mixed.

    Args:
        clips: What to learn from; those in which nothing passed for speech are left out.
        learning_rate: Of AdamW, at the start; it falls to 0 along half a cosine.

    Raises:
        ConfigError: There is no speech among the clips, or nothing else.
    """
    speech, other = _Side(clips, True), _Side(clips, False)
    torch.manual_seed(seed)
    network = SpeechDetector(SpeechDetectorConfig())
    optimizer = AdamW(network.parameters(), learning_rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    half = batch_size // 2
    wanted = torch.cat([torch.ones(half), torch.zeros(half)])
    for step in range(steps):
        random = np.random.default_rng([seed, step])
        # A short sound is repeated, so there are batches of short ones.
        is_short = random.random() < _SHORT
        n_frames = LEAST_FRAMES if is_short else int(random.integers(LEAST_FRAMES, _LONGEST_CROP))
        crops = []
        for side, above in ((speech, _MIXED_BELOW_SPEECH), (other, _MIXED_BELOW_OTHER)):
            for bands in side.draw(half, random):
                crop = _crop(bands, n_frames, is_short, random)
                if random.random() < _MIXED:
                    (more,) = other.draw(1, random)
                    mixed = _crop(more, n_frames, False, random) - random.uniform(*above)
                    crop = np.maximum(crop, mixed)
                crop = normalise_bands(crop)
                if random.random() < _MASKED:
                    first, width = random.integers(crop.shape[1] - 16), random.integers(1, 16)
                    crop[:, first : first + width] = 0
                crops.append(crop)
        logits = network(torch.from_numpy(np.stack(crops)).transpose(1, 2))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


class _Side:
    """Speech, or what is none, drawn from by set."""

    def __init__(self, clips: Sequence[Clip], is_speech: bool) -> None:
        side = [
            (one.set, one.log_mel)
            for one in clips
            if one.is_speech == is_speech and one.log_mel is not None
        ]
        if not side:
            what = "speech" if is_speech else "sounds other than speech"
            raise ConfigError(f"the speech detector: no {what} to learn from")
        sizes = Counter(name for name, _ in side)
        weights = np.array([sizes[name] ** -0.5 for name, _ in side])
        self._bands = [bands for _, bands in side]
        self._weights = weights / weights.sum()

    def draw(self, count: int, random: np.random.Generator) -> list[NDArray[np.float16]]:
        chosen = random.choice(len(self._bands), count, p=self._weights)
        return [self._bands[index] for index in chosen]


def _crop(
    bands: NDArray[np.float16], n_frames: int, is_short: bool, random: np.random.Generator
) -> NDArray[np.float32]:
    """Some frames, often at another tempo and pitch, a short stretch of them repeated."""
    frames = bands.astype(np.float32)
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


@torch.no_grad()
def logits_of(network: nn.Module, clips: Sequence[Clip]) -> Float[Tensor, " clips"]:
    """Judge clips whole, as in use.

    Returns:
        The logits; minus infinity where nothing passed for speech, since that is refused before.
    """
    found = []
    for clip in clips:
        if clip.log_mel is None:
            found.append(torch.tensor(-torch.inf))
            continue
        whole = repeat_to_length(clip.log_mel.astype(np.float32), LEAST_FRAMES)
        found.append(network(torch.from_numpy(whole.T[None]))[0])
    return torch.stack(found)


def set_threshold(network: SpeechDetector, clips: Sequence[Clip], accepted: float = 0.05) -> float:
    """Move the decision to 0, so that speech is refused as seldom as the other side allows.

    Args:
        network: The detector; its last bias is changed.
        clips: Of sources that it was not trained on; only what is no speech counts.
        accepted: Share of it that may be accepted, those counted that the front end refuses.

    Returns:
        The threshold that was: what was subtracted from the logit.
    """
    other = [clip for clip in clips if not clip.is_speech]
    logits = logits_of(network, other)
    heard = logits[logits.isfinite()].sort(descending=True).values
    allowed = min(int(accepted * len(other)), len(heard) - 1)
    threshold = float(heard[allowed]) + _MARGIN
    with torch.no_grad():
        network.decision.bias.sub_(threshold)
    return threshold
