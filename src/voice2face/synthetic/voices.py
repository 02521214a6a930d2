"""The voices of the planted world: a source and a filter that speak nonsense syllables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice2face.synthetic.latents import Person, WorldSettings, random_source

SAMPLE_RATE_HZ = 16_000
_HOP = 256
_FRAME = 2 * _HOP
_FFT = 640
_MARGIN = (_FFT - _FRAME) // 2
_PIECES = -(-_FFT // _HOP)
_BLOCK = 64  # frames at a time: their spectra then stay in a core's cache
_FRAMES_A_S = SAMPLE_RATE_HZ / _HOP
_BINS_HZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ).astype(np.float32)
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)).astype(np.float32)
# A pulse between two samples: windowed sinc, by the place in steps of 1/256 sample.
_SINC_TAPS = np.arange(-7, 9)
_OFFSETS = _SINC_TAPS - np.linspace(0, 1, 257)[:, None]
_TAPS = np.sinc(_OFFSETS) * np.cos(np.pi * _OFFSETS / 18) ** 2

# float32 where it is long; the stubs of NumPy lose the type in arithmetic.
Array: TypeAlias = NDArray[Any]

# First three formants of a man: i, e, a, o, u; then those that do not move, and bandwidths.
_VOWELS_HZ = np.array(
    [[280, 2250, 2950], [450, 1900, 2600], [720, 1200, 2500], [480, 900, 2450], [310, 800, 2300]]
)
_NEUTRAL_HZ = np.array([480, 1450, 2550])
_NASAL_HZ = np.array([260, 1250, 2400])
_BANDWIDTHS_HZ = np.array([70, 90, 130])
_FIXED_HZ = np.array([3500, 4500, 5500, 6500, 7500])
_FIXED_BANDWIDTHS_HZ = np.array([180, 220, 280, 340, 400])
# Consonants, and how often: s, sh, f, a stop, a nasal, none.
_CONSONANTS = ("s", "sh", "f", "stop", "nasal", "none")
_CONSONANT_ODDS = np.array([0.22, 0.18, 0.1, 0.2, 0.18, 0.12])
# Centre, width and level of the hiss of each.
_HISS = {"s": (5200.0, 700.0, 0.5), "sh": (3100.0, 550.0, 0.5), "f": (4500.0, 3500.0, 0.12)}
_MOST = 2.6  # factors beyond this many deviations sound like this many


@dataclass(frozen=True)
class VoiceTraits:
    """What a person's factors mean for the sound.

    Attributes:
        pitch_hz: Mean fundamental frequency.
        formant_scale: Of all formants, against a man's; falls as the vocal tract grows.
        breath_db: Level of the breath against the voiced sound.
        tilt_db_octave: Slope of the voiced source.
        sibilance_scale: Of the frequencies of s and sh.
        openness: Size of the vowel space; 1 is the usual.
        syllables_per_s: Rate of speaking.
        jitter: Deviation of a period, as a share of it.
        shimmer: Deviation of a period's amplitude, as a share of it.
        melody_semitones: Deviation of the pitch over a sentence.
    """

    pitch_hz: float
    formant_scale: float
    breath_db: float
    tilt_db_octave: float
    sibilance_scale: float
    openness: float
    syllables_per_s: float
    jitter: float
    shimmer: float
    melody_semitones: float


def voice_traits(person: Person) -> VoiceTraits:
    """Turn the factors that a person's voice expresses into acoustics."""
    factor = {name: float(np.clip(value, -_MOST, _MOST)) for name, value in person.voice.items()}
    male = person.gender == "male"
    rough = math.exp(0.75 * factor["roughness"])
    return VoiceTraits(
        pitch_hz=(115 if male else 205) * 2 ** (-2.0 * factor["pitch"] / 12),
        formant_scale=(1.0 if male else 1.17) * math.exp(-0.05 * factor["tract"]),
        breath_db=-18 + 6.5 * factor["breath"],
        tilt_db_octave=-8 + 2.2 * factor["tilt"],
        sibilance_scale=math.exp(0.13 * factor["sibilance"]),
        openness=math.exp(0.25 * factor["openness"]),
        syllables_per_s=4.5 * math.exp(0.18 * factor["rate"]),
        jitter=0.007 * rough,
        shimmer=0.08 * rough,
        melody_semitones=1.4 * math.exp(0.4 * factor["melody"]),
    )


