"""Judging a generator while it learns, on people who are not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from voice2face.data.store import Store
from voice2face.metrics.image_quality import kernel_distance
from voice2face.pretrained.random_features import RandomFeatures
from voice2face.training.crops import random_source
from voice2face.training.gan.batches import whole_recordings
from voice2face.training.gan.settings import GanSettings
from voice2face.training.presets import TrainSettings

_N_FACES = 500
_N_VOICES = 250
_BATCH = 64


@dataclass(frozen=True)
class Validation:
    """Held-out voices to draw faces for, and held-out faces to compare them with.

    Attributes:
        voices: (voices, embedding) unit embeddings.
        jitter: (several, voices, embedding) what is added to them for several faces of a voice.
        noise: (faces, noise) z of each face, of a generator that takes it.
        real: (faces, features) features of real faces.
    """

    voices: Float[Tensor, "voices embedding"]
    jitter: Float[Tensor, "several voices embedding"]
    noise: Float[Tensor, "faces noise"] | None
    real: NDArray[np.float32]
    features: RandomFeatures

    @classmethod
    def from_store(
        cls, store: Store, encoder: nn.Module, settings: TrainSettings, device: torch.device
    ) -> Validation | None:
        """Take the validation split of a store; None where it has none on both sides."""
        rows = [row for row, split in enumerate(store.faces["split"]) if split == "val"]
        if "val" not in store.voices["split"] or len(rows) < 2:
            return None
        random = random_source(settings.seed, "validation", 0)
        chosen = torch.tensor(rows)[torch.randperm(len(rows), generator=random)[:_N_FACES]]
        voices = whole_recordings(store, encoder, _N_VOICES, settings.seed, device)
        several = -(-len(chosen) // len(voices))
        jitter = settings.gan.jitter * torch.randn((several, *voices.shape), generator=random)
        noise = fixed_noise(len(chosen), settings.gan, settings.seed, device)
        features = RandomFeatures()
        real = features.extract(store.images[chosen.sort().values.numpy()])
        return cls(voices, jitter.to(device), noise, real, features)

    def distance(self, generator: nn.Module) -> float:
        """Compare generated with real faces.

        Returns:
            Kernel distance in the features of fixed random convolutions; 0 for faces of the same
            distribution.

        Source:
            Naeem et al. 2020 (arXiv 2002.09797), section 3.3, on random features.
        """
        voices = F.normalize(self.voices + self.jitter, dim=2).flatten(0, 1)[: len(self.real)]
        fake = to_images(generator, voices, self.noise)
        return kernel_distance(self.features.extract(fake), self.real)


def fixed_noise(
    count: int, stage: GanSettings, seed: int, device: torch.device
) -> Float[Tensor, "count noise"] | None:
    """Draw the z of faces that are drawn again and again; None where the generator takes none."""
    if not stage.noise_dim:
        return None
    random = random_source(seed, "noise", 0)
    return torch.randn((count, stage.noise_dim), generator=random).to(device)


def to_images(
    generator: nn.Module,
    voices: Float[Tensor, "voices embedding"],
    noise: Float[Tensor, "voices noise"] | None = None,
) -> NDArray[np.uint8]:
    """Draw a face for each voice: (voices, size, size, 3) RGB."""
    with torch.no_grad():
        inputs = [voices] if noise is None else [voices, noise]
        parts = zip(*(values.split(_BATCH) for values in inputs), strict=True)
        faces = torch.cat([generator(*part).float().clamp(-1, 1) for part in parts])
    return ((faces + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def relative_change(before: Float[Tensor, " parameters"], network: nn.Module) -> float:
    """Tell how far a network's parameters have moved, as a share of their length.

    Returns:
        |now - before| / |before|; convergence as the report means it is when this is small.
    """
    now = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    return ((now - before).norm() / before.norm()).item()
