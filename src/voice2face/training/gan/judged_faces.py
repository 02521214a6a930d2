"""What discriminator and classifier say of generated faces while the generator learns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.training.crops import random_source
from voice2face.training.gan import losses
from voice2face.training.gan.batches import embedded

_N_VOICES = 128


@dataclass(frozen=True)
class JudgedFaces:
    """Fixed voices of a split, and the pairing's label of each.

    Attributes:
        split: "train" or "val".
        voices: Unit embeddings.
        labels: What the classifier should say; -1 where it knows no such label, as of people that
            it was not trained on.
    """

    split: str
    voices: Float[Tensor, "voices embedding"]
    labels: Int[Tensor, " voices"]

    @classmethod
    def from_store(
        cls,
        store: Store,
        pairing: Pairing,
        split: str,
        encoder: nn.Module,
        seed: int,
        device: torch.device,
        train_labels: tuple[str, ...],
    ) -> JudgedFaces:
        """Choose voices of a split.

        Args:
            train_labels: What the classifier tells apart, in its order.
        """
        number = {label: index for index, label in enumerate(train_labels)}
        order = torch.randperm(len(pairing.voice_rows), generator=random_source(seed, "judged", 0))
        chosen = order[:_N_VOICES]
        classes = [pairing.voice_labels[index] for index in chosen.tolist()]
        labels = [number.get(pairing.labels[of_voice], -1) for of_voice in classes]
        voices = embedded(store, encoder, torch.from_numpy(pairing.voice_rows)[chosen], device)
        return cls(split, voices, torch.tensor(labels, device=device))

    def judge(self, generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
        """Draw a face for each voice by the generator itself, and ask F_d and F_c.

        Args:
            discriminator: Of the published objective; others do not tell how real one face is.

        Returns:
            "generated/SPLIT_realness", the mean of D(G(v)); and "generated/SPLIT_accuracy", how
            often the classifier names the voice's label, where it knows some.
        """
        with torch.no_grad():
            faces = generator(self.voices)
            logits, classes, *_ = discriminator(faces)
        scalars = {f"generated/{self.split}_realness": logits.float().sigmoid().mean().item()}
        if (self.labels >= 0).any():
            accuracy = losses.accuracy(classes, self.labels).item()
            scalars[f"generated/{self.split}_accuracy"] = accuracy
        return scalars
