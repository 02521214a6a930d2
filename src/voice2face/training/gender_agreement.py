"""Whether the imagined face has the speaker's gender, as independent judges see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.errors import MissingDependencyError
from voice2face.judges import (
    ATTRIBUTE_CLASSIFIERS,
    DETECTORS,
    load_available,
    load_judge,
    suited,
)
from voice2face.labels import GENDERS
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.sampling import recording_seed
from voice2face.synthetic.world import is_planted

_DETECTOR = "mtcnn"
_REAL_FACES = 500


def gender_agreement(
    model: VoiceToFace, store: Store, samples: int = 4
) -> dict[str, float | int | None]:
    """Generate faces for the recordings of the test split and let judges name their gender.

    All judges of gender that are installed are asked, since one alone can be swayed. A face that
    the detector does not find has no gender. Speakers count alike, however many recordings they
    have. Each judge's own accuracy on real faces of the split, at the model's size, stands beside
    what it judges.

    Args:
        store: A prepared store, of the model's front end; no file is read again.

    Returns:
        Figures by name, in percent, with the counts behind them; None where the count is 0.

    Raises:
        MissingDependencyError: The detector, or every judge, is not installed.
        DataError: The weights of one of them are not the published ones, or the store is of
            another front end.
    """
    judges, missing = load_available(suited(ATTRIBUTE_CLASSIFIERS, is_planted(store)))
    if not judges:
        raise MissingDependencyError("; ".join(missing))
    real, spoken = _test_rows(store.faces)[:_REAL_FACES], _test_rows(store.voices)
    photographs = store.images[real]
    drawn = photographs[:0]
    if spoken:
        store.require_front_end(model.description.front_end, model.description.name)
        # With noise that recordings share, many would show the same pose and light.
        apart = model.description.noise_dim > 0
        drawn = np.stack(
            [
                model.imagine(store.log_mel(row), samples, recording_seed(0, row) if apart else 0)
                for row in spoken
            ]
        )
    drawn = drawn.reshape(-1, *photographs.shape[1:])
    true_genders = np.array([store.faces["gender"][row] for row in real])
    genders = np.array([store.voices["gender"][row] for row in spoken])
    speakers = np.array([store.voices["identity"][row] for row in spoken])
    figures: dict[str, float | int | None] = {"n_real_faces": len(real)}
    figures |= {f"n_{one}_speakers": len(set(speakers[genders == one])) for one in GENDERS}
    found = _found(store, photographs), _found(store, drawn)
    for name, of_faces in zip(("real_faces", "generated"), found, strict=True):
        figures[f"face_found_in_{name}_percent"] = _percent(of_faces)
    for judge in judges:
        right = np.array(judge.classify(photographs)["gender"]) == true_genders
        figures[f"{judge.name}_right_on_real_faces_percent"] = _percent(right[found[0]])
        seen = np.array(judge.classify(drawn)["gender"]).reshape(len(spoken), samples)
        agrees = (seen == genders[:, None]) & found[1].reshape(seen.shape)
        for one in GENDERS:
            of_gender = genders == one
            shares = [
                agrees[of_gender & (speakers == who)].mean() for who in set(speakers[of_gender])
            ]
            figures[f"{judge.name}_sees_gender_of_{one}_speakers_percent"] = _percent(shares)
    return figures


def _found(store: Store, faces: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which faces the detector finds; of a planted world, whose cartoons it does not know, all."""
    if is_planted(store) or not len(faces):
        return np.ones(len(faces), bool)
    return load_judge(DETECTORS, _DETECTOR).found(faces)


def _test_rows(columns: dict[str, list]) -> list[int]:
    """Rows of the test split that tell a gender."""
    rows = enumerate(zip(columns["split"], columns["gender"], strict=True))
    return [row for row, (of_split, gender) in rows if of_split == "test" and gender in GENDERS]


def _percent(values) -> float | None:
    return round(100 * float(np.mean(values)), 1) if len(values) else None
