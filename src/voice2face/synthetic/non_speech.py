"""Synthetic sounds that no person makes, to learn from what speech is not.

Those of `evaluation.out_of_domain`, by which a model is judged, are others: none is made here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.augment import NOISE_COLOURS, coloured_noise

__all__ = ["UNSPOKEN", "unspoken"]

_RATE_HZ = 16000
Waveform = NDArray[np.float64]


def unspoken(kind: str, seconds: float, seed: int, index: int = 0) -> NDArray[np.int16]:
    """Make a sound that is no speech.

    Args:
        kind: A key of `UNSPOKEN`.
        seconds: Its length.
        seed: Of the random numbers.
        index: Number of the sound; each differs.

    Returns:
        (samples,) int16, 16 kHz.
    """
    random = np.random.default_rng([seed, index, *kind.encode()])
    time_s = np.arange(round(seconds * _RATE_HZ)) / _RATE_HZ
    waveform = UNSPOKEN[kind](time_s, random)
    waveform = waveform / (np.abs(waveform).max() + 1e-9) * random.uniform(0.05, 0.9)
    return np.rint(waveform * 32767).astype(np.int16)


def _gusts(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Noise that comes and goes, as wind, waves and passing cars do."""
    noise = coloured_noise(len(time_s), str(random.choice(list(NOISE_COLOURS))), random)
    depth, rate_hz = random.uniform(0.3, 1), random.uniform(0.2, 9)
    swell = 1 + depth * np.sin(2 * np.pi * rate_hz * time_s + random.uniform(0, 6))
    return noise * swell ** random.uniform(1, 4)


