"""Sounds to measure by: nothing learns from them, and none is made as those to learn from are.

Animals here are pulses or modulated tones through resonances that ring (all at once, by the Fourier
transform), not sums of harmonics; noises, tones and hums are the plain ones of a laboratory.
"""

from __future__ import annotations

import numpy as np

from voice2face.synthetic.sounds.signals import Generator, Signal, rate_of


def _white_noise(time_s: Signal, random: np.random.Generator) -> Signal:
    return random.uniform(0.02, 0.3) * random.standard_normal(len(time_s))


def _pink_noise(time_s: Signal, random: np.random.Generator) -> Signal:
    """Power falls with frequency, as in wind, rain and crowds far away."""
    spectrum = np.fft.rfft(random.standard_normal(len(time_s)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, len(time_s))
    return random.uniform(0.05, 0.25) * noise / noise.std()


def _noise_in_rhythm(time_s: Signal, random: np.random.Generator) -> Signal:
    """White noise as loud by turns as syllables are."""
    beats = 0.5 * (1 - np.cos(2 * np.pi * random.uniform(3, 5) * time_s))
    return _peak(beats * random.standard_normal(len(time_s)), 0.3)


def _hum(time_s: Signal, random: np.random.Generator) -> Signal:
    """Mains hum with its overtones, and a little noise."""
    mains_hz = random.choice([50.0, 60.0])
    overtones = np.arange(1, 11)
    levels = random.uniform(0, 1, len(overtones)) / overtones
    phases = random.uniform(0, 2 * np.pi, len(overtones))
    waves = np.sin(2 * np.pi * mains_hz * overtones[:, None] * time_s + phases[:, None])
    return _peak(levels @ waves, random.uniform(0.1, 0.5)) + _faint(time_s, random)


def _silence_with_hum(time_s: Signal, random: np.random.Generator) -> Signal:
    """A microphone that nobody speaks into: hum and noise 50 dB and more below full level."""
    return 0.003 * _hum(time_s, random) + _faint(time_s, random)


def _digital_silence(time_s: Signal, random: np.random.Generator) -> Signal:
    return np.zeros(len(time_s))


def _tone(time_s: Signal, random: np.random.Generator) -> Signal:
    return 0.3 * np.sin(2 * np.pi * 110 * 2 ** (random.integers(0, 48) / 12) * time_s)


def _rising_tone(time_s: Signal, random: np.random.Generator) -> Signal:
    """A tone that rises by equal ratios in equal times, from about 100 Hz to about 4 kHz."""
    low_hz, high_hz = random.uniform(90, 110), random.uniform(3600, 4400)
    growth = np.log(high_hz / low_hz) / (time_s[-1] + time_s[1])
    return 0.3 * np.sin(2 * np.pi * low_hz / growth * np.expm1(growth * time_s))


def _musical_tones(time_s: Signal, random: np.random.Generator) -> Signal:
    """Chords of three notes with overtones that are struck and fade, two to four a second."""
    waveform = np.zeros(len(time_s))
    beat_s = 1 / random.uniform(2, 4)
    for start_s in np.arange(0, time_s[-1] + 1e-9, beat_s):
        since_s = np.clip(time_s - start_s, 0, None)
        envelope = np.where(
            time_s >= start_s, np.exp(-3 * since_s) * np.minimum(since_s / 0.01, 1), 0
        )
        root = 110 * 2 ** (random.integers(0, 24) / 12)
        for interval in (0, random.choice([3, 4]), 7):
            pitch_hz = root * 2 ** (interval / 12)
            for overtone in range(1, 6):
                phase = 2 * np.pi * pitch_hz * overtone * since_s
                waveform += envelope * np.sin(phase) / overtone**1.5
    return _peak(waveform, 0.5)


def _clicks(time_s: Signal, random: np.random.Generator) -> Signal:
    """Single samples, five to twelve a second."""
    waveform = np.zeros(len(time_s))
    waveform[:: round(rate_of(time_s) / random.uniform(5, 12))] = 0.3
    return waveform


def _barking(time_s: Signal, random: np.random.Generator) -> Signal:
    """Volleys of pulses through two resonances that ring."""
    pulses = np.zeros(len(time_s))
    at_s, period_s = random.uniform(0, 0.2), 1 / random.uniform(220, 800)
    while at_s < time_s[-1]:
        length_s = random.uniform(0.08, 0.2)
        moments = np.arange(at_s, min(at_s + length_s, time_s[-1]), period_s)
        moments = moments + 0.1 * period_s * random.standard_normal(len(moments))
        pulses[np.clip(np.searchsorted(time_s, moments), 0, len(pulses) - 1)] = 1
        at_s += length_s + random.uniform(0.15, 0.5)
    smeared = np.convolve(pulses, np.ones(40) / 40, "same")
    rasp = random.uniform(0.3, 2) * smeared * random.standard_normal(len(pulses))
    body = (random.uniform(500, 900), random.uniform(1200, 2600))
    return _peak(_ringing(pulses + rasp, body, time_s), 0.6)


def _meowing(time_s: Signal, random: np.random.Generator) -> Signal:
    """A modulated tone whose index opens and closes with the mouth."""
    length_s, gap_s = random.uniform(0.4, 1.1), random.uniform(0.3, 0.9)
    through = np.mod(time_s + random.uniform(0, gap_s), length_s + gap_s) / length_s
    shape = np.where(through < 1, np.sin(np.pi * np.clip(through, 0, 1)), 0)
    carrier = np.cumsum(random.uniform(350, 850) * (1 + 0.3 * shape)) / rate_of(time_s)
    index = random.uniform(1, 3) * shape
    call = np.sin(2 * np.pi * carrier * 2 + index * np.sin(2 * np.pi * carrier))
    return _peak(shape * call, 0.5) + _faint(time_s, random)


def _growling(time_s: Signal, random: np.random.Generator) -> Signal:
    """Noise through a low resonance, chopped at an uneven 25 to 60 a second."""
    rate = random.uniform(25, 60) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.5, 3) * time_s))
    chopped = np.square(np.sin(np.pi * np.cumsum(rate) / rate_of(time_s)))
    body = (random.uniform(250, 500), random.uniform(700, 1400))
    return _peak(_ringing(chopped * random.standard_normal(len(time_s)), body, time_s), 0.5)


