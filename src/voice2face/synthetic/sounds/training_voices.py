"""Sounds of throats that do not speak, to learn from: animals, crying, laughter, singing.

What tells them from speech is that little is articulated: a call keeps its resonances, or opens and
closes once, and is then made again. Ranges are wide on purpose, so that no animal is needed to be
imitated well.

Sources of ranges: Yin and McCowan 2004 (barks), Schoetz et al. 2019 (meows), Frazer Sissom et al.
1991 (purrs), Riede and Fitch 1999 (tracts of dogs), Bachorowski et al. 2001 (laughter), Rothgaenger
2003 (crying); rounded outward.
"""

from __future__ import annotations

import numpy as np

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
    vocal_sound,
)


def _barks(time_s: Signal, random: np.random.Generator) -> Signal:
    """Short, rough calls whose pitch rises and falls, alone or in volleys."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, bend = log_uniform(random, 110, 1300), random.uniform(0.05, 0.9)
    resonances = between(random, 350, 4500, int(random.integers(1, 4)))
    breath, rough = log_uniform(random, 0.05, 2), random.uniform(0, 0.12) ** 1.5
    attack, peak = random.uniform(0.05, 0.5), random.uniform(0.1, 0.7)
    length_s, gap_s = log_uniform(random, 0.06, 0.35), log_uniform(random, 0.04, 0.9)
    for place, one_s in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if random.random() < 0.12 or count < 32:
            continue
        pitch = base_hz * (1 - bend / 2 + bend * arch(count, peak)) * random.uniform(0.88, 1.14)
        pitch *= np.exp(rough * random.standard_normal(count))
        opening = 1 + random.uniform(0, 0.35) * arch(9, peak)
        call = vocal_sound(pitch, resonances[:, None] * opening, random, random.uniform(-12, -2),
                           breath, rate_hz)  # fmt: skip
        if random.random() < 0.3:  # period doubling
            call *= 1 + random.uniform(0.2, 0.9) * np.sin(phase_of(pitch, rate_hz) / 2)
        waveform[place] += arch(count, attack, random.uniform(0.6, 2)) * call * one_s**0.1
    return waveform


def _growls(time_s: Signal, random: np.random.Generator) -> Signal:
    """A low, pulsing rasp that swells, with or without a pitch."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    resonances = between(random, 200, 2600, int(random.integers(2, 5)))[:, None]
    length_s, base_hz = log_uniform(random, 0.4, 4), log_uniform(random, 28, 160)
    gap_s = random.uniform(0.05, 0.7)
    for place, _ in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if count < 800:
            continue
        pitch = base_hz * np.exp(0.12 * smooth_walk(count, random, 8))
        pitch *= np.exp(random.uniform(0.02, 0.2) * random.standard_normal(count))
        call = vocal_sound(pitch, resonances, random, random.uniform(-8, 0),
                           log_uniform(random, 0.3, 4), rate_hz)  # fmt: skip
        pulse = 1 + random.uniform(0.1, 1) * np.sin(
            phase_of(pitch / random.integers(1, 4), rate_hz)
        )
        swell = np.exp(random.uniform(0, 0.6) * smooth_walk(count, random, 6))
        waveform[place] += arch(count, random.uniform(0.1, 0.8)) * pulse * swell * call
    return waveform


