"""Log-mel spectrogram of a voiced waveform, as the published system computes it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.settings import FrontEnd

# Frames transformed at a time: the buffers then stay in a core's second-level cache.
_BLOCK_FRAMES = 64
_LOUD_PERCENTILE = 95


def mel_filterbank(settings: FrontEnd) -> NDArray[np.float64]:
    """Build the triangular mel filters.

    The edges are equally spaced on the scale 2595 log10(1 + f / 700) and rounded to FFT bins; a
    filter's height is 2 / width, its width in Hz being that between its rounded edges.

    Args:
        settings: `n_mels`, `n_fft`, `sample_rate_hz`, `f_min_hz` and `f_max_hz` are used.

    Returns:
        (n_fft // 2 + 1, n_mels) weights of each bin of the power spectrum.
    """
    hz_per_bin = settings.sample_rate_hz / settings.n_fft
    low_mel, high_mel = (
        2595 * np.log10(1 + f_hz / 700) for f_hz in (settings.f_min_hz, settings.f_max_hz)
    )
    edges_mel = np.linspace(low_mel, high_mel, settings.n_mels + 2)
    edges = np.round(700 * (10 ** (edges_mel / 2595) - 1) / hz_per_bin)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    bins = np.arange(settings.n_fft // 2 + 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (bins - left) / (centre - left)
        falling = (right - bins) / (right - centre)
    triangle = np.where(bins <= centre, np.where(bins == centre, 1.0, rising), falling)
    return np.maximum(triangle, 0.0) * 2 / ((right - left) * hz_per_bin)


@lru_cache(maxsize=8)
def _plan(settings: FrontEnd) -> tuple[NDArray[np.float64], NDArray[np.float32], int, int]:
    """Window, and the filterbank cut to the bins [low, high) that it weighs."""
    bank = mel_filterbank(settings)
    used = np.flatnonzero(bank.any(axis=1))
    low, high = int(used[0]), int(used[-1]) + 1
    window = np.hamming(settings.frame_length)
    return window, bank[low:high].astype(np.float32), low, high


def log_mel(waveform: NDArray[np.int16], settings: FrontEnd) -> NDArray[np.float32]:
    """Compute the log-mel spectrogram of a waveform, before normalisation.

    Frame k starts at sample `hop_length * k`; there are `int(samples / hop_length + 1)`. A frame
    that runs past the end is extended by repeating its own samples, an empty one is zeros. The
    pre-emphasis filter runs within each frame, and takes as the sample before a frame the last one
    of the frame before it, as extended (0 for the first).

    Args:
        waveform: (samples,) int16. The values are used as they are, not scaled to [-1, 1].

    Returns:
        (frames, n_mels) natural logarithm of each band's energy, at least log(`log_floor`).

    Source:
        Front end of the authors' published code for Wen et al. 2019 (arXiv 1905.10604).
    """
    length, hop = settings.frame_length, settings.hop_length
    window, bank, low, high = _plan(settings)
    n_frames = int(len(waveform) / hop + 1)
    n_whole = max(0, (len(waveform) - length) // hop + 1)
    # The first sample of a frame looks back to the last one of the frame before.
    before = np.concatenate([[0.0], waveform[length - 1 :: hop]])
    first = waveform[: n_whole * hop : hop] - settings.preemphasis * before[:n_whole]
    first *= window[0]

    energies = np.empty((n_frames, settings.n_mels), dtype=np.float32)
    padded = np.zeros((_BLOCK_FRAMES, settings.n_fft))
    spectrum = np.empty((_BLOCK_FRAMES, settings.n_fft // 2 + 1), dtype=np.complex128)
    parts = spectrum.view(np.float64)[:, 2 * low : 2 * high]
    squares = np.empty(parts.shape, dtype=np.float32)

    def band_energies(count: int) -> NDArray[np.float32]:
        # float64 up to here: in float32 the quiet bands of a loud frame drown in rounding.
        np.fft.rfft(padded[:count], out=spectrum[:count])
        squares[:count] = parts[:count]
        np.square(squares[:count], out=squares[:count])
        power = squares[:count, ::2] + squares[:count, 1::2]
        return np.matmul(power, bank, dtype=np.float32)

    for at in range(0, n_whole, _BLOCK_FRAMES):
        count = min(_BLOCK_FRAMES, n_whole - at)
        # float64 a block at a time: arrays of a megabyte cost more to get than to fill.
        samples = waveform[at * hop : (at + count - 1) * hop + length].astype(np.float64)
        np.multiply(_emphasised_frames(samples, settings), window, out=padded[:count, :length])
        padded[:count, 0] = first[at : at + count]
        energies[at : at + count] = band_energies(count)
    last = before[n_whole]
    for at in range(n_whole, n_frames):
        frame = np.resize(waveform[at * hop :].astype(np.float64), length)
        padded[0, :length] = frame - settings.preemphasis * np.concatenate([[last], frame[:-1]])
        padded[0, :length] *= window
        energies[at] = band_energies(1)[0]
        last = frame[-1]
    np.maximum(energies, np.float32(settings.log_floor), out=energies)
    return np.log(energies, out=energies)


def _emphasised_frames(samples: NDArray[np.float64], settings: FrontEnd) -> NDArray[np.float64]:
    """Frames of emphasised samples, (frames, frame_length), as a view; their first is not right."""
    emphasised = samples.copy()
    emphasised[1:] -= settings.preemphasis * samples[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, settings.frame_length)
    return frames[:: settings.hop_length]


def normalise_bands(
    bands: NDArray[np.float32], range_db: float | None = None
) -> NDArray[np.float32]:
    """Bring each mel band to zero mean and unit variance over the recording.

    Args:
        bands: (frames, n_mels) log-mel spectrogram, natural logarithm of energy.
        range_db: See `FrontEnd.band_range_db`.

    Returns:
        (frames, n_mels) float32; population deviation, plus float32's epsilon.
    """
    if range_db is not None:
        loud = np.percentile(bands, _LOUD_PERCENTILE, axis=0)
        bands = np.maximum(bands, (loud - range_db / 10 * np.log(10)).astype(np.float32))
    centred = bands - bands.mean(axis=0, dtype=np.float64).astype(np.float32)
    variance = np.einsum("fm,fm->m", centred, centred, dtype=np.float64) / len(bands)
    scale = np.sqrt(variance).astype(np.float32) + np.finfo(np.float32).eps
    return (centred / scale).astype(np.float32, copy=False)


def repeat_to_length(frames: NDArray[np.float32], n_frames: int) -> NDArray[np.float32]:
    """Repeat a short spectrogram cyclically until it has `n_frames`; leave a longer one whole.

    Args:
        frames: (frames, n_mels), at least one frame.
        n_frames: Wanted number of frames; 0 repeats nothing.

    Returns:
        (max(frames, n_frames), n_mels).
    """
    if len(frames) >= n_frames:
        return frames
    return np.resize(frames, (n_frames, frames.shape[1]))
