"""The speech detector that ships with the package, which every exported model takes along."""

from __future__ import annotations

from pathlib import Path

from voice2face.audio.settings import FrontEnd, preset
from voice2face.errors import BundleError
from voice2face.files import read_json
from voice2face.ranges import record
from voice2face.runtime.description import SPEECH_DETECTOR_FILE, SpeechDecision

__all__ = ["shipped_detector"]

_FOLDER = Path(__file__).resolve().parents[1] / "models" / "speech_detector"


def shipped_detector(front_end: FrontEnd) -> tuple[Path | None, SpeechDecision | None]:
    """Find the detector for recordings that a front end prepared.

    Returns:
        The network's file, and when it says that a person speaks; None and None where the detector
        was trained with another front end.
    """
    about = read_json(_FOLDER / "decision.json", BundleError)
    if not preset(about["front_end"]).hears_as(front_end):
        return None, None
    return _FOLDER / SPEECH_DETECTOR_FILE, record(SpeechDecision, about["decision"])