def record(person: Person, index: int, settings: WorldSettings) -> NDArray[np.int16]:
    """Record a person once.

    Args:
        index: Which of the person's recordings; each has sounds, channel and noise of its own.

    Returns:
        (samples,) int16 at 16 kHz.
    """
    random = random_source(person.seed, person.number, "voice", index)
    return speak(voice_traits(person), random, settings)


def speak(
    traits: VoiceTraits, random: np.random.Generator, settings: WorldSettings
) -> NDArray[np.int16]:
    """Let a voice speak random syllables.

    Pulses at the pitch, and noise, each pass a filter that changes every 16 ms: the resonances
    of the vocal tract, the slope of the source, the hiss of consonants, and the channel.

    Args:
        settings: Of the world; durations, noise and the size of the nuisance are used.

    Returns:
        (samples,) int16 at 16 kHz.

    Source:
        The model of speech production of Fant, Acoustic Theory of Speech Production (1960).
    """
    amount = settings.voice_nuisance
    n_frames = round(random.uniform(*settings.duration_s) * _FRAMES_A_S)
    snr_db, loudness_db = random.uniform(*settings.snr_db), random.normal(-23, 3 * amount)
    mood_semitones = random.normal(0, 0.4 * amount)
    channel = _channel(random, amount)
    voiced, hiss, formants_hz = _syllables(traits, n_frames, random)
    pitch_hz = traits.pitch_hz * 2 ** ((mood_semitones + _melody(traits, n_frames, random)) / 12)

    pulses = _windows(_pulses(pitch_hz, voiced, traits, random))
    noise = _windows(random.standard_normal(_HOP * (n_frames + 1), dtype=np.float32))
    filter_ = _Filter.from_traits(traits, tuple(hiss), snr_db, channel)
    levels = np.stack([*hiss.values(), np.full_like(voiced, 1)], axis=1) ** 2
    joined = np.zeros((n_frames + _PIECES, _HOP), dtype=np.float32)
    for first in range(0, n_frames, _BLOCK):
        rows = slice(first, min(n_frames, first + _BLOCK))
        of_pulses, of_noise = filter_.gains(formants_hz[rows], voiced[rows], levels[rows])
        spectra = _spectra(pulses[rows])
        spectra *= of_pulses
        hissing = _spectra(noise[rows])
        hissing *= of_noise
        spectra += hissing
        _overlap_add(joined[first:], np.fft.irfft(spectra, n=_FFT))
    waveform = joined.ravel()[_MARGIN + _HOP : _MARGIN + n_frames * _HOP]
    level = 10 ** (loudness_db / 20) / np.sqrt(np.mean(waveform**2))
    return np.clip(np.rint(waveform * (32767 * level)), -32768, 32767).astype(np.int16)


