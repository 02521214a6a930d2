"""Settings of the audio front end, and their named presets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from voice2face.errors import look_up
from voice2face.ranges import Amount, Positive, Range, Share


@dataclass(frozen=True)
class FrontEnd:
    """From waveform to log-mel spectrogram; the defaults are the preset `wen2019`.

    Attributes:
        sample_rate_hz: Rate that every recording is brought to.
        vad_mode: Aggressiveness of the WebRTC detector, 0 to 3.
        vad_frame_ms: Frame of the detector: 10, 20 or 30.
        vad_padding_frames: Frames in a row that begin or end a voiced stretch.
        min_speech_s: Speech that must be left after the VAD.
        frame_length: Samples of one analysis frame.
        hop_length: Samples from one frame's start to the next one's.
        n_fft: Points of the Fourier transform; frames are padded with zeros.
        f_min_hz: Lower edge of the lowest band.
        f_max_hz: Upper edge of the highest band.
        preemphasis: Coefficient a of y[n] = x[n] - a x[n - 1].
        log_floor: Smallest energy before the logarithm.
        min_frames: Shorter spectrograms are repeated cyclically to this many frames.
        band_range_db: What lies further than this below a band's 95th percentile counts as that
            far below, so that pauses of exact zeros (noise gates, 8 bits) do not decide a band's
            mean and deviation; None changes nothing, as published.

    Source:
        The authors' published code for Wen, Singh and Raj 2019 (arXiv 1905.10604), but for
        `min_speech_s`, which is ours: that code accepts any length, and crashes on none.
    """

    sample_rate_hz: Literal[8000, 16000, 32000, 48000] = 16000
    vad_mode: Literal[0, 1, 2, 3] = 2
    vad_frame_ms: Literal[10, 20, 30] = 20
    vad_padding_frames: Annotated[int, Range(1, 1000)] = 2
    min_speech_s: Annotated[float, Range(0, 600)] = 0.4
    frame_length: Annotated[int, Range(1, 65536)] = 400
    hop_length: Annotated[int, Range(1, 65536)] = 160
    n_fft: Annotated[int, Range(2, 65536)] = 1024
    n_mels: Annotated[int, Range(1, 1024)] = 64
    f_min_hz: Amount = 20.0
    f_max_hz: Positive = 7200.0
    preemphasis: Share = 0.97
    log_floor: Annotated[float, Range(1e-30, 1)] = 1e-5
    min_frames: Annotated[int, Range(1, 100_000)] = 1000
    band_range_db: Annotated[float, Range(10, 200)] | None = None

    @property
    def hop_s(self) -> float:
        """Seconds from one frame of the spectrogram to the next."""
        return self.hop_length / self.sample_rate_hz

    def hears_as(self, other: FrontEnd) -> bool:
        """Whether what learnt with one can be used with the other.

        Speech over a noise floor, as nearly all recordings are, is within `band_range_db`.
        """
        return replace(self, band_range_db=None) == replace(other, band_range_db=None)

    def conflicts(self) -> list[str]:
        """Tell what does not go together."""
        told = []
        if self.n_fft < self.frame_length:
            told.append(f"n_fft is {self.n_fft}: give at least frame_length, {self.frame_length}")
        if not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            told.append(
                f"f_max_hz is {self.f_max_hz:g}: give more than f_min_hz, {self.f_min_hz:g}, and "
                f"at most half of sample_rate_hz, {self.sample_rate_hz / 2:g}"
            )
        return told


PRESETS: dict[str, FrontEnd] = {"wen2019": FrontEnd(), "modern": FrontEnd(band_range_db=50.0)}


def preset(name: str) -> FrontEnd:
    """Look a front-end preset up by name.

    Args:
        name: A key of `PRESETS`.

    Raises:
        ConfigError: No preset has that name.
    """
    return look_up("front-end preset", name, PRESETS)
