"""One file of a data set, read: the spectrogram of a recording, or the faces of a picture."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import MAX_DURATION_S
from voice2face.audio.front_end import listen
from voice2face.audio.log_mel import normalise_bands
from voice2face.audio.settings import FrontEnd, preset
from voice2face.audio.suffixes import VIDEO_SUFFIXES
from voice2face.data.store import StoreSettings
from voice2face.errors import DataError, RecordingError
from voice2face.images.detect import FaceDetector
from voice2face.images.photographs import aligned_face, read_face
from voice2face.images.video import video_frames

# Faces are taken from a video this often, and so many at most.
FRAME_EVERY_S = 0.5
MAX_FRAMES = 10


def voice_reader(
    settings: StoreSettings, waveforms: list[NDArray[np.int16]]
) -> Callable[[Path, str], Iterator[tuple[float, NDArray]]]:
    """Make the function that reads a recording.

    Returns:
        A function of a path and the name that messages give it; it yields seconds of speech and
        the (frames, mels), and appends the waveform to `waveforms` where the store keeps them.
    """
    front_end = preset(settings.front_end)
    keep = waveforms if settings.waveforms else None
    return lambda path, name: _read_voice(path, name, front_end, keep)


def face_reader(
    settings: StoreSettings,
) -> Callable[[Path, str], Iterator[tuple[float | None, NDArray | str]]]:
    """Make the function that reads a photograph or a video.

    Returns:
        A function of a path and the name that messages give it; it yields seconds in a video (None
        of a photograph) and the (1, size, size, 3) face, or the reason why there is none.

    Raises:
        MissingDependencyError: The face detector is not installed.
    """
    detector = None
    if settings.detector is not None:
        detector = _detector(settings.detector, threading.get_ident())
    return lambda path, name: _read_faces(path, name, settings, detector)


@functools.lru_cache(maxsize=64)
def _detector(name: str, _thread: int) -> FaceDetector:
    """A detector for each thread: those of other people's making need not stand sharing."""
    from voice2face.pretrained.detectors import load_detector

    return load_detector(name)


def _read_voice(
    path: Path, name: str, front_end: FrontEnd, heard: list[NDArray[np.int16]] | None
) -> Iterator[tuple[float, NDArray[np.float16]]]:
    if path.suffix.lower() == ".npy":
        if heard is not None:
            raise RecordingError(f"{name}: is a spectrogram, not a sound; leave --waveforms out")
        bands = _read_bands(path, name, front_end)
        seconds = len(bands) * front_end.hop_length / front_end.sample_rate_hz
        yield seconds, normalise_bands(bands).astype(np.float16)
        return
    recording, features = listen(path, name, front_end)
    if heard is not None:
        heard.append(recording.waveform)
    yield features.speech_s, features.log_mel.astype(np.float16)


def _read_bands(path: Path, name: str, front_end: FrontEnd) -> NDArray[np.float32]:
    """Read a log-mel spectrogram that others have computed, and check it."""
    frames_a_s = front_end.sample_rate_hz / front_end.hop_length
    most = int(MAX_DURATION_S * frames_a_s)
    try:
        content = path.read_bytes()
        if len(content) > most * front_end.n_mels * 8 + 4096:
            raise RecordingError(
                f"{name}: {len(content):,} bytes are more than {MAX_DURATION_S / 60:.0f} minutes"
            )
        bands = np.load(io.BytesIO(content), allow_pickle=False)
    except OSError as error:
        raise RecordingError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError, SyntaxError) as error:
        raise RecordingError(f"{name}: not an array that NumPy can read ({error})") from None
    if not isinstance(bands, np.ndarray) or bands.dtype.kind != "f":
        kind = getattr(bands, "dtype", type(bands).__name__)
        raise RecordingError(f"{name}: holds {kind}; an array of floats is needed")
    if bands.ndim != 2 or bands.shape[1] != front_end.n_mels:
        raise RecordingError(
            f"{name}: has the shape {bands.shape}; frames x {front_end.n_mels} mel bands is needed"
        )
    if len(bands) < front_end.min_speech_s * frames_a_s:
        raise RecordingError(
            f"{name}: {len(bands) / frames_a_s:.2f} s of speech found in {len(bands)} frames; "
            f"at least {front_end.min_speech_s} s of speech is needed"
        )
    if not np.isfinite(bands).all():
        raise RecordingError(f"{name}: holds values that are NaN or infinite; compute it again")
    return bands.astype(np.float32)


def _read_faces(
    path: Path, name: str, settings: StoreSettings, detector: FaceDetector | None
) -> Iterator[tuple[float | None, NDArray[np.uint8] | str]]:
    """Read the face of a photograph, or faces of a video; a frame without one gives a reason."""
    size = settings.image_size_px
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        if detector is None:
            yield None, read_face(path, size)[None]
        else:
            yield None, aligned_face(path, detector, size, name=name)[None]
        return
    if detector is None:
        raise DataError(
            f"{name}: is a video, whose faces must be found: leave --aligned out, or "
            "in training set store.detector=mtcnn"
        )
    for time_s, frame in video_frames(path, FRAME_EVERY_S, MAX_FRAMES):
        yield time_s, _face_or_reason(frame, time_s, detector, size)


def _face_or_reason(
    frame: NDArray[np.uint8], time_s: float, detector: FaceDetector, size_px: int
) -> NDArray[np.uint8] | str:
    name = f"at {time_s:.2f} s"
    try:
        return aligned_face(frame, detector, size_px, name=name)[None]
    except DataError as error:
        return str(error)
