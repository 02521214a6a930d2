"""The front end: recording -> voiced waveform -> normalised log-mel spectrogram."""

from __future__ import annotations

from voice2face.audio.log_mel import log_mel, normalise_bands
from voice2face.audio.settings import FrontEnd
from voice2face.audio.vad import voiced_waveform
from voice2face.errors import RecordingError
from voice2face.records import Features, Recording

__all__ = ["extract"]


def extract(recording: Recording, settings: FrontEnd) -> Features:
    """Compute what the voice encoder hears of a recording.

    This is the only front end: training, evaluation and the command line go through it. The
    spectrogram is not yet repeated to `min_frames`; see `log_mel.repeat_to_length`.

    Args:
        recording: At the rate of the settings.
        settings: The front end's settings.

    Returns:
        The spectrogram, with the lengths of the recording and of its speech.

    Raises:
        RecordingError: Less speech was found than `min_speech_s`.
    """
    voiced = voiced_waveform(recording.waveform, settings)
    speech_s = len(voiced) / settings.sample_rate_hz
    if speech_s < settings.min_speech_s:
        raise RecordingError(
            f"{recording.name}: {speech_s:.2f} s of speech found in {recording.duration_s:.2f} s "
            f"of sound; at least {settings.min_speech_s} s of speech is needed"
        )
    bands = normalise_bands(log_mel(voiced, settings))
    return Features(bands, recording.duration_s, speech_s)