def _meows(time_s: Signal, random: np.random.Generator) -> Signal:
    """A mouth that opens and closes once over an arching pitch; of kittens to yowling tomcats."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, length_s = log_uniform(random, 180, 1500), log_uniform(random, 0.2, 2.2)
    bend, peak = random.uniform(-0.3, 0.7), random.uniform(0.15, 0.75)
    closed = np.array([random.uniform(250, 600), random.uniform(900, 2600), 3300.0])
    opened = closed * random.uniform([1.2, 0.6, 0.9], [3, 1.6, 1.2])
    breath, tilt_db = log_uniform(random, 0.01, 0.7), random.uniform(-14, -3)
    vibrato, rough = random.uniform(0, 0.05), random.uniform(0, 0.05) ** 1.3
    gap_s = log_uniform(random, 0.05, 1.5)
    for place, _ in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if count < 800:
            continue
        shape = arch(count, peak) + 0.12 * smooth_walk(count, random, 5)
        pitch = base_hz * np.clip(1 + bend * shape, 0.3, 3) * random.uniform(0.9, 1.1)
        wave = np.sin(2 * np.pi * random.uniform(5, 14) * time_s[place])
        pitch *= (1 + vibrato * wave) * np.exp(rough * random.standard_normal(count))
        mouth = arch(11, random.uniform(0.2, 0.8)) ** random.uniform(0.4, 2)
        path = closed[:, None] + (opened - closed)[:, None] * mouth
        call = vocal_sound(pitch, path, random, tilt_db, breath, rate_hz)
        if random.random() < 0.25:  # a growl in it
            call *= 1 + 0.8 * np.sin(phase_of(np.full(count, random.uniform(25, 70)), rate_hz))
        waveform[place] += arch(count, random.uniform(0.08, 0.5), random.uniform(0.4, 1.5)) * call
    return waveform


def _purrs(time_s: Signal, random: np.random.Generator) -> Signal:
    """Pulses of 18 to 40 a second, in and out by turns; also snores and rattling."""
    rate_hz, count = rate_of(time_s), len(time_s)
    turns = np.sin(2 * np.pi * random.uniform(0.3, 1.3) * time_s + random.uniform(0, 6))
    pulses_hz = log_uniform(random, 18, 40) * (1 + 0.08 * turns)
    centres = between(random, 100, 1800, 3)
    noise = resonant_noise(count, centres, centres * random.uniform(0.1, 0.6), random, rate_hz)
    pulse = np.exp(random.uniform(1, 6) * (np.cos(phase_of(pulses_hz, rate_hz)) - 1))
    level = 1 + random.uniform(0.2, 0.95) * turns
    return noise * pulse * level + 0.02 * random.standard_normal(count)


def _howls(time_s: Signal, random: np.random.Generator) -> Signal:
    """Long calls of few overtones: howls, whines, hoots, coos, whistling."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, length_s = log_uniform(random, 140, 2500), log_uniform(random, 0.15, 3.5)
    gap_s, glide = log_uniform(random, 0.05, 1), random.uniform(0, 0.35)
    for place, _ in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if count < 400:
            continue
        pitch = base_hz * np.exp(glide * smooth_walk(count, random, int(random.integers(3, 9))))
        pitch *= 1 + random.uniform(0, 0.04) * np.sin(
            2 * np.pi * random.uniform(4, 12) * time_s[place]
        )
        call = overtones(np.clip(pitch, 60, 6500), random, int(random.integers(1, 9)), rate_hz)
        waveform[place] += arch(count, random.uniform(0.05, 0.6)) * call
    breath = bandpass_noise(len(time_s), 200, 5000, random, rate_hz)
    return waveform + log_uniform(random, 0.002, 0.2) * breath


def _hisses(time_s: Signal, random: np.random.Generator) -> Signal:
    """Hissing, spitting, panting, sniffing, snorting, sneezing: breath alone, in bursts."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    length_s, gap_s = log_uniform(random, 0.06, 1.5), log_uniform(random, 0.03, 0.8)
    centres = between(random, 300, 6000, int(random.integers(1, 4)))
    widths = centres * random.uniform(0.08, 0.8, len(centres))
    for number, (place, _) in enumerate(repeated(time_s, random, (gap_s, gap_s), length_s)):
        count = place.stop - place.start
        if count < 64:
            continue
        moved = centres * (1 + 0.15 * (number % 2) * random.random())  # in, out
        burst = resonant_noise(count, moved, widths, random, rate_hz)
        level = (0.4 + 0.6 * random.random()) if number % 2 else 1.0
        waveform[place] += level * arch(count, random.uniform(0.05, 0.7), 1.5) * burst
    return waveform


def _creatures(time_s: Signal, random: np.random.Generator) -> Signal:
    """One call again and again: bleats, moos, quacks, caws, croaks, neighs, squeals."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, length_s = log_uniform(random, 50, 1800), log_uniform(random, 0.07, 2)
    rise, bend = random.uniform(-0.5, 0.4), random.uniform(-0.3, 0.6)
    trill_hz, trill = log_uniform(random, 4, 60), random.uniform(0, 0.9) * (random.random() < 0.7)
    resonances = between(random, 300, 4800, int(random.integers(1, 5)))
    breath, tilt_db = log_uniform(random, 0.02, 2), random.uniform(-12, 0)
    gap_s = log_uniform(random, 0.03, 1)
    for place, _ in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if count < 64:
            continue
        through, since_s = np.linspace(0, 1, count), np.arange(count) / rate_hz
        pitch = base_hz * (1 + rise * through + bend * np.sin(np.pi * through))
        wave = np.sin(2 * np.pi * trill_hz * since_s)
        pitch *= (1 + 0.1 * trill * wave) * random.uniform(0.95, 1.05)
        opening = 1 + random.uniform(0, 0.3) * arch(7, 0.5)
        call = vocal_sound(np.clip(pitch, 30, 4000), resonances[:, None] * opening, random,
                           tilt_db, breath, rate_hz)  # fmt: skip
        loud = 1 - trill * (0.5 + 0.5 * wave)
        waveform[place] += arch(count, random.uniform(0.05, 0.5)) * loud * call
    return waveform + 0.01 * random.standard_normal(len(time_s))


