"""Learn to tell a person speaking from animals, music, machines and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import normalise_bands, repeat_to_length
from voice2face.audio.settings import FrontEnd
from voice2face.errors import ConfigError, RecordingError
from voice2face.networks.speech_detector import SpeechDetector, SpeechDetectorConfig
from voice2face.records import Recording
from voice2face.training.batches import random_source

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
_STAGE = "speech detector"


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
        set_name: What it is from.
        is_speech: Whether a person speaks in it.
        front_end: Settings of the front end.

    Returns:
        The clip.
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
    augmentation: AugmentSettings | None = None,
    seed: int = 0,
) -> list[Clip]:
    """Hear stretches of a file, evenly spread over it.

    Args:
        path: Any sound that can be read.
        set_name: What it is from.
        is_speech: Whether a person speaks in it.
        front_end: Settings of the front end.
        seconds: Length of each stretch; a shorter file is one.
        most: Stretches at the most.
        augmentation: Gives each stretch a second time, made worse; None does not.
        seed: Of what is made worse.

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
        if augmentation is not None:
            random = np.random.default_rng([seed, index, *path.name.encode()])
            worse = augment(stretch, augmentation, [], random, rate_hz)
            clips.append(clip_of(worse, set_name, is_speech, front_end))
    return clips


def train_detector(
    clips: Sequence[Clip],
    steps: int = 1500,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> SpeechDetector:
    """Train the detector on random crops of one to three seconds.

    Half of each batch is speech; within each half every set weighs as the root of its size, so
    that no large set drowns the others.

    Args:
        clips: What to learn from; those in which nothing passed for speech are left out.
        steps: Optimiser steps.
        batch_size: Crops a step.
        learning_rate: Of Adam, at the start; it falls to 0 along half a cosine.
        seed: Of weights and crops.

    Returns:
        The detector, in evaluation mode.

    Raises:
        ConfigError: There is no speech among the clips, or nothing else.
    """
    sides = []
    for is_speech in (True, False):
        side = [one for one in clips if one.is_speech == is_speech and one.log_mel is not None]
        if not side:
            what = "speech" if is_speech else "sounds other than speech"
            raise ConfigError(f"the speech detector: no {what} to learn from")
        sizes = {name: sum(one.set == name for one in side) for name in {one.set for one in side}}
        sides.append((side, torch.tensor([sizes[one.set] ** -0.5 for one in side])))
    torch.manual_seed(seed)
    network = SpeechDetector(SpeechDetectorConfig())
    optimizer = Adam(network.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    half = batch_size // 2
    wanted = torch.cat([torch.ones(half), torch.zeros(half)])
    for step in range(steps):
        random = random_source(seed, _STAGE, step)
        n_frames = int(torch.randint(LEAST_FRAMES, _LONGEST_CROP + 1, (), generator=random))
        crops = [
            _crop(side[index].log_mel, n_frames, random)
            for side, weights in sides
            for index in torch.multinomial(weights, half, True, generator=random).tolist()
        ]
        logits = network(torch.from_numpy(np.stack(crops)).transpose(1, 2))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _crop(
    bands: NDArray[np.float16] | None, n_frames: int, random: torch.Generator
) -> NDArray[np.float32]:
    assert bands is not None
    whole = repeat_to_length(bands.astype(np.float32), n_frames)
    start = int(torch.randint(len(whole) - n_frames + 1, (), generator=random))
    return normalise_bands(whole[start : start + n_frames])


@torch.no_grad()
def logits_of(network: nn.Module, clips: Sequence[Clip]) -> Float[Tensor, " clips"]:
    """Judge clips whole, as in use.

    Args:
        network: The detector.
        clips: The clips.

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


def set_threshold(network: SpeechDetector, clips: Sequence[Clip], refused: float) -> float:
    """Move the decision to 0, such that few of the speech is refused.

    Args:
        network: The detector; its last bias is changed.
        clips: Of speakers that it was not trained on; only speech counts.
        refused: Share of speech, of what passed the front end, that may be refused.

    Returns:
        The threshold that was: what was subtracted from the logit.
    """
    speech = [one for one in clips if one.is_speech and one.log_mel is not None]
    threshold = float(torch.quantile(logits_of(network, speech), refused))
    with torch.no_grad():
        network.decision.bias.sub_(threshold)
    return threshold