def _chirping(time_s: Signal, random: np.random.Generator) -> Signal:
    """Two-tone whistles, three to eight a second."""
    turn = np.mod(time_s * random.uniform(3, 8), 1)
    pitch_hz = np.where(turn < 0.35, random.uniform(2000, 3500), random.uniform(3000, 5500))
    tone = np.sin(2 * np.pi * np.cumsum(pitch_hz * (1 + 0.2 * turn)) / rate_of(time_s))
    return 0.4 * tone * np.where(turn < 0.7, np.sin(np.pi * turn / 0.7), 0)


def _crying(time_s: Signal, random: np.random.Generator) -> Signal:
    """A train of pulses at a baby's pitch through the resonances of an open, short tract."""
    length_s, gap_s = random.uniform(0.6, 1.2), random.uniform(0.2, 0.5)
    through = np.mod(time_s, length_s + gap_s) / length_s
    shape = np.where(through < 1, np.sin(np.pi * np.clip(through, 0, 1)) ** 0.5, 0)
    phase = np.cumsum(random.uniform(350, 550) * (0.9 + 0.2 * shape)) / rate_of(time_s)
    pulses = np.diff(np.floor(phase), prepend=0.0) * shape
    body = (random.uniform(950, 1300), random.uniform(2800, 3600))
    return _peak(_ringing(pulses, body, time_s), 0.5) + _faint(time_s, random)


def _ringing(source: Signal, centres_hz: tuple[float, ...], time_s: Signal) -> Signal:
    """A source through resonances that ring for some milliseconds, side by side."""
    since_s = time_s[: round(0.05 * rate_of(time_s))]
    response = sum(
        np.exp(-np.pi * (80 + 0.08 * hz) * since_s) * np.sin(2 * np.pi * hz * since_s)
        for hz in centres_hz
    )
    size = len(source) + len(since_s)
    both = np.fft.rfft(source, size) * np.fft.rfft(response, size)
    return np.fft.irfft(both, size)[: len(source)]


def _faint(time_s: Signal, random: np.random.Generator) -> Signal:
    return 0.0005 * random.standard_normal(len(time_s))


def _peak(waveform: Signal, level: float) -> Signal:
    return level * waveform / (np.abs(waveform).max() + 1e-9)


MEASURING_SOUNDS: dict[str, Generator] = {
    "white noise": _white_noise,
    "pink noise": _pink_noise,
    "noise in the rhythm of speech": _noise_in_rhythm,
    "hum": _hum,
    "silence with hum": _silence_with_hum,
    "digital silence": _digital_silence,
    "tone": _tone,
    "rising tone": _rising_tone,
    "musical tones": _musical_tones,
    "clicks": _clicks,
    "barking": _barking,
    "meowing": _meowing,
    "growling": _growling,
    "chirping": _chirping,
    "crying": _crying,
}
