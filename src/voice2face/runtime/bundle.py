"""Bundles: a folder with networks as ONNX and `model.json`, which tells all about them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import BundleError
from voice2face.runtime.description import (
    GENERATOR_FILE,
    SPEECH_DETECTOR_FILE,
    VOICE_ENCODER_FILE,
    ModelDescription,
    bundled_models,
    find_bundle,
    read_description,
)

__all__ = ["Bundle", "ModelDescription", "bundled_models", "find_bundle", "read_description"]

Shape = tuple[int | None, ...]

# A speech detector hears a second at least; less is repeated, as in its training.
_LEAST_SPEECH_FRAMES = 100


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
        log_mel: dict[str, Shape] = {"log_mel": (None, about.front_end.n_mels, None)}
        self._voice_encoder = _open_network(
            folder, VOICE_ENCODER_FILE, about, log_mel, gives=(None, about.embedding_dim)
        )
        voice: dict[str, Shape] = {"speaker_embedding": (None, about.embedding_dim)}
        noise: dict[str, Shape] = {"noise": (None, about.noise_dim)} if about.noise_dim else {}
        self._generator = _open_network(
            folder,
            GENERATOR_FILE,
            about,
            {**voice, **noise},
            gives=(None, 3, about.image_size_px, about.image_size_px),
        )
        self._speech_detector = (
            _open_network(folder, SPEECH_DETECTOR_FILE, about, log_mel, gives=(None,))
            if about.speech
            else None
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

    def draw(
        self, embeddings: NDArray[np.float32], noise: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Draw a face for each embedding.

        Args:
            embeddings: (faces, embedding) of unit length.
            noise: (faces, noise), standard normal; None where the generator takes none.

        Returns:
            (faces, 3, size, size) RGB, nominally in [-1, 1], not clamped.
        """
        given = {"speaker_embedding": embeddings}
        if self.description.noise_dim:
            assert noise is not None, "this generator takes noise"
            given["noise"] = noise
        (faces,) = self._generator.run(None, given)
        return np.asarray(faces)

    def speech_logit(self, log_mel: NDArray[np.float32]) -> float | None:
        """Ask how much a recording sounds like a person speaking.

        Args:
            log_mel: (frames, mels) normalised spectrogram of the whole recording.

        Returns:
            The detector's logit, its mean over the recording; None where there is no detector.
        """
        if self._speech_detector is None:
            return None
        whole = repeat_to_length(log_mel, _LEAST_SPEECH_FRAMES)
        (logits,) = self._speech_detector.run(None, {"log_mel": whole.T[None]})
        return float(np.asarray(logits)[0])


def _open_network(
    folder: Path,
    name: str,
    about: ModelDescription,
    takes: dict[str, Shape],
    gives: Shape,
) -> onnxruntime.InferenceSession:
    """Check a file's hash, load it, and check its inputs, by name, and its one output."""
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
        ("input", session.get_inputs(), list(takes.values())),
        ("output", session.get_outputs(), [gives]),
    ):
        shapes = [tuple(n if isinstance(n, int) else None for n in v.shape) for v in values]
        if shapes != wanted:
            raise BundleError(f"{path}: its {what} has shape {shapes}, model.json says {wanted}")
    names = [value.name for value in session.get_inputs()]
    if names != list(takes):
        raise BundleError(f"{path}: its inputs are called {names}; {list(takes)} is needed")
    return session
