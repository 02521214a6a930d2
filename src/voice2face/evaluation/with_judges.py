"""Scoring systems with whatever judges are installed, beside all baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from voice2face.data.store import Store
from voice2face.errors import DataError, MissingDependencyError, look_up
from voice2face.evaluation.baselines import RidgeMatcher, make_baselines
from voice2face.evaluation.evaluate import EvaluationConfig, Judges, evaluate
from voice2face.evaluation.identity_classifier import (
    EmbeddingClassifier,
    fit_identity_classifier,
    read_identity_classifier,
)
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.measured_section import UNTOLD
from voice2face.evaluation.systems import find_systems
from voice2face.judges import (
    ATTRIBUTE_CLASSIFIERS,
    ATTRIBUTE_MEASURES,
    DETECTORS,
    FACE_RECOGNISERS,
    IMAGE_FEATURES,
    load_available,
    suited,
)
from voice2face.pretrained.interfaces import FaceRecogniser
from voice2face.synthetic.world import is_planted

_KINDS = {
    "recognisers": FACE_RECOGNISERS,
    "classifiers": ATTRIBUTE_CLASSIFIERS,
    "measures": ATTRIBUTE_MEASURES,
    "detectors": DETECTORS,
    "features": IMAGE_FEATURES,
}


def evaluate_with_judges(
    systems: Sequence[str],
    store: Store,
    split: str,
    out: Path,
    config: EvaluationConfig,
    judges: Sequence[str] | None = None,
    identity_classifier: Path | None = None,
) -> tuple[list[str], list[str]]:
    """Score systems beside all baselines with the judges that are installed.

    Args:
        judges: Names of the judges to ask; None asks all that are installed and know such faces.
        identity_classifier: File that an earlier result holds, for the VGGFace score; None fits
            one to the store's training faces for each recogniser, and writes it to `out`.

    Returns:
        What the result says in words, with the ceiling where it is known; and what was not asked,
        such as a judge that is missing or a baseline that cannot be computed, with the reason.

    Raises:
        ConfigError: A judge does not exist.
        MissingDependencyError: A judge that was asked for, or every one, is missing.
        DataError: See `evaluate.evaluate` and `identity_classifier`.
    """
    known = {name: kind for kind, registry in _KINDS.items() for name in registry}
    for name in judges or ():
        look_up("judge", name, known)
    found: dict[str, Any] = {}
    missing: list[str] = []
    for kind, registry in _KINDS.items():
        names = None if judges is None else [name for name in judges if name in registry]
        of_such_faces = suited(registry, is_planted(store)) if judges is None else registry
        found[kind], lines = load_available(of_such_faces, names)
        missing += lines
    if not any(found.values()):
        raise MissingDependencyError("; ".join(missing) or "no judge was given")
    identifiers, lines = _identifiers(found["recognisers"], store, out, identity_classifier)
    missing += lines
    if found["measures"]:
        missing.append(f"{', '.join(UNTOLD)}: no judge here can tell them")
    contenders = Contenders(find_systems(systems), make_baselines(), [RidgeMatcher()])
    asked = Judges(**found, identifiers=identifiers, missing=missing)
    result = evaluate(contenders, store, split, asked, config, out)
    ceiling = [result["ceiling"]] if result["ceiling"] else []
    return [*result["verdicts"], *ceiling], result["not_asked"]


def _identifiers(
    recognisers: Sequence[FaceRecogniser], store: Store, out: Path, given: Path | None
) -> tuple[list[EmbeddingClassifier], list[str]]:
    """Classifiers for the VGGFace score, and why there are none."""
    if given is not None:
        return [read_identity_classifier(given, recognisers)], []
    tried = [_fitted(store, recogniser) for recogniser in recognisers]
    found = [one for one in tried if not isinstance(one, str)]
    for one in found:
        one.write(out / f"identity_classifier-{one.recogniser.name}.safetensors")
    # Where the store is the reason, it is the same for all.
    return found, list(dict.fromkeys(one for one in tried if isinstance(one, str)))


def _fitted(store: Store, recogniser: FaceRecogniser) -> EmbeddingClassifier | str:
    """A classifier, or why there is none."""
    try:
        return fit_identity_classifier(store, recogniser)
    except DataError as error:
        return f"the VGGFace score: {error}"
