"""The section of the result that tells what a model does with sounds that are no speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.errors import DataError
from voice2face.evaluation.estimates import Estimate, Subgroups, TrialMetric, mean_estimates
from voice2face.evaluation.out_of_domain import SoundKind, out_of_domain
from voice2face.evaluation.sections import Context
from voice2face.evaluation.systems import BundleSystem
from voice2face.metrics.intervals import identity_weights
from voice2face.pretrained.interfaces import FaceDetectorJudge

SPEECH = "speech of the split"
_SOUNDS_A_KIND = 60
_RECORDINGS = 200
_NO_FOLDER = (
    "Noise, tones, hum and silence are synthesised. For sounds from life, such as animals and "
    "music, give --out-of-domain FOLDER, with a subfolder of recordings for each kind."
)
_NO_MODEL = "A folder of images cannot be given sounds; only a model can."


def find_sounds(folder: Path, seed: int = 0) -> dict[str, list[Path]]:
    """Find recordings of sounds that are no speech.

    Args:
        folder: A subfolder a kind of sound, or the recordings of one kind, named as the folder is.

    Raises:
        DataError: It is no folder, or holds no recording.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is not a folder; give one with a subfolder for each kind of sound"
        )
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in MEDIA_SUFFIXES and path.is_file():
            parts = path.relative_to(folder).parts
            kinds.setdefault(parts[0] if len(parts) > 1 else folder.name, []).append(path)
    if not kinds:
        raise DataError(f"{folder}: holds no recording; give sounds in a subfolder for each kind")
    random = np.random.default_rng([seed, 3])
    chosen = {}
    for kind, paths in kinds.items():
        kept = np.sort(random.permutation(len(paths))[:_SOUNDS_A_KIND])
        chosen[kind] = [paths[index] for index in kept]
    return chosen


def sound_section(
    context: Context,
    system: object,
    generated: NDArray[np.uint8],
    detectors: Sequence[FaceDetectorJudge],
    folder: Path | None,
) -> dict:
    """What a model does with sounds that are no speech, with speech beside it.

    Args:
        system: The system; only a bundle can be given sounds.
        generated: (recordings, samples, size, size, 3) its faces for the split's recordings.
        folder: See `find_sounds`; None takes synthesised sounds only.

    Returns:
        `figures`, of which `group` is the kind of sound and each sound counts as a person, and
        `note`.

    Raises:
        DataError: See `find_sounds`.
    """
    if not isinstance(system, BundleSystem):
        return {"figures": [], "note": _NO_MODEL}
    sounds: Mapping[str, Sequence[Path]] = find_sounds(folder, context.seed) if folder else {}
    figures = _of_speech(context, generated[:, 0], detectors)
    for kind in out_of_domain(system.model, detectors, sounds, seed=context.seed):
        figures += _of_kind(kind, context.seed)
    note = "" if folder else _NO_FOLDER
    return {"figures": [figure.as_dict() for figure in figures], "note": note}


def _of_speech(
    context: Context, faces: NDArray[np.uint8], detectors: Sequence[FaceDetectorJudge]
) -> list[Estimate]:
    """Some recordings of the split. A store holds none without speech: none can be refused."""
    random = np.random.default_rng([context.seed, 4])
    rows = np.sort(random.permutation(len(faces))[:_RECORDINGS])
    person = context.trials.recording_person[rows]
    outcomes = [
        TrialMetric(f"face found/{one.name}", person, one.found(faces[rows]).astype(float))
        for one in detectors
    ]
    subgroups = Subgroups((SPEECH,), context.subgroups.masks[:1])
    return mean_estimates(outcomes, subgroups, context.voice_weights)


def _of_kind(kind: SoundKind, seed: int) -> list[Estimate]:
    """Each sound is drawn anew on its own."""
    if not kind.n:
        return []
    sounds = np.arange(kind.n)
    refused = sounds >= len(kind.names)
    outcomes = [TrialMetric("refused", sounds, refused.astype(float))]
    outcomes += [
        TrialMetric(
            f"face found/{name}", sounds[: len(found)], found.astype(float), higher_is_better=False
        )
        for name, found in kind.found.items()
    ]
    subgroups = Subgroups((kind.kind,), np.ones((1, kind.n), dtype=bool))
    return mean_estimates(outcomes, subgroups, identity_weights(kind.n, seed))
