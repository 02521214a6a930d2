"""Bundles: a folder with two networks as ONNX and `model.json`, which tells all about them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voice2face.audio.settings import FrontEnd
from voice2face.errors import BundleError, ConfigError, unknown_name

__all__ = [
    "DEFAULT_MODEL",
    "FORMAT",
    "GENERATOR_FILE",
    "VOICE_ENCODER_FILE",
    "Bundle",
    "ModelDescription",
    "bundled_models",
    "find_bundle",
    "read_description",
]

DEFAULT_MODEL = "starter"
FORMAT = 1
VOICE_ENCODER_FILE = "voice_encoder.onnx"
GENERATOR_FILE = "generator.onnx"
# Wheels are unpacked on installing, so this is a folder; importlib.resources costs 20 ms to load.
_SHIPPED = Path(__file__).resolve().parents[1] / "models"


@dataclass(frozen=True)
class ModelDescription:
    """What `model.json` says.

    Attributes:
        format: Version of the bundle's format.
        name: The model's name.
        front_end: Settings of the audio front end it was trained with.
        embedding_dim: Length of the speaker embedding.
        image_size_px: Side of a generated face.
        crop_frames: Frames of the random stretch of speech that each further sample hears.
        jitter: Deviation of the noise on the unit embedding of further samples.
        pixel_range: "fixed": [-1, 1] becomes [0, 255]. "stretched": each image is stretched to
            [0, 255], as the published system does.
        files: SHA-256 of each of the bundle's files.
        card: For people: description, data, licences, pairing key, command, cost, quality, limits.
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
        The description.

    Raises:
        BundleError: It is missing, damaged, of another format, or has other fields.
    """
    path = folder / "model.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{folder}: is not a model bundle (it has no model.json)") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise BundleError(
            f"{path}: is of format {found!r}; this version of voice2face reads format {FORMAT}"
        )
    _check_fields(path, content, ModelDescription)
    _check_fields(path, content["front_end"], FrontEnd)
    return ModelDescription(**{**content, "front_end": FrontEnd(**content["front_end"])})


def _check_fields(path: Path, content: Any, record: type) -> None:
    """Check that a JSON object has just the fields of a record, with values of their types."""
    kinds: dict[str, Any] = {"int": int, "float": (int, float), "str": str, "dict": dict}
    if not isinstance(content, dict):
        raise BundleError(f"{path}: {record.__name__} is not an object")
    fields = {field.name: str(field.type) for field in dataclasses.fields(record)}
    problems = [f"{name} is missing" for name in fields if name not in content]
    problems += [f"{name} is unknown" for name in content if name not in fields]
    for name, kind in fields.items():
        expected = kinds.get(kind.partition("[")[0])
        if name in content and expected and not isinstance(content[name], expected):
            problems.append(f"{name} is {content[name]!r}, not {kind}")
    if content.get("pixel_range", "fixed") not in ("fixed", "stretched"):
        problems.append(f"pixel_range is {content['pixel_range']!r}, not 'fixed' or 'stretched'")
    if problems:
        raise BundleError(f"{path}: {'; '.join(problems)}")


class Bundle:
    """A verified bundle, ready to run.

    Args:
        folder: The bundle.

    Raises:
        BundleError: A file is missing, was changed since it was exported, cannot be loaded, or
            has other inputs and outputs than `model.json` says.
    """

    def __init__(self, folder: Path) -> None:
        self.description = read_description(folder)
        about = self.description
        self._voice_encoder = _open_network(
            folder,
            VOICE_ENCODER_FILE,
            about,
            takes=(None, about.front_end.n_mels, None),
            gives=(None, about.embedding_dim),
        )
        self._generator = _open_network(
            folder,
            GENERATOR_FILE,
            about,
            takes=(None, about.embedding_dim),
            gives=(None, 3, about.image_size_px, about.image_size_px),
        )

    def embed(self, log_mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed stretches of speech of one length.

        Args:
            log_mels: (stretches, frames, mels) normalised spectrograms.

        Returns:
            (stretches, embedding) speaker embeddings of unit length.
        """
        (found,) = self._voice_encoder.run(None, {"log_mel": log_mels.transpose(0, 2, 1)})
        embeddings = np.asarray(found)
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    def draw(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Draw a face for each embedding.

        Args:
            embeddings: (faces, embedding) of unit length.

        Returns:
            (faces, 3, size, size) RGB, nominally in [-1, 1], not clamped.
        """
        (faces,) = self._generator.run(None, {"speaker_embedding": embeddings})
        return np.asarray(faces)


def _open_network(
    folder: Path,
    name: str,
    about: ModelDescription,
    takes: tuple[int | None, ...],
    gives: tuple[int | None, ...],
) -> onnxruntime.InferenceSession:
    """Check a file's hash, load it, and check the shapes of its one input and one output."""
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != about.files.get(name):
        raise BundleError(
            f"{path}: is damaged or was changed (its SHA-256 is not the one in model.json); "
            "install or export the model again"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Networks this small gain nothing from a second thread, and a process that starts for one
    # recording nothing from weights laid out anew; recordings run in parallel instead.
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors have no common base
        reason = str(error).splitlines()[0]
        raise BundleError(f"{path}: ONNX Runtime cannot load it ({reason})") from None
    for what, values, wanted in (
        ("input", session.get_inputs(), takes),
        ("output", session.get_outputs(), gives),
    ):
        shapes = [tuple(n if isinstance(n, int) else None for n in v.shape) for v in values]
        if shapes != [wanted]:
            raise BundleError(f"{path}: its {what} has shape {shapes}, model.json says {[wanted]}")
    return session
