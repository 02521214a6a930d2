"""Settings of the speaker stage."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.variants import VariantSettings
from voice2face.networks.base_configs import BaseVoiceEncoderConfig
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.ranges import ORDERED, Amount, Count, OneOf, Positive, Range, Where, Whole
from voice2face.training.speaker.losses import SPEAKER_LOSSES
from voice2face.training.speaker.teachers import TEACHERS


@dataclass(frozen=True)
class SpeakerSettings:
    """The speaker stage: F_e learns to tell the training speakers apart.

    Attributes:
        batch_size: Crops a step, over all processes; batch normalisation is over all of them.
        crop_frames: Shortest and longest crop; all crops of a step are equally long.
        learning_rate: Of Adam, at the start; it falls to 0 along a half cosine.
        loss: A key of `speaker_losses.SPEAKER_LOSSES`.
        margin: Of the loss "aam", in radians.
        scale: Of the loss "aam".
        augment: How recordings are made worse; needs a store with waveforms where any is on.
        steps_per_epoch: Verification trials are scored so often, and a checkpoint is written; None:
            as many steps as have a crop for every recording.
        augmented_each: Recordings made worse once, at the start, of each speaker alike, from which
            all crops are cut; 0 makes each crop anew from a recording of any speaker.
        speaker_weight: Of the loss of telling speakers apart.
        teacher: A key of `teachers.TEACHERS`, whose embedding of the clean recording the encoder
            learns to give of the crop; "" for none. Needs a store with waveforms.
        teacher_weight: Of 1 less the cosine to the teacher's embedding.
        unlabelled: Data sets that tell neither who speaks nor the gender: each recording stands for
            itself, and what it teaches is what the teacher makes of it, its embedding and, with
            `gender_weight`, the probability of a woman by the teacher's embedding.
        unlabelled_each: As `augmented_each`, of each recording or variant of those data sets.
        variants: How many variants of each recording there are, in other moods of its speaker; what
            is to be answered is that of the recording. Needs a store with waveforms.
        gender_weight: Of the cross-entropy of the speaker's gender, where it is known. Above 0, the
            stage also leaves `gender_evidence.json`.
        held_out_percent: Share of the training speakers that is not learned from; by these the
            best encoder is chosen, and the evidence of gender and of two voices calibrated.
    """

    encoder: BaseVoiceEncoderConfig = field(default_factory=VoiceEncoderConfig)
    steps: Count = 50_000
    batch_size: Count = 128
    crop_frames: Annotated[tuple[Count, Count], ORDERED] = (300, 800)
    learning_rate: Positive = 1e-3
    loss: Annotated[str, OneOf(SPEAKER_LOSSES)] = "softmax"
    margin: Annotated[float, Range(0, math.pi / 2, below=True), Where("loss", "aam")] = 0.2
    scale: Annotated[Positive, Where("loss", "aam")] = 30.0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    steps_per_epoch: Count | None = None
    augmented_each: Whole = 0
    speaker_weight: Amount = 1.0
    teacher: Annotated[str, OneOf(TEACHERS, or_empty=True)] = ""
    teacher_weight: Annotated[Amount, Where("teacher")] = 1.0
    unlabelled: tuple[str, ...] = ()
    unlabelled_each: Annotated[Count, Where("augmented_each")] = 1
    variants: VariantSettings = field(default_factory=VariantSettings)
    gender_weight: Amount = 0.0
    held_out_percent: Annotated[int, Range(0, 99)] = 0

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        if self.speaker_weight or self.gender_weight or (self.teacher and self.teacher_weight):
            return []
        return ["speaker_weight is 0, and so is every other weight: nothing would be learned"]
