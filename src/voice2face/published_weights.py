"""Making a bundle of the weights that the authors of Wen et al. 2019 published."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from voice2face.audio.settings import preset
from voice2face.errors import DataError
from voice2face.export import export_bundle
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.state_dict import read_state_dict
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.runtime.description import ModelDescription

_LAYER = re.compile(r"model\.(\d{1,6})\.weight")
Network = TypeVar("Network", bound=nn.Module)

_CARD = {
    "description": (
        "The published system of Wen, Singh and Raj, Reconstructing faces from voices (2019, "
        "arXiv 1905.10604), with weights imported from the authors' files."
    ),
    "data": (
        "According to the paper: voices of VoxCeleb1 and faces of VGGFace of the same people, "
        "mostly celebrities, paired by name."
    ),
    "pairing_key": "identity",
    "licence": (
        "The terms of the authors apply to the weights (their code is GPL-3.0) and to this bundle."
    ),
    "quality": (
        "According to the paper, on people who were not trained on: 1:2 matching from voice to "
        "face 76.07 %, same gender 59.69 % (chance 50 %). Not measured for these files."
    ),
    "limits": [
        "Faces are generated. They are typical of such voices, never a likeness of the speaker.",
        "Skin tone is often wrong. Hair, eye colour and birth marks cannot be heard in a voice.",
    ],
}


def import_weights(voice_embedding: Path, generator: Path, folder: Path) -> list[str]:
    """Turn the two published files into a bundle.

    Networks of other widths but the same layers are taken too: sizes are read off the weights.

    Returns:
        What the weights were unwrapped of, in words.

    Raises:
        DataError: A file is missing, is not a plain state dict, or is of another network.
        BundleError: The exported networks do not compute what torch does.
        OutputError: The folder cannot be written.
    """
    voice_state, voice_notes = read_state_dict(voice_embedding)
    face_state, face_notes = read_state_dict(generator)
    convolutions = _convolutions(voice_state, voice_embedding, n_axes=3)
    encoder_config = VoiceEncoderConfig(
        n_mels=convolutions[0].shape[1],
        channels=tuple(len(weight) for weight in convolutions[:-1]),
        embedding_dim=len(convolutions[-1]),
    )
    encoder = _load(voice_embedding, voice_state, lambda: VoiceEncoder(encoder_config))
    transposed = _convolutions(face_state, generator, n_axes=4)
    generator_config = GeneratorConfig(
        embedding_dim=len(transposed[0]),
        channels=tuple(weight.shape[1] for weight in transposed[:-1]),
    )
    face_generator = _load(generator, face_state, lambda: Generator(generator_config))
    if encoder_config.embedding_dim != generator_config.embedding_dim:
        raise DataError(
            f"{generator}: takes embeddings of {generator_config.embedding_dim} numbers, but "
            f"{voice_embedding} gives {encoder_config.embedding_dim}; the files do not belong "
            "together"
        )
    description = ModelDescription(
        name=folder.name,
        front_end=preset("wen2019"),
        embedding_dim=encoder_config.embedding_dim,
        image_size_px=generator_config.image_size_px,
        crop_frames=300,
        jitter=0.05,
        pixel_range="stretched",
        card=_CARD,
    )
    export_bundle(encoder, face_generator, folder, description)
    return [
        f"{path}: {note}"
        for path, notes in ((voice_embedding, voice_notes), (generator, face_notes))
        for note in notes
    ]


def _convolutions(state: dict[str, Tensor], path: Path, n_axes: int) -> list[Tensor]:
    """Weights of the convolutions, in the order of their layers."""
    named = {
        int(found[1]): value
        for key, value in state.items()
        if (found := _LAYER.fullmatch(key)) and value.ndim == n_axes
    }
    if len(named) < 2:
        raise DataError(
            f"{path}: is not of the published network (no 'model.N.weight' with {n_axes} axes)"
        )
    return [named[index] for index in sorted(named)]


def _load(path: Path, state: dict[str, Tensor], build: Callable[[], Network]) -> Network:
    """Build the network that the weights' sizes ask for, and load them strictly."""
    network = build()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise DataError(f"{path}: is not of the published network ({reason})") from None
    return network.eval().requires_grad_(False)
