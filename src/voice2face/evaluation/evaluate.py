"""Score a system on a store: the trials, the judges, the baselines, one result."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face import __version__
from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.duration_section import draw_by_duration, duration_section
from voice2face.evaluation.interfaces import Baseline, DirectMatcher, IdentityClassifier, System
from voice2face.evaluation.measured_section import measured_section
from voice2face.evaluation.quality_estimates import quality_section
from voice2face.evaluation.sections import (
    Context,
    attribute_section,
    detection_section,
    identity_section,
)
from voice2face.evaluation.shown import Pictures, shown_trials
from voice2face.evaluation.sound_section import sound_section
from voice2face.evaluation.systems import FolderSystem, draw_apart, shares_noise
from voice2face.evaluation.trial_files import read_trials, write_trials
from voice2face.evaluation.trials import ATTRIBUTES, TrialSet, TrialSettings, draw_trials
from voice2face.evaluation.verdicts import verdicts
from voice2face.evaluation.vggface import vggface_section
from voice2face.files import atomic_path, sha256, write_atomically
from voice2face.pretrained.interfaces import (
    AttributeClassifier,
    AttributeMeasure,
    FaceDetectorJudge,
    FaceRecogniser,
    ImageFeatures,
)
from voice2face.synthetic.ceilings import known_ceiling

__all__ = ["RESULT_FORMAT", "EvaluationConfig", "Judges", "evaluate"]

RESULT_FORMAT = 1
RESULT_FILE, PICTURES_FILE = "result.json", "pictures.npz"
Drawn: TypeAlias = dict[str, NDArray[np.uint8]]

_PACKAGES = ("numpy", "onnxruntime", "torch", "pillow", "pyarrow")


@dataclass(frozen=True)
class Judges:
    """Who judges. None may have been used as a training loss of a system.

    Attributes:
        recognisers: For identity and consistency.
        classifiers: For attributes.
        measures: For traits that are numbers.
        detectors: For whether there is a face.
        features: For image quality.
        identifiers: For the VGGFace score.
    """

    recognisers: Sequence[FaceRecogniser] = ()
    classifiers: Sequence[AttributeClassifier] = ()
    measures: Sequence[AttributeMeasure] = ()
    detectors: Sequence[FaceDetectorJudge] = ()
    features: Sequence[ImageFeatures] = ()
    identifiers: Sequence[IdentityClassifier] = ()


@dataclass(frozen=True)
class EvaluationConfig:
    """What is asked, and how.

    Attributes:
        by: Attributes to tell figures by: some of `ATTRIBUTES`.
        seed: Of trials, further samples and resampling.
        pair_by: Which voices and faces belong together, for the fitting of baselines.
        samples: Faces a recording; identity is judged by the mean of their embeddings.
        settings: How many trials; None takes the defaults with `seed`.
        trials_from: Folder of trial lists to ask in place of newly drawn ones.
        sounds: Folder of sounds that are no speech; see `sound_section.find_sounds`.
    """

    by: Sequence[str] = ATTRIBUTES
    seed: int = 0
    pair_by: str = "identity"
    samples: int = 1
    settings: TrialSettings | None = None
    trials_from: Path | None = None
    sounds: Path | None = None

    def __post_init__(self) -> None:
        if unknown := [attribute for attribute in self.by if attribute not in ATTRIBUTES]:
            raise ConfigError(f"by {', '.join(unknown)}: give some of {', '.join(ATTRIBUTES)}")


def evaluate(
    system: System,
    store: Store,
    split: str,
    judges: Judges,
    baselines: Sequence[Baseline] = (),
    out: Path | None = None,
    config: EvaluationConfig | None = None,
    *,
    others: Sequence[System] = (),
    matchers: Sequence[DirectMatcher] = (),
    not_asked: Sequence[str] = (),
) -> dict:
    """Score systems beside baselines, on the same trials with the same judges.

    A baseline or matcher that the store does not allow is left out, and `not_asked` tells why.

    Args:
        baselines: What stands beside it; fitted on the store's split "train".
        out: Folder to write `result.json`, `pictures.npz` (faces of the trials that are shown, by
            name) and `trials/` to; None writes nothing.
        config: What is asked, and how; None takes the defaults.
        matchers: Direct matchers, fitted for each recogniser: a ceiling.
        not_asked: What could not be asked, and why, for the page.

    Returns:
        The result, as in `result.json`.

    Raises:
        ConfigError: Two contenders share a name.
        DataError: The split has no recordings, the trials are of another store, or a contender
            cannot answer.
    """
    config = config or EvaluationConfig()
    systems = [system, *others]
    _check_names([*systems, *baselines, *matchers])
    context = Context.of(store, _trials(store, split, config), config.by, config.seed)
    lacking = list(not_asked)
    drawn, apart = _draw(systems, baselines, context, config, lacking)
    baselines = [one for one in baselines if one.name in drawn]
    names = [one.name for one in systems]
    result = _head(names, baselines, matchers, context, config)
    ceiling, ceilings = known_ceiling(store, context.trials.lists)
    result |= {"ceiling": ceiling, "ceilings": ceilings, "not_asked": lacking}
    if sha := _trials_sha256(context.trials, config.trials_from, out):
        result["trials"]["sha256"] = sha
    placing = [_Placing(one, context, config.pair_by, lacking) for one in matchers]
    result |= _sections(context, judges, drawn, apart, names, placing)
    heard = {
        one.name: draw_by_duration(context, one)
        for one in systems
        if not isinstance(one, FolderSystem)
    }
    result["duration"] = {
        judge.name: duration_section(context, judge, heard) for judge in judges.recognisers
    }
    sounds = {
        one.name: sound_section(context, one, apart[one.name], judges.detectors, config.sounds)
        for one in systems
    }
    result |= {"sounds": sounds.pop(system.name), "sounds_of": sounds}
    shown, pictures = shown_trials(
        context, judges.recognisers, {name: drawn[name] for name in names}
    )
    result |= {"shown": shown}
    result["verdicts"] = verdicts(result)
    if out is not None:
        _write(result, pictures, out)
    return result


def _draw(
    systems: Sequence[System],
    baselines: Sequence[Baseline],
    context: Context,
    config: EvaluationConfig,
    lacking: list[str],
) -> tuple[Drawn, Drawn]:
    """Faces by contender: with one noise for all recordings, and with each recording's own.

    Of a baseline that cannot answer there are none, and `lacking` is told why.
    """
    drawn, apart = {}, {}
    asked = (context.store, context.trials.recording_rows, config.samples, context.seed)
    for one in tqdm(systems, desc="draw", unit="system", mininterval=1.0):
        drawn[one.name] = apart[one.name] = _checked(one, one.draw(*asked), context, config.samples)
        if shares_noise(one):
            apart[one.name] = draw_apart(one, *asked)
    for one in tqdm(baselines, desc="baselines", unit="system", mininterval=1.0):
        try:
            one.fit(context.store, config.pair_by)
            faces = _checked(one, one.draw(*asked), context, config.samples)
        except DataError as error:
            lacking.append(f"{one.name}: {error}")
            continue
        drawn[one.name] = apart[one.name] = faces
        if note := getattr(one, "note", ""):
            lacking.append(f"{one.name}: {note}")
    return drawn, apart


@dataclass(frozen=True)
class _Placing:
    """A direct matcher, to be fitted for each recogniser."""

    matcher: DirectMatcher
    context: Context
    pair_by: str
    lacking: list[str]

    def place(self, judge: FaceRecogniser) -> dict[str, NDArray[np.float32]]:
        """Its embeddings by its name; none where it cannot be fitted, and `lacking` tells why."""
        rows = self.context.trials.recording_rows
        try:
            self.matcher.fit(self.context.store, self.pair_by, judge)
            return {self.matcher.name: self.matcher.embed_voices(self.context.store, rows, judge)}
        except DataError as error:
            line = f"{self.matcher.name}: {error}"
            if line not in self.lacking:
                self.lacking.append(line)
            return {}


def _trials(store: Store, split: str, config: EvaluationConfig) -> TrialSet:
    """The trial lists: written ones, or new ones."""
    if config.trials_from is None:
        return draw_trials(store, split, config.settings or TrialSettings(seed=config.seed))
    trials = read_trials(config.trials_from, store)
    if trials.header["split"] != split:
        raise DataError(
            f"{config.trials_from}: the trials are of the split {trials.header['split']!r}, "
            f"not {split!r}; give that split, or draw trials anew"
        )
    return trials


def _trials_sha256(trials: TrialSet, given: Path | None, out: Path | None) -> str:
    """Hash of the trial lists, which are written where they are new; "" where that is nowhere."""
    if given is not None:
        return sha256(given / "trials.json")
    return "" if out is None else write_trials(trials, out / "trials")


def _head(
    systems: Sequence[str],
    baselines: Sequence[Baseline],
    matchers: Sequence[DirectMatcher],
    context: Context,
    config: EvaluationConfig,
) -> dict:
    """What a result is of."""
    return {
        "format": RESULT_FORMAT,
        "system": systems[0],
        "systems": list(systems),
        "baselines": [one.name for one in baselines],
        "matchers": [one.name for one in matchers],
        "split": context.trials.header["split"],
        "by": list(config.by),
        "seed": config.seed,
        "samples": config.samples,
        "store": _told_of_store(context.store),
        "trials": _told_of_trials(context),
        "versions": _versions(),
    }


def _write(result: dict, pictures: Pictures, out: Path) -> None:
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(out / RESULT_FILE, text.encode())
    with atomic_path(out / PICTURES_FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **pictures)


def _sections(
    context: Context,
    judges: Judges,
    drawn: Drawn,
    apart: Drawn,
    systems: Sequence[str],
    placing: Sequence[_Placing],
) -> dict:
    """What every judge says, by kind and judge.

    Of identity with one noise for all recordings, so that only the voice differs; of how faces are
    with noise of each recording's own.
    """
    identity = {}
    for judge in tqdm(judges.recognisers, desc="identity", unit="judge", mininterval=1.0):
        placed = {name: where for one in placing for name, where in one.place(judge).items()}
        identity[judge.name] = identity_section(context, judge, drawn, placed, systems)
    return {
        "identity": identity,
        "attributes": {
            judge.name: attribute_section(context, judge, apart, systems)
            for judge in judges.classifiers
        },
        "measured": {
            judge.name: measured_section(context, judge, apart, systems)
            for judge in judges.measures
        },
        "detection": {
            judge.name: detection_section(context, judge, apart, systems)
            for judge in judges.detectors
        },
        "quality": {
            judge.name: quality_section(context, judge, apart) for judge in judges.features
        },
        "vggface": {
            judge.name: vggface_section(context, judge, drawn) for judge in judges.identifiers
        },
    }


def _checked(
    system: System, faces: NDArray[np.uint8], context: Context, samples: int
) -> NDArray[np.uint8]:
    """Faces of one contender, if they are what was asked for."""
    rows = context.trials.recording_rows
    if faces.dtype != np.uint8 or faces.ndim != 5 or faces.shape[:2] != (len(rows), samples):
        raise DataError(
            f"{system.name}: gave {faces.dtype} of shape {faces.shape}; uint8 of shape "
            f"({len(rows)}, {samples}, size, size, 3) is needed"
        )
    return faces


def _check_names(contenders: Sequence[System | DirectMatcher]) -> None:
    names = [one.name for one in contenders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"two systems or baselines are called {', '.join(twice)}; each needs a name of its own"
        )


def _told_of_store(store: Store) -> dict:
    return {
        "name": store.folder.name,
        "content_sha256": store.card.get("content_sha256"),
        "sources": store.card.get("sources", []),
    }


def _told_of_trials(context: Context) -> dict:
    trials = context.trials
    return {
        **trials.header,
        "n_people": len(np.unique(trials.recording_person)),
        "n_people_with_faces": int(trials.paired.sum()),
        "n_recordings": len(trials.recording_rows),
        "n_faces": len(trials.face_rows),
        "lists": [
            {
                "protocol": groups.protocol,
                "stratum": groups.stratum,
                "size": groups.size,
                "groups": len(groups.person),
            }
            for groups in trials.lists
        ],
    }


def _versions() -> dict[str, str]:
    found = {"voice2face": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
