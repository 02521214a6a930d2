"""Music, machines, weather and signals, to learn from."""

from __future__ import annotations

import numpy as np

from voice2face.audio.augment import NOISE_COLOURS, coloured_noise
from voice2face.synthetic.sounds.signals import (
    Generator,
    Signal,
    arch,
    bandpass_noise,
    between,
    log_uniform,
    note,
    overtones,
    phase_of,
    rate_of,
    repeated,
    resonant_noise,
    smooth_walk,
    starts,
)


def _gusts(time_s: Signal, random: np.random.Generator) -> Signal:
    """Noise that comes and goes, as waves, steps in gravel and passing cars do."""
    noise = coloured_noise(len(time_s), str(random.choice(list(NOISE_COLOURS))), random)
    depth, swells_hz = random.uniform(0.3, 1), random.uniform(0.2, 9)
    swell = 1 + depth * np.sin(2 * np.pi * swells_hz * time_s + random.uniform(0, 6))
    return noise * swell ** random.uniform(1, 4)


def _wind(time_s: Signal, random: np.random.Generator) -> Signal:
    """Low rumble that wanders, with a whistle now and then, as in chimneys and microphones."""
    rate_hz, count = rate_of(time_s), len(time_s)
    rumble = coloured_noise(count, "brown", random).astype(np.float64)
    swell = np.exp(random.uniform(0.2, 1) * smooth_walk(count, random, 8))
    centre_hz = log_uniform(random, 300, 2500)
    centres = np.array([centre_hz])
    whistle = resonant_noise(count, centres, centres * random.uniform(0.02, 0.2), random, rate_hz)
    gusts = np.exp(smooth_walk(count, random, 10))
    return swell * rumble / rumble.std() + random.uniform(0, 1) * gusts * whistle


def _rain(time_s: Signal, random: np.random.Generator) -> Signal:
    """Hiss, and drops: short bursts at random moments; also crackling fire and frying."""
    rate_hz, count = rate_of(time_s), len(time_s)
    low_hz = log_uniform(random, 200, 2500)
    hiss = bandpass_noise(count, low_hz, random.uniform(3500, 7500), random, rate_hz)
    drops = np.zeros(count)
    n_drops = int(time_s[-1] * log_uniform(random, 4, 300))
    drops[random.integers(0, count, n_drops)] = random.standard_exponential(n_drops)
    ring = np.arange(int(0.03 * rate_hz)) / rate_hz
    tone = np.sin(2 * np.pi * log_uniform(random, 400, 5000) * ring)
    tone += random.standard_normal(len(ring))
    body = np.exp(-ring * log_uniform(random, 100, 900)) * tone
    struck = np.convolve(drops, body)[:count]
    return log_uniform(random, 0.05, 2) * hiss + struck / (struck.std() + 1e-9)


def _alarms(time_s: Signal, random: np.random.Generator) -> Signal:
    """Sirens, beeps, horns and ringing: tones that sweep, step, or go on and off."""
    rate_hz = rate_of(time_s)
    low_hz, high_hz = between(random, 150, 3500, 2)
    turn = 2 * np.pi * random.uniform(0.2, 8) * time_s
    place = (np.sin(turn), np.sign(np.sin(turn)), np.ones(len(turn)))[int(random.integers(3))]
    pitch = (low_hz + high_hz) / 2 + (high_hz - low_hz) / 2 * place
    tone = overtones(pitch, random, rate_hz=rate_hz)
    if random.random() < 0.5:
        on = np.sin(2 * np.pi * log_uniform(random, 0.8, 12) * time_s) > random.uniform(-0.7, 0.7)
        tone *= np.convolve(on, np.ones(80) / 80, "same")
    return tone


def _rhythm(time_s: Signal, random: np.random.Generator) -> Signal:
    """Drums, keys, steps and knocks: bursts of ringing noise on a beat."""
    waveform, beat_s = np.zeros(len(time_s)), random.uniform(0.08, 0.6)
    for start_s in np.arange(0, time_s[-1], beat_s):
        since_s = np.clip(time_s - start_s - random.uniform(0, 0.02), 0, None)
        decay = np.exp(-since_s * random.uniform(10, 80)) * (since_s > 0)
        ring = np.sin(2 * np.pi * random.uniform(60, 4000) * since_s)
        waveform += decay * (ring + random.uniform(0, 1) * random.standard_normal(len(time_s)))
    return waveform


