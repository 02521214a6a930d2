"""Synthetic sounds that are no speech, in two parts that share no generator.

`TRAINING_SOUNDS` are what the speech detector learns from, and its threshold is chosen by: animals,
crying, laughter, singing (`training_voices`), music, machines, weather and signals
(`training_scenes`), of wide random ranges. `MEASURING_SOUNDS` are what models are asked about in
evaluations and reports; see `measuring`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import look_up
from voice2face.synthetic.sounds.measuring import MEASURING_SOUNDS
from voice2face.synthetic.sounds.training_scenes import TRAINING_SCENES
from voice2face.synthetic.sounds.training_voices import TRAINING_VOICES

__all__ = ["MEASURING_SOUNDS", "TRAINING_SOUNDS", "measuring_sound", "training_sound"]

TRAINING_SOUNDS = {**TRAINING_VOICES, **TRAINING_SCENES}

_RATE_HZ = 16000
_FULL_SCALE = 32767


def training_sound(
    kind: str, seconds: float, seed: int, index: int = 0, sample_rate_hz: int = _RATE_HZ
) -> NDArray[np.int16]:
    """Make a sound to learn from, its peak at 5 to 90 % of full scale.

    Returns:
        (samples,) int16.

    Raises:
        ConfigError: There is no such kind.
    """
    make = look_up("sound to learn from", kind, TRAINING_SOUNDS)
    random = _random(kind, seed, index)
    waveform = make(_times(seconds, sample_rate_hz), random)
    waveform = waveform / (np.abs(waveform).max() + 1e-9) * random.uniform(0.05, 0.9)
    return np.rint(waveform * _FULL_SCALE).astype(np.int16)


def measuring_sound(
    kind: str, seconds: float, seed: int, index: int = 0, sample_rate_hz: int = _RATE_HZ
) -> NDArray[np.int16]:
    """Make a sound to measure by.

    Returns:
        (samples,) int16.

    Raises:
        ConfigError: There is no such kind.
    """
    make = look_up("sound to measure by", kind, MEASURING_SOUNDS)
    waveform = make(_times(seconds, sample_rate_hz), _random(kind, seed, index))
    return np.rint(np.clip(waveform, -1, 1) * _FULL_SCALE).astype(np.int16)


def _random(kind: str, seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, index, *kind.encode()])


def _times(seconds: float, sample_rate_hz: int) -> NDArray[np.float64]:
    return np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
