"""What crosses rooms: small typed records, and the words for their axes.

Axes, wherever a shape is given: `samples` of a waveform, `frames` and `mels` of a spectrogram,
`embedding` of a speaker vector, `faces`, `size` (rows and columns of a square image), `3` (RGB).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Features", "Recording", "working_gaps"]

# A longer gap between two lines of a run's log is a run that was stopped and gone on with.
_LONGEST_GAP_S = 600.0


@dataclass(frozen=True)
class Recording:
    """A decoded recording.

    Attributes:
        name: How messages and captions call it: its path, or "-" for standard input.
        waveform: (samples,) int16, one channel.
        sample_rate_hz: Rate of `waveform`.
        notes: What a listener should know of how it was read, such as packets that were lost.
    """

    name: str
    waveform: NDArray[np.int16]
    sample_rate_hz: int
    notes: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return len(self.waveform) / self.sample_rate_hz


@dataclass(frozen=True)
class Features:
    """What the front end keeps of a recording.

    Attributes:
        log_mel: (frames, mels) float32, each band of zero mean and unit variance.
        duration_s: Length of the recording.
        speech_s: What the voice activity detector kept of it.
        notes: See `Recording`.
    """

    log_mel: NDArray[np.float32]
    duration_s: float
    speech_s: float
    notes: tuple[str, ...] = ()


def working_gaps(times: ArrayLike) -> NDArray[np.float64]:
    """Tell how long a run worked between the lines of its log.

    Args:
        times: (lines,) seconds since some moment.

    Returns:
        (lines - 1,) seconds; NaN for the time between a stop and the next start.
    """
    gaps = np.diff(np.asarray(times, dtype=np.float64))
    return np.where((gaps >= 0) & (gaps <= _LONGEST_GAP_S), gaps, np.nan)