def _engines(time_s: Signal, random: np.random.Generator) -> Signal:
    """Motors, fans, drills and saws: a buzz with many overtones, some of it wavering."""
    waver = 1 + random.uniform(0, 0.2) * np.sin(2 * np.pi * random.uniform(0.1, 12) * time_s)
    waver = waver * np.exp(random.uniform(0, 0.4) * smooth_walk(len(time_s), random, 6))
    buzz = overtones(random.uniform(25, 600) * waver, random, rate_hz=rate_of(time_s))
    noise = coloured_noise(len(time_s), "pink", random)
    return buzz / buzz.std() + random.uniform(0, 1.5) * noise / noise.std()


def _clatter(time_s: Signal, random: np.random.Generator) -> Signal:
    """Strokes of a machine: the same few clanks, again and again, over a hum."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    kinds = [
        (between(random, 150, 6500, 4), random.uniform(8, 120), random.uniform(0, 1.5))
        for _ in range(int(random.integers(1, 4)))
    ]
    length_s = log_uniform(random, 0.05, 0.5)
    for number, (place, _) in enumerate(repeated(time_s, random, (0.0, 0.3), length_s)):
        count = place.stop - place.start
        if count < 64:
            continue
        partials_hz, decay, noise = kinds[number % len(kinds)]
        since_s = np.arange(count) / rate_hz
        clank = np.sin(2 * np.pi * partials_hz[:, None] * since_s).sum(axis=0)
        clank += noise * random.standard_normal(count)
        waveform[place] += np.exp(-decay * since_s) * clank
    hum = overtones(np.full(len(time_s), random.uniform(40, 200)), random, rate_hz=rate_hz)
    return waveform + random.uniform(0, 0.5) * hum


def _melody(time_s: Signal, random: np.random.Generator) -> Signal:
    """Notes of a scale, one or several at a time, plucked or held, some with vibrato."""
    waveform = np.zeros(len(time_s))
    root_hz, note_s = random.uniform(60, 500), random.uniform(0.1, 0.9)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    held = random.random() < 0.5
    for start_s in np.arange(0, time_s[-1], note_s):
        length_s = note_s * random.uniform(0.8, 1.5)
        during = slice(*np.searchsorted(time_s, (start_s, start_s + length_s)))
        since_s, shape = note(time_s[during], start_s, length_s)
        envelope = shape if held else shape * np.exp(-4 * since_s)
        for step in random.choice(scale, random.integers(1, 4)):
            vibrato = 1 + random.uniform(0, 0.015) * np.sin(2 * np.pi * 5.5 * since_s)
            pitch = root_hz * 2 ** (step / 12) * vibrato
            waveform[during] += envelope * overtones(pitch, random, rate_hz=rate_of(time_s))
    return waveform


def _instruments(time_s: Signal, random: np.random.Generator) -> Signal:
    """One instrument that is bowed, blown or plucked: a body that stays, notes that slide."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    body_hz = between(random, 200, 4500, int(random.integers(2, 6)))
    widths_hz = body_hz * random.uniform(0.05, 0.5, len(body_hz))
    root_hz, note_s = log_uniform(random, 60, 900), log_uniform(random, 0.12, 1.6)
    plucked, slide = random.random() < 0.4, random.uniform(0, 0.06)
    vibrato_hz, depth = random.uniform(4, 7), random.uniform(0, 0.02)
    for place, _ in repeated(time_s, random, (0.0, 0.2), note_s):
        count = place.stop - place.start
        if count < 256:
            continue
        since_s = np.arange(count) / rate_hz
        pitch = root_hz * 2 ** (random.integers(-7, 13) / 12)
        pitch = pitch * (1 + depth * np.sin(2 * np.pi * vibrato_hz * since_s))
        pitch *= 1 + slide * np.exp(-since_s / 0.04) * random.choice([-1, 1])
        phase, tone = phase_of(pitch, rate_hz), np.zeros(count)
        for number in range(1, 1 + int(np.clip(6500 / pitch.mean(), 1, 40))):
            gain = (1 / (1 + np.square((number * pitch.mean() - body_hz) / widths_hz))).sum()
            fade = np.exp(-since_s * (1 + 0.7 * number)) if plucked else 1
            tone += (gain + 0.05) / number**0.5 * fade * np.sin(number * phase)
        noise = random.uniform(0, 0.15) * bandpass_noise(count, 300, 6000, random, rate_hz)
        tone = tone / (tone.std() + 1e-9) + noise
        waveform[place] += tone * (np.exp(-2 * since_s) if plucked else arch(count, 0.15, 0.5))
    return waveform


