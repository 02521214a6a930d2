"""The adversarial stage: F_g, F_d and F_c learn, F_e is frozen."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam

from voice2face.data.pairing import Pairing
from voice2face.data.store import Store
from voice2face.images.sheet import grid, save_png
from voice2face.networks import (
    DISCRIMINATORS,
    GENERATORS,
    Discriminator,
    Generator,
    VoiceEncoder,
)
from voice2face.networks.initialise import initialise_he
from voice2face.training import checkpoint, losses
from voice2face.training.batches import VoiceCrops, draw, faces_to_tensor, random_source
from voice2face.training.presets import GanSettings, TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar

__all__ = ["jittered", "train_gan"]

_LOG_STEPS = 20
_CHECKPOINT_IMAGES = 10_000
_SHEET_FACES = 64


def jittered(
    embedding: Float[Tensor, "batch embedding"], jitter: float, random: torch.Generator
) -> Float[Tensor, "batch embedding"]:
    """Normalise embeddings, add noise, and normalise them again.

    Args:
        embedding: As the voice encoder gives them.
        jitter: Deviation of the noise; 0 adds none.
        random: Source of randomness.

    Returns:
        Embeddings of unit length.

    Source:
        The authors' published code for Wen et al. 2019 (arXiv 1905.10604).
    """
    unit = F.normalize(embedding, dim=1)
    return F.normalize(unit + jitter * torch.randn(unit.shape, generator=random), dim=1)


def discriminator_step(
    discriminator: Discriminator,
    optimizer: Adam,
    real: Tensor,
    fake: Tensor,
    labels: Tensor,
) -> dict[str, Tensor]:
    """Update trunk, F_d and F_c on one batch of real and generated faces.

    Args:
        discriminator: F_d and F_c on their trunk.
        optimizer: Of its parameters.
        real: (batch, 3, size, size) real faces.
        fake: (batch, 3, size, size) generated faces, detached.
        labels: (batch,) labels of the real faces: the labelled ones.

    Returns:
        Losses and accuracies by name.
    """
    # One pass for both: half the calls, and what several processes need.
    logits, classes = discriminator(torch.cat([real, fake]))
    real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
    scalars = {
        "discriminator/real_loss": losses.discriminator_real(real_logits),
        "discriminator/fake_loss": losses.discriminator_fake(fake_logits),
        "classifier/loss": losses.classification(classes[: len(real)], labels),
    }
    optimizer.zero_grad()
    torch.stack(list(scalars.values())).sum().backward()
    optimizer.step()
    scalars["discriminator/real_accuracy"] = (real_logits > 0).float().mean()
    scalars["discriminator/fake_accuracy"] = (fake_logits <= 0).float().mean()
    scalars["classifier/accuracy"] = (classes[: len(real)].argmax(1) == labels).float().mean()
    return scalars


def generator_step(
    discriminator: Discriminator,
    optimizer: Adam,
    fake: Tensor,
    labels: Tensor,
    adversarial_loss: str,
) -> dict[str, Tensor]:
    """Update F_g so that F_d takes its faces for real and F_c for the speaker's.

    Args:
        discriminator: F_d and F_c on their trunk; not changed.
        optimizer: Of the generator's parameters.
        fake: (batch, 3, size, size) generated faces, attached to the generator.
        labels: (batch,) labels of the voices.
        adversarial_loss: A key of `losses.GENERATOR_LOSSES`.

    Returns:
        Losses by name.
    """
    discriminator.requires_grad_(False)
    logits, classes = discriminator(fake)
    scalars = {
        "generator/adversarial_loss": losses.generator_loss(adversarial_loss)(logits),
        "generator/class_loss": losses.classification(classes, labels),
    }
    optimizer.zero_grad()
    torch.stack(list(scalars.values())).sum().backward()
    optimizer.step()
    discriminator.requires_grad_(True)
    return scalars


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move an exponential moving average of parameters one step towards a network's."""
    with torch.no_grad():
        for mean, value in zip(average.parameters(), network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def train_gan(
    store: Store, pairing: Pairing, encoder: VoiceEncoder, settings: TrainSettings, run: Path
) -> Generator:
    """Train the generator against discriminator and classifier.

    Each step draws voices and faces, then updates (trunk, F_d, F_c), then F_g, which shares the
    generated faces with the update before. A checkpoint of the run is gone on from; a sheet of
    faces for fixed voices is drawn at every checkpoint.

    Args:
        store: A prepared store.
        pairing: Its voices and faces under common labels.
        encoder: The frozen voice encoder.
        settings: The run's settings.
        run: The run's folder.

    Returns:
        The generator to export, averaged where the settings say so.

    Source:
        Wen et al. 2019 (arXiv 1905.10604), algorithm 1; one optimiser step for trunk, F_d and F_c
        together is the authors' published code.
    """
    stage = settings.gan
    torch.manual_seed(settings.seed + 1)
    generator_class, _ = GENERATORS["wen2019"]
    discriminator_class, _ = DISCRIMINATORS["wen2019"]
    generator = generator_class(stage.generator)
    average = copy.deepcopy(generator).requires_grad_(False)
    config = dataclasses.replace(stage.discriminator, n_classes=len(pairing.labels))
    discriminator = discriminator_class(config)
    if stage.initialisation == "he":
        initialise_he(generator, unit_input=True)
        initialise_he(discriminator)
        average.load_state_dict(generator.state_dict())
    for network in (generator, average, discriminator):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer_g = Adam(generator.parameters(), stage.learning_rate, stage.betas)
    optimizer_d = Adam(discriminator.parameters(), stage.learning_rate, stage.betas)
    parts: checkpoint.Parts = {
        "generator": generator,
        "average": average,
        "discriminator": discriminator,
        "optimizer_g": optimizer_g,
        "optimizer_d": optimizer_d,
    }
    path = run / "gan.safetensors"
    images = checkpoint.load(path, parts)["images"] if path.exists() else 0

    batches = _Batches(store, pairing, encoder, stage, settings.seed)
    sheet_voices = batches.fixed_voices(_SHEET_FACES)
    half_life = stage.ema_half_life_images
    decay = 0.5 ** (stage.batch_size / half_life) if half_life else 0.0
    with (
        ScalarLog(run / "gan.jsonl", images) as log,
        progress_bar("adversarial stage", stage.images, images, "image") as bar,
    ):
        while images < stage.images:
            voices, voice_labels, real, face_labels = batches.draw(images)
            fake = generator(voices)
            scalars = discriminator_step(
                discriminator, optimizer_d, real, fake.detach(), face_labels
            )
            scalars |= generator_step(
                discriminator, optimizer_g, fake, voice_labels, stage.generator_loss
            )
            update_average(average, generator, decay)
            before, images = images, images + stage.batch_size
            bar.update(stage.batch_size)
            finished = images >= stage.images
            if finished or images // stage.batch_size % _LOG_STEPS == 0:
                log.write(images, {name: value.item() for name, value in scalars.items()})
            if finished or images // _CHECKPOINT_IMAGES != before // _CHECKPOINT_IMAGES:
                checkpoint.save(path, parts, {"images": images})
                save_png(
                    grid(_to_images(average, sheet_voices)),
                    run / "sheets" / f"{images:09d}.png",
                )
    return average.eval()


def _to_images(generator: Generator, voices: Tensor):
    """Draw faces as (faces, size, size, 3) uint8."""
    with torch.no_grad():
        faces = generator(voices).clamp(-1, 1)
    return ((faces + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


class _Batches:
    """Batches of the adversarial stage: embedded voices, faces, and their labels."""

    def __init__(
        self,
        store: Store,
        pairing: Pairing,
        encoder: VoiceEncoder,
        settings: GanSettings,
        seed: int,
    ) -> None:
        self._settings, self._seed, self._encoder = settings, seed, encoder
        self._crops = VoiceCrops(store)
        self._images = torch.from_numpy(store.images[pairing.face_rows])
        self._face_labels = torch.from_numpy(pairing.face_labels)
        self._voice_rows = torch.from_numpy(pairing.voice_rows)
        self._voice_labels = torch.from_numpy(pairing.voice_labels)

    def _embed(self, chosen: Tensor, random: torch.Generator) -> Tensor:
        log_mel = self._crops.crop(self._voice_rows[chosen], self._settings.crop_frames, random)
        with torch.no_grad():
            return jittered(self._encoder(log_mel), self._settings.jitter, random)

    def draw(self, images: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Voices, their labels, faces and their labels, for the step that begins at `images`."""
        random = random_source(self._seed, "gan", images)
        count = self._settings.batch_size
        chosen = draw(len(self._voice_rows), count, random)
        faces = draw(len(self._images), count, random)
        flip = torch.rand(count, generator=random) < 0.5 if self._settings.flip else None
        return (
            self._embed(chosen, random),
            self._voice_labels[chosen],
            faces_to_tensor(self._images[faces], flip),
            self._face_labels[faces],
        )

    def fixed_voices(self, count: int) -> Tensor:
        """Voices of the sheet, the same at every interval."""
        random = random_source(self._seed, "sheet", 0)
        return self._embed(draw(len(self._voice_rows), count, random), random)
