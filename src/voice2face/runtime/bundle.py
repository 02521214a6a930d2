"""Bundles: a folder or zip with networks as ONNX, and `model.json`, which tells all about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import BundleError
from voice2face.runtime.bundle_file import (
    ARTIFACT_CRITIC_FILE,
    GENERATOR_FILE,
    SPEECH_DETECTOR_FILE,
    VOICE_ENCODER_FILE,
)
from voice2face.runtime.description import ModelDescription, read_description
from voice2face.runtime.network import Network, Shape

# A speech detector hears a second at least; less is repeated, as in its training.
_LEAST_SPEECH_FRAMES = 100


class Bundle:
    """A verified bundle, ready to run.

    Args:
        folder: A folder, or a zip.

    Raises:
        BundleError: A file is missing, was changed since it was exported, cannot be loaded, or
            has other inputs and outputs than `model.json` says.
    """

    def __init__(self, folder: Path) -> None:
        self.description: ModelDescription = read_description(folder)
        about = self.description
        log_mel: dict[str, Shape] = {"log_mel": (None, about.front_end.n_mels, None)}
        heard: tuple[Shape, ...] = ((None, about.embedding_dim),)
        if about.attention:
            heard = (*heard, (None, None))
        self._voice_encoder = _network(folder, VOICE_ENCODER_FILE, about, log_mel, *heard)
        voice: dict[str, Shape] = {"speaker_embedding": (None, about.embedding_dim)}
        noise: dict[str, Shape] = {"noise": (None, about.noise_dim)} if about.noise_dim else {}
        faces: Shape = (None, 3, about.image_size_px, about.image_size_px)
        self._generator = _network(folder, GENERATOR_FILE, about, {**voice, **noise}, faces)
        self._speech_detector = (
            _network(folder, SPEECH_DETECTOR_FILE, about, log_mel, (None,))
            if about.speech
            else None
        )
        self._artifact_critic = (
            _network(folder, ARTIFACT_CRITIC_FILE, about, {"faces": faces}, (None,))
            if about.redraw
            else None
        )

    def embed(self, log_mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed stretches of speech of one length.

        Args:
            log_mels: (stretches, frames, mels) normalised spectrograms.

        Returns:
            (stretches, embedding) speaker embeddings of unit length.

        Raises:
            BundleError: See `Network.run`; or an embedding has no direction.
        """
        embeddings = self._voice_encoder.run(log_mel=np.swapaxes(log_mels, 1, 2))
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        if not lengths.min() > 0:
            raise BundleError(f"{VOICE_ENCODER_FILE}: gives an embedding of length 0")
        return embeddings / lengths

    def attention(self, log_mel: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Tell how much each moment of speech counts in its embedding.

        Args:
            log_mel: (frames, mels) normalised spectrogram.

        Returns:
            (moments,) weights, equally spaced over the speech, that sum to 1; None: all count
            alike, or the model does not tell.

        Raises:
            BundleError: See `Network.run`.
        """
        if not self.description.attention:
            return None
        return self._voice_encoder.run(1, log_mel=np.swapaxes(log_mel[None], 1, 2))[0]

    def draw(
        self, embeddings: NDArray[np.float32], noise: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Draw a face for each embedding.

        Args:
            embeddings: (faces, embedding) of unit length.
            noise: (faces, noise), standard normal; None where the generator takes none.

        Returns:
            (faces, 3, size, size) RGB, nominally in [-1, 1], not clamped.

        Raises:
            BundleError: See `Network.run`.
        """
        given = {"speaker_embedding": embeddings}
        if self.description.noise_dim:
            assert noise is not None, "this generator takes noise"
            given["noise"] = noise
        return self._generator.run(**given)

    def artifact_logits(self, faces: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Tell how broken faces look.

        Args:
            faces: (faces, 3, size, size) as `draw` gives them.

        Returns:
            (faces,) logits of the artifact critic; None where there is none.

        Raises:
            BundleError: See `Network.run`.
        """
        if self._artifact_critic is None:
            return None
        return self._artifact_critic.run(faces=faces)

    def speech_logit(self, log_mel: NDArray[np.float32]) -> float | None:
        """Ask how much a recording sounds like a person speaking.

        Args:
            log_mel: (frames, mels) normalised spectrogram of the whole recording.

        Returns:
            The detector's logit, its mean over the recording; None where there is no detector.

        Raises:
            BundleError: See `Network.run`.
        """
        if self._speech_detector is None:
            return None
        whole = repeat_to_length(log_mel, _LEAST_SPEECH_FRAMES)
        return float(self._speech_detector.run(log_mel=np.swapaxes(whole[None], 1, 2))[0])


def _network(
    folder: Path, name: str, about: ModelDescription, takes: dict[str, Shape], *gives: Shape
) -> Network:
    return Network(folder / name, about.files.get(name), takes, gives)
