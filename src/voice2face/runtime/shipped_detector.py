"""The speech detector that ships with the package, or that a run trained, for exported models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from voice2face.audio.settings import FrontEnd, preset
from voice2face.errors import BundleError
from voice2face.files import read_json
from voice2face.ranges import record
from voice2face.runtime.bundle_file import SPEECH_DETECTOR_FILE
from voice2face.runtime.description import SpeechDecision

DECISION_FILE = "decision.json"
_SHIPPED = Path(__file__).resolve().parents[1] / "models" / "speech_detector"


def shipped_detector(
    front_end: FrontEnd, folder: Path = _SHIPPED
) -> tuple[Path | None, SpeechDecision | None]:
    """Find the detector for recordings that a front end prepared.

    Args:
        folder: Where `train speech` left another than the one that ships.

    Returns:
        The network's file, and when it says that a person speaks; None and None where the detector
        was trained with another front end.

    Raises:
        BundleError: `decision.json` is missing or damaged.
        ConfigError: It lacks something.
    """
    about = read_json(folder / DECISION_FILE, BundleError)
    if not preset(about.get("front_end", "")).hears_as(front_end):
        return None, None
    decision = record(SpeechDecision, about.get("decision"), f"{folder / DECISION_FILE}: decision")
    return folder / SPEECH_DETECTOR_FILE, decision


def decision_json(front_end: str, decision: SpeechDecision) -> dict[str, Any]:
    """What `decision.json` says: the front end's name, and the decision."""
    return {"front_end": front_end, "decision": dataclasses.asdict(decision)}
