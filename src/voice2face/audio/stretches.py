"""The best stretches of a recording that is too long to be used whole, found as it is read."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.vad import are_speech

_STRETCH_S = 20
_FRAME_MS = 30
_VAD_MODE = 2
# A sample this near to full scale counts as clipped, and a frame with more of them than this too.
_CLIPPED = 32700
_MOST_CLIPPED = 0.01
# Speech this far above the quietest frames of its stretch is as clear as can be.
_CLEAR_DB = 30.0


def clear_speech_s(waveform: NDArray[np.int16], sample_rate_hz: int) -> float:
    """Tell how much clear speech a stretch holds.

    Args:
        waveform: (samples,) int16.
        sample_rate_hz: 8,000, 16,000, 32,000 or 48,000.

    Returns:
        Seconds of frames that the voice activity detector takes for speech and that are not
        clipped, times their clearness from 0 to 1: how far their median level lies above the
        tenth percentile of the stretch's, of 30 dB.
    """
    n_samples = sample_rate_hz * _FRAME_MS // 1000
    frames = waveform[: len(waveform) // n_samples * n_samples].reshape(-1, n_samples)
    if not len(frames):
        return 0.0
    speech = are_speech(frames, sample_rate_hz, _VAD_MODE)
    clipped = (frames >= _CLIPPED) | (frames <= -_CLIPPED)
    speech &= clipped.mean(axis=1) <= _MOST_CLIPPED
    if not speech.any():
        return 0.0
    power = np.einsum("fs,fs->f", frames, frames, dtype=np.float64) / n_samples
    level_db = 10 * np.log10(power + 1)
    above_db = np.median(level_db[speech]) - np.percentile(level_db, 10)
    return float(speech.sum() * _FRAME_MS / 1000 * np.clip(above_db / _CLEAR_DB, 0, 1))


class BestStretches:
    """Keeps a waveform that comes in blocks: all of it up to a limit, else its best stretches.

    Memory is bounded by the limit and one stretch, however long the waveform is.

    Attributes:
        n_samples: Samples that came.
    """

    def __init__(self, sample_rate_hz: int, limit: int) -> None:
        self.n_samples: int = 0
        self._sample_rate_hz = sample_rate_hz
        self._limit = limit
        self._length = _STRETCH_S * sample_rate_hz
        self._blocks: list[NDArray[np.int16]] = []
        self._n_waiting = 0
        self._n_cut = 0
        # Of each stretch kept: its rating, its number negated (of equals, the later goes), itself.
        self._kept: list[tuple[float, int, NDArray[np.int16]]] = []

    def add(self, block: NDArray[np.int16]) -> None:
        """Take the next samples."""
        self._blocks.append(block)
        self.n_samples += len(block)
        self._n_waiting += len(block)
        if self.n_samples > self._limit and self._n_waiting >= self._length:
            self._cut()

    def finish(self) -> tuple[NDArray[np.int16], tuple[tuple[float, float], ...]]:
        """Give what was kept.

        Returns:
            The samples, stretches joined end to end in their order; and the beginning and end of
            each stretch in seconds, stretches that touch as one. Nothing where all was kept.
        """
        if self.n_samples <= self._limit:
            return self._joined(), ()
        self._cut()
        self._rate(self._joined())
        in_order = sorted(self._kept, key=lambda one: -one[1])
        spans: list[tuple[float, float]] = []
        for _, number, stretch in in_order:
            start_s = -number * float(_STRETCH_S)
            end_s = start_s + len(stretch) / self._sample_rate_hz
            if spans and spans[-1][1] == start_s:
                start_s = spans.pop()[0]
            spans.append((start_s, end_s))
        return np.concatenate([stretch for _, _, stretch in in_order]), tuple(spans)

    def _joined(self) -> NDArray[np.int16]:
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)

    def _cut(self) -> None:
        """Rate every whole stretch that waits."""
        waiting = self._joined()
        n_whole = len(waiting) // self._length * self._length
        for at in range(0, n_whole, self._length):
            self._rate(waiting[at : at + self._length])
        rest = waiting[n_whole:].copy()
        self._blocks, self._n_waiting = [rest], len(rest)

    def _rate(self, stretch: NDArray[np.int16]) -> None:
        """Keep a stretch if it is among the best."""
        rating = clear_speech_s(stretch, self._sample_rate_hz)
        heapq.heappush(self._kept, (rating, -self._n_cut, stretch.copy()))
        self._n_cut += 1
        if len(self._kept) > max(1, self._limit // self._length):
            heapq.heappop(self._kept)
