"""Building blocks of synthetic sounds: sources, resonances, envelopes, noise.

All take and give float64 at one rate; times are in seconds from the start of the sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]
# Time of each sample, and a source of randomness -> a waveform of as many samples, of any scale.
Generator = Callable[[Signal, np.random.Generator], Signal]

_HIGHEST_HZ = 7200.0
# Amplitudes of harmonics follow the resonances at this rate.
_CONTROL_HZ = 200.0


def rate_of(time_s: Signal) -> float:
    """The sample rate, in Hz, of evenly spaced times."""
    return 1 / (time_s[1] - time_s[0]) if len(time_s) > 1 else 16000.0


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """Draw a number evenly in its logarithm."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def between(random: np.random.Generator, low: float, high: float, count: int) -> Signal:
    """Draw so many numbers evenly, in order."""
    return np.sort(random.uniform(low, high, count))


def starts(time_s: Signal, random: np.random.Generator, fewest: float, most: float) -> Signal:
    """Random moments, so many a second, one at least."""
    count = max(1, round(time_s[-1] * random.uniform(fewest, most)))
    return between(random, 0, time_s[-1], count)


def repeated(
    time_s: Signal, random: np.random.Generator, gap_s: tuple[float, float], length_s: float
) -> Iterator[tuple[slice, float]]:
    """Places of a sound that is made again and again, its length and the gaps a little uneven.

    Yields:
        The samples, and their length in seconds.
    """
    gap, at_s = random.uniform(*gap_s), random.uniform(0, 0.3)
    while at_s < time_s[-1] - 0.03:
        one_s = length_s * random.uniform(0.8, 1.25)
        first, last = np.searchsorted(time_s, (at_s, at_s + one_s))
        yield slice(int(first), int(last)), one_s
        at_s += one_s + gap * random.uniform(0.7, 1.4)


def note(time_s: Signal, start_s: float, length_s: float) -> tuple[Signal, Signal]:
    """Time since a note's start, and its envelope: 0 outside of it."""
    since_s = np.clip(time_s - start_s, 0, length_s)
    # The sine of pi is a little below 0.
    return since_s, np.sqrt(np.clip(np.sin(np.pi * since_s / length_s), 0, None))


def arch(n_samples: int, attack: float, power: float = 1.0) -> Signal:
    """An envelope from 0 to 1 at the share `attack` of its length, and back."""
    through = np.linspace(0, 1, n_samples)
    rise = np.clip(through / attack, 0, 1)
    fall = np.clip((1 - through) / (1 - attack), 0, 1)
    return np.sin(np.pi / 2 * np.minimum(rise, fall)) ** power


def smooth_walk(n_samples: int, random: np.random.Generator, points: int) -> Signal:
    """A smooth random line of about unit deviation through so many points."""
    knots = random.standard_normal(max(2, points))
    return np.interp(np.linspace(0, 1, n_samples), np.linspace(0, 1, len(knots)), knots)


def phase_of(pitch_hz: Signal, rate_hz: float = 16000.0) -> Signal:
    """Phase, in radians, of a tone whose pitch is told at each sample."""
    return 2 * np.pi * np.cumsum(pitch_hz) / rate_hz


def overtones(
    pitch_hz: Signal, random: np.random.Generator, most: int = 15, rate_hz: float = 16000.0
) -> Signal:
    """A tone with overtones that fall off evenly, by 3 to 15 dB an octave."""
    phase, slope = phase_of(pitch_hz, rate_hz), random.uniform(0.5, 2.5)
    count = int(np.clip(7000 / np.max(pitch_hz), 1, most))
    return np.sum([np.sin(one * phase) / one**slope for one in range(1, count + 1)], axis=0)


def vocal_sound(
    pitch_hz: Signal,
    resonances_hz: Signal,
    random: np.random.Generator,
    tilt_db: float = -9.0,
    breath: float = 0.1,
    rate_hz: float = 16000.0,
) -> Signal:
    """A voice of any creature: harmonics and breath through resonances that may move.

    Args:
        pitch_hz: (samples,) fundamental frequency.
        resonances_hz: (resonances, points) centres over the sound, evenly spaced in time.
        tilt_db: Of the source, in dB an octave.
        breath: Level of the noise beside the harmonics, before the resonances.

    Returns:
        (samples,) of unit deviation.
    """
    n_samples = len(pitch_hz)
    n_frames = max(2, round(n_samples / rate_hz * _CONTROL_HZ))
    places, through = np.linspace(0, 1, n_frames), np.linspace(0, 1, n_samples)
    centres = np.stack(
        [np.interp(places, np.linspace(0, 1, len(one)), one) for one in resonances_hz]
    )
    widths = (60 + 0.09 * centres) * random.uniform(0.7, 2.2, (len(centres), 1))
    levels = 10 ** (random.uniform(-14, 0, (len(centres), 1)) / 20)
    levels[0] = 1
    frame_pitch = np.interp(places, through, pitch_hz)
    turn = np.exp(1j * phase_of(pitch_hz, rate_hz))
    harmonic, sound = turn.copy(), np.zeros(n_samples)
    for number in range(1, 1 + int(np.clip(_HIGHEST_HZ / np.median(pitch_hz), 1, 50))):
        hz = number * frame_pitch
        gain = (levels / (1 + np.square((hz - centres) / widths))).sum(axis=0) + 0.003
        gain = gain * number ** (tilt_db / 6.02) * (hz < min(_HIGHEST_HZ, rate_hz / 2))
        sound += np.interp(through, places, gain) * harmonic.imag
        harmonic *= turn
    sound /= sound.std() + 1e-9
    if breath:
        noise = resonant_noise(n_samples, centres.mean(axis=1), widths[:, 0] * 2, random, rate_hz)
        sound = sound + breath * noise
    return sound / (sound.std() + 1e-9)


def resonant_noise(
    n_samples: int,
    centres_hz: Signal,
    widths_hz: Signal,
    random: np.random.Generator,
    rate_hz: float = 16000.0,
) -> Signal:
    """White noise through resonances that stay; of unit deviation."""
    spectrum = np.fft.rfft(random.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    gain = sum(
        1 / (1 + np.square((hz - centre) / width))
        for centre, width in zip(centres_hz, widths_hz, strict=True)
    )
    noise = np.fft.irfft(spectrum * (gain + 0.01), n_samples)
    return noise / (noise.std() + 1e-9)


def bandpass_noise(
    n_samples: int, low_hz: float, high_hz: float, random: np.random.Generator, rate_hz: float
) -> Signal:
    """Noise between two frequencies, with soft edges; of unit deviation."""
    spectrum = np.fft.rfft(random.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    gain = 1 / (1 + (low_hz / np.maximum(hz, 1)) ** 6) / (1 + (hz / high_hz) ** 6)
    noise = np.fft.irfft(spectrum * gain, n_samples)
    return noise / (noise.std() + 1e-9)
