"""What `model.json` says of a bundle: read, checked, and brought up to the newest format."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from voice2face.audio.settings import FrontEnd
from voice2face.errors import BundleError, ConfigError, unknown_name
from voice2face.files import json_object
from voice2face.ranges import Finite, Range, Share, record
from voice2face.runtime.bundle_file import (
    ARTIFACT_CRITIC_FILE,
    BUNDLE_FILES,
    DESCRIPTION_FILE,
    GENERATOR_FILE,
    SPEECH_DETECTOR_FILE,
    read_file,
)
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.runtime.voice_noise import VoiceNoise

DEFAULT_MODEL = "projected-64"
FORMAT = 6
# What formats before each lack, and what it means there.
_SINCE_FORMAT: dict[int, dict[str, Any]] = {
    2: {"noise_dim": 0, "gender": None, "speech": None},
    4: {"voice_noise": None, "two_voices": None},
    5: {"redraw": None},
    6: {"attention": False},
}
# Likewise, of a field's own fields.
_IN_FIELD_SINCE_FORMAT: dict[int, tuple[str, dict[str, Any]]] = {
    3: ("front_end", {"band_range_db": None}),
    6: ("voice_noise", {"sectors": 4}),
}
# Wheels are unpacked on installing, so this is a folder; importlib.resources costs 20 ms to load.
_SHIPPED = Path(__file__).resolve().parents[1] / "models"

_Length = Annotated[int, Range(1, 4096)]


@dataclass(frozen=True)
class SpeechDecision:
    """When a recording counts as a person speaking.

    Attributes:
        threshold: A recording whose logit is lower is refused.
        false_refusal: Share of recordings of speech that are refused, in [0, 1].
        false_acceptance: Share of recordings of other sounds that are let through, in [0, 1].
        description: On what both were measured, for people.
    """

    threshold: Finite
    false_refusal: Share
    false_acceptance: Share
    description: str


@dataclass(frozen=True)
class Redraw:
    """When a face looks broken, and is generated again with other noise.

    Attributes:
        threshold: A face whose logit of the artifact critic is higher counts as broken.
        most: Times that a face is generated again; of all that count as broken the one with the
            lowest logit is taken.
    """

    threshold: Finite
    most: Annotated[int, Range(1, 16)]


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What `model.json` says.

    Attributes:
        format: Version of the bundle's format: always `FORMAT`, older ones are brought up to it.
        front_end: Settings of the audio front end it was trained with.
        crop_frames: Frames of the random stretch of speech that each further sample hears, where
            the generator takes no noise.
        jitter: Deviation of the noise on the unit embedding of further samples, where the
            generator takes no noise of its own.
        pixel_range: "fixed": [-1, 1] becomes [0, 255]. "stretched": each image is stretched to
            [0, 255], as the published system does.
        files: SHA-256 of each of the bundle's files.
        card: For people: description, data, licences, pairing key, command, cost, quality, limits.
        noise_dim: Length of the noise that the generator takes beside the embedding; 0: it takes
            the embedding alone.
        gender: How the embedding tells a woman's voice from a man's; None: it is not told.
        speech: When a recording counts as speech; None: whatever the front end lets through.
        voice_noise: How the noise follows from the voice; None: it does not.
        two_voices: Where the windows of a recording fall into two clusters whose cosine is lower,
            more than one person speaks; None: it is not told. See `voices.Division`.
        redraw: When a face is generated again, for it looks broken; None: never.
        attention: Whether the voice encoder also gives the weight of each moment of speech.
        marked: Whether pictures get the imperceptible mark; a bundle for research may do without.
    """

    format: int = FORMAT
    name: str
    front_end: FrontEnd
    embedding_dim: _Length
    image_size_px: Annotated[int, Range(1, 1024)]
    crop_frames: Annotated[int, Range(1, 100_000)]
    jitter: Annotated[float, Range(0, 10)]
    pixel_range: Literal["fixed", "stretched"]
    files: dict[str, str] = field(default_factory=dict[str, str])
    card: dict[str, Any]
    noise_dim: Annotated[int, Range(0, 4096)] = 0
    gender: GenderEvidence | None = None
    speech: SpeechDecision | None = None
    voice_noise: VoiceNoise | None = None
    two_voices: Annotated[float, Range(-1, 1)] | None = None
    redraw: Redraw | None = None
    attention: bool = False
    marked: bool = True

    @property
    def number(self) -> int:
        """The model's number in the mark: the first 24 bits of its generator's SHA-256."""
        return int(self.files.get(GENERATOR_FILE, "")[:6] or "0", 16)

    def conflicts(self) -> list[str]:
        """Tell what does not go together."""
        told = [
            f"files names {name!r:.100}, which no bundle has"
            for name in sorted(self.files.keys() - set(BUNDLE_FILES))
        ]
        if self.gender is not None and len(self.gender.axis) != self.embedding_dim:
            told.append(
                f"gender.axis has {len(self.gender.axis)} numbers, embedding_dim is "
                f"{self.embedding_dim}"
            )
        if self.voice_noise is not None:
            if self.voice_noise.lengths != {self.embedding_dim}:
                told.append(
                    f"voice_noise has vectors of {sorted(self.voice_noise.lengths)} numbers, "
                    f"embedding_dim is {self.embedding_dim}"
                )
            if not self.noise_dim:
                told.append("voice_noise is given, and noise_dim is 0: the generator takes none")
        if (self.speech is not None) != (SPEECH_DETECTOR_FILE in self.files):
            told.append(f"speech and {SPEECH_DETECTOR_FILE} in files come together")
        if (self.redraw is not None) != (ARTIFACT_CRITIC_FILE in self.files):
            told.append(f"redraw and {ARTIFACT_CRITIC_FILE} in files come together")
        if self.redraw is not None and not self.noise_dim:
            told.append("redraw is given, and noise_dim is 0: a face has no other noise")
        return told

    def to_json(self) -> str:
        """Write the description as `model.json` holds it."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


def bundled_models() -> dict[str, Path]:
    """List the models that ship inside the package, by name."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob("*/model.json"))}