def _birds(time_s: Signal, random: np.random.Generator) -> Signal:
    """A motif of whistled syllables, each a glide or a warble, sung again and again."""
    waveform = np.zeros(len(time_s))
    motif = [
        (random.uniform(0.03, 0.35), log_uniform(random, 900, 5500), random.uniform(-5000, 5000),
         random.uniform(0, 500), random.uniform(8, 60), random.uniform(0.01, 0.25))
        for _ in range(int(random.integers(1, 6)))
    ]  # fmt: skip
    pause_s, at_s = log_uniform(random, 0.05, 1), random.uniform(0, 0.3)
    while at_s < time_s[-1]:
        for length_s, base_hz, glide, warble, warble_hz, gap_s in motif:
            since_s, shape = note(time_s, at_s, length_s)
            pitch = base_hz + glide * since_s + warble * np.sin(2 * np.pi * warble_hz * since_s)
            waveform += shape * np.sin(phase_of(np.clip(pitch, 400, 7500), rate_of(time_s)))
            at_s += length_s + gap_s
        at_s += pause_s * random.uniform(0.7, 1.4)
    return waveform + log_uniform(random, 0.001, 0.1) * random.standard_normal(len(time_s))


def _insects_and_frogs(time_s: Signal, random: np.random.Generator) -> Signal:
    """Trains of pulses of one pitch, in chirps: crickets, cicadas, frogs, woodpeckers."""
    carrier_hz, pulses_hz = log_uniform(random, 300, 7000), log_uniform(random, 6, 120)
    chirps_hz = log_uniform(random, 0.3, 4)
    tone = np.sin(2 * np.pi * carrier_hz * time_s + random.uniform(0, 3) * np.sin(50 * time_s))
    noise = random.standard_normal(len(time_s))
    source = tone + random.uniform(0, 0.6) * noise
    pulses = np.exp(random.uniform(1, 9) * (np.cos(2 * np.pi * pulses_hz * time_s) - 1))
    chirps = 1 / (
        1 + np.exp(-9 * (np.sin(2 * np.pi * chirps_hz * time_s) + random.uniform(-0.6, 0.9)))
    )
    return source * pulses * chirps + random.uniform(0, 0.05) * noise


def _crying(time_s: Signal, random: np.random.Generator) -> Signal:
    """A baby cries: arching cries on one open vowel, with a gasp between them."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, length_s = log_uniform(random, 250, 800), log_uniform(random, 0.3, 1.8)
    vowel = np.array([random.uniform(700, 1500), random.uniform(1700, 3300), 4800.0])[:, None]
    tense, gap_s = random.uniform(0, 0.8), random.uniform(0.15, 0.6)
    for place, one_s in repeated(time_s, random, (gap_s, gap_s), length_s):
        count = place.stop - place.start
        if count < 800:
            continue
        pitch = base_hz * (0.8 + 0.35 * arch(count, random.uniform(0.1, 0.6)))
        pitch *= np.exp(0.03 * smooth_walk(count, random, round(8 * one_s) + 2))
        if random.random() < 0.15:  # a shriek
            pitch *= random.uniform(1.6, 2.6)
        pitch *= np.exp(0.08 * tense * random.standard_normal(count))
        opening = 0.8 + 0.25 * arch(7, 0.4)
        call = vocal_sound(pitch, vowel * opening, random, random.uniform(-9, -1),
                           log_uniform(random, 0.03, 0.6), rate_hz)  # fmt: skip
        waveform[place] += arch(count, random.uniform(0.05, 0.3)) * call
        gasp = slice(place.stop, min(len(waveform), place.stop + int(0.6 * gap_s * rate_hz)))
        if (room := gasp.stop - gasp.start) > 64:
            breath = bandpass_noise(room, 900, 4500, random, rate_hz)
            waveform[gasp] += random.uniform(0, 0.4) * arch(room, 0.7) * breath
    return waveform


def _laughter(time_s: Signal, random: np.random.Generator) -> Signal:
    """Bouts of four to six equal calls a second, each breathed out, sinking in pitch."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    base_hz, rate = log_uniform(random, 120, 650), random.uniform(3.5, 7)
    scale = random.uniform(0.9, 1.3)
    vowel = scale * np.array([random.uniform(400, 850), random.uniform(1000, 1900), 2600.0])
    voiced, bout_s, at_s = random.random() < 0.8, random.uniform(0.8, 3), random.uniform(0, 0.3)
    while at_s < time_s[-1]:
        for number in range(max(2, round(bout_s * rate))):
            first, last = np.searchsorted(time_s, (at_s, at_s + random.uniform(0.4, 0.85) / rate))
            at_s += 1 / rate * random.uniform(0.9, 1.1)
            if (count := int(last - first)) < 200:
                continue
            pitch = (
                base_hz * 0.97**number * (0.9 + 0.25 * arch(count, 0.3)) * random.uniform(0.95, 1.1)
            )
            breath = log_uniform(random, 0.1, 1) if voiced else 30.0
            call = vocal_sound(
                pitch, vowel[:, None], random, random.uniform(-12, -5), breath, rate_hz
            )
            waveform[first:last] += 0.95**number * arch(count, 0.3) * call
        at_s += random.uniform(0.2, 1)
    return waveform


