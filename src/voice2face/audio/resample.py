"""Frames of any format to one channel of 16-bit samples, of which the best are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from voice2face.audio.stretches import BestStretches


@dataclass(frozen=True)
class Mix:
    """How frames become one channel: all channels' mean, or one of them; times a gain."""

    channel: int | None = None
    gain: float = 1.0


_PLANAR_TYPES = {
    "u8p": np.uint8,
    "s16p": np.int16,
    "s32p": np.int32,
    "s64p": np.int64,
    "fltp": np.float32,
    "dblp": np.float64,
}


def channels_of(frame: av.AudioFrame) -> NDArray[Any]:
    """Samples of a frame as (channels, samples), 1 at full scale."""
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar:
        # Not to_ndarray: of eight channels and more, PyAV takes what lies behind them for planes.
        dtype = _PLANAR_TYPES[frame.format.name]
        planes = frame.planes[:n_channels]
        array: NDArray[Any] = np.stack(
            [np.frombuffer(memoryview(plane), dtype)[: frame.samples] for plane in planes]  # pyright: ignore[reportArgumentType]
        )
    else:
        array = frame.to_ndarray().reshape(-1, n_channels).T
    if array.dtype.kind == "f":
        return array
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128) / 128
    return array.astype(np.float32) / (1 << (8 * array.dtype.itemsize - 1))


class Resampler:
    """Mixes frames to one channel, resamples and joins them; frames may change their format.

    Args:
        limit: Samples after which nothing more is taken.
        most_kept: The most samples that are kept; see `BestStretches`.
    """

    def __init__(self, sample_rate_hz: int, mix: Mix, limit: int, most_kept: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._mix = mix
        self._limit = limit
        self._kept = BestStretches(sample_rate_hz, most_kept)
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None
        self._by_hand = False

    @property
    def n_samples(self) -> int:
        """Samples so far, up to the limit."""
        return self._kept.n_samples

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next frame."""
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != self._format:
            self._put(None)
            self._format, self._by_hand = found, self._mix != Mix()
            self._begin()
        if not self._by_hand:
            try:
                self._put(frame)
                return
            except (av.error.FFmpegError, ValueError):
                # A layout that the resampler does not know.
                self._by_hand = True
                self._begin()
        self._put(self._mixed(frame))

    def finish(self) -> tuple[NDArray[np.int16], tuple[tuple[float, float], ...]]:
        """Take what the resampler still holds; see `BestStretches.finish`."""
        self._put(None)
        return self._kept.finish()

    def _begin(self) -> None:
        self._resampler = av.AudioResampler("s16", "mono", self._sample_rate_hz)

    def _mixed(self, frame: av.AudioFrame) -> av.AudioFrame:
        channels, one = channels_of(frame), self._mix.channel
        mono = channels.mean(axis=0) if one is None or one >= len(channels) else channels[one]
        samples = np.ascontiguousarray(self._mix.gain * mono, np.float32)
        mixed = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        mixed.sample_rate = frame.sample_rate
        return mixed

    def _put(self, frame: av.AudioFrame | None) -> None:
        if self._resampler is not None:
            for resampled in self._resampler.resample(frame):
                left = self._limit - self.n_samples
                self._kept.add(resampled.to_ndarray()[0][: max(left, 0)])