def _chimes(time_s: Signal, random: np.random.Generator) -> Signal:
    """Bells, glasses and the signals of a desk: struck partials, seldom in tune, that die away."""
    waveform = np.zeros(len(time_s))
    count, gap_s = random.integers(1, 7), random.uniform(0.05, 0.5)
    partials = np.sort(np.append(1, random.uniform(1.2, 9, random.integers(1, 7))))
    if random.random() < 0.5:
        partials = np.round(partials)
    levels, decays = random.uniform(0.05, 1, len(partials)), random.uniform(1, 14, len(partials))
    bend = random.choice([0, 0, random.uniform(-0.5, 0.5)])
    root_hz = log_uniform(random, 120, 2500)
    for number in range(count):
        since_s = np.clip(time_s - number * gap_s, 0, None)
        pitch_hz = root_hz * 2 ** (random.integers(-7, 13) / 12) * (1 + bend * np.tanh(since_s))
        phase = phase_of(pitch_hz * (since_s > 0), rate_of(time_s))
        attack = 1 - np.exp(-since_s * random.uniform(20, 800))
        for partial, level, decay in zip(partials, levels, decays, strict=True):
            if partial * root_hz < 7500:
                waveform += attack * level * np.exp(-decay * since_s) * np.sin(partial * phase)
    return waveform


def _pads(time_s: Signal, random: np.random.Generator) -> Signal:
    """Chords of strings or synthesisers that swell, under a filter that opens and closes."""
    waveform = np.zeros(len(time_s))
    chord_s, root_hz = random.uniform(0.4, 3), random.uniform(50, 350)
    for start_s in np.arange(0, time_s[-1], chord_s):
        length_s = chord_s * random.uniform(1, 1.6)
        during = slice(*np.searchsorted(time_s, (start_s, start_s + length_s)))
        since_s, shape = note(time_s[during], start_s, length_s)
        turn = 2 * np.pi * random.uniform(0.2, 6) * since_s + random.uniform(0, 6)
        cutoff_hz = np.exp(random.uniform(5.5, 7.5) + random.uniform(0, 1.2) * np.sin(turn))
        for step in random.choice([0, 3, 4, 7, 10, 12, 16], random.integers(2, 5)):
            pitch_hz = root_hz * 2 ** (step / 12) * (1 + random.uniform(-0.01, 0.01))
            for overtone in range(1, 1 + min(14, int(6000 / pitch_hz))):
                open_to = 1 / (1 + np.square(np.square(overtone * pitch_hz / cutoff_hz)))
                tone = np.sin(2 * np.pi * overtone * pitch_hz * since_s) / overtone
                waveform[during] += shape * open_to * tone
    return waveform + random.uniform(0, 0.3) * random.standard_normal(len(time_s))


def _hiss_and_hum(time_s: Signal, random: np.random.Generator) -> Signal:
    """What a microphone gives when nobody speaks: mains, hiss, now and then a knock."""
    harmonics = np.arange(1, 12)
    levels = random.uniform(0, 1, len(harmonics)) / harmonics
    mains_hz = random.choice([50.0, 60.0, 100.0, 120.0])
    hum = levels @ np.sin(2 * np.pi * mains_hz * harmonics[:, None] * time_s)
    hiss = random.uniform(0.05, 2) * random.standard_normal(len(time_s))
    knocks = np.zeros(len(time_s))
    for start_s in starts(time_s, random, 0.2, 1.5):
        since_s = np.clip(time_s - start_s, 0, None)
        knocks += (since_s > 0) * np.exp(-since_s * 60) * np.sin(700 * since_s)
    return hum + hiss + random.uniform(0, 8) * knocks


TRAINING_SCENES: dict[str, Generator] = {
    "gusts": _gusts,
    "wind": _wind,
    "rain": _rain,
    "alarms": _alarms,
    "rhythm": _rhythm,
    "engines": _engines,
    "clatter": _clatter,
    "melody": _melody,
    "instruments": _instruments,
    "chimes": _chimes,
    "pads": _pads,
    "hiss and hum": _hiss_and_hum,
}