def _birds(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Whistled notes that warble, each with its own glide."""
    waveform = np.zeros(len(time_s))
    for start_s in _starts(time_s, random, 1.5, 8.0):
        since_s, shape = _note(time_s, start_s, random.uniform(0.05, 0.4))
        pitch_hz = random.uniform(1200, 5000) + random.uniform(-6000, 6000) * since_s
        warble = random.uniform(0, 400) * np.sin(2 * np.pi * random.uniform(8, 45) * since_s)
        waveform += shape * np.sin(_phase(np.clip(pitch_hz + warble, 300, 7500)))
    return waveform


def _sweeps(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Sirens and alarms: a tone between two pitches, again and again."""
    low_hz, high_hz = np.sort(random.uniform(150, 3500, 2))
    turn = 2 * np.pi * random.uniform(0.2, 6) * time_s
    between = np.sin(turn) if random.random() < 0.5 else np.sign(np.sin(turn))
    pitch_hz = (low_hz + high_hz) / 2 + (high_hz - low_hz) / 2 * between
    return _overtones(pitch_hz, random)


def _rhythm(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Drums, keys and steps: bursts of ringing noise on a beat."""
    waveform = np.zeros(len(time_s))
    beat_s = random.uniform(0.08, 0.6)
    for start_s in np.arange(0, time_s[-1], beat_s):
        since_s = np.clip(time_s - start_s - random.uniform(0, 0.02), 0, None)
        decay = np.exp(-since_s * random.uniform(10, 80)) * (since_s > 0)
        ring = np.sin(2 * np.pi * random.uniform(60, 4000) * since_s)
        waveform += decay * (ring + random.uniform(0, 1) * random.standard_normal(len(time_s)))
    return waveform


def _cries(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Howls, moos, meows and barks: harmonics that glide up and down, through one resonance."""
    waveform = np.zeros(len(time_s))
    base_hz, resonance_hz = random.uniform(70, 1200), random.uniform(300, 3000)
    length_s = random.uniform(0.15, 2)
    for start_s in _starts(time_s, random, 0.4, 3.0):
        since_s, shape = _note(time_s, start_s, length_s * random.uniform(0.7, 1.3))
        bend = random.uniform(0.1, 0.8) * np.sin(np.pi * np.clip(since_s / length_s, 0, 1))
        pitch_hz = base_hz * (1 + bend + random.uniform(0, 0.05) * np.sin(40 * since_s))
        phase = _phase(pitch_hz)
        voice = np.zeros(len(time_s))
        for overtone in range(1, 1 + min(20, int(7000 / base_hz))):
            distance = (overtone * base_hz - resonance_hz) / random.uniform(200, 900)
            voice += np.sin(overtone * phase) * (0.05 + np.exp(-(distance**2)))
        rough = random.uniform(0, 0.5) * random.standard_normal(len(time_s))
        waveform += shape * (voice + rough)
    return waveform + 0.01 * random.standard_normal(len(time_s))


def _engines(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Motors, fans and insects: a buzz with many overtones, some of it wavering."""
    waver = 1 + random.uniform(0, 0.2) * np.sin(2 * np.pi * random.uniform(0.1, 12) * time_s)
    buzz = _overtones(random.uniform(25, 600) * waver, random)
    noise = coloured_noise(len(time_s), "pink", random)
    return buzz / buzz.std() + random.uniform(0, 1.5) * noise / noise.std()


def _melody(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Notes of a scale, one or several at a time, plucked or held, some with vibrato."""
    waveform = np.zeros(len(time_s))
    root_hz, note_s = random.uniform(60, 500), random.uniform(0.1, 0.9)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    held = random.random() < 0.5
    for start_s in np.arange(0, time_s[-1], note_s):
        since_s, shape = _note(time_s, start_s, note_s * random.uniform(0.8, 1.5))
        envelope = shape if held else shape * np.exp(-4 * since_s)
        for step in random.choice(scale, random.integers(1, 4)):
            vibrato = 1 + random.uniform(0, 0.015) * np.sin(2 * np.pi * 5.5 * time_s)
            waveform += envelope * _overtones(root_hz * 2 ** (step / 12) * vibrato, random)
    return waveform


def _hiss_and_hum(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """What a microphone gives when nobody speaks: mains, hiss, now and then a knock."""
    overtones = np.arange(1, 12)
    levels = random.uniform(0, 1, len(overtones)) / overtones
    mains_hz = random.choice([50.0, 60.0, 100.0, 120.0])
    hum = levels @ np.sin(2 * np.pi * mains_hz * overtones[:, None] * time_s)
    hiss = random.uniform(0.05, 2) * random.standard_normal(len(time_s))
    knocks = np.zeros(len(time_s))
    for start_s in _starts(time_s, random, 0.2, 1.5):
        since_s = np.clip(time_s - start_s, 0, None)
        knocks += (since_s > 0) * np.exp(-since_s * 60) * np.sin(700 * since_s)
    return hum + hiss + random.uniform(0, 8) * knocks


def _creatures(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """One call again and again, through resonances that stay: bleats, quacks, hoots, growls.

    What tells them from speech is that nothing is articulated between one call and the next.
    """
    waveform = np.zeros(len(time_s))
    base_hz = np.exp(random.uniform(np.log(50), np.log(1500)))
    length_s, pause_s = random.uniform(0.08, 1.4), random.uniform(0.02, 0.8)
    rise, arch = random.uniform(-0.4, 0.4), random.uniform(-0.3, 0.6)
    trill_hz, trill = random.uniform(4, 45), random.uniform(0, 0.9)
    resonances_hz = random.uniform(300, 4500, random.integers(1, 4))
    widths_hz = random.uniform(120, 700, len(resonances_hz))
    rough = random.uniform(0, 1.5) ** 2
    at_s = random.uniform(0, 0.3)
    while at_s < time_s[-1]:
        since_s, shape = _note(time_s, at_s, length_s * random.uniform(0.9, 1.1))
        through = np.clip(since_s / length_s, 0, 1)
        pitch_hz = base_hz * (1 + rise * through + arch * np.sin(np.pi * through))
        pitch_hz *= 1 + 0.1 * trill * np.sin(2 * np.pi * trill_hz * since_s)
        phase, voice = _phase(pitch_hz), np.zeros(len(time_s))
        for overtone in range(1, 1 + min(25, int(5500 / base_hz))):
            distances = (overtone * base_hz - resonances_hz) / widths_hz
            voice += np.sin(overtone * phase) * (0.03 + np.exp(-(distances**2)).sum())
        loud = 1 - trill * (0.5 + 0.5 * np.sin(2 * np.pi * trill_hz * since_s))
        waveform += shape * loud * (voice + rough * random.standard_normal(len(time_s)))
        at_s += (length_s + pause_s) * random.uniform(0.85, 1.15)
    return waveform + 0.003 * random.standard_normal(len(time_s))


def _chimes(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Bells, glasses and the signals of a desk: struck partials, seldom in tune, that die away."""
    waveform = np.zeros(len(time_s))
    count, gap_s = random.integers(1, 7), random.uniform(0.05, 0.5)
    partials = np.sort(np.append(1, random.uniform(1.2, 9, random.integers(1, 7))))
    if random.random() < 0.5:
        partials = np.round(partials)
    levels, decays = random.uniform(0.05, 1, len(partials)), random.uniform(1, 14, len(partials))
    bend = random.choice([0, 0, random.uniform(-0.5, 0.5)])
    root_hz = np.exp(random.uniform(np.log(120), np.log(2500)))
    for number in range(count):
        since_s = np.clip(time_s - number * gap_s, 0, None)
        pitch_hz = root_hz * 2 ** (random.integers(-7, 13) / 12) * (1 + bend * np.tanh(since_s))
        phase = _phase(pitch_hz * (since_s > 0))
        attack = 1 - np.exp(-since_s * random.uniform(20, 800))
        for partial, level, decay in zip(partials, levels, decays, strict=True):
            if partial * root_hz < 7500:
                waveform += attack * level * np.exp(-decay * since_s) * np.sin(partial * phase)
    return waveform


def _pads(time_s: Waveform, random: np.random.Generator) -> Waveform:
    """Chords of strings or synthesisers that swell, under a filter that opens and closes."""
    waveform = np.zeros(len(time_s))
    chord_s, root_hz = random.uniform(0.4, 3), random.uniform(50, 350)
    for start_s in np.arange(0, time_s[-1], chord_s):
        length_s = chord_s * random.uniform(1, 1.6)
        during = slice(*np.searchsorted(time_s, (start_s, start_s + length_s)))
        since_s, shape = _note(time_s[during], start_s, length_s)
        turn = 2 * np.pi * random.uniform(0.2, 6) * since_s + random.uniform(0, 6)
        cutoff_hz = np.exp(random.uniform(5.5, 7.5) + random.uniform(0, 1.2) * np.sin(turn))
        for step in random.choice([0, 3, 4, 7, 10, 12, 16], random.integers(2, 5)):
            pitch_hz = root_hz * 2 ** (step / 12) * (1 + random.uniform(-0.01, 0.01))
            for overtone in range(1, 1 + min(14, int(6000 / pitch_hz))):
                open_to = 1 / (1 + np.square(np.square(overtone * pitch_hz / cutoff_hz)))
                tone = np.sin(2 * np.pi * overtone * pitch_hz * since_s) / overtone
                waveform[during] += shape * open_to * tone
    return waveform + random.uniform(0, 0.3) * random.standard_normal(len(time_s))


def _starts(
    time_s: Waveform, random: np.random.Generator, fewest: float, most: float
) -> NDArray[np.float64]:
    """Moments, so many a second."""
    count = max(1, round(time_s[-1] * random.uniform(fewest, most)))
    return np.sort(random.uniform(0, time_s[-1], count))


def _note(time_s: Waveform, start_s: float, length_s: float) -> tuple[Waveform, Waveform]:
    """Time since the note's start, and its envelope: 0 outside of it."""
    since_s = np.clip(time_s - start_s, 0, length_s)
    # The sine of pi is a little below 0.
    return since_s, np.sqrt(np.clip(np.sin(np.pi * since_s / length_s), 0, None))


def _overtones(pitch_hz: Waveform, random: np.random.Generator) -> Waveform:
    phase, slope = _phase(pitch_hz), random.uniform(0.5, 2.5)
    count = int(np.clip(7000 / np.max(pitch_hz), 1, 15))
    return np.sum([np.sin(one * phase) / one**slope for one in range(1, count + 1)], axis=0)


def _phase(pitch_hz: Waveform) -> Waveform:
    return 2 * np.pi * np.cumsum(pitch_hz) / _RATE_HZ


UNSPOKEN: dict[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "gusts": _gusts,
    "birds": _birds,
    "sweeps": _sweeps,
    "rhythm": _rhythm,
    "cries": _cries,
    "engines": _engines,
    "melody": _melody,
    "hiss and hum": _hiss_and_hum,
    "creatures": _creatures,
    "chimes": _chimes,
    "pads": _pads,
}
