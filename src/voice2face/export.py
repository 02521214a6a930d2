"""From trained networks to a bundle, with a check that ONNX computes what torch does."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from voice2face.audio.settings import FrontEnd
from voice2face.errors import BundleError, OutputError
from voice2face.files import sha256, write_atomically
from voice2face.networks import Generator, VoiceEncoder
from voice2face.runtime.bundle import (
    FORMAT,
    GENERATOR_FILE,
    VOICE_ENCODER_FILE,
    Bundle,
    ModelDescription,
    read_description,
)
from voice2face.runtime.card import card_text

__all__ = ["PARITY", "export_bundle", "export_network", "parity_error", "write_card"]

# Largest difference between ONNX and torch that is let through, for outputs of order 1.
PARITY = 1e-4
_OPSET = 18


def export_network(
    network: nn.Module,
    example: torch.Tensor,
    path: Path,
    names: tuple[str, ...],
    dynamic_axes: dict[int, str],
) -> None:
    """Write a network as ONNX.

    Args:
        network: With one input.
        example: An input.
        path: The file to make.
        names: Names of the input and of each output.
        dynamic_axes: Axes of the input that may have any length, by number.
    """
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
            (example,),
            input_names=[names[0]],
            output_names=list(names[1:]),
            dynamic_shapes=(dimensions,),
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


def parity_error(network: nn.Module, path: Path, example: torch.Tensor) -> float:
    """Measure how far ONNX Runtime is from torch.

    Args:
        network: The network.
        path: The network as ONNX.
        example: An input.

    Returns:
        Largest absolute difference of the outputs.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ours = session.run(None, {session.get_inputs()[0].name: example.numpy()})
    with torch.no_grad():
        theirs = network.eval()(example)
    theirs = theirs if isinstance(theirs, tuple) else (theirs,)
    return max(
        float(np.abs(np.asarray(our) - their.numpy()).max())
        for our, their in zip(ours, theirs, strict=True)
    )


def export_bundle(
    encoder: VoiceEncoder,
    generator: Generator,
    folder: Path,
    name: str,
    front_end: FrontEnd,
    crop_frames: int,
    jitter: float,
    pixel_range: Literal["fixed", "stretched"],
    card: dict[str, Any],
) -> None:
    """Write a bundle: two networks, `model.json` and `MODEL_CARD.md`.

    The folder is made whole or not at all.

    Args:
        encoder: The voice encoder.
        generator: The generator.
        folder: The bundle's folder; a bundle that is there already is replaced.
        name: The model's name.
        front_end: Settings of the audio front end.
        crop_frames: See `ModelDescription`.
        jitter: See `ModelDescription`.
        pixel_range: See `ModelDescription`.
        card: See `ModelDescription`.

    Raises:
        BundleError: ONNX Runtime's results differ from torch's by more than `PARITY`.
        OutputError: The folder cannot be written, or holds something else.
    """
    with _replaced(folder) as temporary:
        files = _export_networks(encoder, generator, front_end.n_mels, temporary)
        with torch.no_grad():
            voice = torch.zeros(1, _embedding_dim(generator))
            image_size_px = generator(voice).shape[-1]
        description = ModelDescription(
            format=FORMAT,
            name=name,
            front_end=front_end,
            embedding_dim=_embedding_dim(generator),
            image_size_px=image_size_px,
            crop_frames=crop_frames,
            jitter=jitter,
            pixel_range=pixel_range,
            files=files,
            card=card,
        )
        _write_description(temporary, description)
        Bundle(temporary)


def _export_networks(
    encoder: VoiceEncoder, generator: Generator, n_mels: int, folder: Path
) -> dict[str, str]:
    """Write both networks, checked on made-up voices; SHA-256 by file."""
    random = torch.Generator().manual_seed(0)
    log_mel = torch.randn(2, n_mels, 1003, generator=random)
    voices = torch.randn(3, _embedding_dim(generator), generator=random)
    return {
        VOICE_ENCODER_FILE: _export_checked(
            encoder,
            log_mel,
            folder / VOICE_ENCODER_FILE,
            ("log_mel", "speaker_embedding"),
            {0: "batch", 2: "frames"},
        ),
        GENERATOR_FILE: _export_checked(
            generator,
            nn.functional.normalize(voices, dim=1),
            folder / GENERATOR_FILE,
            ("speaker_embedding", "faces"),
            {0: "batch"},
        ),
    }


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside a bundle's, which takes its place on success."""
    if folder.exists() and not (folder / "model.json").exists() and any(folder.iterdir()):
        raise OutputError(f"{folder}: is not empty and is not a bundle; give another folder")
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.chmod(0o755)
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Replace the card of a bundle, for people and in `model.json`; the networks stay.

    Args:
        folder: The bundle.
        card: See `ModelDescription`.

    Raises:
        BundleError: The folder is not a bundle.
        OutputError: It cannot be written.
    """
    _write_description(folder, dataclasses.replace(read_description(folder), card=card))


def _write_description(folder: Path, description: ModelDescription) -> None:
    """Write what a bundle tells of itself, for programs and for people."""
    write_atomically(folder / "model.json", description.to_json().encode())
    write_atomically(folder / "MODEL_CARD.md", card_text(description).encode())


def _export_checked(
    network: nn.Module,
    example: torch.Tensor,
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


def _embedding_dim(generator: Generator) -> int:
    first = next(module for module in generator.modules() if isinstance(module, nn.ConvTranspose2d))
    return first.in_channels
