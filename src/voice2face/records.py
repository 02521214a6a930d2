"""What crosses rooms: small typed records, and the words for their axes.

Axes, wherever a shape is given: `samples` of a waveform, `frames` and `mels` of a spectrogram,
`embedding` of a speaker vector, `faces`, `size` (rows and columns of a square image), `3` (RGB).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recording:
    """A decoded recording.

    Attributes:
        name: How messages and captions call it: its path, or "-" for standard input.
        waveform: (samples,) int16, one channel.
        notes: What a listener should know of how it was read, such as packets that were lost.
        whole_s: Length of the recording; None: that of `waveform`, which is all of it.
        stretches_s: Beginning and end of each stretch of the recording that `waveform` is made of,
            in seconds; empty: it is all of it.
    """

    name: str
    waveform: NDArray[np.int16]
    sample_rate_hz: int
    notes: tuple[str, ...] = ()
    whole_s: float | None = None
    stretches_s: tuple[tuple[float, float], ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the recording."""
        return len(self.waveform) / self.sample_rate_hz if self.whole_s is None else self.whole_s


@dataclass(frozen=True)
class Features:
    """What the front end keeps of a recording.

    Attributes:
        log_mel: (frames, mels) float32, each band of zero mean and unit variance.
        speech_s: What the voice activity detector kept of what was used of it.
        notes: See `Recording`.
        stretches_s: See `Recording`.
    """

    log_mel: NDArray[np.float32]
    duration_s: float
    speech_s: float
    notes: tuple[str, ...] = ()
    stretches_s: tuple[tuple[float, float], ...] = ()
