"""Score systems on a store: faces generated, embedded once by each judge, scored, one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.evaluation.duration_section import duration_section, generate_by_duration
from voice2face.evaluation.embeddings import Embeddings
from voice2face.evaluation.interfaces import (
    Contenders,
    DirectMatcher,
    IdentityClassifier,
    System,
)
from voice2face.evaluation.measured_section import measured_section
from voice2face.evaluation.quality_estimates import quality_section
from voice2face.evaluation.result import result_header, write_result
from voice2face.evaluation.sections import (
    Context,
    attribute_section,
    detection_section,
    identity_section,
)
from voice2face.evaluation.shown import influence_over_time, shown_trials
from voice2face.evaluation.sound_section import sound_section
from voice2face.evaluation.systems import FolderSystem, generate_apart, shares_noise
from voice2face.evaluation.trial_files import read_trials, write_trials
from voice2face.evaluation.trials import ATTRIBUTES, TrialSet, TrialSettings, make_trials
from voice2face.evaluation.verdicts import verdicts
from voice2face.evaluation.vggface import vggface_section
from voice2face.files import sha256
from voice2face.pretrained.interfaces import (
    AttributeClassifier,
    AttributeMeasure,
    FaceDetectorJudge,
    FaceRecogniser,
    ImageFeatures,
)
from voice2face.synthetic.ceilings import known_ceiling

Faces: TypeAlias = dict[str, NDArray[np.uint8]]


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
        missing: Which could not be asked, and why, in words.
    """

    recognisers: Sequence[FaceRecogniser] = ()
    classifiers: Sequence[AttributeClassifier] = ()
    measures: Sequence[AttributeMeasure] = ()
    detectors: Sequence[FaceDetectorJudge] = ()
    features: Sequence[ImageFeatures] = ()
    identifiers: Sequence[IdentityClassifier] = ()
    missing: Sequence[str] = ()


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


@dataclass(frozen=True)
class _Generated:
    """(recordings, samples, size, size, 3) faces by contender.

    Attributes:
        alike: With one noise for all recordings.
        apart: With noise of each recording's own.
    """

    alike: Faces
    apart: Faces


def evaluate(
    contenders: Contenders,
    store: Store,
    split: str,
    judges: Judges,
    config: EvaluationConfig | None = None,
    out: Path | None = None,
) -> dict:
    """Score systems beside baselines, on the same trials with the same judges.

    A baseline or matcher that the store does not allow is left out, and `not_asked` of the result
    tells why.

    Args:
        out: Folder to write `result.json`, `pictures.npz` (faces of the trials that are shown, by
            name) and `trials/` to; None writes nothing.

    Returns:
        The result, as in `result.json`.

    Raises:
        DataError: The split has no recordings, the trials are of another store, or a contender
            cannot answer.
    """
    config = config or EvaluationConfig()
    context = Context.create(store, _trials(store, split, config), config.by, config.seed)
    not_asked = list(judges.missing)
    generated = _generate(contenders, context, config, not_asked)
    present = [one for one in contenders.baselines if one.name in generated.alike]
    contenders = replace(contenders, baselines=present)
    embeddings = {
        judge.name: Embeddings.compute(
            judge,
            context.true_faces(),
            generated.alike,
            _place(contenders.matchers, judge, context, config.pair_by, not_asked),
        )
        for judge in tqdm(judges.recognisers, desc="embed", unit="judge", mininterval=1.0)
    }
    result = result_header(contenders, context, list(config.by), config.samples)
    lists = [(one.protocol, one.stratum, one.size) for one in context.trials.lists]
    ceiling, ceilings = known_ceiling(store, lists)
    result |= {"ceiling": ceiling, "ceilings": ceilings, "not_asked": not_asked}
    if digest := _trials_sha256(context.trials, config.trials_from, out):
        result["trials"]["sha256"] = digest
    names = [one.name for one in contenders.systems]
    result |= _sections(context, judges, generated, embeddings, names)
    result |= _of_recordings(contenders.systems, context, judges, generated, embeddings, config)
    own = {name: generated.alike[name] for name in names}
    shown, pictures = shown_trials(context, embeddings, own)
    over_time = influence_over_time(contenders.systems, context, shown)
    result["shown"] = {**shown, "over_time": over_time}
    result["verdicts"] = verdicts(result)
    if out is not None:
        write_result(result, pictures, out)
    return result


