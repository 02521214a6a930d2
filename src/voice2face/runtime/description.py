"""What `model.json` says of a bundle: read, checked, and brought up to the newest format."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from voice2face.audio.settings import FrontEnd
from voice2face.errors import BundleError, ConfigError, unknown_name
from voice2face.runtime.gender_evidence import GenderEvidence

__all__ = [
    "DEFAULT_MODEL",
    "FORMAT",
    "GENERATOR_FILE",
    "SPEECH_DETECTOR_FILE",
    "VOICE_ENCODER_FILE",
    "ModelDescription",
    "SpeechDecision",
    "bundled_models",
    "find_bundle",
    "read_description",
]

DEFAULT_MODEL = "modern-64"
FORMAT = 2
VOICE_ENCODER_FILE = "voice_encoder.onnx"
GENERATOR_FILE = "generator.onnx"
SPEECH_DETECTOR_FILE = "speech_detector.onnx"
# What format 1 lacks, and what it means there.
_SINCE_FORMAT_2: dict[str, Any] = {"noise_dim": 0, "gender": None, "speech": None}
# Wheels are unpacked on installing, so this is a folder; importlib.resources costs 20 ms to load.
_SHIPPED = Path(__file__).resolve().parents[1] / "models"


@dataclass(frozen=True)
class SpeechDecision:
    """When a recording counts as a person speaking.

    Attributes:
        threshold: A recording whose logit is lower is refused.
        false_refusal: Share of recordings of speech that are refused, in [0, 1].
        false_acceptance: Share of recordings of other sounds that are let through, in [0, 1].
        description: On what both were measured, for people.
    """

    threshold: float
    false_refusal: float
    false_acceptance: float
    description: str


@dataclass(frozen=True)
class ModelDescription:
    """What `model.json` says.

    Attributes:
        format: Version of the bundle's format: always `FORMAT`, older ones are brought up to it.
        name: The model's name.
        front_end: Settings of the audio front end it was trained with.
        embedding_dim: Length of the speaker embedding.
        image_size_px: Side of a generated face.
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
    """

    format: int
    name: str
    front_end: FrontEnd
    embedding_dim: int
    image_size_px: int
    crop_frames: int
    jitter: float
    pixel_range: Literal["fixed", "stretched"]
    files: dict[str, str]
    card: dict[str, Any]
    noise_dim: int = 0
    gender: GenderEvidence | None = None
    speech: SpeechDecision | None = None

    def to_json(self) -> str:
        """Write the description as `model.json` holds it."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


def bundled_models() -> dict[str, Path]:
    """List the models that ship inside the package, by name."""
    return {path.parent.name: path.parent for path in sorted(_SHIPPED.glob("*/model.json"))}


def find_bundle(model: str) -> Path:
    """Find a bundle by the name of a shipped model, or by its folder.

    Args:
        model: A name, or the path of a folder.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: The folder is there but is no bundle.
        ConfigError: Neither a shipped model nor a folder.
    """
    shipped = bundled_models()
    if model in shipped:
        return shipped[model]
    folder = Path(model)
    if folder.is_dir():
        return folder
    error = unknown_name("model", model, shipped)
    raise ConfigError(f"{error}; or give the folder of a bundle")


def read_description(folder: Path) -> ModelDescription:
    """Read and check a bundle's `model.json`.

    Args:
        folder: The bundle.

    Returns:
        The description, of the newest format.

    Raises:
        BundleError: It is missing, damaged, of an unknown format, or has other fields.
    """
    path = folder / "model.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder}: is not a model bundle (it has no model.json)") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error})") from None
    found = content.get("format") if isinstance(content, dict) else type(content).__name__
    if type(found) is not int or found not in (1, FORMAT):
        raise BundleError(
            f"{path}: is of format {found!r}; this version of voice2face reads formats 1 and "
            f"{FORMAT}"
        )
    if found == 1:
        _check_fields(path, content, ModelDescription, without=_SINCE_FORMAT_2)
        content = {**content, **_SINCE_FORMAT_2, "format": FORMAT}
    _check_fields(path, content, ModelDescription)
    front_end = _record(path, content["front_end"], FrontEnd)
    gender = _record_or_none(path, content["gender"], GenderEvidence)
    speech = _record_or_none(path, content["speech"], SpeechDecision)
    if gender is not None and len(gender.axis) != content["embedding_dim"]:
        raise BundleError(
            f"{path}: gender.axis has {len(gender.axis)} numbers, embedding_dim is "
            f"{content['embedding_dim']}"
        )
    if (speech is not None) != (SPEECH_DETECTOR_FILE in content["files"]):
        raise BundleError(f"{path}: speech and {SPEECH_DETECTOR_FILE} in files come together")
    return ModelDescription(
        **{**content, "front_end": front_end, "gender": gender, "speech": speech}
    )


def _record(path: Path, content: Any, record: type) -> Any:
    """Make a record of a JSON object with just its fields; lists become tuples."""
    _check_fields(path, content, record)
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
    }
    try:
        return record(**values)
    except ConfigError as error:
        raise BundleError(f"{path}: {error}") from None


def _record_or_none(path: Path, content: Any, record: type) -> Any:
    return None if content is None else _record(path, content, record)


def _check_fields(path: Path, content: Any, record: type, without: Any = ()) -> None:
    """Check that a JSON object has just the fields of a record, with values of their types."""
    if not isinstance(content, dict):
        raise BundleError(f"{path}: {record.__name__} is not an object")
    fields = {
        field.name: str(field.type)
        for field in dataclasses.fields(record)
        if field.name not in without
    }
    problems = [f"{name} is missing" for name in fields if name not in content]
    problems += [f"{name} is unknown" for name in content if name not in fields]
    problems += [
        f"{name} is {content[name]!r}, not {kind}"
        for name, kind in fields.items()
        if name in content and not _is_of_kind(content[name], kind)
    ]
    if content.get("pixel_range", "fixed") not in ("fixed", "stretched"):
        problems.append(f"pixel_range is {content['pixel_range']!r}, not 'fixed' or 'stretched'")
    if isinstance(content.get("noise_dim"), int) and content["noise_dim"] < 0:
        problems.append(f"noise_dim is {content['noise_dim']}, less than 0")
    if problems:
        raise BundleError(f"{path}: {'; '.join(problems)}")


def _is_of_kind(value: Any, kind: str) -> bool:
    """Whether a JSON value fits an annotation; annotations of other records are not looked at."""
    kinds: dict[str, Any] = {"int": int, "float": (int, float), "str": str, "dict": dict}
    if kind == "tuple[float, ...]":
        return isinstance(value, list) and all(isinstance(one, kinds["float"]) for one in value)
    expected = kinds.get(kind.partition("[")[0])
    return expected is None or isinstance(value, expected)
