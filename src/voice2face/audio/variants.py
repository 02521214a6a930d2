"""A recording as its speaker would say it in another mood: WORLD analysis, changed, resynthesised.

Pitch, its range, vocal effort, tempo and phonation change from mood to mood; the speaker does not.
An encoder that hears many variants of a voice under one name learns not to be moved by them. Only
training and measuring use this module; it needs the package `pyworld-prebuilt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import MissingDependencyError
from voice2face.ranges import ORDERED, Finite, Positive, Share, Where, Whole

_FRAME_MS = 5.0
# Pitches that a voice can have; factors are kept such that the typical one stays between.
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 700.0
_TILT_PIVOT_HZ, _TILT_FROM_HZ = 1000.0, 100.0
_FIRST_FORMANT_HZ = 800.0
# Of a whisper: there is no glottal source, so lows are weaker (Jovicic 1998: formants rise too).
_WHISPER_TILT_DB, _WHISPER_FORMANTS = 4.0, 1.04
_FULL_SCALE = 32767


@dataclass(frozen=True)
class VariantSettings:
    """How many variants of a recording there are, and how far they go.

    Attributes:
        each: Variants of each recording.
        seed: Of what is drawn for each; not the run's, so that runs share the variants of a store.
        f0_factors: Least and greatest factor on the pitch, drawn evenly in its logarithm.
        highest_f0_hz: A variant's typical pitch is not brought above this, so that men's voices
            may rise by more than women's, without anybody knowing which is which.
        f0_ranges: Factor on the deviation of log pitch from its mean.
        effort_db: Spectral tilt in dB an octave; the part that follows from the pitch is of the
            upper half, since who speaks up raises both.
        formants: Factor on all resonances.
        speeds: Factor on the tempo, at the same pitch.
        shout: Share of variants in the uppermost third of pitch and effort, with the first
            formant raised, as an open mouth does.
        whisper: Share without any pitch.
        creak: Share with a low, irregular pitch.
        tremor: Share with a wavering pitch.

    Source:
        Traunmueller and Eriksson 2000 (JASA 107): pitch, tilt and first formant over vocal effort.
    """

    each: Whole = 0
    seed: Annotated[Whole, Where("each")] = 0
    f0_factors: Annotated[tuple[Positive, Positive], ORDERED, Where("each")] = (0.8, 2.5)
    highest_f0_hz: Annotated[Positive, Where("each")] = 400.0
    f0_ranges: Annotated[tuple[Positive, Positive], ORDERED, Where("each")] = (0.5, 1.8)
    effort_db: Annotated[tuple[Finite, Finite], ORDERED, Where("each")] = (-2.0, 6.0)
    formants: Annotated[tuple[Positive, Positive], ORDERED, Where("each")] = (0.96, 1.06)
    speeds: Annotated[tuple[Positive, Positive], ORDERED, Where("each")] = (0.75, 1.35)
    shout: Annotated[Share, Where("each")] = 0.2
    whisper: Annotated[Share, Where("each")] = 0.06
    creak: Annotated[Share, Where("each")] = 0.06
    tremor: Annotated[Share, Where("each")] = 0.15


@dataclass(frozen=True)
class Variant:
    """How a variant differs from its recording; the defaults change nothing.

    Attributes:
        f0_factor: Factor on the pitch.
        f0_range: Factor on the deviation of log pitch from its mean.
        tilt_db: Spectral tilt in dB an octave, about 1 kHz.
        formants: Factor on all resonances.
        first_formant: Further factor on those well below 1 kHz, fading out above.
        speed: Factor on the tempo.
        tremor: Depth of a wavering of the pitch, as a share of it.
        creak: Depth of the irregularity of each period, as a share of it.
        whisper: Whether there is no pitch at all.
    """

    f0_factor: float = 1.0
    f0_range: float = 1.0
    tilt_db: float = 0.0
    formants: float = 1.0
    first_formant: float = 1.0
    speed: float = 1.0
    tremor: float = 0.0
    creak: float = 0.0
    whisper: bool = False


@dataclass(frozen=True)
class Analysis:
    """What WORLD finds in a recording, a frame each 5 ms.

    Attributes:
        f0_hz: (frames,) pitch; 0 where there is none.
        envelope: (frames, bins) power.
        aperiodicity: (frames, bins), 0 to 1.
        rms: Of the recording.
    """

    f0_hz: NDArray[np.float64]
    envelope: NDArray[np.float64]
    aperiodicity: NDArray[np.float64]
    rms: float

    @property
    def typical_f0_hz(self) -> float:
        """Geometric mean of the pitch; 0 where there is none anywhere."""
        voiced = self.f0_hz[self.f0_hz > 0]
        return float(np.exp(np.log(voiced).mean())) if len(voiced) else 0.0


def analyse(waveform: NDArray[np.int16], sample_rate_hz: int = 16000) -> Analysis:
    """Take a recording apart into pitch, envelope and aperiodicity.

    Args:
        waveform: (samples,), at least a tenth of a second.

    Raises:
        MissingDependencyError: The package is not installed.

    Source:
        Morise, Yokomori and Ozawa 2016, WORLD (IEICE E99-D); pitch by DIO, the quick method.
    """
    world = _world()
    samples = waveform.astype(np.float64)
    f0_hz, times = world.dio(samples, sample_rate_hz, frame_period=_FRAME_MS)
    f0_hz = world.stonemask(samples, f0_hz, times, sample_rate_hz)
    envelope = world.cheaptrick(samples, f0_hz, times, sample_rate_hz)
    aperiodicity = world.d4c(samples, f0_hz, times, sample_rate_hz)
    return Analysis(f0_hz, envelope, aperiodicity, float(np.sqrt(np.mean(samples**2))))


def draw_variant(
    settings: VariantSettings, typical_f0_hz: float, random: np.random.Generator
) -> Variant:
    """Draw how a variant is to differ.

    Args:
        typical_f0_hz: Of the recording, see `Analysis`; 0 leaves the pitch within its factors.
    """
    low, high = np.log(settings.f0_factors)
    if typical_f0_hz:
        high = max(low, min(high, np.log(settings.highest_f0_hz / typical_f0_hz)))
    kind = random.random()
    is_shout = kind < settings.shout
    is_whisper = not is_shout and kind < settings.shout + settings.whisper
    is_creak = (
        not is_shout
        and not is_whisper
        and (kind < settings.shout + settings.whisper + settings.creak)
    )
    # 0 is the lowest pitch, 1 the highest.
    place = random.uniform(2 / 3, 1) if is_shout else random.random()
    place = random.uniform(0, 1 / 3) if is_creak else place
    least_db, most_db = settings.effort_db
    # Half of the effort follows from the pitch.
    effort = (place + random.random()) / 2
    return Variant(
        f0_factor=float(np.exp(low + place * (high - low))) * (0.7 if is_creak else 1.0),
        f0_range=float(random.uniform(*settings.f0_ranges)),
        tilt_db=_WHISPER_TILT_DB if is_whisper else least_db + effort * (most_db - least_db),
        formants=float(random.uniform(*settings.formants))
        * (_WHISPER_FORMANTS if is_whisper else 1.0),
        first_formant=float(random.uniform(1.05, 1.25)) if is_shout else 1.0,
        speed=float(np.exp(random.uniform(*np.log(settings.speeds)))),
        tremor=float(random.uniform(0.01, 0.04)) if random.random() < settings.tremor else 0.0,
        creak=float(random.uniform(0.1, 0.35)) if is_creak else 0.0,
        whisper=is_whisper,
    )


def resynthesise(
    analysis: Analysis, variant: Variant, random: np.random.Generator, sample_rate_hz: int = 16000
) -> NDArray[np.int16]:
    """Put a recording together again as a variant of it.

    Args:
        random: Source of randomness, of tremor and creak.

    Returns:
        (samples,), about as many as before over the speed, as loud as before unless that would
        leave the range of 16 bits.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    frames = np.arange(0, len(analysis.f0_hz) - 1e-9, variant.speed).astype(int)
    hz = np.linspace(0, sample_rate_hz / 2, analysis.envelope.shape[1])
    envelope = _warped(analysis.envelope[frames], hz, variant)
    octaves = np.log2(np.maximum(hz, _TILT_FROM_HZ) / _TILT_PIVOT_HZ)
    envelope = np.ascontiguousarray(envelope * 10 ** (variant.tilt_db * octaves / 10))
    f0_hz = _pitch(analysis, variant, random)[frames]
    aperiodicity = analysis.aperiodicity[frames]
    if variant.whisper:
        f0_hz, aperiodicity = np.zeros_like(f0_hz), np.ones_like(aperiodicity)
    wave = _world().synthesize(f0_hz, envelope, aperiodicity, sample_rate_hz, _FRAME_MS)
    rms = float(np.sqrt(np.mean(wave**2)))
    gain = min(analysis.rms / max(rms, 1e-9), _FULL_SCALE / max(np.abs(wave).max(), 1e-9))
    return np.rint(wave * gain).astype(np.int16)