@dataclass(frozen=True)
class _Filter:
    """What of the filter does not change over a recording; power gains of each bin.

    Attributes:
        fixed: Inverse of the resonances that do not move.
        slope: Of the voiced source.
        breath: Shape of the breath.
        breath_power: Of the breath against the voiced sound.
        shapes: (kinds, bins) of each consonant's hiss, and of the noise.
        heard: Of the channel.
    """

    fixed: Array
    slope: Array
    breath: Array
    breath_power: float
    shapes: Array
    heard: Array

    @classmethod
    def from_traits(
        cls, traits: VoiceTraits, kinds: tuple[str, ...], snr_db: float, channel: Array
    ) -> _Filter:
        """Make the filter of a voice, a level of noise and a channel."""
        fixed = np.ones(len(_BINS_HZ))
        centres_hz = traits.formant_scale * _FIXED_HZ
        for centre_hz, bandwidth_hz in zip(centres_hz, _FIXED_BANDWIDTHS_HZ, strict=True):
            x = _BINS_HZ / centre_hz
            fixed *= (1 - x**2) ** 2 + (x * bandwidth_hz / centre_hz) ** 2
        floor = _unit_power((np.maximum(_BINS_HZ, 60) / 1000) ** -0.6) * 10 ** (-snr_db / 10)
        return cls(
            fixed=fixed.astype(np.float32),
            # From 150 Hz on, so that low voices are not duller for their pitch.
            slope=(np.maximum(_BINS_HZ, 150) / 500) ** (traits.tilt_db_octave / 3.01),
            breath=_BINS_HZ / 8000,
            breath_power=10 ** (traits.breath_db / 10),
            shapes=np.stack([*(_hiss_power(kind, traits) for kind in kinds), floor]),
            heard=channel**2,
        )

    def gains(self, formants_hz: Array, voiced: Array, levels: Array) -> tuple[Array, Array]:
        """Gains of the pulses and of the noise, (frames, bins) each.

        Every frame's power is set before the channel, which then weighs what it weighs.

        Args:
            formants_hz: (frames, 3).
            voiced: (frames,) level of the voice.
            levels: (frames, kinds) power of each of `shapes`.
        """
        power = self._tract(formants_hz)
        # einsum, not a matrix product: its last bits do not depend on the number of threads.
        of_pulses = len(_BINS_HZ) / np.einsum("fb,b->f", power, self.slope)
        of_breath = len(_BINS_HZ) / np.einsum("fb,b->f", power, self.breath)
        of_breath *= self.breath_power * voiced**2
        pulses = power * (self.slope * self.heard)
        pulses *= of_pulses[:, None]
        power *= self.breath * self.heard
        power *= of_breath[:, None]
        power += np.einsum("fk,kb->fb", levels, self.shapes * self.heard)
        return np.sqrt(pulses, out=pulses), np.sqrt(power, out=power)

    def _tract(self, formants_hz: Array) -> Array:
        """(frames, bins) power gain of the vocal tract: a cascade of resonances."""
        product = np.broadcast_to(self.fixed, (len(formants_hz), len(_BINS_HZ))).copy()
        squares = _BINS_HZ**2
        for centre_hz, bandwidth_hz in zip(formants_hz.T, _BANDWIDTHS_HZ, strict=True):
            # (1 - x^2)^2 + (x b)^2 with x = f / centre, as a polynomial in x^2.
            x2 = squares * (1 / centre_hz**2)[:, None]
            b2 = np.float32(bandwidth_hz**2) / centre_hz**2
            factor = x2 + (b2 - 2)[:, None]
            factor *= x2
            factor += 1
            product *= factor
        return np.reciprocal(product, out=product)


def _syllables(
    traits: VoiceTraits, n_frames: int, random: np.random.Generator
) -> tuple[Array, dict[str, Array], Array]:
    """Draw what is said: level of the voice, of each hiss, and three formants, frame by frame."""
    length = _FRAMES_A_S / traits.syllables_per_s
    count = 2 * int(n_frames / length) + 8
    vowels = random.integers(len(_VOWELS_HZ), size=count)
    consonants = random.choice(len(_CONSONANTS), size=count, p=_CONSONANT_ODDS)
    lengths = length * random.uniform(0.75, 1.25, size=count)
    stresses = random.uniform(0.6, 1.0, size=count)
    pauses = np.where(random.random(count) < 0.1, random.uniform(6, 16, size=count), 0)
    spread = _NEUTRAL_HZ + traits.openness * (_VOWELS_HZ - _NEUTRAL_HZ)
    spread = np.maximum(spread, (200, 550, 1700))

    voiced = np.zeros(n_frames)
    hiss = {name: np.zeros(n_frames) for name in _HISS}
    formants = np.empty((n_frames, 3))
    formants[:] = _NEUTRAL_HZ
    at = float(random.uniform(3, 8))
    for index in range(count):
        start, middle = round(at), round(at + 0.38 * lengths[index])
        end = round(at + lengths[index])
        if start >= n_frames:
            break
        kind, stress = _CONSONANTS[consonants[index]], stresses[index]
        if kind == "nasal":
            voiced[start:middle], formants[start:middle] = 0.4, _NASAL_HZ
        elif kind == "stop":
            hiss["s"][max(start, middle - 1) : middle] = 0.6
        elif kind == "none":
            middle = start
        else:
            hiss[kind][start:middle] = _HISS[kind][2]
        voiced[middle:end], formants[middle:end] = stress, spread[vowels[index]]
        at += lengths[index] + pauses[index]
    kernel = np.array([1, 2, 1]) / 4
    formants = np.pad(formants, ((1, 1), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(track, kernel, "valid") for track in formants.T], axis=1)
    soft = np.array([1, 4, 1]) / 6
    smooth *= traits.formant_scale
    return (
        np.convolve(voiced, soft, "same").astype(np.float32),
        {name: np.convolve(level, soft, "same").astype(np.float32) for name, level in hiss.items()},
        smooth.astype(np.float32),
    )


