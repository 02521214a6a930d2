"""Voice activity detection: keep the stretches of a waveform that carry speech."""

from __future__ import annotations

from collections import deque

# The extension module itself: its wrapper `webrtcvad` adds one function call to each question, and
# asks for its own version on import, which costs a new process 60 ms.
import _webrtcvad  # pyright: ignore[reportMissingImports]
import numpy as np
from numpy.typing import NDArray

from voice2face.audio.settings import FrontEnd


def are_speech(frames: NDArray[np.int16], sample_rate_hz: int, mode: int) -> NDArray[np.bool_]:
    """Ask the detector once about each frame, in their order.

    Args:
        frames: (frames, samples) int16, of 10, 20 or 30 ms.
        sample_rate_hz: 8,000, 16,000, 32,000 or 48,000.
        mode: 0 to 3, the strictest.
    """
    detector, n_samples = _detector(mode), frames.shape[1]
    answers = (
        _webrtcvad.process(detector, sample_rate_hz, frame.tobytes(), n_samples)
        for frame in frames.astype("<i2", copy=False)
    )
    return np.fromiter(answers, np.bool_, len(frames))


def voiced_frames(waveform: NDArray[np.int16], settings: FrontEnd) -> NDArray[np.bool_]:
    """Find the frames that belong to voiced stretches.

    The last few frames wait in a ring. A voiced stretch begins when more than 90 % of a full ring
    is speech, and keeps the ring; it ends when more than 90 % is not, and keeps those frames too.
    The ring is emptied at both. At every new frame the detector is asked about *each* frame of the
    ring, the older ones again: it has a memory, so its second answer may differ from its first,
    and asking only once keeps other samples than the published system does. A trailing partial
    frame, and a last frame that ends exactly at the end of the signal, are not looked at.

    Args:
        waveform: (samples,) int16, one channel.
        settings: `sample_rate_hz` and the `vad_*` fields are used.

    Returns:
        (frames,) True for the frames to keep.

    Source:
        Collector of the authors' published code for Wen et al. 2019 (arXiv 1905.10604), around the
        WebRTC detector (BSD) in the package webrtcvad-wheels.
    """
    detector = _detector(settings.vad_mode)
    is_speech = _webrtcvad.process
    rate_hz = settings.sample_rate_hz
    n_samples = rate_hz * settings.vad_frame_ms // 1000
    n_bytes = 2 * n_samples
    signal = waveform.astype("<i2", copy=False).tobytes()
    n_frames = max(0, (len(signal) - 1) // n_bytes)
    threshold = 0.9 * settings.vad_padding_frames

    keep = np.zeros(n_frames, dtype=np.bool_)
    ring: deque[bytes] = deque(maxlen=settings.vad_padding_frames)
    voiced, start = False, 0
    for index in range(n_frames):
        ring.append(signal[index * n_bytes : (index + 1) * n_bytes])
        n_speech = sum([is_speech(detector, rate_hz, frame, n_samples) for frame in ring])
        if not voiced and n_speech > threshold:
            voiced, start = True, index + 1 - len(ring)
            ring.clear()
        elif voiced and len(ring) - n_speech > threshold:
            voiced = False
            keep[start : index + 1] = True
            ring.clear()
    if voiced:
        keep[start:] = True
    return keep


def voiced_waveform(waveform: NDArray[np.int16], settings: FrontEnd) -> NDArray[np.int16]:
    """Cut a waveform down to its voiced stretches, joined end to end.

    Args:
        waveform: (samples,) int16, one channel.
        settings: See `voiced_frames`.

    Returns:
        (voiced samples,) int16, a multiple of a VAD frame; empty where no speech was found.
    """
    keep = voiced_frames(waveform, settings)
    n_samples = settings.sample_rate_hz * settings.vad_frame_ms // 1000
    return waveform[: len(keep) * n_samples].reshape(len(keep), n_samples)[keep].reshape(-1)


def _detector(mode: int) -> object:
    detector = _webrtcvad.create()
    _webrtcvad.init(detector)
    _webrtcvad.set_mode(detector, mode)
    return detector
