"""What every objective of the adversarial stage has: a batch, networks, and a step."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from voice2face.training.engine import Engine
from voice2face.training.gan.settings import GanSettings

Scalars = dict[str, Tensor]

_AVERAGE_RAMP = 0.05


@dataclass(frozen=True)
class Batch:
    """What one step is made from.

    Attributes:
        voices: (batch, embedding) of unit length.
        voice_labels: (classifiers, batch) what each classifier should say of them; -1: not known.
        faces: (batch, 3, size, size) real faces in [-1, 1].
        face_labels: (classifiers, batch) the same of the faces.
        voice_rows: (batch,) rows of the voice manifest.
        face_rows: (batch,) rows of the face manifest.
        noise: (batch, noise) z, of a generator that takes it beside the voice.
        augmentation: (2, batch, numbers) for `differentiable_augment.augment`, of the real and of
            the generated faces; None where the objective alters none.
    """

    voices: Float[Tensor, "batch embedding"]
    voice_labels: Int[Tensor, "classifiers batch"]
    faces: Float[Tensor, "batch 3 size size"]
    face_labels: Int[Tensor, "classifiers batch"]
    voice_rows: Int[Tensor, " batch"]
    face_rows: Int[Tensor, " batch"]
    noise: Float[Tensor, "batch noise"] | None = None
    augmentation: Float[Tensor, "2 batch numbers"] | None = None


@dataclass(frozen=True)
class GanTrainer:
    """Networks that learn by an objective, and their optimisers; a subclass an objective.

    Attributes:
        generator: F_g, whose state is saved.
        average: Its exponential moving average.
        discriminator: F_d and F_c on their trunk, whose state is saved.
        called_generator: What to call: the network at the engine's precision, on all processes.
        called_discriminator: The same of the discriminator.
    """

    settings: GanSettings
    engine: Engine
    generator: nn.Module
    average: nn.Module
    discriminator: nn.Module
    called_generator: nn.Module
    called_discriminator: nn.Module
    optimizer_g: Optimizer
    optimizer_d: Optimizer

    @property
    def parts(self) -> dict[str, nn.Module | Optimizer]:
        """What a checkpoint holds."""
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "optimizer_g": self.optimizer_g,
            "optimizer_d": self.optimizer_d,
        }

    def begin(
        self, faces: Iterable[tuple[Tensor, Tensor]], voices: Iterable[tuple[Tensor, Tensor]]
    ) -> None:
        """Look at all faces and embedded voices, with their labels, at first; most need not."""

    def step(self, batch: Batch, images: int) -> Scalars:
        """Make one step of the objective.

        Args:
            images: Images seen before the step.

        Returns:
            Scalars by name, still on the device.
        """
        raise NotImplementedError

    def set_learning_rate(self, rate: float) -> None:
        """Set the learning rate of every optimiser."""
        for part in self.parts.values():
            if isinstance(part, Optimizer):
                for group in part.param_groups:
                    group["lr"] = rate * group.get("share", 1.0)

    def average_half_life(self, images: int) -> float:
        """Half-life of the averaged generator, in images, when so many have been seen."""
        return float(self.settings.ema_half_life_images)

    def check(self, batches: Sequence[Batch], images: int) -> Scalars:
        """Measure, at a checkpoint, by what an objective is watched; nothing for most."""
        return {}


def jittered(
    embedding: Float[Tensor, "batch embedding"], noise: Float[Tensor, "batch embedding"]
) -> Float[Tensor, "batch embedding"]:
    """Normalise embeddings, add noise, and normalise them again.

    Args:
        noise: What is added to the unit embedding.

    Returns:
        Embeddings of unit length.

    Source:
        The authors' published code for Wen et al. 2019 (arXiv 1905.10604).
    """
    return F.normalize(F.normalize(embedding, dim=1) + noise, dim=1)


def set_up(
    network: nn.Module,
    settings: GanSettings,
    engine: Engine,
    groups: list[dict[str, Any]] | None = None,
) -> tuple[nn.Module, Optimizer]:
    """Give a network its optimiser, and bring both to the engine: see `Engine.set_up`.

    Args:
        groups: Its parameters, where they do not all learn at one rate.
    """
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    parameters = groups or network.parameters()
    optimizer = Adam(parameters, settings.learning_rate, settings.betas, fused=True)
    return engine.set_up(network, optimizer)


def averaged(network: nn.Module, engine: Engine) -> nn.Module:
    """Begin the exponential moving average of a network's parameters."""
    return copy.deepcopy(network).requires_grad_(False).to(engine.device)


def ramped_half_life(images: int, settings: GanSettings, ramp: float = _AVERAGE_RAMP) -> float:
    """Half-life of an averaged generator, which grows: the first weights are soon forgotten.

    Args:
        ramp: Share of the images seen that it is at most; 0 does not limit it.

    Source:
        Karras et al. 2020 (arXiv 2006.06676).
    """
    longest = float(settings.ema_half_life_images)
    return min(longest, ramp * images) if ramp else longest


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an average of parameters, and of running statistics, one step towards a network's."""
    with torch.no_grad():
        for means, values in (
            (average.parameters(), network.parameters()),
            (average.buffers(), network.buffers()),
        ):
            for mean, value in zip(means, values, strict=True):
                mean.lerp_(value, 1 - decay)


def update(
    optimizer: Optimizer, scalars: Scalars, engine: Engine, frozen: nn.Module | None = None
) -> None:
    """Make one optimiser step on the sum of some losses; nothing of a frozen module changes.

    Neither do the optimiser's averages of it: it counts its steps from when it begins to learn.
    """
    optimizer.zero_grad()
    engine.backward(torch.stack(list(scalars.values())).sum())
    if frozen is not None:
        frozen.zero_grad()
    optimizer.step()
