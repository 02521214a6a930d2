"""Speech made to stutter: inserted pauses, repeated fragments, stretched fragments."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

# Ranges of what is put in. Repetitions and prolongations of stuttered speech are of this order.
_PAUSE_S = (0.15, 0.8)
_SHORT_PAUSE_S = (0.03, 0.12)
_FRAGMENT_S = (0.06, 0.25)
_STRETCHED_S = 0.1  # at least: there must be something to overlap
_REPEATS = (1, 4)
_STRETCH = (2.0, 4.0)
_FADE_S = 0.008
_QUIET_S = 0.05
_STRETCH_FRAME_S = 0.03


def disfluency(
    waveform: NDArray[np.float32],
    events_a_s: float,
    random: np.random.Generator,
    sample_rate_hz: int = 16000,
) -> NDArray[np.float32]:
    """Break the flow of speech, as stuttering does.

    At random places, at least one, comes one of three, equally likely: a pause; the fragment that
    begins there, of a sound's or a syllable's length, once to four times more, each with or
    without a short pause after it; or that fragment stretched two to four times at its pitch. All
    joints are cross-faded. A pause is filled with noise like the quietest stretch of the recording:
    digital silence is in no real pause, and would drown the rest in its logarithm.

    Args:
        waveform: (samples,) float32.

    Returns:
        (more samples,) float32. No events, or a waveform shorter than a fragment, leave it as is.
    """
    fade, least, most = (int(s * sample_rate_hz) for s in (_FADE_S, *_FRAGMENT_S))
    room = len(waveform) - most - fade
    if events_a_s <= 0 or room <= 0:
        return waveform
    n_events = max(1, round(events_a_s * len(waveform) / sample_rate_hz))
    places = np.sort(random.integers(0, room, n_events))
    kinds = random.integers(0, 3, n_events)
    quiet = _quietest(waveform, int(_QUIET_S * sample_rate_hz))

    def pause(range_s: tuple[float, float]) -> NDArray[np.float32]:
        n_samples = int(random.uniform(*range_s) * sample_rate_hz) + 2 * fade
        return _noise_like(quiet, n_samples, random)

    pieces: list[NDArray[np.float32]] = []
    before = 0
    for drawn, kind in zip(places.tolist(), kinds.tolist(), strict=True):
        length = int(random.integers(least, most + 1))
        place = max(drawn, before)
        # Each piece runs on for a fade past its end: the joint takes that away again.
        pieces.append(waveform[before : place + fade])
        fragment = waveform[place : place + length + fade]
        before = place
        if kind == 0:
            pieces.append(pause(_PAUSE_S))
        elif kind == 1:
            for _ in range(int(random.integers(_REPEATS[0], _REPEATS[1] + 1))):
                pieces.append(fragment)
                if random.random() < 0.5:
                    pieces.append(pause(_SHORT_PAUSE_S))
        else:
            before = place + max(length, int(_STRETCHED_S * sample_rate_hz))
            fragment = waveform[place : before + fade]
            pieces.append(stretch(fragment, random.uniform(*_STRETCH), sample_rate_hz))
    pieces.append(waveform[before:])
    return join(pieces, fade)


def join(pieces: list[NDArray[np.float32]], fade: int) -> NDArray[np.float32]:
    """Join waveforms end to end; each overlaps the next, and the two are cross-faded.

    Args:
        pieces: (samples,) each; the shorter of two neighbours bounds their overlap to its half.
        fade: Samples of an overlap.

    Returns:
        (samples,) float32. Two pieces that agree where they overlap go on without a trace.
    """
    pieces = [piece for piece in pieces if len(piece)]
    overlaps = [
        min(fade, len(left) // 2, len(right) // 2) for left, right in itertools.pairwise(pieces)
    ]
    joined = np.zeros(sum(map(len, pieces)) - sum(overlaps), dtype=np.float32)
    at = 0
    for index, piece in enumerate(pieces):
        weighted = piece.astype(np.float32)
        if index and (n := overlaps[index - 1]):
            weighted[:n] *= _rise(n)
        if index < len(overlaps) and (n := overlaps[index]):
            weighted[-n:] *= 1 - _rise(n)
        joined[at : at + len(piece)] += weighted
        at += len(piece) - (overlaps[index] if index < len(overlaps) else 0)
    return joined


def stretch(
    waveform: NDArray[np.float32], factor: float, sample_rate_hz: int = 16000
) -> NDArray[np.float32]:
    """Make a waveform longer at its pitch, by overlapping frames of it that fit each other.

    Args:
        waveform: (samples,) float32.
        factor: How many times as long, at least 1.

    Returns:
        (about factor * samples,) float32; as it was where it is shorter than three frames of 30 ms.

    Source:
        Verhelst and Roelands 1993, An overlap-add technique based on waveform similarity (WSOLA).
    """
    half = int(_STRETCH_FRAME_S * sample_rate_hz) // 2
    if len(waveform) < 6 * half:
        return waveform
    search = half // 2
    n_frames = round(factor * len(waveform) / half)
    rise = _rise(half)
    stretched = np.zeros((n_frames + 1) * half, dtype=np.float32)
    stretched[:half] = waveform[:half]
    taken = 0
    for frame in range(n_frames):
        target = min(int(frame * half / factor), len(waveform) - 2 * half)
        if frame:
            # Of the places near the target, the one most like what would follow the last frame.
            follow = waveform[min(taken + half, len(waveform) - half) :][:half]
            low = max(0, target - search)
            near = waveform[low : min(target + search, len(waveform) - 2 * half) + half]
            taken = low + int(np.argmax(np.correlate(near, follow, "valid")))
        piece = waveform[taken : taken + 2 * half]
        at = frame * half
        stretched[at : at + half] += (rise if frame else 0) * piece[:half]
        stretched[at + half : at + 2 * half] += (1 - rise) * piece[half:]
    return stretched[: n_frames * half]  # the last half frame dies away, with none to follow


def _quietest(waveform: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """The stretch of least power, out of those side by side."""
    stretches = waveform[: len(waveform) // n_samples * n_samples].reshape(-1, n_samples)
    return stretches[np.square(stretches).mean(axis=1).argmin()]


def _noise_like(
    stretch: NDArray[np.float32], n_samples: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Noise of the power and the spectrum of a stretch: white noise, filtered by the stretch."""
    white = random.standard_normal(n_samples)
    spectrum = np.fft.rfft(white) * np.fft.rfft(stretch, n_samples) / np.sqrt(len(stretch))
    return np.fft.irfft(spectrum, n_samples).astype(np.float32)


def _rise(n: int) -> NDArray[np.float32]:
    """A cosine ramp; with its mirror image it sums to 1."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)
