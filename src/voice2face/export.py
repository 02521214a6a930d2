"""From trained networks to a bundle, with a check that ONNX computes what torch does."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from voice2face.errors import BundleError, ConfigError, OutputError
from voice2face.files import sha256, write_atomically
from voice2face.networks.artifact_critic import ArtifactCritic
from voice2face.networks.voice_encoder import AttentiveStatistics, VoiceEncoder, WeighedEmbedding
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.bundle_file import (
    ARTIFACT_CRITIC_FILE,
    BUNDLE_FILES,
    CARD_FILE,
    DESCRIPTION_FILE,
    GENERATOR_FILE,
    SPEECH_DETECTOR_FILE,
    VOICE_ENCODER_FILE,
)
from voice2face.runtime.card import card_text
from voice2face.runtime.description import ModelDescription, read_description

# Smaller tensors are left in 32 bits.
_LEAST_ROUNDED = 4096
# Largest difference between ONNX and torch that is let through, for outputs of order 1.
PARITY = 1e-4
_OPSET = 18
_LARGEST_SPEECH_DETECTOR_BYTES = 300_000

# What a network is tried on: an input, or one of each.
Example: TypeAlias = torch.Tensor | tuple[torch.Tensor, ...]


def export_network(
    network: nn.Module,
    example: Example,
    path: Path,
    names: tuple[str, ...],
    dynamic_axes: dict[int, str],
) -> None:
    """Write a network as ONNX.

    Args:
        network: With one input or more.
        example: An input; of a network with several, one of each.
        dynamic_axes: Axes that may have any length, by number; of all inputs the same.
    """
    inputs = _inputs(example)
    dimensions = {
        axis: torch.export.Dim(name, min=1 if name == "batch" else 2)
        for axis, name in dynamic_axes.items()
    }
    # The exporter is talkative on both outputs and in warnings; errors still come through.
    quiet = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        for logger in ("torch.onnx", "onnxscript"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            inputs,
            input_names=list(names[: len(inputs)]),
            output_names=list(names[len(inputs) :]),
            dynamic_shapes=tuple(dimensions for _ in inputs),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # What the tracer leaves behind (stack traces with paths of this machine) goes.
    del model.metadata_props[:]
    for item in [*model.graph.node, *model.graph.value_info, *model.graph.input]:
        del item.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def parity_error(network: nn.Module, path: Path, example: Example) -> float:
    """Measure how far ONNX Runtime is from torch.

    Args:
        example: An input; of a network with several, one of each.

    Returns:
        Largest absolute difference of the outputs.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = _inputs(example)
    named = zip(session.get_inputs(), inputs, strict=True)
    ours = session.run(None, {about.name: value.numpy() for about, value in named})
    with torch.no_grad():
        theirs = network.eval()(*inputs)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    return max(
        float(np.abs(np.asarray(our) - their.numpy()).max())
        for our, their in zip(ours, theirs, strict=True)
    )


def export_bundle(
    encoder: nn.Module,
    generator: nn.Module,
    folder: Path,
    description: ModelDescription,
    speech_detector: Path | None = None,
    weight_bits: Literal[8, 32] = 32,
) -> None:
    """Write a bundle: its networks, `model.json` and `MODEL_CARD.md`.

    The folder is made whole or not at all; a bundle that is there already is replaced.

    Args:
        encoder: (batch, mels, frames) to (batch, embedding).
        generator: (batch, embedding), and (batch, noise) where there is noise, to (batch, 3, size,
            size).
        description: What `model.json` is to say, but for `files` and `attention`.
        speech_detector: Tells speech from other sounds: ONNX from "log_mel" (batch, mels, frames)
            to "speech_logit" (batch,), at most 300 kB; given with `speech` of the description, or
            not at all.
        weight_bits: Bits of a weight of the generator, and of the artifact critic where the
            description has `redraw`: see `round_weights`.

    Raises:
        BundleError: ONNX Runtime's results differ from torch's by more than `PARITY`, a network
            has other inputs and outputs than the description says, or the speech detector is too
            large or cannot be read.
        ConfigError: One of the detector and `description.speech` is given without the other.
        OutputError: The folder cannot be written, or holds something else.
    """
    if (speech_detector is None) != (description.speech is None):
        raise ConfigError("speech_detector and speech: one is given without the other; give both")
    detector = None if speech_detector is None else _read_detector(speech_detector)
    with _replaced(folder) as temporary:
        n_mels, noise_dim = description.front_end.n_mels, description.noise_dim
        files, *_ = export_networks(encoder, generator, n_mels, noise_dim, temporary)
        if weight_bits == 8:
            round_weights(temporary / GENERATOR_FILE)
            files[GENERATOR_FILE] = sha256(temporary / GENERATOR_FILE)
        if description.redraw is not None:
            path = temporary / ARTIFACT_CRITIC_FILE
            files[path.name] = export_critic(path, description.image_size_px, weight_bits)
        if detector is not None:
            (temporary / SPEECH_DETECTOR_FILE).write_bytes(detector)
            files[SPEECH_DETECTOR_FILE] = sha256(temporary / SPEECH_DETECTOR_FILE)
        attention = _weighs_moments(encoder)
        told = dataclasses.replace(description, files=files, attention=attention)
        _write_description(temporary, told)
        Bundle(temporary)


