"""Scoring a system with whatever judges are installed, beside all baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voice2face.data.planted.make import is_planted
from voice2face.data.store import Store
from voice2face.errors import MissingDependencyError, look_up
from voice2face.evaluation.baselines import RidgeMatcher, make_baselines
from voice2face.evaluation.evaluate import Judges, evaluate
from voice2face.evaluation.image_quality import image_quality
from voice2face.evaluation.judges import (
    ATTRIBUTE_CLASSIFIERS,
    DETECTORS,
    FACE_RECOGNISERS,
    IMAGE_FEATURES,
    load_available,
    suited,
)
from voice2face.evaluation.systems import find_system

__all__ = ["evaluate_with_judges"]

_KINDS = {
    "recognisers": FACE_RECOGNISERS,
    "classifiers": ATTRIBUTE_CLASSIFIERS,
    "detectors": DETECTORS,
    "features": IMAGE_FEATURES,
}


def evaluate_with_judges(
    system: str,
    store: Store,
    split: str,
    out: Path,
    by: Sequence[str],
    seed: int = 0,
    judges: Sequence[str] | None = None,
    pair_by: str | None = None,
    samples: int = 1,
    trials_from: Path | None = None,
) -> tuple[list[str], list[str]]:
    """Score a system beside all baselines with the judges that are installed.

    Args:
        system: See `systems.find_system`.
        store: A prepared store.
        split: Split to score it on.
        out: Folder of the result.
        by: Attributes to tell figures by.
        seed: Of trials, samples and resampling.
        judges: Names of the judges to ask; None asks all that are installed and know such faces.
        pair_by: Which voices and faces belong together; None: as the store was prepared.
        samples: Faces a recording.
        trials_from: Folder of trial lists to ask in place of newly drawn ones.

    Returns:
        What the result says in words, with the ceiling where it is known; and for each judge that
        is missing what to install.

    Raises:
        ConfigError: A judge or an attribute does not exist.
        MissingDependencyError: A judge that was asked for, or every one, is missing.
        DataError: See `evaluate.evaluate`.
    """
    unknown = sorted(set(judges or ()) - {name for kind in _KINDS.values() for name in kind})
    if unknown:
        known = {name: None for kind in _KINDS.values() for name in kind}
        look_up("judge", unknown[0], known)
    found: dict[str, Any] = {}
    missing: list[str] = []
    for kind, registry in _KINDS.items():
        names = None if judges is None else [name for name in judges if name in registry]
        of_such_faces = suited(registry, is_planted(store)) if judges is None else registry
        found[kind], lines = load_available(of_such_faces, names)
        missing += lines
    if not any(found.values()):
        raise MissingDependencyError("; ".join(missing) or "no judge was asked for")
    result = evaluate(
        find_system(system),
        store,
        split,
        Judges(**found, quality=image_quality),
        make_baselines(),
        out,
        by=by,
        seed=seed,
        matchers=[RidgeMatcher()],
        pair_by=pair_by or store.card["settings"].get("pair_by") or "identity",
        samples=samples,
        trials_from=trials_from,
    )
    ceiling = [result["ceiling"]] if result["ceiling"] else []
    return [*result["verdicts"], *ceiling], missing
