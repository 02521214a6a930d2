"""Recordings made worse, so that the voice encoder learns to hear the speaker through it.

Pure functions of a waveform and a source of randomness. Waveforms are (samples,) float32, at
least one sample, in the range of 16 bits, not scaled to [-1, 1], as the front end takes them; a
result may leave that range, and `augment`, which takes and gives int16, scales it back. Only
training and measuring use this module; the runtime half hears recordings as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.channel import (
    CODECS,
    clip,
    gate,
    low_pass,
    requantise,
    resample,
    telephone,
    through_codec,
)
from voice2face.audio.disfluency import disfluency
from voice2face.errors import look_up
from voice2face.ranges import ORDERED, Amount, Count, Finite, Positive, Share, Where

_FULL_SCALE = 32767
# Coloured noise is flat below: what cannot be heard must not take the whole power.
_LOWEST_HZ = 20.0

# In the order of their sources of randomness.
_KINDS = (
    *("speed", "disfluency", "reverberation", "babble", "noise", "telephone"),
    *("clipping", "low_pass", "codec", "gate", "quantise"),
)

# Power of the noise falls with frequency f as f ** -exponent.
NOISE_COLOURS: dict[str, float] = {"white": 0.0, "pink": 1.0, "brown": 2.0}


@dataclass(frozen=True)
class AugmentSettings:
    """How likely each kind is, and how strong; a probability of 0 switches a kind off.

    They are applied in the order in which the world does: the speaker (speed, disfluency), the room
    (reverberation, babble, noise), the microphone (clipping, low pass), the line (telephone,
    codec), what a call or file does last (gate, bits). All are off by default.

    Attributes:
        speed: Probability of `change_speed`. The pitch changes with it: past a few percent, another
            speaker is heard.
        speed_factors: Least and greatest factor.
        disfluency: Probability of `disfluency`.
        disfluencies_a_s: Least and greatest number a second.
        reverberation: Probability of `reverberate`.
        rt60_s: Least and greatest reverberation time.
        direct_to_reverberant_db: Least and greatest.
        babble: Probability of `babble`.
        babble_speakers: Fewest and most other recordings.
        babble_snr_db: Least and greatest.
        noise: Probability of `add_noise`, of a colour drawn from `NOISE_COLOURS`.
        noise_snr_db: Least and greatest.
        clipping: Probability of `channel.clip`.
        clipped_shares: Least and greatest share of samples at the limit.
        low_pass: Probability of `channel.low_pass`, as of old radio or a covered microphone.
        cutoffs_hz: Least and greatest.
        telephone: Probability of `channel.telephone`, companded half of the time.
        codec: Probability of `channel.through_codec`, of one drawn from `channel.CODECS`.
        gate: Probability of `channel.gate`.
        gate_depths_db: Least and greatest distance of what is gated below what is loud.
        quantise: Probability of `channel.requantise`.
        bits: Fewest and most.
    """

    speed: Share = 0.0
    speed_factors: Annotated[tuple[Positive, Positive], ORDERED, Where("speed")] = (0.95, 1.05)
    disfluency: Share = 0.0
    disfluencies_a_s: Annotated[tuple[Amount, Amount], ORDERED, Where("disfluency")] = (0.5, 2.0)
    reverberation: Share = 0.0
    rt60_s: Annotated[tuple[Positive, Positive], ORDERED, Where("reverberation")] = (0.2, 0.8)
    direct_to_reverberant_db: Annotated[tuple[Finite, Finite], ORDERED, Where("reverberation")] = (
        -3.0,
        9.0,
    )
    babble: Share = 0.0
    babble_speakers: Annotated[tuple[Count, Count], ORDERED, Where("babble")] = (2, 5)
    babble_snr_db: Annotated[tuple[Finite, Finite], ORDERED, Where("babble")] = (3.0, 15.0)
    noise: Share = 0.0
    noise_snr_db: Annotated[tuple[Finite, Finite], ORDERED, Where("noise")] = (0.0, 15.0)
    clipping: Share = 0.0
    clipped_shares: Annotated[tuple[Positive, Positive], ORDERED, Where("clipping")] = (0.002, 0.08)
    low_pass: Share = 0.0
    cutoffs_hz: Annotated[tuple[Positive, Positive], ORDERED, Where("low_pass")] = (2500.0, 6000.0)
    telephone: Share = 0.0
    codec: Share = 0.0
    gate: Share = 0.0
    gate_depths_db: Annotated[tuple[Positive, Positive], ORDERED, Where("gate")] = (20.0, 40.0)
    quantise: Share = 0.0
    bits: Annotated[tuple[Count, Count], ORDERED, Where("quantise")] = (7, 9)

    @property
    def is_on(self) -> bool:
        """Whether any kind is switched on."""
        return any(getattr(self, kind) for kind in _KINDS)


def augment(
    waveform: NDArray[np.int16],
    settings: AugmentSettings,
    others: Sequence[NDArray[np.int16]],
    random: np.random.Generator,
    sample_rate_hz: int = 16000,
) -> NDArray[np.int16]:
    """Make a recording worse in the ways that the settings ask for.

    Each kind draws from a source of its own, so that switching one off changes no other.

    Args:
        waveform: (samples,) int16, one channel.
        others: Recordings of others, for babble; without any, babble is left out.
        random: Source of randomness; what is drawn depends on its state only.

    Returns:
        (samples,) int16, longer or shorter where speed or flow changed. A louder result is brought
        down to the range of 16 bits.
    """
    if not len(waveform):
        return waveform
    seeds = random.integers(0, 2**63, len(_KINDS))
    source = {kind: np.random.default_rng(seed) for kind, seed in zip(_KINDS, seeds, strict=True)}
    now = {kind for kind in _KINDS if source[kind].random() < getattr(settings, kind)}
    wave = waveform.astype(np.float32)
    if "speed" in now:
        wave = change_speed(wave, source["speed"].uniform(*settings.speed_factors))
    if "disfluency" in now:
        events_a_s = source["disfluency"].uniform(*settings.disfluencies_a_s)
        wave = disfluency(wave, events_a_s, source["disfluency"], sample_rate_hz)
    if "reverberation" in now:
        rt60_s = source["reverberation"].uniform(*settings.rt60_s)
        ratio_db = source["reverberation"].uniform(*settings.direct_to_reverberant_db)
        wave = reverberate(wave, rt60_s, source["reverberation"], ratio_db, sample_rate_hz)
    if "babble" in now and others:
        fewest, most = settings.babble_speakers
        n_speakers = int(source["babble"].integers(fewest, most + 1))
        chosen = [others[index] for index in source["babble"].permutation(len(others))[:n_speakers]]
        snr_db = source["babble"].uniform(*settings.babble_snr_db)
        wave = babble(wave, chosen, snr_db, source["babble"])
    if "noise" in now:
        colour = source["noise"].choice(list(NOISE_COLOURS))
        snr_db = source["noise"].uniform(*settings.noise_snr_db)
        wave = add_noise(wave, str(colour), snr_db, source["noise"], sample_rate_hz)
    return _through_line(wave, settings, now, source, sample_rate_hz)


def _through_line(
    wave: NDArray[np.float32],
    settings: AugmentSettings,
    now: set[str],
    source: dict[str, np.random.Generator],
    sample_rate_hz: int,
) -> NDArray[np.int16]:
    """Do what microphone, line and file do to the sound in a room."""
    if "clipping" in now:
        wave = clip(wave, source["clipping"].uniform(*settings.clipped_shares))
    if "low_pass" in now:
        wave = low_pass(wave, source["low_pass"].uniform(*settings.cutoffs_hz), sample_rate_hz)
    if "telephone" in now:
        wave = telephone(wave, bool(source["telephone"].random() < 0.5), sample_rate_hz)
    peak = float(np.abs(wave).max(initial=0))
    if peak > _FULL_SCALE:
        wave = wave * (_FULL_SCALE / peak)
    heard = np.rint(wave).astype(np.int16)
    if "codec" in now:
        heard = through_codec(heard, str(source["codec"].choice(list(CODECS))), sample_rate_hz)
    if "gate" in now:
        heard = gate(heard, source["gate"].uniform(*settings.gate_depths_db), sample_rate_hz)
    if "quantise" in now:
        fewest, most = settings.bits
        heard = requantise(heard, int(source["quantise"].integers(fewest, most + 1)))
    return heard


def coloured_noise(
    n_samples: int, colour: str, random: np.random.Generator, sample_rate_hz: int = 16000
) -> NDArray[np.float32]:
    """Make noise whose power falls with frequency, from 20 Hz on; below it is flat.

    Args:
        colour: A key of `NOISE_COLOURS`.

    Returns:
        (n_samples,) float32 of zero mean; its power is not normalised.

    Raises:
        ConfigError: There is no such colour.
    """
    exponent = look_up("colour of noise", colour, NOISE_COLOURS)
    white = random.standard_normal(n_samples, dtype=np.float32)
    spectrum = np.fft.rfft(white)
    hz = np.fft.rfftfreq(n_samples, 1 / sample_rate_hz)
    spectrum *= np.maximum(hz, _LOWEST_HZ) ** (-exponent / 2)
    spectrum[:1] = 0
    return np.fft.irfft(spectrum, n_samples).astype(np.float32)


def add_noise(
    waveform: NDArray[np.float32],
    colour: str,
    snr_db: float,
    random: np.random.Generator,
    sample_rate_hz: int = 16000,
) -> NDArray[np.float32]:
    """Add noise at a ratio of signal to noise.

    Args:
        waveform: (samples,) float32.
        colour: A key of `NOISE_COLOURS`.
        snr_db: 10 log10 of the power of the whole waveform, pauses too, over that of the noise.

    Returns:
        (samples,) float32. Silence stays silence.

    Raises:
        ConfigError: There is no such colour.
    """
    noise = coloured_noise(len(waveform), colour, random, sample_rate_hz)
    return waveform + _at_snr(waveform, noise, snr_db)


def babble(
    waveform: NDArray[np.float32],
    others: Sequence[NDArray[np.int16] | NDArray[np.float32]],
    snr_db: float,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """Let others talk in the background.

    Each other recording is brought to the same power, begins at a random place and is repeated
    cyclically; their sum is added.

    Args:
        waveform: (samples,) float32.
        others: (samples,) each, of any scale; silent ones add nothing.
        snr_db: 10 log10 of the power of the waveform over that of the sum of the others.

    Returns:
        (samples,) float32.
    """
    total = np.zeros(len(waveform), dtype=np.float32)
    for other in others:
        if not len(other):
            continue
        start = int(random.integers(len(other)))
        piece = np.take(other, np.arange(start, start + len(waveform)), mode="wrap")
        power = _power(piece)
        if power > 0:
            total += piece.astype(np.float32) / np.float32(np.sqrt(power))
    return waveform + _at_snr(waveform, total, snr_db)


def reverberate(
    waveform: NDArray[np.float32],
    rt60_s: float,
    random: np.random.Generator,
    direct_to_reverberant_db: float = 3.0,
    sample_rate_hz: int = 16000,
) -> NDArray[np.float32]:
    """Let a recording sound as in a room: the direct sound, then a tail that dies away.

    The room's impulse response is 1 at time 0, then white noise under an exponential envelope.

    Args:
        waveform: (samples,) float32.
        rt60_s: Time in which the tail falls by 60 dB, above 0.
        direct_to_reverberant_db: 10 log10 of the energy of the direct sound over the tail's.

    Returns:
        (samples,) float32 of the same power; what would ring on after the end is cut.

    Source:
        Polack 1988: a room's late response as noise that decays exponentially.
    """
    n_tail = max(1, int(rt60_s * sample_rate_hz))
    time = np.arange(1, n_tail + 1) / n_tail
    tail = random.standard_normal(n_tail) * 10 ** (-3 * time)
    tail *= np.sqrt(10 ** (-direct_to_reverberant_db / 10) / np.sum(tail**2))
    response = np.concatenate([[1.0], tail])
    n_fft = 1 << (len(waveform) + n_tail).bit_length()
    heard = np.fft.irfft(np.fft.rfft(waveform, n_fft) * np.fft.rfft(response, n_fft), n_fft)
    heard = heard[: len(waveform)]
    before, after = _power(waveform), _power(heard)
    return (heard * np.sqrt(before / after) if after > 0 else heard).astype(np.float32)


def change_speed(waveform: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Play a recording faster or slower; its pitch changes with it, as a tape's does.

    Args:
        waveform: (samples,) float32.
        factor: Above 1 is faster and higher.

    Returns:
        (round(samples / factor),) float32.
    """
    n_samples = max(1, round(len(waveform) / factor))
    return resample(waveform, n_samples).astype(np.float32) if len(waveform) else waveform


def _power(waveform: NDArray) -> float:
    """Mean square."""
    return float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0


def _at_snr(
    signal: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float
) -> NDArray[np.float32]:
    """Scale a noise to a ratio below a signal."""
    power = _power(noise)
    gain = np.sqrt(_power(signal) / power * 10 ** (-snr_db / 10)) if power > 0 else 0.0
    return noise * np.float32(gain)