def variants_of(
    waveform: NDArray[np.int16],
    settings: VariantSettings,
    random: np.random.Generator,
    sample_rate_hz: int = 16000,
) -> Iterator[NDArray[np.int16]]:
    """Make `settings.each` variants of a recording, each when it is asked for.

    Args:
        waveform: (samples,), longer than a fifth of a second.
        random: The caller may draw from it between two variants, too.

    Yields:
        (samples,) of each.

    Raises:
        MissingDependencyError: `pyworld-prebuilt` is not installed.
    """
    analysis = analyse(waveform, sample_rate_hz)
    for _ in range(settings.each):
        variant = draw_variant(settings, analysis.typical_f0_hz, random)
        yield resynthesise(analysis, variant, random, sample_rate_hz)


def _pitch(
    analysis: Analysis, variant: Variant, random: np.random.Generator
) -> NDArray[np.float64]:
    """The variant's pitch at each frame of the recording."""
    f0_hz = analysis.f0_hz
    voiced = f0_hz > 0
    typical = analysis.typical_f0_hz or 1.0
    deviation = np.log(np.maximum(f0_hz, 1e-9) / typical)
    # Errors of an octave would be drawn out of any voice's range.
    deviation = np.clip(deviation * variant.f0_range, -1.0, 1.0)
    changed = typical * variant.f0_factor * np.exp(deviation)
    time_s = np.arange(len(f0_hz)) * _FRAME_MS / 1000
    rate_hz, phase = random.uniform(4, 9), random.uniform(0, 2 * np.pi)
    changed *= 1 + variant.tremor * np.sin(2 * np.pi * rate_hz * time_s + phase)
    changed *= np.exp(variant.creak * random.standard_normal(len(f0_hz)))
    return np.where(voiced, np.clip(changed, _LOWEST_HZ, _HIGHEST_HZ), 0.0)


def _warped(
    envelope: NDArray[np.float64], hz: NDArray[np.float64], variant: Variant
) -> NDArray[np.float64]:
    """The envelope with its resonances moved."""
    raised = 1 + (variant.first_formant - 1) * np.exp(-((hz / _FIRST_FORMANT_HZ) ** 2))
    source = np.clip(hz / (variant.formants * raised) / hz[1], 0, len(hz) - 1)
    below = np.minimum(source.astype(int), len(hz) - 2)
    share = source - below
    return envelope[:, below] * (1 - share) + envelope[:, below + 1] * share


def _world() -> Any:
    # It has no types of its own.
    try:
        import pyworld
    except ImportError:
        raise MissingDependencyError(
            "variants of voices need the package pyworld-prebuilt: pip install 'voice2face[train]'"
        ) from None
    return pyworld