def _melody(traits: VoiceTraits, n_frames: int, random: np.random.Generator) -> Array:
    """Course of the pitch in semitones: slow waves around zero."""
    time_s = np.arange(n_frames + 1) / _FRAMES_A_S
    hz = random.uniform(0.3, 1.8, size=3)[:, None]
    phase = random.uniform(0, 2 * np.pi, size=3)[:, None]
    waves = np.sin(2 * np.pi * hz * time_s + phase).sum(axis=0)
    return traits.melody_semitones * waves * math.sqrt(2 / 3)


def _pulses(
    pitch_hz: Array, voiced: Array, traits: VoiceTraits, random: np.random.Generator
) -> Array:
    """Band-limited pulses, one a period, of unit power where the voice is at level 1."""
    n_frames = len(voiced)
    n_samples = (n_frames + 1) * _HOP
    cycles = np.concatenate([[0], np.cumsum(pitch_hz / _FRAMES_A_S)])
    marks = np.arange(1, int(cycles[-1]))
    at_frame = np.interp(marks, cycles, np.arange(len(cycles)))
    period = SAMPLE_RATE_HZ / np.interp(at_frame, np.arange(len(pitch_hz)), pitch_hz)
    wobble, size = random.standard_normal((2, len(marks)))
    at = at_frame * _HOP + np.clip(wobble, -3, 3) * traits.jitter * period
    level = np.sqrt(period) * np.interp(at_frame, np.arange(n_frames) + 1, voiced)
    level *= np.maximum(0, 1 + traits.shimmer * size)
    whole = np.floor(at).astype(np.int64)
    steps = np.rint((at - whole) * (len(_TAPS) - 1)).astype(np.int64)
    taps = _TAPS[steps] * level[:, None]
    places = np.clip(whole[:, None] + _SINC_TAPS, 0, n_samples - 1)
    return np.bincount(places.ravel(), taps.ravel(), minlength=n_samples).astype(np.float32)


def _hiss_power(name: str, traits: VoiceTraits) -> Array:
    """(bins,) power gain of a consonant's noise."""
    centre_hz, width_hz, _ = _HISS[name]
    scale = 1.0 if name == "f" else traits.sibilance_scale
    gain = np.exp(-0.5 * ((_BINS_HZ / scale - centre_hz) / width_hz) ** 2) + 0.01
    return _unit_power(gain**2)


def _channel(random: np.random.Generator, amount: float) -> Array:
    """(bins,) gain of a microphone and a room: no lows, and slow waves of a few dB."""
    height = np.log1p(_BINS_HZ / 700) / np.log1p(8000 / 700)
    waves = np.cos(np.pi * np.arange(1, 5)[:, None] * height)
    gain_db = amount * random.normal(0, 2, size=4) @ waves
    low_cut = _BINS_HZ**2 / (_BINS_HZ**2 + 70**2)
    return (low_cut * 10 ** (gain_db / 20)).astype(np.float32)


def _unit_power(gain: Array) -> Array:
    """Scale power gains so that white noise of unit power leaves with unit power."""
    return gain / gain.mean()


def _windows(signal: Array) -> Array:
    """(frames, samples) views that overlap by half."""
    return np.lib.stride_tricks.sliding_window_view(signal, _FRAME)[::_HOP]


def _spectra(frames: Array) -> Array:
    """Spectra of windowed frames, each in the middle of a longer stretch of silence."""
    padded = np.zeros((len(frames), _FFT), dtype=np.float32)
    np.multiply(frames, _WINDOW, out=padded[:, _MARGIN : _MARGIN + _FRAME])
    return np.fft.rfft(padded)


def _overlap_add(joined: Array, frames: Array) -> None:
    """Add frames to (rows, hop) of a signal, the first at its first row."""
    for part in range(_PIECES):
        piece = frames[:, part * _HOP : (part + 1) * _HOP]
        joined[part : part + len(frames), : piece.shape[1]] += piece
