"""Settings of the audio front end, and their named presets."""

from __future__ import annotations

from dataclasses import dataclass

from voice2face.errors import look_up

__all__ = ["PRESETS", "FrontEnd", "preset"]


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
        n_mels: Number of mel bands.
        f_min_hz: Lower edge of the lowest band.
        f_max_hz: Upper edge of the highest band.
        preemphasis: Coefficient a of y[n] = x[n] - a x[n - 1].
        log_floor: Smallest energy before the logarithm.
        min_frames: Shorter spectrograms are repeated cyclically to this many frames.

    Source:
        The authors' published code for Wen, Singh and Raj 2019 (arXiv 1905.10604), but for
        `min_speech_s`, which is ours: that code accepts any length, and crashes on none.
    """

    sample_rate_hz: int = 16000
    vad_mode: int = 2
    vad_frame_ms: int = 20
    vad_padding_frames: int = 2
    min_speech_s: float = 0.4
    frame_length: int = 400
    hop_length: int = 160
    n_fft: int = 1024
    n_mels: int = 64
    f_min_hz: float = 20.0
    f_max_hz: float = 7200.0
    preemphasis: float = 0.97
    log_floor: float = 1e-5
    min_frames: int = 1000


PRESETS: dict[str, FrontEnd] = {"wen2019": FrontEnd()}


def preset(name: str) -> FrontEnd:
    """Look a front-end preset up by name.

    Args:
        name: A key of `PRESETS`.

    Returns:
        The settings.

    Raises:
        ConfigError: No preset has that name.
    """
    return look_up("front-end preset", name, PRESETS)
