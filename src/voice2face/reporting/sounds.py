"""Sounds that no mouth made, computed: a model should refuse them, or draw badly.

A report's own: none of those that a model learns from, see `synthetic.non_speech`, may be here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.augment import coloured_noise

__all__ = ["DURATION_S", "synthesised_sounds"]

DURATION_S = 4.0
_LOUD, _FAINT = 0.3, 0.001
_SEED = 20_220_101


def synthesised_sounds(sample_rate_hz: int) -> dict[str, NDArray[np.int16]]:
    """Compute waveforms of `DURATION_S`, (samples,) int16, by a name in plain words."""
    random = np.random.default_rng(_SEED)
    time = np.arange(round(DURATION_S * sample_rate_hz)) / sample_rate_hz
    white = random.standard_normal(len(time))
    pink = coloured_noise(len(time), "pink", random, sample_rate_hz)
    hum = np.sum([np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 2, 3, 5, 7)], axis=0)
    beats = 0.5 * (1 - np.cos(2 * np.pi * 4 * time))
    chord = np.sum([np.sin(2 * np.pi * f * time) for f in (261.63, 329.63, 392.0)], axis=0)
    # The phase of a tone that rises from 100 Hz to 4 kHz by equal ratios in equal times.
    octaves = np.log(4000 / 100) / DURATION_S
    sweep = np.sin(2 * np.pi * 100 / octaves * np.expm1(octaves * time))
    clicks = np.zeros(len(time))
    clicks[:: sample_rate_hz // 8] = 1
    waveforms = {
        "white noise": _LOUD * _to_peak(white),
        "pink noise": _LOUD * _to_peak(pink),
        "noise in the rhythm of speech": _LOUD * _to_peak(white * beats),
        "mains hum, 50 Hz": _LOUD * _to_peak(hum),
        "tone, 440 Hz": _LOUD * np.sin(2 * np.pi * 440 * time),
        "tone that rises from 100 Hz to 4 kHz": _LOUD * sweep,
        "chord of three tones": _LOUD * _to_peak(chord),
        "clicks, 8 a second": _LOUD * clicks,
        "silence with a faint hum": _FAINT * _to_peak(hum),
        "digital silence": np.zeros(len(time)),
    }
    return {name: np.rint(32767 * wave).astype(np.int16) for name, wave in waveforms.items()}


def _to_peak(wave: NDArray[np.floating]) -> NDArray[np.floating]:
    return wave / np.abs(wave).max()