def export_networks(
    encoder: nn.Module, generator: nn.Module, n_mels: int, noise_dim: int, folder: Path
) -> tuple[dict[str, str], int, int]:
    """Write both networks, checked on made-up voices.

    Returns:
        SHA-256 by file, the length of an embedding, and the side of a face.
    """
    for network in (encoder, generator):
        network.eval()
    random = torch.Generator().manual_seed(0)
    log_mel = torch.randn(2, n_mels, 1003, generator=random)
    with torch.no_grad():
        embedding_dim = encoder(log_mel).shape[-1]
    voices = torch.randn(3, embedding_dim, generator=random)
    example = (nn.functional.normalize(voices, dim=1),)
    names = ("speaker_embedding", "faces")
    if noise_dim:
        example = (*example, torch.randn(3, noise_dim, generator=random))
        names = ("speaker_embedding", "noise", "faces")
    with torch.no_grad():
        image_size_px = generator(*example).shape[-1]
    heard = ("log_mel", "speaker_embedding")
    if _weighs_moments(encoder):
        encoder, heard = WeighedEmbedding(encoder), (*heard, "attention")
    files = {
        VOICE_ENCODER_FILE: _export_checked(
            encoder,
            log_mel,
            folder / VOICE_ENCODER_FILE,
            heard,
            {0: "batch", 2: "frames"},
        ),
        GENERATOR_FILE: _export_checked(
            generator, example, folder / GENERATOR_FILE, names, {0: "batch"}
        ),
    }
    return files, embedding_dim, image_size_px


def export_critic(path: Path, image_size_px: int, weight_bits: Literal[8, 32]) -> str:
    """Write the artifact critic that ships, for faces of a size, and return the file's SHA-256."""
    faces = torch.rand(
        3, 3, image_size_px, image_size_px, generator=torch.Generator().manual_seed(0)
    )
    critic, names = ArtifactCritic.trained(), ("faces", "artifact_logit")
    _export_checked(critic, 2 * faces - 1, path, names, {0: "batch"})
    if weight_bits == 8:
        round_weights(path)
    return sha256(path)


def round_weights(path: Path) -> None:
    """Store the large weights of an ONNX network as 8-bit integers, which quarters its size.

    Each index of a tensor's first axis has one scale, the largest magnitude over 127; ONNX Runtime
    multiplies by it once, when it loads the network, and computes with 32 bits as before.
    """
    model = onnx.load(path)
    graph, first = model.graph, []
    for tensor in list(graph.initializer):
        weight = onnx.numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size < _LEAST_ROUNDED:
            continue
        name = tensor.name
        scale = np.abs(weight).max(tuple(range(1, weight.ndim)), keepdims=True) / np.float32(127)
        scale[scale == 0] = 1
        parts = {
            f"{name}.rounded": np.round(weight / scale).astype(np.int8),
            f"{name}.scale": scale,
        }
        graph.initializer.remove(tensor)
        graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in parts.items())
        rounded, scales = parts
        first.append(
            onnx.helper.make_node("Cast", [rounded], [f"{name}.cast"], to=onnx.TensorProto.FLOAT)
        )
        first.append(onnx.helper.make_node("Mul", [f"{name}.cast", scales], [name]))
    nodes = [*first, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _weighs_moments(encoder: nn.Module) -> TypeGuard[VoiceEncoder]:
    """Tell whether some moments of speech count more than others in an embedding."""
    pooling = encoder.pooling if isinstance(encoder, VoiceEncoder) else None
    return isinstance(pooling, AttentiveStatistics)


def _read_detector(path: Path) -> bytes:
    """Read a speech detector, and check its size."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > _LARGEST_SPEECH_DETECTOR_BYTES:
        raise BundleError(
            f"{path}: has {len(content) / 1000:.0f} kB; a speech detector has at most "
            f"{_LARGEST_SPEECH_DETECTOR_BYTES / 1000:.0f} kB"
        )
    return content


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside a bundle's, which takes its place on success."""
    temporary = None
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        # What a killed process left half-written is nobody's.
        others = {name for name in names if not (name[0] == "." and name.endswith(".tmp"))}
        if DESCRIPTION_FILE in others:
            others -= set(BUNDLE_FILES)
        if others:
            raise OutputError(
                f"{folder}: holds {min(others)} and is not a bundle; give another folder"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process
        temporary.mkdir()
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Replace the card of a bundle, for people and in `model.json`; the networks stay.

    Args:
        card: See `ModelDescription`.

    Raises:
        BundleError: The folder is not a bundle.
        OutputError: It cannot be written.
    """
    _write_description(folder, dataclasses.replace(read_description(folder), card=card))


def _write_description(folder: Path, description: ModelDescription) -> None:
    """Write what a bundle tells of itself, for programs and for people."""
    write_atomically(folder / DESCRIPTION_FILE, description.to_json().encode())
    write_atomically(folder / CARD_FILE, card_text(description).encode())


def _export_checked(
    network: nn.Module,
    example: Example,
    path: Path,
    names: tuple[str, ...],
    dynamic_axes: dict[int, str],
) -> str:
    """Write a network as ONNX, check it against torch, and return the file's SHA-256."""
    export_network(network, example, path, names, dynamic_axes)
    error = parity_error(network, path, example)
    if error > PARITY:
        raise BundleError(f"{path.name}: ONNX differs from torch by {error:.1e} (> {PARITY})")
    return sha256(path)


def _inputs(example: Example) -> tuple[torch.Tensor, ...]:
    return example if isinstance(example, tuple) else (example,)
