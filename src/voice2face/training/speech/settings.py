"""Settings of the speech stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from voice2face.audio.augment import AugmentSettings
from voice2face.audio.variants import VariantSettings
from voice2face.networks.speech_detector import SpeechDetectorConfig
from voice2face.ranges import ORDERED, Amount, Count, Positive, Range, Share, Whole

# Less is repeated to this many, in training as in use: one second.
LEAST_FRAMES = 100


@dataclass(frozen=True)
class SpeechSettings:
    """The speech stage: a detector learns from clips of speech and of other sounds.

    Attributes:
        batch_size: Crops a step, over all processes: half of them speech.
        crop_frames: Shortest and longest crop; a share of the batches is of shorter stretches,
            repeated to 100 frames.
        learning_rate: Of AdamW, at the start; it falls to 0 along a half cosine.
        clip_s: Length of a clip; a shorter recording is one.
        clips_a_file: Clips of one recording at the most, evenly spread over it.
        worse_each: How often each clip is made worse.
        augment: How clips are made worse.
        sound_speeds: Least and greatest speed of a sound that is no speech, when it is made worse:
            it stays none at any pitch.
        variants: Of clips of speech, in other moods; needs `pyworld-prebuilt` where there are any.
        variant_share: Share of the clips of speech that have variants.
        synthetic_each: Synthetic sounds of each kind.
        held_out_percent: Share of speakers, recordings and synthetic sounds that is not learned
            from; the threshold is chosen by these.
        false_acceptance: Share of the held-out sounds of any kind that may pass as speech. It may
            be changed when the run is given again, which chooses the threshold anew.
        steps_per_epoch: The held-out clips are judged so often, and a checkpoint is written.
    """

    network: SpeechDetectorConfig = field(default_factory=SpeechDetectorConfig)
    steps: Count = 5_000
    batch_size: Annotated[int, Range(2)] = 64
    crop_frames: Annotated[
        tuple[Annotated[int, Range(LEAST_FRAMES)], Annotated[int, Range(LEAST_FRAMES)]], ORDERED
    ] = (LEAST_FRAMES, 300)
    learning_rate: Positive = 2e-3
    weight_decay: Amount = 1e-2
    clip_s: Positive = 4.0
    clips_a_file: Count = 2
    worse_each: Whole = 1
    augment: AugmentSettings = field(
        default_factory=lambda: AugmentSettings(
            reverberation=0.4, babble=0.3, noise=0.5, telephone=0.4
        )
    )
    sound_speeds: Annotated[tuple[Positive, Positive], ORDERED] = (0.6, 1.6)
    variants: VariantSettings = field(default_factory=lambda: VariantSettings(each=0))
    variant_share: Share = 1.0
    synthetic_each: Whole = 60
    held_out_percent: Annotated[int, Range(1, 99)] = 15
    false_acceptance: Share = 0.05
    steps_per_epoch: Count = 500

    def conflicts(self) -> list[str]:
        """What is wrong with several settings together: see `ranges`."""
        if self.batch_size % 2:
            return [f"batch_size is {self.batch_size}: give an even number"]
        return []


def modern_speech() -> SpeechSettings:
    """The detector that ships: speech in other moods too. Half an hour of a core."""
    return SpeechSettings(
        steps=3_500,
        clip_s=2.5,
        variants=VariantSettings(each=1),
        variant_share=0.3,
        synthetic_each=30,
    )
