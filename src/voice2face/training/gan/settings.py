"""Settings that every objective of the adversarial stage has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from torch import Tensor

from voice2face.ranges import ORDERED, Amount, Count, Positive, Range, Share, Whole

_Beta = Annotated[float, Range(0, 1, below=True)]


@dataclass(frozen=True)
class GanSettings:
    """The adversarial stage, in which the voice encoder is frozen; a subclass an objective.

    Attributes:
        images: Real images to be seen in all.
        batch_size: Voices, and faces, a step, over all processes.
        crop_frames: Shortest and longest voice crop; all crops of a step are equally long.
        learning_rate: Of Adam, until it decays.
        lr_decay_fraction: Share of the images, the last ones, over which the learning rate falls
            to 0 along a straight line; 0 keeps it as it is.
        confident_fraction: Share of each label's faces that are trained on, those that show it most
            surely (see `clear_faces.clearest`); less than 1 draws it more surely, and faces more
            alike. Pairs of one person are all trained on, whatever it is.
        jitter: Deviation of the noise added to the unit embedding before it is normalised again.
        ema_half_life_images: Half-life of the averaged generator, which is the one exported; 0
            exports the last one, as the published system does.
        flip: Whether faces are mirrored at random.
        checkpoint_images: Images between two checkpoints, each with a sheet and a validation.
        converged_change: The run ends when, between two checkpoints, the generator (itself, not
            its average) and the discriminator both change by less than this share of their length;
            0 never does.
    """

    # A key of `stage.OBJECTIVES`, and what the model card says of it.
    objective: ClassVar[str]
    recipe: ClassVar[str]

    generator: Any = None
    discriminator: Any = None
    images: Count = 50_000 * 128
    batch_size: Count = 128
    crop_frames: Annotated[tuple[Count, Count], ORDERED] = (300, 800)
    learning_rate: Positive = 2e-4
    lr_decay_fraction: Share = 0.0
    betas: tuple[_Beta, _Beta] = (0.5, 0.999)
    confident_fraction: Annotated[float, Range(0, 1, above=True)] = 1.0
    jitter: Amount = 0.05
    ema_half_life_images: Whole = 0
    flip: bool = True
    checkpoint_images: Count = 10_000
    converged_change: Amount = 0.0

    @property
    def noise_dim(self) -> int:
        """Length of the noise that the generator takes beside the voice."""
        return getattr(self.generator, "noise_dim", 0)

    def try_discriminator(self, faces: Tensor, voices: Tensor) -> None:
        """Let untrained ones see a face, so that sizes that do not fit are told at the start.

        Nothing is tried where any size fits.

        Args:
            faces: (1, 3, size, size).
            voices: (1, embedding).
        """

    @property
    def label_columns(self) -> tuple[str, ...]:
        """Columns of the manifest, beside the pairing's, by which faces are classified."""
        return ()

    @property
    def batch_multiple(self) -> int:
        """What each process's share of a batch is a multiple of."""
        return 1

    @property
    def further_frames(self) -> int:
        """Stretch of speech that each further face hears, of a model that takes no noise."""
        return 300

    @property
    def exported_noise_scale(self) -> float:
        """Factor of the noise in the model that is exported; training does not know of it."""
        return getattr(self, "noise_scale", 1.0)

    @property
    def exported_weight_bits(self) -> Literal[8, 32]:
        """Bits of a weight of the generator that is exported: see `export.round_weights`."""
        return getattr(self, "weight_bits", 32)

    @property
    def exported_redraws(self) -> int:
        """Times that the exported model generates a face again that looks broken."""
        return getattr(self, "redraws", 0)