def _generate(
    contenders: Contenders, context: Context, config: EvaluationConfig, not_asked: list[str]
) -> _Generated:
    """Generate faces; of a baseline that cannot answer there are none, and `not_asked` says why."""
    alike, apart = {}, {}
    arguments = (context.store, context.trials.recording_rows, config.samples, context.seed)
    for one in tqdm(contenders.systems, desc="draw", unit="system", mininterval=1.0):
        alike[one.name] = apart[one.name] = _checked(one, one.generate(*arguments), *arguments[1:3])
        if shares_noise(one):
            apart[one.name] = generate_apart(one, *arguments)
    for one in tqdm(contenders.baselines, desc="baselines", unit="system", mininterval=1.0):
        try:
            one.fit(context.store, config.pair_by)
            faces = _checked(one, one.generate(*arguments), *arguments[1:3])
        except DataError as error:
            not_asked.append(f"{one.name}: {error}")
            continue
        alike[one.name] = apart[one.name] = faces
        if note := getattr(one, "note", ""):
            not_asked.append(f"{one.name}: {note}")
    return _Generated(alike, apart)


def _place(
    matchers: Sequence[DirectMatcher],
    judge: FaceRecogniser,
    context: Context,
    pair_by: str,
    not_asked: list[str],
) -> dict[str, NDArray[np.float32]]:
    """Embeddings by matcher; none of one that cannot be fitted, and `not_asked` says why."""
    placed, rows = {}, context.trials.recording_rows
    for one in matchers:
        try:
            one.fit(context.store, pair_by, judge)
            own = one.embed_voices(context.store, rows, judge)
        except DataError as error:
            if (line := f"{one.name}: {error}") not in not_asked:
                not_asked.append(line)
            continue
        placed[one.name] = own
    return placed


def _trials(store: Store, split: str, config: EvaluationConfig) -> TrialSet:
    """The trial lists: written ones, or new ones."""
    if config.trials_from is None:
        return make_trials(store, split, config.settings or TrialSettings(seed=config.seed))
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


def _sections(
    context: Context,
    judges: Judges,
    generated: _Generated,
    embeddings: Mapping[str, Embeddings],
    systems: Sequence[str],
) -> dict:
    """What every judge says, by kind and judge.

    Of identity with one noise for all recordings, so that only the voice differs; of how faces are
    with noise of each recording's own.
    """
    identity = tqdm(embeddings.items(), desc="identity", unit="judge", mininterval=1.0)
    alike, apart = generated.alike, generated.apart
    return {
        "identity": {name: identity_section(context, own, systems) for name, own in identity},
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
            judge.name: vggface_section(context, judge, alike) for judge in judges.identifiers
        },
    }


def _of_recordings(
    systems: Sequence[System],
    context: Context,
    judges: Judges,
    generated: _Generated,
    embeddings: Mapping[str, Embeddings],
    config: EvaluationConfig,
) -> dict:
    """What systems make of other recordings: of shorter ones, and of sounds that are no speech."""
    heard = {
        one.name: generate_by_duration(context, one)
        for one in systems
        if not isinstance(one, FolderSystem)
    }
    sounds = {
        one.name: sound_section(
            context, one, generated.apart[one.name], judges.detectors, config.sounds
        )
        for one in systems
    }
    return {
        "duration": {
            judge.name: duration_section(context, judge, embeddings[judge.name].faces, heard)
            for judge in judges.recognisers
        },
        "sounds": sounds.pop(systems[0].name),
        "sounds_of": sounds,
    }


def _checked(
    system: System, faces: NDArray[np.uint8], rows: NDArray[np.int64], samples: int
) -> NDArray[np.uint8]:
    """Faces of one contender, if they are what was asked for."""
    if faces.dtype != np.uint8 or faces.ndim != 5 or faces.shape[:2] != (len(rows), samples):
        raise DataError(
            f"{system.name}: gave {faces.dtype} of shape {faces.shape}; uint8 of shape "
            f"({len(rows)}, {samples}, size, size, 3) is needed"
        )
    return faces