def _singing(time_s: Signal, random: np.random.Generator) -> Signal:
    """Long vowels on the notes of a scale, with vibrato: a soloist, or a choir."""
    rate_hz, waveform = rate_of(time_s), np.zeros(len(time_s))
    root_hz, note_s = log_uniform(random, 90, 520), log_uniform(random, 0.45, 2.5)
    scale, degree = np.array([-5, -3, -1, 0, 2, 4, 5, 7, 9, 11, 12]), int(random.integers(2, 9))
    vibrato_hz, depth = random.uniform(4.8, 7), random.uniform(0.004, 0.04)
    n_singers, at_s = int(random.choice([1, 1, 1, 2, 3])), 0.0
    vowels = [random.uniform([280, 750, 2400], [850, 2200, 3000]) for _ in range(2)]
    while at_s < time_s[-1]:
        length_s = note_s * random.choice([0.5, 1, 1, 2])
        first, last = np.searchsorted(time_s, (at_s, at_s + length_s))
        at_s, degree = at_s + length_s, int(np.clip(degree + random.integers(-2, 3), 0, 10))
        if (count := int(last - first)) < 1000:
            continue
        vowel = vowels[int(random.integers(2))]
        for _ in range(n_singers):
            sway = np.sin(2 * np.pi * vibrato_hz * time_s[first:last] + random.uniform(0, 6))
            onset = 1 - 0.06 * np.exp(-np.arange(count) / (0.05 * rate_hz))
            pitch = root_hz * 2 ** (scale[degree] / 12) * (1 + depth * sway) * onset
            pitch *= random.uniform(0.985, 1.015) if n_singers > 1 else 1
            tone = vocal_sound(pitch, vowel[:, None], random, random.uniform(-12, -4),
                               log_uniform(random, 0.01, 0.2), rate_hz)  # fmt: skip
            waveform[first:last] += arch(count, 0.12, 0.5) * tone
    return waveform


def _clutter_of_calls(time_s: Signal, random: np.random.Generator) -> Signal:
    """Several animals at once, as in a kennel, a farm or a wood."""
    waveform = np.zeros(len(time_s))
    kinds = (_barks, _meows, _howls, _creatures, _birds)
    for _ in range(int(random.integers(2, 5))):
        one = kinds[int(random.integers(len(kinds)))](time_s, random)
        waveform += one / (one.std() + 1e-9) * log_uniform(random, 0.1, 1)
    for at_s in starts(time_s, random, 0.1, 0.5):
        since_s, shape = note(time_s, at_s, 0.2)
        waveform += 0.2 * shape * np.sin(900 * since_s)
    return waveform


TRAINING_VOICES: dict[str, Generator] = {
    "barks": _barks,
    "growls": _growls,
    "meows": _meows,
    "purrs": _purrs,
    "howls and whines": _howls,
    "hisses and panting": _hisses,
    "calls of creatures": _creatures,
    "bird song": _birds,
    "insects and frogs": _insects_and_frogs,
    "crying": _crying,
    "laughter": _laughter,
    "singing": _singing,
    "several animals": _clutter_of_calls,
}