def find_bundle(model: str, revision: str | None = None) -> Path:
    """Find a bundle: a shipped model, or else a folder or zip, or else a model of the Hub.

    Args:
        model: Name of a shipped model; a path; or "owner/name" or "owner/name@revision".
        revision: Branch, tag or commit of a model of the Hub; None is what the name says, or the
            newest.

    Returns:
        A folder, or a zip.

    Raises:
        BundleError, MissingDependencyError: See `hub.download`.
        ConfigError: There is no such model.
    """
    shipped = bundled_models()
    path = None
    if model in shipped:
        path = shipped[model]
    elif Path(model).is_dir() or Path(model).is_file():
        path = Path(model)
    if path is None:
        from voice2face.runtime import hub

        if name := hub.hub_name(model):
            return hub.download(name if revision is None else name._replace(revision=revision))
        error = unknown_name("model", model, shipped)
        raise ConfigError(
            f"{error}; or give the folder or the .zip of a bundle, or owner/name of the Hub"
        )
    if revision is not None:
        raise ConfigError(f"revision: {model} is on this machine; only models of the Hub have any")
    return path


def read_description(bundle: Path) -> ModelDescription:
    """Read and check a bundle's `model.json`.

    Args:
        bundle: A folder, or a zip.

    Raises:
        BundleError: It is missing, damaged, of an unknown format, or has other fields.
    """
    path = bundle / DESCRIPTION_FILE
    if bundle.is_dir() and not path.exists():
        raise BundleError(f"{bundle}: is not a model bundle (it has no model.json)")
    content = json_object(read_file(bundle, DESCRIPTION_FILE), path, BundleError)
    found = content.get("format")
    if type(found) is not int or not 1 <= found <= FORMAT:
        raise BundleError(
            f"{path}: has format {found!r:.40}; this version of voice2face reads formats 1 "
            f"to {FORMAT}"
        )
    for since, fields in _SINCE_FORMAT.items():
        if found < since:
            if newer := sorted(fields.keys() & content.keys()):
                told = "; ".join(f"{name} is unknown" for name in newer)
                raise BundleError(f"{path}: has format {found}, in which {told}")
            content = {**content, **fields}
    for since, (name, fields) in _IN_FIELD_SINCE_FORMAT.items():
        if found < since and isinstance(content.get(name), dict):
            content[name] = {**fields, **content[name]}
    # May be left out, in any format.
    content = {"marked": True, **content, "format": FORMAT}
    try:
        return record(ModelDescription, content)
    except ConfigError as error:
        raise BundleError(f"{path}: {error}") from None
